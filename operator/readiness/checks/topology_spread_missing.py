"""All pods of a workload may land on one host or in one zone.

Either of these spreads them, when its topologyKey is a host, zone or region and its labelSelector
matches the pods themselves (absent, it matches none; empty, all):
spec.topologySpreadConstraints; spec.affinity.podAntiAffinity, required or preferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scalers_of
from readiness.checks.base import (
    PASS,
    SCALABLE_KINDS,
    Check,
    Edit,
    Finding,
    Fix,
    Outcome,
    Reference,
    Safety,
    Scope,
    Skip,
)
from readiness.model.fields import Fields, mapping, mappings, optional_mapping, sequence, text
from readiness.model.label_selector import parse_label_selector
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# https://kubernetes.io/docs/reference/labels-annotations-taints/, the last two deprecated
_TOPOLOGY_KEYS = frozenset(
    {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
    }
)
_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")

CHECK = Check(
    id="topology-spread-missing",
    title="Topology spread missing",
    category=Category.DISRUPTION,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "The scheduler may put all pods on one node or in one zone; its failure then takes down "
        "the whole workload, however many replicas there are."
    ),
    remediation=(
        "Add to spec.template.spec.topologySpreadConstraints an entry with maxSkew: 1, "
        "topologyKey: topology.kubernetes.io/zone (or kubernetes.io/hostname), "
        "whenUnsatisfiable: ScheduleAnyway and a labelSelector that matches the pods' own labels."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail without a spread constraint or anti-affinity that concerns the pods themselves.

    A workload of one pod has nothing to spread. Its autoscaler, where one is known, may raise it:
    then it is judged whatever the number at the moment.
    """
    if (workload.replicas or 0) <= 1 and not scalers_of(workload, snapshot):
        return Skip("scaled to zero" if workload.replicas == 0 else "it runs a single pod")
    mismatched = ""
    for path, term in _terms(workload):
        if text(term, "topologyKey", path) not in _TOPOLOGY_KEYS:
            continue
        if _selects_own_pods(workload, term, path):
            return PASS
        mismatched = mismatched or path
    if mismatched:
        selector = f"{mismatched}.labelSelector"
        return [Finding(f"{selector} must select its own pods", selector)]
    path = f"{workload.pod_path}.topologySpreadConstraints"
    return [Finding(f"must set {path} over hosts or zones", path, fix=_fix(workload, path))]


def _fix(workload: Workload, path: str) -> Fix | None:
    labels = workload.template_labels
    selector = workload.spec.get("selector")
    chosen = selector.get("matchLabels") if isinstance(selector, dict) else None
    if isinstance(chosen, dict) and chosen and chosen.items() <= labels.items():
        labels = chosen  # the labels that never change, those of the version left out
    if not labels:
        return None
    first = len(sequence(workload.pod_spec, "topologySpreadConstraints", workload.pod_path))
    edits = [
        Edit(
            f"{path}[{index}]",
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {**labels}},
            },
        )
        for index, key in enumerate(_SPREAD_OVER, first)
    ]
    explanation = "ScheduleAnyway prefers other hosts and zones, and keeps no pod from running"
    return Fix(tuple(edits), Safety.SAFE, explanation)


def _terms(workload: Workload) -> Iterator[tuple[str, Fields]]:
    """Yield spread constraints and anti-affinity terms, each with its field path."""
    yield from mappings(workload.pod_spec, "topologySpreadConstraints", workload.pod_path)
    affinity = mapping(workload.pod_spec, "affinity", workload.pod_path)
    path = f"{workload.pod_path}.affinity.podAntiAffinity"
    anti_affinity = mapping(affinity, "podAntiAffinity", f"{workload.pod_path}.affinity")
    yield from mappings(anti_affinity, "requiredDuringSchedulingIgnoredDuringExecution", path)
    preferred = mappings(anti_affinity, "preferredDuringSchedulingIgnoredDuringExecution", path)
    for term_path, term in preferred:
        yield f"{term_path}.podAffinityTerm", mapping(term, "podAffinityTerm", term_path)


def _selects_own_pods(workload: Workload, term: Fields, path: str) -> bool:
    selector = optional_mapping(term, "labelSelector", path)
    if selector is None:
        return False
    return parse_label_selector(selector, f"{path}.labelSelector").matches(workload.template_labels)
