"""A pod runs as the ServiceAccount that every pod of its namespace gets.

Field: serviceAccountName of the pod spec, else its old name serviceAccount; unset means default.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import pod_finding
from readiness.checks._service_account import DEFAULT, service_account_name
from readiness.checks.base import PASS, Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="default-service-account",
    title="Default service account",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "A right given to one workload through the shared account is a right of all others in "
        "the namespace, and audit logs can't tell them apart."
    ),
    remediation=(
        "Create a ServiceAccount for the workload and set serviceAccountName to it; bind to it "
        "only the roles the workload needs."
    ),
    reference=Reference(
        checklist="Secret Management: Access control for secrets",
        url="https://kubernetes.io/docs/concepts/security/service-accounts/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when the pod names no ServiceAccount of its own."""
    if service_account_name(workload) != DEFAULT:
        return PASS
    message = "must set serviceAccountName to a ServiceAccount of its own"
    return [pod_finding(workload, message, "serviceAccountName")]
