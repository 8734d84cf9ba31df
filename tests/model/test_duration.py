"""Durations mean what Go takes them for, days besides; anything else is refused in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from readiness.model.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("90d", timedelta(days=90)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("0s", timedelta(0)),
    ],
)
def test_duration_is_read(text: str, expected: timedelta) -> None:
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "15", "m", "-5m", "15 m", "5m1h", "1m1m", "1w", "1h\n", "\u0661h", "1e3s", ".5h"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 15m, 1h30m or 90d"):
        parse_duration(text)


def test_duration_longer_than_any_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match='"999999999d9999h" is too long a duration'):
        parse_duration("999999999d9999h")


def test_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match=r'"x{40}\.\.\." is not'):
        parse_duration("x" * 1000)
