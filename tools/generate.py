"""Writes every file that can be derived: CRDs from the models, pages from checks and checklist.

    python tools/generate.py            write them
    python tools/generate.py --check    exit 1 and print a diff when one is out of date

Each generator returns texts by path; writing and comparing know nothing of what they hold.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "operator"), str(ROOT)]  # so that it runs as a script

from tools import chart, check_pages, checklist_page, crd_manifests, requirements  # noqa: E402

Files = dict[Path, str]

GENERATORS = (
    crd_manifests.crds,
    check_pages.pages,
    checklist_page.pages,
    chart.files,
    requirements.requirements,
)
# Folders that hold generated files alone: whatever else lies there is left over from a check or a
# kind that is gone.
OWNED = (
    (crd_manifests.FOLDER, "*.yaml"),
    (check_pages.FOLDER, "*.md"),
    (chart.CRDS, "*.yaml"),
    (chart.POLICIES, "*.yaml"),
)


def changes(root: Path) -> Iterator[tuple[Path, str | None, str | None]]:
    """Yield each file that is out of date, with its text as it is and as it should be.

    None stands for no file.
    """
    wanted: Files = {}
    for generator in GENERATORS:
        wanted |= generator()
    there = {
        path.relative_to(root) for folder, names in OWNED for path in (root / folder).glob(names)
    }
    there |= {path for path in wanted if (root / path).exists()}
    for path in sorted(there | set(wanted)):
        old = (root / path).read_text(encoding="utf-8") if path in there else None
        new = wanted.get(path)
        if old != new:
            yield path, old, new


def diff(path: Path, old: str | None, new: str | None) -> str:
    """Return the difference as `diff -u` prints it."""
    return "".join(
        difflib.unified_diff(
            (old or "").splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            "/dev/null" if old is None else f"a/{path}",
            "/dev/null" if new is None else f"b/{path}",
        )
    )


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write what is out of date, or with --check say what is; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 on a difference"
    )
    check_only = parser.parse_args(arguments).check
    outdated = list(changes(root))
    for path, old, new in outdated:
        if check_only:
            sys.stdout.write(diff(path, old, new))
        elif new is None:
            (root / path).unlink()
            print(f"removed {path}")
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(new, encoding="utf-8")
            print(f"wrote {path}")
    if check_only and outdated:
        print("generated files are out of date: run `python tools/generate.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
