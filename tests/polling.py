"""The one place where tests wait: the cluster acts in its own time, and nothing tells us when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tools.control_plane import ControlPlaneError

T = TypeVar("T")

# Not there yet, not served yet, not that far yet. Everything else is a mistake and ends the wait.
_NOT_YET = (ControlPlaneError, LookupError, OSError)


def eventually(check: Callable[[], T], *, within: float = 10.0, every: float = 0.05) -> T:
    """Return the first true answer of a check; fail with the last answer when time is up."""
    deadline = time.monotonic() + within
    while True:
        error: Exception | None = None
        answer: T | None = None
        try:
            answer = check()
        except _NOT_YET as not_yet:
            error = not_yet
        if answer:
            return answer
        if time.monotonic() > deadline:
            last = f"raised {error!r}" if error else f"was {answer!r}"
            raise AssertionError(f"not within {within:g} s; the last answer {last}") from error
        time.sleep(every)
