"""An alert about the workload does not say what to do.

Which alerts concern a workload: see alerts-missing. Allowed: annotations.runbook_url, or whatever
`params.annotation` names, is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import NOT_EMPTY
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        annotation: the annotation of an alert that links its runbook.
    """

    annotation: Annotated[str, NOT_EMPTY] = "runbook_url"


CHECK = Check(
    id="alert-without-runbook",
    title="Alert without runbook",
    category=Category.OBSERVABILITY,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "Whoever is woken by the alert has to find out from scratch what it means and what helps."
    ),
    remediation=(
        "Set annotations.runbook_url of the alert to a page that says how to check, what to do and "
        "whom to call."
    ),
    reference=Reference(
        checklist="Runbooks: Incident response procedures",
        url="https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each alert about the workload without a runbook."""
    alerts = list(snapshot.alerts_about(workload.ref))
    if not alerts:
        return all_unavailable(snapshot, "PrometheusRule") or Skip("no alert concerns it")
    key = params.annotation
    return [
        Finding(
            f'alert "{alert.name}" of {rule.title_from(workload.namespace)} must set '
            f"annotations.{key}",
            "metadata.name",
        )
        for rule, alert in alerts
        if not alert.annotations.get(key, "").strip()
    ]
