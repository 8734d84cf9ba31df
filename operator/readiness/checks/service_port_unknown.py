"""A Service targets a port by a name that no container declares, so the pods get no traffic.

A name is looked for among the ports of app containers and native sidecars, and the protocol has to
be the same. A number needs no declaration: `ports` are informational then.
Source: k8s.io/kubernetes/pkg/api/v1/pod/util.go (FindPort).
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.fields import text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="service-port-unknown",
    title="Service port unknown",
    category=Category.NETWORKING,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "The endpoints controller leaves out pods that do not declare the named port, without an "
        "error anywhere: the Service just refuses connections."
    ),
    remediation=(
        "Give a port of the container the name that the Service's targetPort has, with the same "
        "protocol, or make targetPort the number of the port."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Service definitions",
        url="https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each named targetPort of a Service that no container declares."""
    services = [s for s in snapshot.services_selecting(workload) if s.type != "ExternalName"]
    if not services:
        return Skip("no Service selects the pods")
    declared: set[tuple[str, str]] | None = None
    found = []
    for service in services:
        for index, port in enumerate(service.ports):
            if not isinstance(port.target, str):
                continue
            if declared is None:
                declared = _declared(workload)
            if (port.target, port.protocol) not in declared:
                message = (
                    f'a container must declare a {port.protocol} port named "{port.target}", as '
                    f"{service.title} sets spec.ports[{index}].targetPort: {port.target}"
                )
                found.append(Finding(message, f"{workload.pod_path}.containers"))
    return found


def _declared(workload: Workload) -> set[tuple[str, str]]:
    return {
        (text(port, "name", path), text(port, "protocol", path) or "TCP")
        for container in workload.long_running_containers
        for path, port in container.ports
    }
