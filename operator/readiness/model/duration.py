"""Durations as people write them in policies: `15m`, `1h30m`, `90d`.

The form is that of Go (time.ParseDuration), which Kubernetes uses, with hours, minutes and seconds,
and `d` for days of 24 hours besides. Units stand from the largest to the smallest, each once; there
is no sign.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_FORM = re.compile(
    rf"(?:(?P<days>{_NUMBER})d)?"
    rf"(?:(?P<hours>{_NUMBER})h)?"
    rf"(?:(?P<minutes>{_NUMBER})m)?"
    rf"(?:(?P<seconds>{_NUMBER})s)?"
)
_LONGEST_SHOWN = 40


@lru_cache(maxsize=256)
def parse_duration(text: str) -> timedelta:
    """Return the duration that a text such as `1h30m` or `90d` stands for.

    Raises:
        ValueError: when the text is no duration.
    """
    form = _FORM.fullmatch(text)
    if form is None or not text:
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
        raise ValueError(f'"{shown}" is not a duration such as 15m, 1h30m or 90d')
    amounts = {unit: float(number) for unit, number in form.groupdict().items() if number}
    try:
        return timedelta(**amounts)
    except OverflowError:
        raise ValueError(f'"{text}" is too long a duration') from None


def after(moment: datetime, duration: timedelta) -> datetime:
    """Return the moment a duration later; the last there is when it is beyond the calendar."""
    try:
        return moment + duration
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
