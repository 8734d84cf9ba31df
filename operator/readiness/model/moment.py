"""Moments as the API server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)  # several findings wait for the same moment
def rfc3339(time: datetime) -> str:
    """Return a time as the API server writes it: `2026-12-01T00:00:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
