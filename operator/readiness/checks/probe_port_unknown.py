"""A probe names a port that its container does not declare.

Restricted fields: `httpGet.port` and `tcpSocket.port` of `livenessProbe`, `readinessProbe` and
`startupProbe`. The kubelet looks for the name in that container alone
(k8s.io/kubernetes/pkg/probe/util.go, ResolveContainerPort). A number in quotes is a name too, one
that the API server refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._probes import named_port, probe_name
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip, finding
from readiness.model.containers import Container
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="probe-port-unknown",
    title="Probe port unknown",
    category=Category.PROBES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Such a probe fails every time: the container is restarted for ever, or never gets a "
        "request."
    ),
    remediation=(
        "Give the number of the port in the probe, or declare the name in the ports of the same "
        "container; ports of other containers do not count."
    ),
    reference=Reference(
        checklist="Health Checks: Readiness probes",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each probe with a named port that its container lacks."""
    containers = [c for c in workload.long_running_containers if c.probes]
    if not containers:
        return Skip("no container has a probe")
    return [fault for container in containers for fault in _faults(container)]


def _faults(container: Container) -> Iterator[Finding]:
    for probe in container.probes:
        named = named_port(probe)
        if named is None or container.port_number(named[1]) is not None:
            continue
        path, name = named
        field = path.removeprefix(f"{container.path}.")
        if name.isdigit():
            message = f"must set {field} to {name} without quotes"
        else:
            message = f'must declare the port "{name}" that its {probe_name(probe)} names'
        yield finding(container, message, field)
