"""A container may use all idle CPU of its node; for clusters that bill or isolate by limits."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category
from readiness.checks._effective_resources import missing_limits
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="cpu-limit-missing",
    title="CPU limit missing",
    category=Category.RESOURCES,
    severity=None,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a CPU limit a container uses whatever is idle, so its speed depends on its "
        "neighbours; with one it is throttled, so only some clusters want this."
    ),
    remediation=(
        "Set resources.limits.cpu on the container well above its request, or on the pod "
        "(spec.resources), or have a LimitRange in the namespace set a default."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app or sidecar container without an effective CPU limit."""
    return missing_limits(workload, snapshot, "cpu")
