"""A pod or container sets SELinux labels that loosen its confinement.

Restricted fields: securityContext.seLinuxOptions.type, .user and .role of the pod and of every
container.
Allowed values: for the type those below; user and role must be unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    STANDARDS_URL,
    PodSecurityParams,
    context_finding,
    policy_version,
    security_contexts,
    unless_windows,
)
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import mapping, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="selinux-options",
    title="SELinux options",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A type such as spc_t, or a user or role of one's own, takes the container out of the "
        "confinement that keeps it from the files and processes of its node."
    ),
    remediation=(
        "Remove user and role from securityContext.seLinuxOptions, and the type unless it is "
        "container_t, container_init_t, container_kvm_t or, from v1.31 on, container_engine_t."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)

# Source: k8s.io/pod-security-admission/policy/check_seLinuxOptions.go.
_ALLOWED_SINCE = {
    "": (1, 0),
    "container_t": (1, 0),
    "container_init_t": (1, 0),
    "container_kvm_t": (1, 0),
    "container_engine_t": (1, 31),
}
_NEVER = (2, 0)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each type outside the list, each user and each role."""
    findings = []
    for context, path, owner in security_contexts(workload):
        options = mapping(context, "seLinuxOptions", path)
        if not options:
            continue
        options_path = f"{path}.seLinuxOptions"
        for key in ("type", "user", "role"):
            value = text(options, key, options_path)
            if key == "type":
                bad = _ALLOWED_SINCE.get(value, _NEVER) > policy_version(params, snapshot)
            else:
                bad = bool(value)
            if bad:
                field = f"seLinuxOptions.{key}"
                message = f"must not set securityContext.{field}: {value}"
                findings.append(context_finding(workload, owner, message, field))
    return unless_windows(workload, findings)
