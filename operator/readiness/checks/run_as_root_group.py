"""A pod or container runs with the group root.

Fields: securityContext.runAsGroup of the pod and of its containers; fsGroup and
supplementalGroups of the pod. No part of the Pod Security Standards.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import pod_finding, unless_windows
from readiness.checks.base import Check, Outcome, Reference, Scope, finding
from readiness.model.containers import ContainerKind
from readiness.model.fields import integer, integers
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="run-as-root-group",
    title="Run as root group",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "Files of the group root, in images and on shared volumes, are often writable for the "
        "group: whoever runs with it may change them without being the user root."
    ),
    remediation=(
        "Set securityContext.runAsGroup and fsGroup of the pod to a group of its own, such as "
        "10001, and remove 0 from supplementalGroups."
    ),
    reference=Reference(
        checklist="Container Security: Non-root user",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each place that gives a container the group 0; what is overridden gives none."""
    pod = workload.pod_security_context
    pod_path = workload.pod_security_context_path
    findings = []
    inherited = False
    for container in workload.containers:
        if container.kind is ContainerKind.EPHEMERAL:
            continue
        group = integer(container.security_context, "runAsGroup", container.security_context_path)
        inherited = inherited or group is None
        if group == 0:
            message = "must not set securityContext.runAsGroup: 0"
            findings.append(finding(container, message, "securityContext.runAsGroup"))
    if inherited and integer(pod, "runAsGroup", pod_path) == 0:
        message = "must not set securityContext.runAsGroup: 0"
        findings.append(pod_finding(workload, message, "securityContext.runAsGroup"))
    if integer(pod, "fsGroup", pod_path) == 0:
        message = "must not set securityContext.fsGroup: 0"
        findings.append(pod_finding(workload, message, "securityContext.fsGroup"))
    for index, group in enumerate(integers(pod, "supplementalGroups", pod_path)):
        if group == 0:
            message = "must remove 0 from securityContext.supplementalGroups"
            field = f"securityContext.supplementalGroups[{index}]"
            findings.append(pod_finding(workload, message, field))
    return unless_windows(workload, findings)
