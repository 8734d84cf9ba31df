"""A process in the container may gain more privileges than its parent.

Restricted field: securityContext.allowPrivilegeEscalation of every container.
Allowed values: false; unset means true.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import PodSecurityParams, unless_windows
from readiness.checks.base import (
    PASS,
    Check,
    Fix,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    finding,
    unsafe,
)
from readiness.model.containers import Container
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
        finding(container, f"must set {_FIELD}: false", _FIELD, fix=_fix(container))
        for container in workload.containers
        if boolean(
            container.security_context,
            "allowPrivilegeEscalation",
            container.security_context_path,
        )
        is not False
    ]


def _fix(container: Container) -> Fix | None:
    """Return none beside what the API server refuses to see it with (validateSecurityContext)."""
    context = container.security_context
    capabilities = context.get("capabilities")
    added = capabilities.get("add") if isinstance(capabilities, dict) else None
    if context.get("privileged") or (isinstance(added, list) and "CAP_SYS_ADMIN" in added):
        return None
    return unsafe(
        f"{container.path}.{_FIELD}",
        value=False,
        explanation="setuid programs, such as sudo and ping, no longer gain rights",
    )
