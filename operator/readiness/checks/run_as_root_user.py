"""A pod or container says to run as the user root.

Restricted field: securityContext.runAsUser of the pod and of every container.
Allowed values: anything but 0, unset; from v1.35 on any value in a pod with hostUsers: false.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    IN_USER_NAMESPACE,
    PodSecurityParams,
    context_finding,
    excused_by_user_namespace,
    security_contexts,
    unless_windows,
)
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import integer
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="run-as-root-user",
    title="Run as root user",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "The user 0 of a container is root of the node as soon as it finds a way out; together "
        "with runAsNonRoot: true the container never starts."
    ),
    remediation=(
        "Set securityContext.runAsUser to the numeric user the image was built for, such as "
        "10001, or remove it and let the image decide."
    ),
    reference=Reference(
        checklist="Container Security: Non-root user",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for the pod and for each container that says 0, overridden or not."""
    findings = [
        context_finding(workload, owner, "must not set securityContext.runAsUser: 0", "runAsUser")
        for context, path, owner in security_contexts(workload)
        if integer(context, "runAsUser", path) == 0
    ]
    if findings and excused_by_user_namespace(workload, snapshot, params):
        return IN_USER_NAMESPACE
    return unless_windows(workload, findings)
