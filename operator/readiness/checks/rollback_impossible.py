"""A workload keeps no earlier version to go back to."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import (
    PASS,
    REMOVED,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    safe,
)
from readiness.model.fields import integer
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="rollback-impossible",
    title="Rollback impossible",
    category=Category.ROLLOUT,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "With no revision kept `kubectl rollout undo` has nothing to go back to, which is noticed "
        "in the middle of an incident."
    ),
    remediation="Set spec.revisionHistoryLimit to 2 or more, or leave it out: the default is 10.",
    reference=Reference(
        checklist="Deployment Process: Rollback procedures",
        url="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy",
    ),
    kinds=("Deployment", "StatefulSet", "DaemonSet"),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for a revisionHistoryLimit of 0."""
    if integer(workload.spec, "revisionHistoryLimit", "spec") != 0:
        return PASS
    path = "spec.revisionHistoryLimit"
    fix = safe(path, REMOVED, "the default is to keep 10 old revisions, which run no pods")
    return [Finding(f"{path} must be at least 1 (it is 0)", path, fix=fix)]
