"""A pod gets a token for the API server that it does not ask for.

Fields: automountServiceAccountToken of the pod spec, else of its ServiceAccount; unset means true.
A token asked for as a projected volume is none of this check's business.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import pod_finding
from readiness.checks._service_account import service_account_name
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    Check,
    Outcome,
    Reference,
    Scope,
    unsafe,
)
from readiness.model.companions import ServiceAccount
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="service-account-token-mounted",
    title="Service account token mounted",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "Whoever gets into the container finds the token in a file and may do all that the "
        "ServiceAccount may, today or after somebody binds a role to it tomorrow."
    ),
    remediation=(
        "Set automountServiceAccountToken: false on the pod. If it speaks to the API server, "
        "mount a projected serviceAccountToken volume into the container that does."
    ),
    reference=Reference(
        checklist="Secret Management: Access control for secrets",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    ),
)

_FIELD = "automountServiceAccountToken"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail unless the pod, or if it does not say its ServiceAccount, says false."""
    mounted = boolean(workload.pod_spec, _FIELD, workload.pod_path)
    if mounted is None:
        cannot_tell = unseen(snapshot, "ServiceAccount")
        if cannot_tell is not None:
            return cannot_tell
        name = service_account_name(workload)
        account = snapshot.companion(ServiceAccount, workload.namespace, name)
        mounted = account.automount_token if account is not None else None
    if mounted is False:
        return PASS
    fix = unsafe(
        f"{workload.pod_path}.{_FIELD}",
        value=False,
        explanation="what calls the Kubernetes API needs the token",
    )
    return [pod_finding(workload, f"must set {_FIELD}: false", _FIELD, fix=fix)]
