"""A container may use all memory of its node."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._effective_resources import missing_limits
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="memory-limit-missing",
    title="Memory limit missing",
    category=Category.RESOURCES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a memory limit one leaking container takes the memory of its whole node, and the "
        "kernel then kills whatever it likes, other teams' pods included."
    ),
    remediation=(
        "Set resources.limits.memory on the container to the most it needs under load, or on the "
        "pod (spec.resources), or have a LimitRange in the namespace set a default."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app or sidecar container without an effective memory limit."""
    return missing_limits(workload, snapshot, "memory")
