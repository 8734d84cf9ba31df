"""The pods may connect to anything, inside and outside the cluster.

Restricted: pods that no NetworkPolicy with policyType Egress selects, or that one selects whose
rule has neither `to` nor `ports` (or an ipBlock of all addresses).
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._network_policies import judge_isolation
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="egress-unrestricted",
    title="Egress unrestricted",
    category=Category.NETWORKING,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "A compromised pod that may connect anywhere sends data out, fetches its tools and reaches "
        "the metadata service of the cloud."
    ),
    remediation=(
        "Add a NetworkPolicy that selects the pods, with policyTypes: [Egress] and rules whose to "
        "names what they call; allow port 53 (UDP and TCP) to the cluster's DNS."
    ),
    reference=Reference(
        checklist="Environment Management: Environment isolation",
        url="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when nothing isolates the egress of the pods."""
    return judge_isolation(workload, snapshot, "Egress")
