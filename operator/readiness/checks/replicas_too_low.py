"""A workload may run with too few pods to survive the loss of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import floor, minimum_field, scaled_to_zero, scalers_of
from readiness.checks._limits import at_least
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    SCALABLE_KINDS,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    unsafe,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        minimum: fewest pods a workload may be scaled down to.
    """

    minimum: Annotated[int, at_least(1)] = 2


CHECK = Check(
    id="replicas-too-low",
    title="Replicas too low",
    category=Category.DISRUPTION,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "With a single pod every node failure, node upgrade and eviction is an outage until "
        "another pod has started."
    ),
    remediation=(
        "Set spec.replicas to 2 or more, or minReplicas of the HorizontalPodAutoscaler when one "
        "scales the workload (minReplicaCount of a ScaledObject); its default is 1."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Scaling policies",
        url="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#scaling-a-deployment",
    ),
    kinds=SCALABLE_KINDS,
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail when the workload, or the autoscaler that scales it, may go below the minimum."""
    scalers = scalers_of(workload, snapshot)
    if not scalers and (cannot_tell := unseen(snapshot, "HorizontalPodAutoscaler")):
        return cannot_tell
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    if scalers:
        return [
            Finding(
                f"{scaler.title} must set {minimum_field(scaler)} to at least {params.minimum} "
                f"(it is {floor(scaler)})",
                "spec.replicas",
            )
            for scaler in scalers
            if floor(scaler) < params.minimum
        ]
    replicas = workload.replicas or 0
    if replicas >= params.minimum:
        return []
    message = f"must set spec.replicas to at least {params.minimum} (it is {replicas})"
    explanation = "the application must be able to run more than once at a time"
    fix = unsafe("spec.replicas", params.minimum, explanation)
    return [Finding(message, "spec.replicas", fix=fix)]
