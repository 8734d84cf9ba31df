"""A manifest uses an API version that the target cluster has removed or will remove.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from readiness.api.vocabulary import Category, Severity
from readiness.checks._budgets import labels_path
from readiness.checks.base import (
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
from readiness.model.companion import Companion
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import ObjectRef, Workload


class _Successor(NamedTuple):
    """What to use instead of an API version, and from when to when both are there."""

    api_version: str
    since: tuple[int, int]
    removed: tuple[int, int]


_APPS = _Successor("apps/v1", (1, 9), (1, 16))
_AUTOSCALING = "autoscaling/v2"
_INGRESS = _Successor("networking.k8s.io/v1", (1, 19), (1, 22))

_SUCCESSORS = {
    ("Deployment", "extensions/v1beta1"): _APPS,
    ("Deployment", "apps/v1beta1"): _APPS,
    ("Deployment", "apps/v1beta2"): _APPS,
    ("DaemonSet", "extensions/v1beta1"): _APPS,
    ("DaemonSet", "apps/v1beta2"): _APPS,
    ("ReplicaSet", "extensions/v1beta1"): _APPS,
    ("ReplicaSet", "apps/v1beta2"): _APPS,
    ("StatefulSet", "apps/v1beta1"): _APPS,
    ("StatefulSet", "apps/v1beta2"): _APPS,
    ("CronJob", "batch/v2alpha1"): _Successor("batch/v1", (1, 21), (1, 21)),
    ("CronJob", "batch/v1beta1"): _Successor("batch/v1", (1, 21), (1, 25)),
    ("PodDisruptionBudget", "policy/v1beta1"): _Successor("policy/v1", (1, 21), (1, 25)),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta1"): _Successor(_AUTOSCALING, (1, 23), (1, 25)),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta2"): _Successor(_AUTOSCALING, (1, 23), (1, 26)),
    ("Ingress", "extensions/v1beta1"): _INGRESS,
    ("Ingress", "networking.k8s.io/v1beta1"): _INGRESS,
    ("NetworkPolicy", "extensions/v1beta1"): _Successor("networking.k8s.io/v1", (1, 8), (1, 16)),
}
_REPLACED = frozenset(api_version for _, api_version in _SUCCESSORS)

CHECK = Check(
    id="deprecated-api-version",
    title="Deprecated API version",
    category=Category.ROLLOUT,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "The API server refuses a manifest in a version it has removed: the next deployment after "
        "the upgrade of the cluster fails, and so does a rollback."
    ),
    remediation=(
        "Change apiVersion to the one named, and the fields that changed with it as the linked "
        "guide says; `kubectl convert` does both."
    ),
    reference=Reference(
        checklist="Environment Management: Configuration management",
        url="https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for the version of the workload and of what belongs to it."""
    if snapshot.origin is Origin.CLUSTER:
        return Skip("the API server serves the current version")
    findings = []
    version = snapshot.kubernetes_version
    if change := _change(workload.kind.kind, workload.api_version, version):
        to = _SUCCESSORS[workload.kind.kind, workload.api_version].api_version
        explanation = "fields and their defaults differ between versions"
        fix = Fix((Edit("apiVersion", to),), Safety.DISPLAY_ONLY, explanation)
        findings.append(Finding(f"apiVersion must be {change}", "apiVersion", fix=fix))
    for companion in _companions(workload, snapshot):
        if companion.api_version not in _REPLACED:
            continue
        if change := _change(companion.ref.kind, companion.api_version, version):
            message = f"{companion.title} must use apiVersion {change}"
            findings.append(Finding(message, labels_path(workload)))
    return findings


def _companions(workload: Workload, snapshot: Snapshot) -> Iterator[Companion]:
    """Yield what selects, scales or routes to the workload."""
    namespace = workload.namespace
    yield from snapshot.budgets_selecting(workload)
    yield from snapshot.autoscalers_of(workload.ref)
    yield from snapshot.network_policies_selecting(workload)
    routes: dict[ObjectRef, Companion] = {}
    for service in snapshot.services_selecting(workload):
        routes.update(
            (route.ref, route) for route in snapshot.inventory.routes_to(namespace, service.name)
        )
    yield from routes.values()


def _change(kind: str, api_version: str, version: tuple[int, int]) -> str:
    """Return what to write instead and why; empty when nothing is wrong at that version."""
    successor = _SUCCESSORS.get((kind, api_version))
    if successor is None or version < successor.since:
        return ""
    major, minor = successor.removed
    verb = "was removed in" if version >= successor.removed else "is deprecated and goes with"
    return f"{successor.api_version}: {api_version} {verb} Kubernetes {major}.{minor}"
