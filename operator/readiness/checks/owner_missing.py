"""Nothing says which team owns the workload."""

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
        keys: labels or annotations, any of which names the owner, of the workload or its pods;
            the first is the one that findings recommend.
    """

    keys: Annotated[tuple[str, ...], NOT_EMPTY] = (
        "readiness.dev/owner",
        "a8r.io/owner",
        "owner",
        "team",
    )


CHECK = Check(
    id="owner-missing",
    title="Owner missing",
    category=Category.OPERATIONS,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "When the workload fails, or has a vulnerability, nobody knows whom to ask, and it stays "
        "as it is."
    ),
    remediation=(
        "Set the annotation readiness.dev/owner (or another of params.keys, a label will do too) "
        "to the team that answers for the workload, not to a person."
    ),
    reference=Reference(
        checklist="Incident Management: Escalation procedures",
        url="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail when no owner label or annotation is set."""
    if any(statements(workload, params.keys)):
        return PASS
    return [must_set(params.keys)]
