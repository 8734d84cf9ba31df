"""A PodDisruptionBudget protects nothing, or the controller can't work with it.

It protects nothing with `maxUnavailable: 100%` or `minAvailable: 0`, and with a maxUnavailable that
comes to as many pods as there can ever be (99% of 6 rounds up to 6), a single one excepted: there
`maxUnavailable: 1` says that the downtime is accepted.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scalers_of
from readiness.checks._budgets import labels_path, matched_by, sync_failure
from readiness.checks._unseen import unseen
from readiness.checks._wording import pods
from readiness.checks.base import SCALABLE_KINDS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.companions import DisruptionBudget
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="disruption-budget-ineffective",
    title="Disruption budget ineffective",
    category=Category.DISRUPTION,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "The budget looks like protection and is none: a drain may take all pods at once, or, when "
        "the controller can't count them, none at all."
    ),
    remediation=(
        "Set maxUnavailable: 1 on the PodDisruptionBudget, and a selector that matches only pods "
        "of Deployments, StatefulSets and other workloads that can be scaled."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#arbitrary-controllers-and-selectors",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each budget that can't be computed or can never protect a pod."""
    budgets = snapshot.budgets_selecting(workload)
    if not budgets:
        reason = "no PodDisruptionBudget selects the pods"
        return unseen(snapshot, "PodDisruptionBudget") or Skip(reason)
    return [
        Finding(message, labels_path(workload))
        for budget in budgets
        if (message := _flaw(budget, snapshot))
    ]


def _flaw(budget: DisruptionBudget, snapshot: Snapshot) -> str:
    named = f"{budget.title} ({budget.rule})"
    if failure := sync_failure(budget, snapshot):
        return f"{named} must select only countable pods (SyncFailed: {failure.message})"
    if budget.counts_scale:
        without_scale = matched_by(budget, snapshot).without_scale
        if without_scale:
            return (
                f"{named} must not select the pods of {without_scale[0]}, which has no scale to "
                "count them by"
            )
    if budget.min_available is not None and budget.min_available.value == 0:
        return f"{named} protects no pod; set maxUnavailable: 1 instead"
    if budget.max_unavailable is None:
        return ""
    if budget.max_unavailable.percent and budget.max_unavailable.value >= 100:
        return f"{named} protects no pod; set maxUnavailable: 1 instead"
    most = _most_pods(budget, snapshot)
    if most > 1 and budget.max_unavailable.rounded_up(most) >= most:
        return f"{named} protects none of its {pods(most)}; set maxUnavailable: 1 instead"
    return ""


def _most_pods(budget: DisruptionBudget, snapshot: Snapshot) -> int:
    """Return how many pods the workloads of a budget may have when all are scaled up."""

    def add_up() -> int:
        most = 0
        for record in snapshot.workloads_matched_by(budget):
            maximums = [scaler.max_replicas for scaler in scalers_of(record, snapshot)]
            most += max(maximums, default=record.replicas or 0)
        return most

    return snapshot.inventory.derived(("most pods of budget", budget.ref), add_up)
