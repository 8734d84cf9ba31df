"""A Service opens the pods to the network of the nodes, or to the whole internet.

Restricted: Services of type NodePort, and of type LoadBalancer without source ranges unless an
annotation keeps the load balancer internal.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._routes import findings
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip
from readiness.model.companions import Service
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# Values of annotations that keep a load balancer within the network of the cluster.
_INTERNAL = (
    ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
    ("service.beta.kubernetes.io/aws-load-balancer-internal", "true"),
    ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
    ("networking.gke.io/load-balancer-type", "internal"),
    ("cloud.google.com/load-balancer-type", "internal"),
    ("service.beta.kubernetes.io/openstack-internal-load-balancer", "true"),
    ("service.beta.kubernetes.io/oci-load-balancer-internal", "true"),
)
# The older way to set spec.loadBalancerSourceRanges: k8s.io/cloud-provider/service/helpers.
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_EVERY_ADDRESS = frozenset({"0.0.0.0/0", "::/0"})

CHECK = Check(
    id="exposed-by-node-port",
    title="Exposed by node port",
    category=Category.NETWORKING,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "A node port or an open load balancer goes past the ingress with its TLS, rate limits and "
        "logs: whoever reaches a node, or its address, reaches the pods."
    ),
    remediation=(
        "Make the Service type: ClusterIP behind an Ingress or a Gateway, or list the clients of "
        "the load balancer in spec.loadBalancerSourceRanges."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Service definitions",
        url="https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each Service that opens the pods to more than the cluster."""
    services = snapshot.services_selecting(workload)
    if not services:
        return Skip("no Service selects the pods")
    messages = []
    for service in services:
        if service.type == "NodePort":
            messages.append(f"{service.title} must have type: ClusterIP (it is NodePort)")
        elif service.type == "LoadBalancer" and _is_open(service):
            messages.append(f"{service.title} must narrow spec.loadBalancerSourceRanges")
    return findings(messages, workload)


def _is_open(service: Service) -> bool:
    annotations = service.annotations
    if any(annotations.get(name, "").lower() == value for name, value in _INTERNAL):
        return False
    ranges = service.source_ranges or annotations.get(_RANGES, "").split(",")
    return any(item.strip() in ("", *_EVERY_ADDRESS) for item in ranges)
