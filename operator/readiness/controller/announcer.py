"""Tells of a new verdict once it has settled.

One `kubectl apply` brings a Deployment and, a moment later, its autoscaler: between the two the
workload is judged, rightly, as lacking it. The condition follows each step; an event per step would
only frighten whoever reads them, so an event waits until the verdict has stood for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from readiness.model.workload import ObjectRef

# "True" or "False", "Unknown" for what can't be told now, None where no policy applies, and "" for
# a past that can't be known.
Verdict = str | None


class Announcer:
    """Remembers what was told of each workload and tells what is new."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._told: dict[ObjectRef, Verdict] = {}
        self._pending: dict[ObjectRef, tuple[asyncio.TimerHandle, Callable[[], None]]] = {}

    @property
    def waiting(self) -> int:
        """How many verdicts have yet to stand for long enough."""
        return len(self._pending)

    def verdict(
        self, ref: ObjectRef, before: Verdict, after: Verdict, tell: Callable[[], None]
    ) -> None:
        """Take note of a verdict; `tell` is called if it stands and differs from what was told.

        Args:
            ref: the workload.
            before: the verdict before this one; counts only the first time.
            after: the verdict now.
            tell: posts the event about it.
        """
        self._cancel(ref)
        told = self._told.setdefault(ref, before)
        if after == "Unknown":  # no transition: the word before it stands
            return
        if told == "" or after is None:  # nothing to compare with; nothing to tell
            self._told[ref] = after
        elif after != told:
            loop = asyncio.get_running_loop()
            handle = loop.call_later(self._settle_seconds, self._fire, ref, after)
            self._pending[ref] = handle, tell

    def knows(self, ref: ObjectRef) -> bool:
        """Return whether there has been a verdict on a workload."""
        return ref in self._told

    def forget(self, ref: ObjectRef) -> None:
        """Forget a workload that is gone."""
        self._cancel(ref)
        self._told.pop(ref, None)

    def flush(self) -> None:
        """Tell at once what is still waiting: there will be no later."""
        for ref, (handle, tell) in list(self._pending.items()):
            handle.cancel()
            del self._pending[ref]
            tell()

    def _fire(self, ref: ObjectRef, verdict: Verdict) -> None:
        _, tell = self._pending.pop(ref)
        self._told[ref] = verdict
        tell()

    def _cancel(self, ref: ObjectRef) -> None:
        pending = self._pending.pop(ref, None)
        if pending is not None:
            pending[0].cancel()
