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
    Fix,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
    unsafe,
)
from readiness.model.containers import Container
from readiness.model.fields import integer, mapping
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_DEFAULT_GRACE_PERIOD = 30  # core/v1 defaults, DefaultTerminationGracePeriodSeconds
_SLEEP = 10  # seconds; longer than endpoints take to become known everywhere
_SLEEP_SINCE = (1, 30)  # KEP-3960, on by default; longer sleeps than the grace period are refused

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
        "Set lifecycle.preStop on the container, such as `sleep: {seconds: 10}` (less than "
        "terminationGracePeriodSeconds), or have the application go on serving after SIGTERM and "
        "set terminationGracePeriodSeconds above 30."
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
    fits = grace_period is None or grace_period > _SLEEP
    fix_known = fits and snapshot.kubernetes_version >= _SLEEP_SINCE
    return [
        finding(
            container,
            f"must set lifecycle.preStop, or {workload.pod_path}.terminationGracePeriodSeconds "
            "must be above 30",
            "lifecycle.preStop",
            fix=_fix(container) if fix_known else None,
        )
        for container in serving
        if not _has_hook(container)
    ]


def _fix(container: Container) -> Fix:
    return unsafe(
        f"{container.path}.lifecycle.preStop.sleep.seconds",
        _SLEEP,
        f"of the grace period {_SLEEP} seconds less are left after SIGTERM",
    )


def _has_hook(container: Container) -> bool:
    lifecycle = mapping(container.fields, "lifecycle", container.path)
    return bool(mapping(lifecycle, "preStop", f"{container.path}.lifecycle"))
