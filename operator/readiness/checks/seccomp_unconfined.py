"""A pod or container switches seccomp off.

Restricted field: securityContext.seccompProfile.type of the pod and of every container.
Allowed values: RuntimeDefault, Localhost, unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    PodSecurityParams,
    context_finding,
    profile_type,
    security_contexts,
    unless_windows,
)
from readiness.checks.base import (
    Check,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    unsafe,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="seccomp-unconfined",
    title="Seccomp unconfined",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Unconfined, a container may make every system call, those included through which most "
        "escapes to the node went, and it stays so where the kubelet's default is a safe one."
    ),
    remediation=(
        "Set securityContext.seccompProfile.type: RuntimeDefault on the pod and remove the "
        "profiles of its containers, or use Localhost with a profile of your own."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tutorials/security/seccomp/",
    ),
)

_ALLOWED = (None, "RuntimeDefault", "Localhost")
_FIELD = "seccompProfile.type"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each profile outside the list; one that is overridden counts too."""
    findings = [
        context_finding(
            workload,
            owner,
            f'must set securityContext.{_FIELD} to RuntimeDefault or Localhost, not "{profile}"',
            _FIELD,
            fix=unsafe(
                f"{path}.{_FIELD}",
                "RuntimeDefault",
                "system calls outside the runtime's default profile fail",
            ),
        )
        for context, path, owner in security_contexts(workload)
        if (profile := profile_type(context, path, "seccompProfile")) not in _ALLOWED
    ]
    return unless_windows(workload, findings)
