"""Words that the messages of several checks share."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(names: Iterable[str]) -> str:
    """Return names as a list in a sentence: `"a", "b" and "c"`."""
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} and {last}" if others else last


def pods(count: int) -> str:
    """Return a number of pods: `1 pod`, `2 pods`."""
    return f"{count} pod" if count == 1 else f"{count} pods"
