"""Nothing says who is on call for the workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import NOT_EMPTY
from readiness.checks._metadata_keys import must_set, statements
from readiness.checks.base import PASS, Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        keys: labels or annotations, any of which names who is on call, of the workload or its pods;
            the first is the one that findings recommend.
    """

    keys: Annotated[tuple[str, ...], NOT_EMPTY] = (
        "readiness.dev/on-call",
        "on-call",
        "pagerduty.com/service-id",
    )


CHECK = Check(
    id="on-call-missing",
    title="On-call missing",
    category=Category.OPERATIONS,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "An alert at night reaches nobody, or everybody, when it is not written down whom to page."
    ),
    remediation=(
        "Set the annotation readiness.dev/on-call (or another of params.keys, a label will do "
        "too) to the rotation or paging service that is woken up for the workload."
    ),
    reference=Reference(
        checklist="Incident Management: Escalation procedures",
        url="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail when no on-call label or annotation is set."""
    if any(statements(workload, params.keys)):
        return PASS
    return [must_set(params.keys)]
