"""An autoscaler measures use in percent of a request that a container does not make.

A `Resource` metric with a Utilization target needs a request on every app and sidecar container, or
one for the whole pod; a `ContainerResource` metric needs one on its own container, and there the
pod's does not count. Other metrics and targets need none.
Source: k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go (calculatePodRequests).
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scalers_of
from readiness.checks._effective_resources import effective_request, own_request, pod_amount
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    SCALABLE_KINDS,
    Check,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
)
from readiness.model.companions import AutoscalerMetric, LimitRange
from readiness.model.containers import Container
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="autoscaler-metric-without-request",
    title="Autoscaler metric without request",
    category=Category.AUTOSCALING,
    severity=Severity.MUST,
    scope=Scope.COMPANION,
    rationale=(
        "Utilization is a share of the request: with a request missing in one container the "
        "autoscaler fails with FailedGetResourceMetric and the workload stays as it is under load."
    ),
    remediation=(
        "Set resources.requests for the resource on every container, sidecars included, or have "
        "the autoscaler use a ContainerResource metric of a container that sets it."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Horizontal Pod Autoscaler",
        url="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#how-does-a-horizontalpodautoscaler-work",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each container without a request that a utilization metric needs."""
    scalers = scalers_of(workload, snapshot)
    if not scalers:
        return unseen(snapshot, "HorizontalPodAutoscaler") or Skip("no autoscaler scales it")
    metrics = [
        (scaler, metric)
        for scaler in scalers
        for metric in scaler.metrics
        if metric.target_type == "Utilization" and metric.resource
    ]
    if not metrics:
        return Skip("no metric of its autoscaler is a utilization")
    return [
        finding(
            container,
            f"must set resources.requests.{metric.resource}: {scaler.title} scales on its use "
            "in percent of it",
            f"resources.requests.{metric.resource}",
        )
        for scaler, metric in metrics
        for container in _without_request(workload, snapshot, metric)
    ]


def _without_request(
    workload: Workload, snapshot: Snapshot, metric: AutoscalerMetric
) -> list[Container]:
    resource = metric.resource
    containers = workload.long_running_containers
    if metric.type == "ContainerResource":
        # A container that the metric names and the template lacks may be injected into the pods.
        return [
            container
            for container in containers
            if container.name == metric.container
            and not _has_own(container, snapshot, workload, resource)
        ]
    missing = [c for c in containers if not effective_request(c, workload, snapshot, resource)]
    if len(missing) < len(containers) and _has_pod_level(workload, snapshot):
        # The controller then adds up whatever requests there are.
        return []
    return missing


def _has_own(container: Container, snapshot: Snapshot, workload: Workload, resource: str) -> bool:
    """Return whether a container requests a resource itself, or a LimitRange makes it."""
    if own_request(container, resource):
        return True
    return container.requests.get(resource) is None and any(
        limit_range.default_requests.get(resource)
        for limit_range in snapshot.companions(LimitRange, workload.namespace)
    )


def _has_pod_level(workload: Workload, snapshot: Snapshot) -> bool:
    return any(
        pod_amount(workload, snapshot, part, resource)
        for part in ("requests", "limits")
        for resource in ("cpu", "memory")
    )
