"""Two PodDisruptionBudgets select the same pods.

The eviction API refuses a pod with more than one budget with a server error (500), whatever they
allow. Source: k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._budgets import labels_path
from readiness.checks._unseen import unseen
from readiness.checks._wording import quoted
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="disruption-budgets-overlap",
    title="Disruption budgets overlap",
    category=Category.DISRUPTION,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "The eviction API answers with a server error for a pod that two budgets select, so the "
        "pod can't be evicted at all and node drains hang."
    ),
    remediation=(
        "Delete all budgets but one, or narrow their selectors so that each pod is selected by one."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when more than one budget selects the pods."""
    budgets = snapshot.budgets_selecting(workload)
    if not budgets:
        reason = "no PodDisruptionBudget selects the pods"
        return unseen(snapshot, "PodDisruptionBudget") or Skip(reason)
    if len(budgets) == 1:
        return PASS
    names = quoted(budget.name for budget in budgets)
    message = f"only one PodDisruptionBudget may select the pods, not {names}"
    return [Finding(message, labels_path(workload))]
