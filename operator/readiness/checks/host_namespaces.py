"""A pod shares the network, process or IPC namespace of its node.

Restricted fields: spec.hostNetwork, spec.hostPID, spec.hostIPC.
Allowed values: false, unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams, pod_finding
from readiness.checks.base import (
    REMOVED,
    Check,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    unsafe,
)
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="host-namespaces",
    title="Host namespaces",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "In the namespaces of its node a container can listen to the traffic of all pods there, "
        "escape every NetworkPolicy, and see or signal processes that are not its own."
    ),
    remediation=(
        "Remove hostNetwork, hostPID and hostIPC from the pod spec; to be reached from outside "
        "use a Service, to share processes within the pod shareProcessNamespace: true."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)

_EXPLANATION = "it no longer reaches what it may want of its node: addresses, processes, memory"
_FIELDS = ("hostNetwork", "hostPID", "hostIPC")


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each namespace of the node that the pod shares."""
    return [
        pod_finding(
            workload,
            f"must not set {field}: true",
            field,
            fix=unsafe(f"{workload.pod_path}.{field}", REMOVED, _EXPLANATION),
        )
        for field in _FIELDS
        if boolean(workload.pod_spec, field, workload.pod_path)
    ]
