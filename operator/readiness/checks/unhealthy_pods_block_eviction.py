"""A PodDisruptionBudget protects pods that are broken anyway.

With the default IfHealthyBudget a running pod that is not ready can only be evicted while enough
others are healthy. Field added in 1.26 as alpha, on by default from 1.27 (KEP-3017).
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._budgets import labels_path
from readiness.checks._unseen import unseen
from readiness.checks.base import SCALABLE_KINDS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_SINCE = (1, 27)

CHECK = Check(
    id="unhealthy-pods-block-eviction",
    title="Unhealthy pods block eviction",
    category=Category.DISRUPTION,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "When the pods of a workload crash or never get ready, the budget refuses to let any of "
        "them go, and the node drain hangs on pods that serve nobody."
    ),
    remediation="Set spec.unhealthyPodEvictionPolicy: AlwaysAllow on the PodDisruptionBudget.",
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each budget whose unhealthyPodEvictionPolicy is not AlwaysAllow."""
    if snapshot.kubernetes_version < _SINCE:
        return Skip("unhealthyPodEvictionPolicy came with Kubernetes 1.27")
    budgets = snapshot.budgets_selecting(workload)
    if not budgets:
        reason = "no PodDisruptionBudget selects the pods"
        return unseen(snapshot, "PodDisruptionBudget") or Skip(reason)
    return [
        Finding(
            f"{budget.title} must set unhealthyPodEvictionPolicy: AlwaysAllow",
            labels_path(workload),
        )
        for budget in budgets
        if budget.unhealthy_pod_eviction_policy != "AlwaysAllow"
    ]
