"""A container in a user namespace of its own sees /proc unmasked.

Restricted field: securityContext.procMount of every container of a pod with hostUsers: false.
Allowed values: Default, unset.
From v1.35 on the baseline level allows it there and the restricted level does not; all other
cases are the finding of unmasked-proc-mount.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    STANDARDS_URL,
    PodSecurityParams,
    excused_by_user_namespace,
)
from readiness.checks._proc_mount import unmasked_proc_mounts
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="unmasked-proc-mount-in-user-namespace",
    title="Unmasked proc mount in user namespace",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A user namespace takes the rights of root on the node away, yet an unmasked /proc still "
        "shows kernel interfaces that services have no use for."
    ),
    remediation=(
        "Remove securityContext.procMount from the container; only one that runs containers "
        "itself needs it, and deserves an exemption."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container whose procMount only the user namespace excuses."""
    if not excused_by_user_namespace(workload, snapshot, params):
        return Skip("no user namespace relaxes the rules for the pod")
    return unmasked_proc_mounts(workload)
