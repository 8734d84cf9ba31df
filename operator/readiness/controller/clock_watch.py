"""Notices when the clock jumps: whoever waits for a moment waits by a clock that does not.

An exemption that ends tomorrow is waited for by time.monotonic(). When the clock of the machine is
set, or the machine was asleep, tomorrow comes at another time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import structlog

logger = structlog.get_logger(__name__)

# A clock that is kept right by small steps (NTP) moves by milliseconds in this time.
_LOOK_SECONDS = 5.0
_JUMP_SECONDS = 1.0


async def watch_clock(clock: Callable[[], datetime], on_jump: Callable[[], None]) -> None:
    """Call `on_jump` each time the clock was set by a second or more, until cancelled."""
    offset = clock().timestamp() - time.monotonic()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, offset = offset, clock().timestamp() - time.monotonic()
        jump = offset - before
        if abs(jump) >= _JUMP_SECONDS:
            logger.warning("the clock jumped, looking at everything again", seconds=round(jump, 1))
            on_jump()
