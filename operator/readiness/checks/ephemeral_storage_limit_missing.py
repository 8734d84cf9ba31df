"""A container may fill the disk of its node with logs and scratch files."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._effective_resources import missing_limits
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="ephemeral-storage-limit-missing",
    title="Ephemeral storage limit missing",
    category=Category.RESOURCES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a limit one container's logs, emptyDir volumes and scratch files fill the disk "
        "of the node, and the kubelet then evicts other pods too."
    ),
    remediation=(
        "Set resources.limits.ephemeral-storage on the container to the most it writes outside of "
        "persistent volumes, or have a LimitRange in the namespace set a default."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/storage/ephemeral-storage/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app or sidecar container without an effective ephemeral-storage limit."""
    return missing_limits(workload, snapshot, "ephemeral-storage")
