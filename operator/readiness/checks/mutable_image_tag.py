"""An image is named in a way that means another image tomorrow.

Field: image of every init, sidecar and app container: without a tag it means `latest`.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import Check, Outcome, Reference, Scope, finding
from readiness.model.containers import Container, ContainerKind
from readiness.model.image import parse_image
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="mutable-image-tag",
    title="Mutable image tag",
    category=Category.IMAGES,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Pods of one Deployment run different code depending on when their node pulled the image, "
        "a restart can be a rollout, and a rollback brings nothing back."
    ),
    remediation=(
        "Give image the tag of a release, or better its digest: "
        "registry.example.com/shop/web:1.4.2@sha256:..."
    ),
    reference=Reference(
        checklist="Deployment Process: Rollback procedures",
        url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each container whose image has no digest, and no tag but latest."""
    return [
        finding(container, message, "image")
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL and (message := _complaint(container))
    ]


def _complaint(container: Container) -> str:
    reference = container.image
    if not reference.strip():
        return "must set image"
    image = parse_image(reference)
    if image.digest or image.tag not in ("", "latest"):
        return ""
    return f'must set image to a fixed tag or a digest, not "{reference}"'
