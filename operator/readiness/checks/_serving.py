"""Which containers of a workload serve requests.

A Service finds its pods by their labels, and the port of a pod by number or by name: a name is
looked for in app containers first, then in native sidecars, and must have the protocol of the
Service's port; a number needs no declaration, `ports` being informational.
Source: k8s.io/kubernetes/pkg/api/v1/pod/util.go (FindPort); a Service of type ExternalName gets no
endpoints (pkg/controller/endpointslice, syncService).
"""

from __future__ import annotations

from readiness.model.companions import ServicePort
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import Fields, integer, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# Words in the name of a port that only a metrics scraper talks to: `metrics`, `http-metrics`.
_MONITORING_WORDS = frozenset({"metrics", "prometheus", "prom"})


def serving_containers(workload: Workload, snapshot: Snapshot) -> list[Container]:
    """Return the containers that a Service sends traffic to, in the order of the pod spec.

    Only Services count, not mere declarations of ports (see `declares_serving_port`); the list is
    empty when none selects the pods. App containers and native sidecars can serve. A container
    does when it declares the port that a Service targets. For a number that none declares it is
    the only app container, else those app containers that declare no port, else all of them.

    Raises:
        FieldError: when the ports of a container are malformed.
    """
    serving: set[str] = set()
    for service in snapshot.services_selecting(workload):
        if service.type == "ExternalName":
            continue
        for port in service.ports:
            serving.update(container.path for container in _targeted(workload, port))
    return [c for c in workload.long_running_containers if c.path in serving]


def declares_serving_port(container: Container) -> bool:
    """Return whether a container declares a TCP port, one for metrics alone left out.

    Raises:
        FieldError: when its ports are malformed.
    """
    return any(
        _protocol(path, port) == "TCP"
        and _MONITORING_WORDS.isdisjoint(text(port, "name", path).split("-"))
        for path, port in container.ports
    )


def _targeted(workload: Workload, port: ServicePort) -> list[Container]:
    """Return the containers that one port of a Service leads to."""
    if port.target is None:
        return []
    candidates = [
        *workload.app_containers,
        *(c for c in workload.containers if c.kind is ContainerKind.SIDECAR),
    ]
    for container in candidates:
        for path, declared in container.ports:
            if _is_target(path, declared, port):
                return [container]
    if isinstance(port.target, str):
        return []
    apps = workload.app_containers
    return [container for container in apps if not container.ports] or apps


def _is_target(path: str, declared: Fields, port: ServicePort) -> bool:
    if _protocol(path, declared) != port.protocol:
        return False
    if isinstance(port.target, str):
        return text(declared, "name", path) == port.target
    return integer(declared, "containerPort", path) == port.target


def _protocol(path: str, port: Fields) -> str:
    return text(port, "protocol", path) or "TCP"
