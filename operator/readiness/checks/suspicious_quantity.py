"""An amount of memory, CPU or ephemeral storage that nobody can mean: surely a typing error.

Typical ones: `memory: 512m` (half a byte), `memory: 512` (bytes), `cpu: 500` (cores, for `500m`).
Thousandths of a byte are no error by themselves: the API server gives `0.1Gi` back as
`107374182400m`. What was mistyped as `512m` is far below the least that makes sense.
Restricted fields: `resources.requests` and `resources.limits` of app and sidecar containers and of
the pod. Zero is left alone: it means unset.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import (
    Check,
    Edit,
    Finding,
    Fix,
    Outcome,
    Reference,
    Safety,
    Scope,
    finding,
)
from readiness.model.fields import Fields, mapping
from readiness.model.quantity import parse_quantity, quantity
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# The least and the most that make sense, as messages write them. No machine has more than 24Ti of
# memory, no process lives in less than 4Mi, and the API server counts CPU in steps of 1m.
_SENSIBLE = {
    "memory": ("4Mi", "24Ti"),
    "cpu": ("1m", "256"),
    "ephemeral-storage": ("64Ki", "1Pi"),
}
_BOUNDS: dict[str, tuple[Fraction, Fraction]] = {
    resource: (parse_quantity(least), parse_quantity(most))
    for resource, (least, most) in _SENSIBLE.items()
}

CHECK = Check(
    id="suspicious-quantity",
    title="Suspicious quantity",
    category=Category.RESOURCES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "A wrong or missing suffix is a valid quantity: the container is killed at its start for "
        "using more than half a byte of memory, or waits for ever for a node with 500 cores."
    ),
    remediation=(
        "Write memory and ephemeral storage with a binary suffix (256Mi, 2Gi) and CPU in cores "
        "or thousandths of one (0.5, 500m)."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each amount outside the range that makes sense for its resource."""
    findings = []
    pod_path = f"{workload.pod_path}.resources"
    pod_resources = mapping(workload.pod_spec, "resources", workload.pod_path)
    for part in ("requests", "limits"):
        for field_path, fault in _faults(mapping(pod_resources, part, pod_path), pod_path, part):
            fix = _fix(field_path, mapping(pod_resources, part, pod_path))
            findings.append(Finding(f"{field_path} must be {fault}", field_path, fix=fix))
    for container in workload.long_running_containers:
        path = f"{container.path}.resources"
        for part, amounts in (("requests", container.requests), ("limits", container.limits)):
            for field_path, fault in _faults(amounts, path, part):
                field = field_path.removeprefix(f"{container.path}.")
                fix = _fix(field_path, amounts)
                findings.append(finding(container, f"must set {field} to {fault}", field, fix=fix))
    return findings


_LONGEST_FIGURE = 20  # with a suffix it would be out of any bounds, and of those of a quantity


def _fix(field_path: str, amounts: Fields) -> Fix | None:
    """Return what was most likely meant: the same figure with the usual suffix."""
    resource = field_path.rpartition(".")[2]
    figure = str(amounts.get(resource)).removesuffix("m")
    suffix = "m" if resource == "cpu" else "Mi"
    meant = f"{figure}{suffix}"
    least, most = _BOUNDS[resource]
    if (
        not figure.isdecimal()
        or len(figure) > _LONGEST_FIGURE
        or not least <= parse_quantity(meant) <= most
    ):
        return None
    explanation = f"it looks as if {meant} was meant; whoever wrote it has to say so"
    return Fix((Edit(field_path, meant),), Safety.DISPLAY_ONLY, explanation)


def _faults(amounts: Fields, path: str, part: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each amount out of range, with what it has to be instead."""
    for resource, written in amounts.items():
        if resource not in _BOUNDS:
            continue
        field_path = f"{path}.{part}.{resource}"
        amount = quantity(written, field_path)
        if not amount:
            continue
        least, most = _BOUNDS[resource]
        at_least, at_most = _SENSIBLE[resource]
        if amount < least:
            yield field_path, f"{at_least} or more, not {written}"
        elif amount > most:
            yield field_path, f"{at_most} or less, not {written}"
