"""Every pod of the cluster may connect to the pods.

Restricted: pods that no NetworkPolicy with policyType Ingress selects, or that one selects whose
rule has neither `from` nor `ports` (or an ipBlock of all addresses).
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._network_policies import judge_isolation
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="network-policy-missing",
    title="Network policy missing",
    category=Category.NETWORKING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "Without a NetworkPolicy any compromised pod of the cluster can reach this one, on every "
        "port it listens on, its debug and metrics ports included."
    ),
    remediation=(
        "Add a NetworkPolicy that selects the pods (or podSelector: {} for the whole namespace), "
        "with policyTypes: [Ingress] and rules whose from names only the callers."
    ),
    reference=Reference(
        checklist="Environment Management: Environment isolation",
        url="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when nothing isolates the ingress of the pods."""
    return judge_isolation(workload, snapshot, "Ingress")
