"""Whether NetworkPolicies isolate the pods of a workload, in one direction.

A pod is isolated once a policy of that direction selects it, whatever its rules (none at all deny
everything); policies add up, so one rule that lets everything through undoes the isolation by all
others. https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

from readiness.checks._unseen import unseen
from readiness.checks.base import Finding, Outcome, Skip
from readiness.model.fields import boolean
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


def judge_isolation(workload: Workload, snapshot: Snapshot, direction: str) -> Outcome:
    """Fail unless the pods are isolated in a direction, Ingress or Egress."""
    if boolean(workload.pod_spec, "hostNetwork", workload.pod_path):
        return Skip("NetworkPolicies do not apply to pods in the network of their node")
    path = f"{workload.template_metadata_path}.labels"
    policies = [
        policy
        for policy in snapshot.network_policies_selecting(workload)
        if direction in policy.types
    ]
    if not policies:
        message = f"a NetworkPolicy with {direction} in spec.policyTypes must select the pods"
        return unseen(snapshot, "NetworkPolicy") or [Finding(message, path)]
    where = "from" if direction == "Ingress" else "to"
    found = []
    for policy in policies:
        rule = policy.open_ingress if direction == "Ingress" else policy.open_egress
        if rule:
            message = f"{policy.title} must narrow {rule}, which allows traffic {where} everywhere"
            found.append(Finding(message, path))
    return found
