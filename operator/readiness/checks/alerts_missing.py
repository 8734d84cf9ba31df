"""No alert fires when the workload is in trouble.

An alert concerns a workload when its expression asks for the namespace or, naming no namespace, for
the workload by name, or when its PrometheusRule lives in the namespace.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="alerts-missing",
    title="Alerts missing",
    category=Category.OBSERVABILITY,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale="Without an alert the first to notice that the service is down are its users.",
    remediation=(
        "Add a PrometheusRule to the namespace with alerts on errors, latency and saturation of "
        'the workload, each with a matcher such as namespace="shop" in its expression.'
    ),
    reference=Reference(
        checklist="Alert Configuration: Error rate alerts",
        url="https://prometheus-operator.dev/docs/developer/alerting/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when no alert of a PrometheusRule concerns the workload."""
    if next(snapshot.alerts_about(workload.ref), None) is not None:
        return PASS
    message = (
        f'a PrometheusRule must hold an alert about namespace "{workload.namespace}" or '
        f'about "{workload.name}"'
    )
    return all_unavailable(snapshot, "PrometheusRule") or [Finding(message, "metadata.name")]
