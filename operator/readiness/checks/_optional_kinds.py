"""Kinds that a cluster may lack, and what a check says when it lacks them all."""

from __future__ import annotations

from readiness.checks.base import Skip
from readiness.model.snapshot import Snapshot


def all_unavailable(snapshot: Snapshot, *kinds: str) -> Skip | None:
    """Return why none of these optional kinds can be looked at; None when one of them can."""
    reasons = [snapshot.unavailable.get(kind) for kind in kinds]
    known = [reason for reason in reasons if reason]
    return Skip("; ".join(dict.fromkeys(known))) if len(known) == len(kinds) else None
