"""Nothing leads from the workload to its runbook.

Labels do not count: their values can't hold a URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import NOT_EMPTY
from readiness.checks._metadata_keys import must_set, statements
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        keys: annotations, any of which holds the URL of the runbook, of the workload or its pods;
            the first is the one that findings recommend.
    """

    keys: Annotated[tuple[str, ...], NOT_EMPTY] = (
        "readiness.dev/runbook",
        "a8r.io/runbook",
        "runbook-url",
        "runbook",
    )


CHECK = Check(
    id="runbook-missing",
    title="Runbook missing",
    category=Category.OPERATIONS,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "Whoever is paged for a workload they did not write loses the first half hour to finding "
        "out how it is restarted, rolled back and looked into."
    ),
    remediation=(
        "Set the annotation readiness.dev/runbook (or another of params.keys) to the URL of the "
        "runbook: how to tell that the workload is ill, and what to do."
    ),
    reference=Reference(
        checklist="Runbooks: Incident response procedures",
        url="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail when no runbook annotation is set, or none of them is a URL."""
    wrong = None
    for statement in statements(workload, params.keys, labels=False):
        if _URL.fullmatch(statement.value):
            return PASS
        wrong = wrong or statement
    if wrong is None:
        return [must_set(params.keys, labels=False)]
    message = f'{wrong.path} must be a URL such as "https://wiki.example.com/runbook"'
    return [Finding(message, wrong.path)]
