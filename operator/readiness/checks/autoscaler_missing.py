"""A Deployment that serves requests has the same number of pods whatever the load."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scaled_to_zero, scalers_of
from readiness.checks._serving import serving_containers
from readiness.checks._unseen import unseen
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="autoscaler-missing",
    title="Autoscaler missing",
    category=Category.AUTOSCALING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "A fixed number of pods is too few at the peak, when requests time out, and too many at "
        "night, when they are paid for in vain."
    ),
    remediation=(
        "Add a HorizontalPodAutoscaler (or a KEDA ScaledObject) whose scaleTargetRef names the "
        "Deployment, with minReplicas of at least 2, and leave spec.replicas out of the Deployment."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Horizontal Pod Autoscaler",
        url="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    ),
    kinds=("Deployment",),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for a Deployment that a Service sends traffic to and nothing scales."""
    if scalers_of(workload, snapshot):
        return PASS
    if cannot_tell := unseen(snapshot, "HorizontalPodAutoscaler", "Service"):
        return cannot_tell
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    if not serving_containers(workload, snapshot):
        return Skip("no Service sends traffic to the pods")
    message = f'a HorizontalPodAutoscaler or ScaledObject must target Deployment "{workload.name}"'
    return [Finding(message, "spec.replicas")]
