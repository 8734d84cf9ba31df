"""A container adds a capability beyond those a container runtime gives by default.

Restricted field: securityContext.capabilities.add of every container.
Allowed values: the names below, spelled exactly so; unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._capabilities import (
    BASELINE_CAPABILITIES,
    capabilities,
    without_capabilities,
)
from readiness.checks._pod_security import (
    STANDARDS_URL,
    PodSecurityParams,
    unless_windows,
)
from readiness.checks._wording import quoted
from readiness.checks.base import Check, Outcome, PodSecurity, Reference, Scope, finding
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="dangerous-capabilities",
    title="Dangerous capabilities",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Capabilities such as SYS_ADMIN, NET_ADMIN or SYS_PTRACE lead from the container to the "
        "node or to the traffic of its neighbours."
    ),
    remediation=(
        "Remove the capability from securityContext.capabilities.add; of those beyond the default "
        "set most have a narrower replacement, as NET_BIND_SERVICE for ports below 1024."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container that adds a capability outside the list."""
    findings = []
    for container in workload.containers:
        added = capabilities(container, "add")
        if added and (bad := [name for name in added if name not in BASELINE_CAPABILITIES]):
            findings.append(
                finding(
                    container,
                    f"must remove {quoted(bad)} from securityContext.capabilities.add",
                    "securityContext.capabilities.add",
                    fix=without_capabilities(container, bad),
                )
            )
    return unless_windows(workload, findings)
