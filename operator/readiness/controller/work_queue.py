"""A level-triggered work queue, as controllers in Go have it (client-go/util/workqueue).

A key is never worked on twice at once; a key added while it is worked on comes again afterwards;
a key added many times comes once. Failures come back later, each key with its own delay.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K")

_FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 300.0


class Lane(IntEnum):
    """Where a key waits: a key is taken from the first lane that holds any."""

    URGENT = 0  # single changes, which people wait for
    BULK = 1  # what a change of many brings
    LAST = 2  # what sums up the others
    DETAILS = 3  # what nobody waits for


class WorkQueue(Generic[K]):
    """Keys waiting for work, in lanes and in order, and keys whose time is still to come.

    Attributes:
        accepting: while False, keys that are added are forgotten.
    """

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[K]] = {lane: deque() for lane in Lane}
        # With the lane each waits in: one that has moved up leaves its old place behind.
        self._waiting: dict[K, Lane] = {}
        self._working: dict[K, Lane] = {}  # with the lane each was taken from
        self._again: dict[K, Lane] = {}
        self._failures: dict[K, int] = {}
        self._deadlines: list[tuple[float, int, K, Lane]] = []
        self._deadline_of: dict[K, float] = {}
        self._sequence = 0
        self._changed = asyncio.Event()
        self.accepting = True

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is worked on; keys with a time to come do not count."""
        return not self._waiting and not self._working

    @property
    def unfinished(self) -> int:
        """How many keys wait, are worked on, or failed last time and will come back."""
        return len(self._waiting.keys() | self._working.keys() | self._failures.keys())

    def add(self, key: K, lane: Lane = Lane.URGENT) -> None:
        """Ask for a key to be worked on; one that waits already stays, or moves to an earlier lane.

        A person who changes a workload would else wait behind all that a policy edit brings.
        """
        if not self.accepting:
            return
        if key in self._working:
            self._again[key] = min(self._again.get(key, lane), lane)
            return
        if self._waiting.get(key, lane + 1) <= lane:
            return
        self._waiting[key] = lane
        self._lanes[lane].append(key)
        self._changed.set()

    def add_after(self, key: K, seconds: float, lane: Lane = Lane.URGENT) -> None:
        """Ask for a key once that time has passed; an earlier time already set stays."""
        due = time.monotonic() + max(0.0, seconds)
        if self._deadline_of.get(key, due + 1) <= due:
            return
        self._deadline_of[key] = due
        self._sequence += 1
        heapq.heappush(self._deadlines, (due, self._sequence, key, lane))
        self._changed.set()

    async def get(self) -> K:
        """Wait for a key and take it; call `done` or `retry` with it afterwards."""
        while True:
            self._ripen()
            for lane, keys in self._lanes.items():
                while keys:
                    key = keys.popleft()
                    if self._waiting.get(key) is lane:
                        del self._waiting[key]
                        self._working[key] = lane
                        return key
            self._changed.clear()
            timeout = self._deadlines[0][0] - time.monotonic() if self._deadlines else None
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: K) -> None:
        """Say that the work on a key succeeded."""
        self._failures.pop(key, None)
        self._release(key)

    def retry(
        self, key: K, *, at_least: float = 0, longest: float = LONGEST_RETRY_SECONDS
    ) -> float:
        """Say that the work on a key failed; it comes back after the delay returned, in seconds.

        It comes back in the lane it was taken from. The delay doubles with each failure in a row,
        up to `longest`, with jitter.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(longest, _FIRST_RETRY_SECONDS * 2 ** min(failures, 12))
        delay = max(at_least, delay * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
        lane = self._release(key)
        self.add_after(key, delay, lane)
        return delay

    def _release(self, key: K) -> Lane:
        """Take note that a key is no longer worked on; return the lane it was taken from."""
        taken_from = self._working.pop(key)
        lane = self._again.pop(key, None)
        if lane is not None:
            self.add(key, lane)
        return taken_from

    def _ripen(self) -> None:
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            due, _, key, lane = heapq.heappop(self._deadlines)
            if self._deadline_of.get(key) == due:
                del self._deadline_of[key]
                self.add(key, lane)
