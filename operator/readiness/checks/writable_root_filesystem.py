"""A container may change the files of its image.

Field: securityContext.readOnlyRootFilesystem of every container, which must be true; unset means
false. No part of the Pod Security Standards.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import unless_windows
from readiness.checks.base import (
    PASS,
    Check,
    Outcome,
    Reference,
    Scope,
    finding,
    unsafe,
)
from readiness.model.containers import ContainerKind
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="writable-root-filesystem",
    title="Writable root filesystem",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "Whoever gets into the container can put programs there and run them, and what the "
        "service itself writes there counts against the node's disk and is lost at a restart."
    ),
    remediation=(
        "Set securityContext.readOnlyRootFilesystem: true on the container, and mount an emptyDir "
        "with a sizeLimit where it must write, such as /tmp."
    ),
    reference=Reference(
        checklist="Container Security: Minimal base image",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
)

_FIELD = "securityContext.readOnlyRootFilesystem"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each init, sidecar or app container whose root filesystem can be written to."""
    if workload.runs_on_windows:
        return unless_windows(workload, PASS)
    return [
        finding(
            container,
            f"must set {_FIELD}: true",
            _FIELD,
            fix=unsafe(
                f"{container.path}.{_FIELD}",
                value=True,
                explanation="writing outside of volumes fails: /tmp and caches need an emptyDir",
            ),
        )
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        and not boolean(
            container.security_context, "readOnlyRootFilesystem", container.security_context_path
        )
    ]
