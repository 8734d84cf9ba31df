"""Nothing collects metrics of the pods.

Allowed: a PodMonitor that selects the pods, a ServiceMonitor that selects a Service of theirs, and
either names a port that is there; or the annotation `prometheus.io/scrape: "true"` on the pods or
on a Service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks.base import (
    LONG_RUNNING_KINDS,
    PASS,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
)
from readiness.model.companions import Service
from readiness.model.fields import text
from readiness.model.monitoring import Monitor
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_SCRAPE = "prometheus.io/scrape"

CHECK = Check(
    id="metrics-not-scraped",
    title="Metrics not scraped",
    category=Category.OBSERVABILITY,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "Without metrics nobody sees errors and latency rise, no alert can fire, and after an "
        "incident there is nothing to look at."
    ),
    remediation=(
        "Add a ServiceMonitor that selects the Service by its labels and names its metrics port in "
        "endpoints, or a PodMonitor for pods without a Service."
    ),
    reference=Reference(
        checklist="Application Metrics: Request/response metrics",
        url="https://prometheus-operator.dev/docs/developer/getting-started/",
    ),
    kinds=LONG_RUNNING_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when neither a monitor nor an annotation has the pods scraped."""
    services = snapshot.services_selecting(workload)
    annotations = [workload.template_annotations, *(s.annotations for s in services)]
    if any(owned.get(_SCRAPE) == "true" for owned in annotations):
        return PASS
    idle: list[str] = []
    for monitor, owner, ports in _monitors(workload, services, snapshot):
        if _names_a_port(monitor, ports, workload):
            return PASS
        title = monitor.title_from(workload.namespace)
        idle.append(f"{title} must name a port of {owner} in its endpoints")
    skip = None if idle else all_unavailable(snapshot, "ServiceMonitor", "PodMonitor")
    if skip is not None:
        return skip
    missing = (
        "a ServiceMonitor or PodMonitor must select the pods, or they must have annotation "
        f'{_SCRAPE}: "true"'
    )
    path = f"{workload.template_metadata_path}.annotations"
    return [Finding(message, path) for message in idle or [missing]]


def _monitors(
    workload: Workload, services: Sequence[Service], snapshot: Snapshot
) -> Iterator[tuple[Monitor, str, set[str]]]:
    """Yield each monitor that selects something, whose ports it chooses from, and their names."""
    for pod_monitor in snapshot.pod_monitors_selecting(workload):
        yield pod_monitor, "a container", _container_ports(workload)
    for service in services:
        for monitor in snapshot.service_monitors_selecting(service):
            yield monitor, service.title, {port.name for port in service.ports}


def _names_a_port(monitor: Monitor, ports: set[str], workload: Workload) -> bool:
    """Return whether an endpoint of a monitor leads somewhere; one that names no port takes all."""
    for endpoint in monitor.ports:
        if endpoint.port:
            if endpoint.port in ports:
                return True
        elif not isinstance(endpoint.target, str) or endpoint.target in _container_ports(workload):
            return True
    return False


def _container_ports(workload: Workload) -> set[str]:
    return {text(port, "name", path) for c in workload.containers for path, port in c.ports}
