"""A container sees /proc of its node unmasked.

Restricted field: securityContext.procMount of every container.
Allowed values: Default, unset; from v1.35 on any value in a pod with hostUsers: false.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    IN_USER_NAMESPACE,
    STANDARDS_URL,
    PodSecurityParams,
    excused_by_user_namespace,
    unless_windows,
)
from readiness.checks._proc_mount import unmasked_proc_mounts
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="unmasked-proc-mount",
    title="Unmasked proc mount",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "The masks over /proc hide kernel memory, timers and firmware from containers; without "
        "them a process in the container can read and change its node."
    ),
    remediation=(
        "Remove securityContext.procMount from the container; to run containers inside a "
        "container set hostUsers: false on the pod."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container whose procMount is not the default."""
    findings = unmasked_proc_mounts(workload)
    if findings and excused_by_user_namespace(workload, snapshot, params):
        return IN_USER_NAMESPACE
    return unless_windows(workload, findings)
