"""Requests and limits a container really gets, wherever they come from.

Order: the container's own value; for a request its own limit, which the API server copies into
pods; the pod-level value (`spec.resources`, KEP-2837: cpu, memory and hugepages), a limit there
being a request too; the default of a LimitRange, which the API server fills into pods.
A value of zero is no value, but it is written: neither the limit nor a LimitRange replaces it.
Source: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go (SetDefaults_Pod and
SetDefaults_LimitRangeItem), plugin/pkg/admission/limitranger (mergeContainerResources).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from readiness.checks._unseen import unseen
from readiness.checks.base import PASS, Outcome, finding
from readiness.model.companions import LimitRange
from readiness.model.containers import Container
from readiness.model.fields import Fields, join, mapping
from readiness.model.quantity import quantity
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

# Resources that may be set for the pod as a whole, beside hugepages of any size.
_POD_LEVEL = ("cpu", "memory")
# PodLevelResources: off by default in 1.32 and 1.33, on from here.
_POD_LEVEL_SINCE = (1, 34)


def own_amount(fields: Fields, path: str, resource: str) -> Fraction | None:
    """Return the amount of a resource in a requests or limits map; None when absent or zero.

    Raises:
        FieldError: when it is no quantity.
    """
    return quantity(fields.get(resource), join(path, resource)) or None


def own_request(container: Container, resource: str) -> Fraction | None:
    """Return the request a container sets itself, be it through its limit."""
    if container.requests.get(resource) is not None:
        return own_amount(container.requests, f"{container.path}.resources.requests", resource)
    return own_limit(container, resource)


def own_limit(container: Container, resource: str) -> Fraction | None:
    """Return the limit a container sets itself."""
    return own_amount(container.limits, f"{container.path}.resources.limits", resource)


def pod_amount(workload: Workload, snapshot: Snapshot, part: str, resource: str) -> Fraction | None:
    """Return what the pod as a whole requests, or is limited to (`part`: requests or limits)."""
    if resource not in _POD_LEVEL and not resource.startswith("hugepages-"):
        return None
    # A file for an older cluster: the API server drops the field. One that it gave us is in force.
    if snapshot.origin is Origin.FILES and snapshot.kubernetes_version < _POD_LEVEL_SINCE:
        return None
    path = f"{workload.pod_path}.resources"
    resources = mapping(workload.pod_spec, "resources", workload.pod_path)
    return own_amount(mapping(resources, part, path), f"{path}.{part}", resource)


def effective_request(
    container: Container, workload: Workload, snapshot: Snapshot, resource: str
) -> Fraction | None:
    """Return the request a container will run with, None when it will have none."""
    own = own_request(container, resource)
    if own is not None:
        return own
    for part in ("requests", "limits"):
        pod_level = pod_amount(workload, snapshot, part, resource)
        if pod_level is not None:
            return pod_level
    if container.requests.get(resource) is not None:
        return None
    return _first(
        limit_range.default_requests.get(resource)
        for limit_range in snapshot.companions(LimitRange, workload.namespace)
    )


def effective_limit(
    container: Container, workload: Workload, snapshot: Snapshot, resource: str
) -> Fraction | None:
    """Return the limit a container will run with, None when it will have none.

    A default below the container's request is no limit: the API server refuses such pods
    (https://github.com/kubernetes/kubernetes/issues/51430).
    """
    own = own_limit(container, resource)
    if own is not None:
        return own
    pod_level = pod_amount(workload, snapshot, "limits", resource)
    if pod_level is not None:
        return pod_level
    if container.limits.get(resource) is not None:
        return None
    default = _first(
        limit_range.default_limits.get(resource)
        for limit_range in snapshot.companions(LimitRange, workload.namespace)
    )
    if default is None or default < (own_request(container, resource) or 0):
        return None
    return default


def missing_requests(workload: Workload, snapshot: Snapshot, resource: str) -> Outcome:
    """Return a finding for each app or sidecar container without an effective request."""
    return _missing(workload, snapshot, "requests", resource, effective_request)


def missing_limits(workload: Workload, snapshot: Snapshot, resource: str) -> Outcome:
    """Return a finding for each app or sidecar container without an effective limit."""
    return _missing(workload, snapshot, "limits", resource, effective_limit)


def _missing(
    workload: Workload,
    snapshot: Snapshot,
    part: str,
    resource: str,
    effective: Callable[[Container, Workload, Snapshot, str], Fraction | None],
) -> Outcome:
    field = f"resources.{part}.{resource}"
    findings = [
        finding(container, f"must set {field}", field)
        for container in workload.long_running_containers
        if effective(container, workload, snapshot, resource) is None
    ]
    if not findings:
        return PASS
    # A LimitRange that can't be looked at may well fill them in.
    return unseen(snapshot, "LimitRange") or findings


def _first(amounts: Iterable[Fraction | None]) -> Fraction | None:
    return next((amount for amount in amounts if amount), None)
