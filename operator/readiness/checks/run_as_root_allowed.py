"""Nothing keeps a container from running as root.

Restricted field: securityContext.runAsNonRoot of the pod and of every container.
Allowed values: true; unset on a container when the pod says true; from v1.35 on any value in a
pod with hostUsers: false.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    IN_USER_NAMESPACE,
    PodSecurityParams,
    excused_by_user_namespace,
    pod_finding,
)
from readiness.checks.base import (
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
    id="run-as-root-allowed",
    title="Run as root allowed",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Most images run as root unless told otherwise, and root of a container is root of the "
        "node as soon as it finds a way out."
    ),
    remediation=(
        "Set securityContext.runAsNonRoot: true on the pod, and build the image with a numeric "
        "USER or set runAsUser: the kubelet refuses a user it knows by name only."
    ),
    reference=Reference(
        checklist="Container Security: Non-root user",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)

_FIELD = "securityContext.runAsNonRoot"
_EXPLANATION = "an image whose user is root, or has a name and no number, does not start"
_MESSAGE = f"must set {_FIELD}: true"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container that may run as root, and for a pod that says false.

    The pod's false is wrong even if every container says true. A container that takes it from
    the pod is not named beside it.
    """
    if excused_by_user_namespace(workload, snapshot, params):
        return IN_USER_NAMESPACE
    pod = boolean(workload.pod_security_context, "runAsNonRoot", workload.pod_security_context_path)
    findings = []
    fix_of_pod = _pod_fix(workload)
    if pod is False:
        findings.append(pod_finding(workload, _MESSAGE, _FIELD, fix=fix_of_pod))
    for container in workload.containers:
        own = boolean(container.security_context, "runAsNonRoot", container.security_context_path)
        if own is False or (own is None and pod is None):
            fix = (own is None and fix_of_pod) or _container_fix(container)
            findings.append(finding(container, _MESSAGE, _FIELD, fix=fix))
    return findings


def _pod_fix(workload: Workload) -> Fix | None:
    """Return none when a container that takes it from the pod is told to run as root."""
    inherit = [c for c in workload.containers if c.security_context.get("runAsNonRoot") is None]
    if any(_told_to_run_as_root(container) for container in inherit):
        return None
    return unsafe(f"{workload.pod_path}.{_FIELD}", value=True, explanation=_EXPLANATION)


def _container_fix(container: Container) -> Fix | None:
    if _told_to_run_as_root(container):
        return None
    return unsafe(f"{container.path}.{_FIELD}", value=True, explanation=_EXPLANATION)


def _told_to_run_as_root(container: Container) -> bool:
    """Return whether runAsUser is 0; with runAsNonRoot the kubelet would never start it."""
    own = container.security_context.get("runAsUser")
    return (container.pod_security_context.get("runAsUser") if own is None else own) == 0
