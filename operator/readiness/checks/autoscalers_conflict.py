"""Two autoscalers pull the same workload in different directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import Scaler, scalers_of
from readiness.checks._unseen import unseen
from readiness.checks._wording import quoted
from readiness.checks.base import SCALABLE_KINDS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.companions import AutoscalerMetric, VerticalAutoscaler
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="autoscalers-conflict",
    title="Autoscalers conflict",
    category=Category.AUTOSCALING,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "Two HorizontalPodAutoscalers on one target stop working with AmbiguousSelector; a "
        "VerticalPodAutoscaler that changes the request another one measures against makes the "
        "number of pods swing."
    ),
    remediation=(
        "Keep one autoscaler for the number of pods. Leave the resource it scales on out of "
        "controlledResources of the VerticalPodAutoscaler, or set its updateMode to Off."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Vertical Pod Autoscaler",
        url="https://kubernetes.io/docs/concepts/workloads/autoscaling/",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for several autoscalers, and for one on a resource that a vertical one changes."""
    scalers = scalers_of(workload, snapshot)
    if not scalers:
        return unseen(snapshot, "HorizontalPodAutoscaler") or Skip("no autoscaler scales it")
    findings = []
    if len(scalers) > 1:
        message = f"only one autoscaler may scale it, not {_listed(scalers)}"
        findings.append(Finding(message, "spec.replicas"))
    for vertical in snapshot.vertical_autoscalers_of(workload.ref):
        if not vertical.updates_pods:
            continue
        for scaler in scalers:
            contested = sorted(
                {m.resource for m in scaler.metrics if _changes(vertical, m, workload)}
            )
            findings += (
                Finding(m, "spec.replicas") for m in _messages(vertical, scaler, contested)
            )
    return findings


def _listed(scalers: list[Scaler]) -> str:
    kinds = sorted({scaler.ref.kind for scaler in scalers})
    return " and ".join(
        f"{kind} {quoted(scaler.name for scaler in scalers if scaler.ref.kind == kind)}"
        for kind in kinds
    )


def _changes(vertical: VerticalAutoscaler, metric: AutoscalerMetric, workload: Workload) -> bool:
    return any(
        metric.resource in vertical.resources_of(container.name)
        for container in workload.long_running_containers
        if not metric.container or container.name == metric.container
    )


def _messages(vertical: VerticalAutoscaler, scaler: Scaler, resources: list[str]) -> Iterator[str]:
    for resource in resources:
        yield f"{vertical.title} must not change {resource}, on which {scaler.title} scales"
