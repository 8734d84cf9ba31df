"""A container may be starved of CPU by its neighbours."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._effective_resources import missing_requests
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="cpu-request-missing",
    title="CPU request missing",
    category=Category.RESOURCES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a CPU request the scheduler packs the pod onto a full node and the kernel gives "
        "the container what the others leave, which under load is next to nothing."
    ),
    remediation=(
        "Set resources.requests.cpu on the container to what it uses under normal load, or on the "
        "pod (spec.resources), or have a LimitRange in the namespace set a default."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app or sidecar container without an effective CPU request."""
    return missing_requests(workload, snapshot, "cpu")
