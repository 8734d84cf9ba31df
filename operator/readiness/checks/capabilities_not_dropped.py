"""A container keeps capabilities it does not need.

Restricted fields: securityContext.capabilities.drop and .add of every container.
Allowed values: drop must hold ALL, spelled so; add may hold NET_BIND_SERVICE.
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
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="capabilities-not-dropped",
    title="Capabilities not dropped",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "The default capabilities let a process change owners, forge packets' addresses and use "
        "setuid programs: tools for whoever gets in, which hardly any service needs."
    ),
    remediation=(
        'Set securityContext.capabilities.drop: ["ALL"] on the container, and add back '
        "NET_BIND_SERVICE alone if it must listen on a port below 1024."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)

_MAY_ADD_BACK = "NET_BIND_SERVICE"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each container that does not drop all, or adds back more than it may.

    Additions outside the baseline list are the finding of dangerous-capabilities.
    """
    if workload.runs_on_windows:
        return unless_windows(workload, PASS)
    findings = []
    for container in workload.containers:
        if "ALL" not in capabilities(container, "drop"):
            findings.append(
                finding(
                    container,
                    'must set securityContext.capabilities.drop: ["ALL"]',
                    "securityContext.capabilities.drop",
                    fix=unsafe(
                        f"{container.security_context_path}.capabilities.drop",
                        ["ALL"],
                        "programs that change owners or users, or bind low ports, may fail",
                    ),
                )
            )
        kept = [
            name
            for name in capabilities(container, "add")
            if name != _MAY_ADD_BACK and name in BASELINE_CAPABILITIES
        ]
        if kept:
            findings.append(
                finding(
                    container,
                    f"must remove {quoted(kept)} from securityContext.capabilities.add",
                    "securityContext.capabilities.add",
                    fix=without_capabilities(container, kept),
                )
            )
    return findings
