"""A clock that was set is noticed; one that goes is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from readiness.controller import clock_watch
from readiness.controller.clock_watch import watch_clock


async def jumps(monkeypatch: pytest.MonkeyPatch, *steps: float) -> int:
    """Return how often a clock was found to have jumped that was set by these seconds."""
    monkeypatch.setattr(clock_watch, "_LOOK_SECONDS", 0)
    left = [0.0, *steps]
    skew = timedelta()
    found = 0

    def clock() -> datetime:
        nonlocal skew
        if not left:
            raise asyncio.CancelledError
        skew += timedelta(seconds=left.pop(0))
        return datetime.now(UTC) + skew

    def jumped() -> None:
        nonlocal found
        found += 1

    with pytest.raises(asyncio.CancelledError):
        await watch_clock(clock, jumped)
    return found


async def test_set_ahead_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await jumps(monkeypatch, 3600, 0, 0, -3600, 0) == 2


async def test_small_steps_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await jumps(monkeypatch, 0.1, -0.1, 0.3, 0) == 0
