"""A Windows container runs as a process of its node.

Restricted field: securityContext.windowsOptions.hostProcess of the pod and of every container.
Allowed values: false, unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    STANDARDS_URL,
    PodSecurityParams,
    context_finding,
    security_contexts,
)
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import boolean, mapping
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="host-process-container",
    title="Host process container",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A HostProcess container has the files, the network and the privileges of its Windows "
        "node: it is the counterpart of a privileged container."
    ),
    remediation=(
        "Remove securityContext.windowsOptions.hostProcess from the pod and its containers, and "
        "keep node agents that need it in a namespace of their own."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)

_FIELD = "windowsOptions.hostProcess"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for the pod and for each container that asks to be a process of the node."""
    return [
        context_finding(workload, owner, f"must not set securityContext.{_FIELD}: true", _FIELD)
        for context, path, owner in security_contexts(workload)
        if boolean(
            mapping(context, "windowsOptions", path), "hostProcess", f"{path}.windowsOptions"
        )
    ]
