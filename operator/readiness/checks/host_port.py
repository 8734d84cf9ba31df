"""A container takes a port of its node.

Restricted field: ports[*].hostPort of every container.
Allowed values: unset, 0.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams
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
from readiness.model.fields import boolean, integer
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="host-port",
    title="Host port",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A host port opens the container to everyone who reaches the node, and only one pod per "
        "node can have it: a rollout or a second replica waits until another node is free."
    ),
    remediation=(
        "Remove hostPort from the port and let a Service, an Ingress or a Gateway lead to the "
        "container."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Service definitions", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each port with a host port.

    On the host network every port is one, written by hand or filled in by the API server
    (defaultHostNetworkPorts in k8s.io/kubernetes/pkg/apis/core/v1/defaults.go): that is the
    finding of host-namespaces, and no second one.
    """
    findings = [
        finding(
            container,
            f"must not set ports[{index}].hostPort: {port}",
            f"ports[{index}].hostPort",
            fix=unsafe(
                f"{path}.hostPort", REMOVED, "clients that call the node no longer reach it"
            ),
        )
        for container in workload.containers
        for index, (path, fields) in enumerate(container.ports)
        if (port := integer(fields, "hostPort", path))
    ]
    if findings and boolean(workload.pod_spec, "hostNetwork", workload.pod_path):
        return Skip("hostNetwork makes every port a host port")
    return findings
