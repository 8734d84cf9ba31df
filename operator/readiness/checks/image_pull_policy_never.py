"""An image is never pulled.

Field: imagePullPolicy of every init, sidecar and app container.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import (
    Check,
    Outcome,
    Reference,
    Scope,
    finding,
    safe,
)
from readiness.model.containers import ContainerKind
from readiness.model.fields import text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="image-pull-policy-never",
    title="Image pull policy Never",
    category=Category.IMAGES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "The pod starts only on nodes that happen to have the image: on a new node, and after the "
        "kubelet cleans up, it fails with ErrImageNeverPull."
    ),
    remediation=(
        "Remove imagePullPolicy: Never; IfNotPresent is right for a fixed tag or a digest, and "
        "the default for it."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each container whose image is never pulled."""
    return [
        finding(
            container,
            "must not set imagePullPolicy: Never",
            "imagePullPolicy",
            fix=safe(
                f"{container.path}.imagePullPolicy",
                "IfNotPresent",
                "a node that has the image goes on using it",
            ),
        )
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        and text(container.fields, "imagePullPolicy", container.path) == "Never"
    ]
