"""A container is privileged: root on the node in all but name.

Restricted field: securityContext.privileged of every container.
Allowed values: false, unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams, unless_windows
from readiness.checks.base import (
    REMOVED,
    Check,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    finding,
    unsafe,
)
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="privileged-container",
    title="Privileged container",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A privileged container sees all devices of its node and no longer runs under seccomp or "
        "AppArmor, so whoever takes it over has taken over the node."
    ),
    remediation=(
        "Remove securityContext.privileged from the container, and add the one capability it "
        "really needs, if any, to securityContext.capabilities.add."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container that is privileged."""
    findings = [
        finding(
            container,
            "must not set securityContext.privileged: true",
            "securityContext.privileged",
            fix=unsafe(
                f"{container.security_context_path}.privileged",
                REMOVED,
                "it no longer reaches devices and kernel settings of its node",
            ),
        )
        for container in workload.containers
        if boolean(container.security_context, "privileged", container.security_context_path)
    ]
    return unless_windows(workload, findings)
