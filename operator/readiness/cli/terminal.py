"""What the terminal behind standard output can show."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO, TypeVar

import click

from readiness.report.render_text import Look

_WIDEST = 240
_NARROWEST = 40
_LONG_WORK = 500  # workloads: about half a second

T = TypeVar("T")


def terminal_look(*, verbose: bool = False, fixes: bool = True) -> Look:
    """Return how text for standard output should look."""
    return Look(
        width=_width(),
        color=_wants_color(sys.stdout),
        plain_marks=not _can_show("✓✗"),
        verbose=verbose,
        fixes=fixes,
    )


def look_of_notes() -> Look | None:
    """Return how text for standard error should look; None where no terminal is behind it."""
    if not sys.stderr.isatty():
        return None
    return Look(width=_width(), color=_wants_color(sys.stderr))


def progress(items: Collection[T]) -> AbstractContextManager[Iterable[T]]:
    """Show on standard error how far long work is; nothing unless a person is looking."""
    if len(items) < _LONG_WORK or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext(items)
    return click.progressbar(
        items, label=f"Judging {len(items)} workloads", file=sys.stderr, show_pos=True
    )


def _width() -> int:
    return max(_NARROWEST, min(shutil.get_terminal_size((80, 24)).columns, _WIDEST))


def _wants_color(stream: TextIO) -> bool:
    """Return whether a stream is a terminal whose user wants colour (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _can_show(text: str) -> bool:
    """Return whether the encoding of standard output has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
