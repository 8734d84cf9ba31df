"""A container may be placed on a node without memory for it."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._effective_resources import missing_requests
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="memory-request-missing",
    title="Memory request missing",
    category=Category.RESOURCES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a memory request the scheduler places the pod on a node that has no memory to "
        "spare, where it is the first to be evicted and killed."
    ),
    remediation=(
        "Set resources.requests.memory on the container to what it uses under normal load, or on "
        "the pod (spec.resources), or have a LimitRange in the namespace set a default."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app or sidecar container without an effective memory request."""
    return missing_requests(workload, snapshot, "memory")
