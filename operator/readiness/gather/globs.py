"""Expands patterns that reached us as written, as in `readiness check 'deploy/**/*.yaml'`.

Quotes keep a shell from expanding them, and so do most files that configure a pipeline.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from readiness.gather.files import SUFFIXES, Sources


def expand(paths: Sequence[str], sources: Sources) -> list[str]:
    """Return the paths with every pattern replaced by the manifests it matches, sorted.

    `*` and `?` match within a name, `**` any directories; hidden ones only where the pattern says
    so. What exists under the very name is no pattern. One that matches nothing is an error.
    """
    expanded = []
    for path in paths:
        if not glob.has_magic(path) or "\0" in path or Path(path).exists():
            expanded.append(path)
            continue
        found = [
            match
            for match in sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - skips what is hidden
            if Path(match).suffix in SUFFIXES
        ]
        if not found:
            sources.fail(path, "matches no file that ends with .yaml, .yml or .json")
        expanded += found
    return expanded
