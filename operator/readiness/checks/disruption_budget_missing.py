"""Nothing keeps a node drain from evicting all pods of a workload at once."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scaled_to_zero
from readiness.checks._budgets import labels_path
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    SCALABLE_KINDS,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="disruption-budget-missing",
    title="Disruption budget missing",
    category=Category.DISRUPTION,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "Draining nodes for an upgrade evicts every pod on them; without a budget all pods of a "
        "workload may be gone at the same time."
    ),
    remediation=(
        "Add a PodDisruptionBudget with maxUnavailable: 1 whose selector matches the labels of the "
        "pod template (not those of the workload)."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when no budget selects the pods of a workload that always has two or more."""
    if snapshot.budgets_selecting(workload):
        return PASS
    if cannot_tell := unseen(snapshot, "PodDisruptionBudget", "HorizontalPodAutoscaler"):
        return cannot_tell
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    floor = snapshot.replica_floor(workload)
    if floor is None or floor < 2:
        return Skip("a budget can't keep a workload up that may run on a single pod")
    message = (
        "a PodDisruptionBudget must select the pods by the labels of their template, with "
        "maxUnavailable: 1"
    )
    return [Finding(message, labels_path(workload))]
