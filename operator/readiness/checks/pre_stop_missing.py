"""A container that serves requests may stop while requests still reach it.

Kubernetes removes a pod from its Services and stops its containers at the same time; until all
nodes have heard of it, requests go to a pod that shuts down. Either a preStop hook delays the stop,
or a terminationGracePeriodSeconds above the default of 30 shows that the application itself does.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._serving import serving_containers
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    LONG_RUNNING_KINDS,
    PASS,
    Check,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
)
from readiness.model.containers import Container
from readiness.model.fields import integer, mapping
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_DEFAULT_GRACE_PERIOD = 30  # core/v1 defaults, DefaultTerminationGracePeriodSeconds

CHECK = Check(
    id="pre-stop-missing",
    title="Pre-stop hook missing",
    category=Category.DISRUPTION,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "At every rollout and node drain some requests fail: they are sent to a pod that has "
        "already stopped listening."
    ),
    remediation=(
        "Set lifecycle.preStop on the container, such as `sleep: {seconds: 10}`, or have the "
        "application go on serving after SIGTERM and set terminationGracePeriodSeconds above 30."
    ),
    reference=Reference(
        checklist="Deployment Process: Rolling updates",
        url="https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
    ),
    kinds=LONG_RUNNING_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each serving container without a hook in a pod without a longer grace period."""
    serving = serving_containers(workload, snapshot)
    if not serving:
        reason = "no Service sends traffic to the pods"
        return unseen(snapshot, "Service") or Skip(reason)
    grace_period = integer(workload.pod_spec, "terminationGracePeriodSeconds", workload.pod_path)
    if grace_period is not None and grace_period > _DEFAULT_GRACE_PERIOD:
        return PASS
    return [
        finding(
            container,
            f"must set lifecycle.preStop, or {workload.pod_path}.terminationGracePeriodSeconds "
            "must be above 30",
            "lifecycle.preStop",
        )
        for container in serving
        if not _has_hook(container)
    ]


def _has_hook(container: Container) -> bool:
    lifecycle = mapping(container.fields, "lifecycle", container.path)
    return bool(mapping(lifecycle, "preStop", f"{container.path}.lifecycle"))
