"""A container that serves requests has no readiness probe.

It serves when a Service that selects the pods targets one of its ports. When no Service leads to
any container, those that declare a TCP port count too (one named for metrics does not), unless
`params.declaredPorts` is false. Native sidecars are judged like app containers; plain init
containers can't have a readiness probe.
"""

from __future__ import annotations

from dataclasses import dataclass

from readiness.api.vocabulary import Category, Severity
from readiness.checks._probes import ends_by_itself, is_set
from readiness.checks._serving import declares_serving_port, serving_containers
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
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        declaredPorts: whether a container that declares a TCP port serves although no Service
            leads to any container of the pod.
    """

    declaredPorts: bool = True  # noqa: N815 - as policies write it


CHECK = Check(
    id="readiness-probe-missing",
    title="Readiness probe missing",
    category=Category.PROBES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "Without a readiness probe a Service sends requests to a container from the moment its "
        "process starts, so every rollout and every restart answers some of them with errors."
    ),
    remediation=(
        "Set readinessProbe on the container to an endpoint that succeeds only while it can serve "
        "requests, and fails while it starts, stops or is overloaded."
    ),
    reference=Reference(
        checklist="Health Checks: Readiness probes",
        url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    ),
    kinds=LONG_RUNNING_KINDS,
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each container that serves requests and has no readiness probe."""
    skip = ends_by_itself(workload)
    if skip is not None:
        return skip
    serving = serving_containers(workload, snapshot)
    if not serving and params.declaredPorts:
        serving = [c for c in workload.long_running_containers if declares_serving_port(c)]
    findings = [
        finding(container, "must set readinessProbe", "readinessProbe")
        for container in serving
        if not is_set(container.readiness_probe)
    ]
    if serving and not findings:
        return PASS
    # A Service that can't be looked at may lead to other containers, or to some at all.
    cannot_tell = unseen(snapshot, "Service")
    if cannot_tell is not None:
        return cannot_tell
    return findings or Skip(_why_none_serves(workload, snapshot, params))


def _why_none_serves(workload: Workload, snapshot: Snapshot, params: Params) -> str:
    if snapshot.services_selecting(workload):
        services = "no Service leads to a port of its containers"
    else:
        services = "no Service selects its pods"
    if not params.declaredPorts:
        return services
    declared = any(container.ports for container in workload.long_running_containers)
    which = "a TCP port other than for metrics" if declared else "a port"
    return f"{services} and no container declares {which}"
