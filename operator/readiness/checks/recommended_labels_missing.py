"""The workload lacks labels that Kubernetes recommends for every object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import NOT_EMPTY
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope
from readiness.model.fields import join
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        keys: labels that the workload itself must have, all of them.
    """

    keys: Annotated[tuple[str, ...], NOT_EMPTY] = (
        "app.kubernetes.io/name",
        "app.kubernetes.io/version",
        "app.kubernetes.io/part-of",
    )


CHECK = Check(
    id="recommended-labels-missing",
    title="Recommended labels missing",
    category=Category.CONFIGURATION,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "Dashboards, cost reports and searches across teams group by these labels; a workload "
        "without them is in none of them."
    ),
    remediation=(
        "Set app.kubernetes.io/name, app.kubernetes.io/version and app.kubernetes.io/part-of in "
        "metadata.labels of the workload; leave the version out of spec.selector."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each label that is absent or empty."""
    labels = workload.labels
    return [
        Finding(f'metadata.labels must set "{key}"', join("metadata.labels", key))
        for key in params.keys
        if not labels.get(key)
    ]
