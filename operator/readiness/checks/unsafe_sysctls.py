"""A pod sets a kernel parameter that is not confined to it.

Restricted field: spec.securityContext.sysctls[*].name.
Allowed values: the names below, each from its version on.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    PodSecurityParams,
    pod_finding,
    policy_version,
    unless_windows,
)
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import mappings, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="unsafe-sysctls",
    title="Unsafe sysctls",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Sysctls outside the safe list reach beyond the pod or weaken the kernel's protection, "
        "and kubelets refuse to start a pod that sets one they were not told to allow."
    ),
    remediation=(
        "Remove the entry from securityContext.sysctls of the pod, or have the platform team set "
        "the parameter on dedicated nodes."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/",
    ),
)

# Source: k8s.io/pod-security-admission/policy/check_sysctls.go.
_SAFE_SINCE = {
    "kernel.shm_rmid_forced": (1, 0),
    "net.ipv4.ip_local_port_range": (1, 0),
    "net.ipv4.tcp_syncookies": (1, 0),
    "net.ipv4.ping_group_range": (1, 0),
    "net.ipv4.ip_unprivileged_port_start": (1, 0),
    "net.ipv4.ip_local_reserved_ports": (1, 27),
    "net.ipv4.tcp_keepalive_time": (1, 29),
    "net.ipv4.tcp_fin_timeout": (1, 29),
    "net.ipv4.tcp_keepalive_intvl": (1, 29),
    "net.ipv4.tcp_keepalive_probes": (1, 29),
    "net.ipv4.tcp_rmem": (1, 32),
    "net.ipv4.tcp_wmem": (1, 32),
    "net.ipv4.tcp_slow_start_after_idle": (1, 37),
    "net.ipv4.tcp_notsent_lowat": (1, 37),
}
_NEVER = (2, 0)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each sysctl that the version does not call safe."""
    sysctls = mappings(workload.pod_security_context, "sysctls", workload.pod_security_context_path)
    findings = [
        pod_finding(
            workload, f'must not set the sysctl "{name}"', f"securityContext.sysctls[{index}].name"
        )
        for index, (path, sysctl) in enumerate(sysctls)
        if _SAFE_SINCE.get(name := text(sysctl, "name", path), _NEVER)
        > policy_version(params, snapshot)
    ]
    return unless_windows(workload, findings)
