"""An autoscaler has been unable to scale for some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scaled_to_zero
from readiness.checks._limits import DURATION
from readiness.checks._unseen import unseen
from readiness.checks.base import SCALABLE_KINDS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.duration import parse_duration
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

# Conditions by which the HPA controller says whether it works, and the reason of the first when a
# target stands at zero on purpose (pkg/controller/podautoscaler/horizontal.go).
_CONDITIONS = ("AbleToScale", "ScalingActive")
_SWITCHED_OFF = "ScalingDisabled"


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        after: how long the autoscaler may be unable to scale, such as `15m`.
    """

    after: Annotated[str, DURATION] = "15m"


CHECK = Check(
    id="autoscaler-inactive",
    title="Autoscaler inactive",
    category=Category.AUTOSCALING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "An autoscaler that gets no metrics, or can't change its target, leaves the number of pods "
        "as it is; nobody notices before the next peak."
    ),
    remediation=(
        "Run `kubectl describe hpa` and put right what the condition names: metrics-server or the "
        "metrics adapter, requests on all containers, the name and kind in scaleTargetRef."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Horizontal Pod Autoscaler",
        url="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#appendix-horizontal-pod-autoscaler-status-conditions",
    ),
    kinds=SCALABLE_KINDS,
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each condition of an autoscaler that has been False for too long."""
    if snapshot.origin is not Origin.CLUSTER:
        return Skip("only a cluster knows whether an autoscaler works")
    autoscalers = snapshot.autoscalers_of(workload.ref)
    if not autoscalers:
        reason = "no HorizontalPodAutoscaler scales it"
        return unseen(snapshot, "HorizontalPodAutoscaler") or Skip(reason)
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    longest = parse_duration(params.after)
    return [
        Finding(
            f"{autoscaler.title} must be able to scale: its condition {condition.type} has been "
            f"False for more than {params.after} ({condition.reason or 'no reason given'})",
            "spec.replicas",
        )
        for autoscaler in autoscalers
        for condition in autoscaler.conditions
        if condition.type in _CONDITIONS
        and condition.status == "False"
        and condition.reason != _SWITCHED_OFF
        and snapshot.has_held(condition, longest)
    ]
