"""An autoscaler has no room between its minimum and its maximum."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import Scaler, scalers_of
from readiness.checks._unseen import unseen
from readiness.checks.base import SCALABLE_KINDS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.companions import Autoscaler
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="autoscaler-cannot-scale",
    title="Autoscaler cannot scale",
    category=Category.AUTOSCALING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "An autoscaler whose maximum is its minimum looks like protection against load and is "
        "none: the number of pods never changes."
    ),
    remediation=(
        "Raise maxReplicas of the HorizontalPodAutoscaler (maxReplicaCount of the ScaledObject) to "
        "what the highest load expected needs, or delete the autoscaler and set spec.replicas."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Scaling policies",
        url="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each autoscaler whose maximum equals or is below its minimum."""
    scalers = scalers_of(workload, snapshot)
    if not scalers:
        return unseen(snapshot, "HorizontalPodAutoscaler") or Skip("no autoscaler scales it")
    return [
        Finding(_message(scaler), "spec.replicas")
        for scaler in scalers
        if scaler.max_replicas <= scaler.min_replicas
    ]


def _message(scaler: Scaler) -> str:
    unit = "Replicas" if isinstance(scaler, Autoscaler) else "ReplicaCount"
    return (
        f"{scaler.title} must set max{unit} above its min{unit} of {scaler.min_replicas} "
        f"(it is {scaler.max_replicas})"
    )
