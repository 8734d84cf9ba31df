"""A fixed number of replicas fights the autoscaler at every deployment.

In a cluster spec.replicas is always set: the API server defaults it to 1 and autoscalers write it
through the scale subresource. Who else sets it is in metadata.managedFields: an entry without
`subresource: scale` that owns f:spec.f:replicas. One that did not apply but sent the whole object
owns the default too, so of `replicas: 1` there it can't be told who wanted it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import Scaler, scaled_to_zero, scalers_of
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    REMOVED,
    SCALABLE_KINDS,
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    unsafe,
)
from readiness.model.fields import integer, mapping, mappings, text
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="static-replicas-with-autoscaler",
    title="Static replicas with autoscaler",
    category=Category.AUTOSCALING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "Each deployment sets the number of pods back to the one in the manifest, in the middle of "
        "the peak too, until the autoscaler has noticed and raised it again."
    ),
    remediation=(
        "Leave spec.replicas out of the manifest; to hand it over without a dip, follow the steps "
        "of the page linked here. In Helm charts, render it only when autoscaling is off."
    ),
    reference=Reference(
        checklist="Scaling Configuration: Scaling policies",
        url="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
    ),
    kinds=SCALABLE_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when someone other than the scale subresource sets spec.replicas."""
    scalers = scalers_of(workload, snapshot)
    if not scalers:
        return unseen(snapshot, "HorizontalPodAutoscaler") or Skip("no autoscaler scales it")
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    if snapshot.origin is Origin.CLUSTER:
        return _judge_managers(workload, scalers[0])
    if integer(workload.spec, "replicas", "spec") is None:
        return PASS
    message = f"spec.replicas must be left out: {scalers[0].title} sets it"
    # Client-side apply takes the field away, and the API server fills in its default.
    fix = unsafe("spec.replicas", REMOVED, "the first `kubectl apply` without it scales to 1")
    return [Finding(message, "spec.replicas", fix=fix)]


def _judge_managers(workload: Workload, scaler: Scaler) -> Outcome:
    if workload.metadata.get("managedFields") is None:
        return CannotTell("metadata.managedFields does not say who sets spec.replicas")
    owners = sorted(set(_owners(workload)))
    if not owners:
        return PASS
    if workload.replicas == 1 and not any(applied for _, applied in owners):
        # Whoever creates an object owns what the API server filled in, too. Not an error: it would
        # be one for every workload that does it right, until its autoscaler scales it first.
        return Skip("spec.replicas is 1, which may be the default or set on purpose")
    return [
        Finding(
            f'field manager "{manager}" must leave spec.replicas out: {scaler.title} sets it',
            "spec.replicas",
        )
        for manager in dict(owners)
    ]


def _owners(workload: Workload) -> Iterator[tuple[str, bool]]:
    """Yield who owns spec.replicas but for the scale subresource, and whether by applying it."""
    for path, entry in mappings(workload.metadata, "managedFields", "metadata"):
        if text(entry, "subresource", path) == "scale":
            continue
        fields = mapping(entry, "fieldsV1", path)
        if "f:replicas" in mapping(fields, "f:spec", f"{path}.fieldsV1"):
            yield text(entry, "manager", path), text(entry, "operation", path) == "Apply"
