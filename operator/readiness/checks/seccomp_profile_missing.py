"""A container runs without a seccomp profile.

Restricted field: securityContext.seccompProfile.type of the pod or of every container.
Allowed values: RuntimeDefault, Localhost. Others are the finding of seccomp-unconfined.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import PodSecurityParams, unless_windows
from readiness.checks.base import (
    PASS,
    Check,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    finding,
    unsafe,
)
from readiness.model.fields import Fields, optional_mapping
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="seccomp-profile-missing",
    title="Seccomp profile missing",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Without a profile a container may make every system call, unless the kubelet happens to "
        "run with a default, which the manifest can't know."
    ),
    remediation=(
        "Set securityContext.seccompProfile.type: RuntimeDefault on the pod; all its containers "
        "take it from there."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tutorials/security/seccomp/",
    ),
)

_FIELD = "securityContext.seccompProfile.type"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container for which neither it nor the pod names a profile."""
    if workload.runs_on_windows:
        return unless_windows(workload, PASS)
    if _names_a_profile(workload.pod_security_context, workload.pod_security_context_path):
        return PASS
    # On the pod it reaches the containers without a profile of their own and no others.
    fix = unsafe(
        f"{workload.pod_path}.{_FIELD}",
        "RuntimeDefault",
        "system calls outside the runtime's default profile fail",
    )
    return [
        finding(container, f"must set {_FIELD}: RuntimeDefault", _FIELD, fix=fix)
        for container in workload.containers
        if not _names_a_profile(container.security_context, container.security_context_path)
    ]


def _names_a_profile(security_context: Fields, path: str) -> bool:
    return optional_mapping(security_context, "seccompProfile", path) is not None
