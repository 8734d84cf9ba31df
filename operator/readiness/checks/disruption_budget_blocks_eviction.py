"""A PodDisruptionBudget allows no eviction at all.

Judged as the disruption controller would: over every workload the budget matches, each scaled down
as far as it may be, percentages rounded up (see `_budgets`). In a cluster its own verdict counts
too, where it has stood for a while: it sees pods that no workload known here owns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scaled_to_zero
from readiness.checks._budgets import Matched, labels_path, matched_by, sync_failure
from readiness.checks._limits import DURATION
from readiness.checks._unseen import unseen
from readiness.checks._wording import pods
from readiness.checks.base import (
    PASS,
    SCALABLE_KINDS,
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
)
from readiness.model.companions import DisruptionBudget
from readiness.model.duration import parse_duration
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        after: how long the status of a budget must have said so before it counts, such as `15m`.
    """

    after: Annotated[str, DURATION] = "15m"


CHECK = Check(
    id="disruption-budget-blocks-eviction",
    title="Disruption budget blocks eviction",
    category=Category.DISRUPTION,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "A budget that never allows an eviction makes node drains hang: upgrades of the cluster "
        "stop at this workload until somebody deletes the budget by hand."
    ),
    remediation=(
        "Set maxUnavailable: 1 on the PodDisruptionBudget instead of minAvailable. A workload with "
        "a single pod then has a short outage at each drain; run two or more to avoid it."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#think-about-how-your-application-reacts-to-disruptions",
    ),
    kinds=SCALABLE_KINDS,
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each budget that allows no disruption of its pods."""
    budgets = snapshot.budgets_selecting(workload)
    needed = ["HorizontalPodAutoscaler"] if budgets else ["PodDisruptionBudget"]
    if cannot_tell := unseen(snapshot, *needed):
        return cannot_tell
    if not budgets:
        return Skip("no PodDisruptionBudget selects the pods")
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    findings = []
    for budget in budgets:
        matched = matched_by(budget, snapshot)
        message = _obstacle(budget, matched) or _reported_obstacle(budget, snapshot, params)
        if message:
            findings.append(Finding(message, labels_path(workload)))
        elif _depends_on_nodes(budget, matched):
            cannot_tell = CannotTell(
                f"{budget.title} ({budget.rule}) also selects pods of a DaemonSet, "
                "which are as many as there are nodes"
            )
    return findings or cannot_tell or PASS


def _depends_on_nodes(budget: DisruptionBudget, matched: Matched) -> bool:
    return matched.has_daemon_set and not budget.disruptions_allowed(matched.pods)


def _obstacle(budget: DisruptionBudget, matched: Matched) -> str:
    """Return why the budget as written allows nothing; empty when it allows something."""
    if budget.max_unavailable is None and budget.min_available is None:
        return (
            f"{budget.title} allows no eviction: it sets neither minAvailable nor maxUnavailable; "
            "set maxUnavailable: 1"
        )
    if budget.counts_scale and matched.without_scale:
        return (
            f"{budget.title} ({budget.rule}) allows no eviction: {matched.without_scale[0]}, which "
            "it also selects, has no scale; narrow its selector"
        )
    if (
        matched.has_daemon_set
        or matched.pods == 0
        or budget.disruptions_allowed(matched.pods, matched.uncounted)
    ):
        return ""
    where = " when scaled down" if matched.autoscaled else ""
    need = str(budget.desired_healthy(matched.pods))
    if matched.workloads > 1:
        where = f" of {matched.workloads} {'scaled-down ' if matched.autoscaled else ''}workloads"
    elif 1 != matched.pods >= budget.desired_healthy(matched.pods):
        need += " of them"
    way_out = "set maxUnavailable: 1 instead"
    if matched.pods == 1:
        way_out = "set maxUnavailable: 1 or run more pods"
    return (
        f"{budget.title} ({budget.rule}) allows no eviction of its {pods(matched.pods)}{where}: it "
        f"needs {need}; {way_out}"
    )


def _reported_obstacle(budget: DisruptionBudget, snapshot: Snapshot, params: Params) -> str:
    """Return what the controller itself has said for a while; empty when nothing."""
    if snapshot.origin is not Origin.CLUSTER:
        return ""
    longest = parse_duration(params.after)
    held = any(
        condition.type == "DisruptionAllowed"
        and condition.status == "False"
        and snapshot.has_held(condition, longest)
        for condition in budget.conditions
    )
    if not held:
        return ""
    if failure := sync_failure(budget, snapshot):
        return f"{budget.title} ({budget.rule}) allows no eviction: SyncFailed ({failure.message})"
    if budget.blocks_healthy_pods:
        return (
            f"{budget.title} ({budget.rule}) allows no eviction although all its pods are healthy; "
            "set maxUnavailable: 1 instead"
        )
    return ""
