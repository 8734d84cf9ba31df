"""The resources the operator reads or writes."""

from __future__ import annotations

from readiness.api.vocabulary import GROUP, VERSION
from readiness.kube.client import ResourceKind
from readiness.model.companions import COMPANION_KINDS
from readiness.model.workload import WATCHED_KINDS

WORKLOADS = {kind: ResourceKind("apps", "v1", kind, f"{kind.lower()}s") for kind in WATCHED_KINDS}
COMPANIONS = {
    (kind.group, kind.kind): ResourceKind(
        kind.group, kind.version, kind.kind, kind.plural, kind.namespaced
    )
    for kind in COMPANION_KINDS.values()
    if not kind.offline_only
}
# Those that come with definitions of other projects.
OPTIONAL = frozenset(COMPANIONS[key] for key, kind in COMPANION_KINDS.items() if kind.optional)


def unavailable_key(kind: ResourceKind) -> str:
    """Return the key of a kind in `Snapshot.unavailable`: some kinds share their name."""
    companion = COMPANION_KINDS.get((kind.group, kind.kind))
    return companion.key if companion is not None else kind.kind


POLICIES = ResourceKind(GROUP, VERSION, "ReadinessPolicy", "readinesspolicies", namespaced=False)
EXEMPTIONS = ResourceKind(GROUP, VERSION, "ReadinessExemption", "readinessexemptions")
EVIDENCE = ResourceKind(GROUP, VERSION, "ReadinessEvidence", "readinessevidences")
CUSTOM_RESOURCE_DEFINITIONS = ResourceKind(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)

# Groups whose objects concern workloads of their own namespace alone. Others may lie elsewhere: a
# Gateway, a Schedule of Velero, a rule of Prometheus.
KEEP_TO_THEIR_NAMESPACE = frozenset(
    {"", "apps", "autoscaling", "policy", "networking.k8s.io", GROUP}
)

# All that the verdict on a workload depends on, and the workloads themselves.
WATCHED: tuple[ResourceKind, ...] = (
    POLICIES,
    EXEMPTIONS,
    EVIDENCE,
    *COMPANIONS.values(),
    *WORKLOADS.values(),
)
