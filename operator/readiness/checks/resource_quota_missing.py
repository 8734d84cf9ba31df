"""The namespace has no ResourceQuota.

From files it is only judged when they hold the Namespace, or a quota of it: who brings the one
would bring the other.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
)
from readiness.model.companions import ResourceQuota
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="resource-quota-missing",
    title="Resource quota missing",
    category=Category.RESOURCES,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "Without a quota one namespace can take the whole cluster: an autoscaler gone wild or a "
        "loop that creates Jobs leaves no room for anybody else."
    ),
    remediation=(
        "Create a ResourceQuota in the namespace whose spec.hard bounds requests.cpu, "
        "requests.memory and limits.memory somewhat above what the namespace uses at its peak."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Resource quotas",
        url="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when no ResourceQuota bounds anything in the namespace."""
    quotas = list(snapshot.companions(ResourceQuota, workload.namespace))
    if any(quota.hard for quota in quotas):
        return PASS
    cannot_tell = unseen(snapshot, "ResourceQuota")
    if cannot_tell is not None:
        return cannot_tell
    from_files = snapshot.origin is Origin.FILES
    if from_files and not quotas and snapshot.namespace(workload.namespace) is None:
        return Skip("the quotas of the namespace are not among the files")
    message = f'namespace "{workload.namespace}" must have a ResourceQuota with a spec.hard'
    return [Finding(message, "metadata.namespace")]
