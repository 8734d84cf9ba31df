"""Kinds that a check can't do without but that can't be looked at."""

from __future__ import annotations

from readiness.checks.base import CannotTell
from readiness.model.snapshot import Snapshot


def unseen(snapshot: Snapshot, *kinds: str) -> CannotTell | None:
    """Return why a check can't tell when one of these kinds can't be looked at, else None."""
    if not snapshot.unavailable:
        return None
    reasons = (snapshot.unavailable.get(kind) for kind in kinds)
    return next((CannotTell(reason) for reason in reasons if reason), None)
