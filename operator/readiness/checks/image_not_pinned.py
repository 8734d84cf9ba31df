"""An image is named by a tag, which its owner can move.

Field: image of every init, sidecar and app container. Only a digest, sha256 or sha512, names one
image for ever.
"""

from __future__ import annotations

import re
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import Check, Outcome, Reference, Scope, finding
from readiness.model.containers import ContainerKind
from readiness.model.image import parse_image
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="image-not-pinned",
    title="Image not pinned",
    category=Category.IMAGES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "A tag can be pushed again, by mistake or by an attacker: what was scanned and tested is "
        "then not what runs."
    ),
    remediation=(
        "Append the digest of the image to its tag, as in "
        "registry.example.com/shop/web:1.4.2@sha256:..., and let a bot keep both current."
    ),
    reference=Reference(
        checklist="Container Security: Security scanning",
        url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    ),
)

# Source: github.com/opencontainers/image-spec/descriptor.md.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each image without a digest; one that is not set is mutable-image-tag's finding."""
    return [
        finding(
            container,
            f'must pin image by a sha256 or sha512 digest, not "{container.image}"',
            "image",
        )
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        and container.image.strip()
        and not ("@" in container.image and _DIGEST.fullmatch(parse_image(container.image).digest))
    ]
