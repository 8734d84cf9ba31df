"""A probe or lifecycle handler makes the kubelet call another host than the pod.

Restricted fields: httpGet.host and tcpSocket.host of livenessProbe, readinessProbe, startupProbe,
lifecycle.postStart and lifecycle.preStop of every container.
Allowed values: unset, empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams, policy_version
from readiness.checks.base import (
    REMOVED,
    Check,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    Skip,
    finding,
    unsafe,
)
from readiness.model.containers import Container
from readiness.model.fields import Fields, mapping, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="host-probes",
    title="Host probes",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "The kubelet makes the call, from the network of the node: whoever may write a pod can "
        "reach with it what no NetworkPolicy would let the pod reach, and it says nothing about "
        "the health of the container."
    ),
    remediation=(
        "Remove host from the handler, so that it calls the pod itself; for a virtual host set "
        "a Host header in httpGet.httpHeaders."
    ),
    reference=Reference(checklist="Health Checks: Custom health checks", url=STANDARDS_URL),
)

# The first version of the standards that forbids it.
_SINCE = (1, 34)
_TOO_OLD = Skip("the Pod Security Standards forbid it from v1.34 on")

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")
_CALLS = ("httpGet", "tcpSocket")


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each handler that names a host."""
    if policy_version(params, snapshot) < _SINCE:
        return _TOO_OLD
    return [
        finding(
            container,
            f"must not set {path}.{call}.host: {host}",
            f"{path}.{call}.host",
            fix=unsafe(
                f"{container.path}.{path}.{call}.host",
                REMOVED,
                "the kubelet asks the pod's own address instead",
            ),
        )
        for container in workload.containers
        for path, handler in _handlers(container)
        for call in _CALLS
        if (host := _host(container, path, handler, call))
    ]


def _handlers(container: Container) -> Iterator[tuple[str, Fields]]:
    fields = container.fields
    for key in _PROBES:
        if key in fields:
            yield key, mapping(fields, key, container.path)
    if "lifecycle" in fields:
        lifecycle = mapping(fields, "lifecycle", container.path)
        for key in _HOOKS:
            if key in lifecycle:
                path = f"lifecycle.{key}"
                yield path, mapping(lifecycle, key, f"{container.path}.lifecycle")


def _host(container: Container, path: str, handler: Fields, call: str) -> str:
    if call not in handler:
        return ""
    fields = mapping(handler, call, f"{container.path}.{path}")
    return text(fields, "host", f"{container.path}.{path}.{call}")
