"""A process in the container may gain more privileges than its parent.

Restricted field: securityContext.allowPrivilegeEscalation of every container.
Allowed values: false; unset means true.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import PodSecurityParams, unless_windows
from readiness.checks.base import PASS, Check, Outcome, PodSecurity, Reference, Scope, finding
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="privilege-escalation-allowed",
    title="Privilege escalation allowed",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "With it a setuid program in the image, which hardly anybody knows of, makes a process "
        "that was meant to run without rights root of the container."
    ),
    remediation="Set securityContext.allowPrivilegeEscalation: false on the container.",
    reference=Reference(
        checklist="Container Security: Non-root user",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)

_FIELD = "securityContext.allowPrivilegeEscalation"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container that does not say false."""
    if workload.runs_on_windows:
        return unless_windows(workload, PASS)
    return [
        finding(container, f"must set {_FIELD}: false", _FIELD)
        for container in workload.containers
        if boolean(
            container.security_context,
            "allowPrivilegeEscalation",
            container.security_context_path,
        )
        is not False
    ]
