"""An image comes from a registry that the policy does not list.

Field: image of every init, sidecar and app container. Names are completed as container runtimes
complete them: `nginx` is docker.io/library/nginx.
"""

from __future__ import annotations

from dataclasses import dataclass

from readiness.api.vocabulary import Category
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip, finding
from readiness.model.containers import ContainerKind
from readiness.model.image import parse_image
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class ImageRegistryParams:
    """Parameters of image-registry-not-allowed.

    Attributes:
        registries: registries that images may come from, such as registry.example.com, or parts
            of one, such as docker.io/library.
    """

    registries: tuple[str, ...] = ()


CHECK = Check(
    id="image-registry-not-allowed",
    title="Image registry not allowed",
    category=Category.IMAGES,
    severity=None,
    scope=Scope.INTRINSIC,
    params=ImageRegistryParams,
    rationale=(
        "Images from registries nobody answers for are neither scanned nor kept: they can change, "
        "vanish or be rate limited in the middle of an incident."
    ),
    remediation=(
        "Copy the image to a registry that params.registries lists and set image to it there, or "
        "have the registry added to the policy."
    ),
    reference=Reference(
        checklist="Container Security: Security scanning",
        url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: ImageRegistryParams) -> Outcome:
    """Fail for each image that begins with none of the listed registries."""
    if not params.registries:
        return Skip("no registries are listed in params.registries")
    prefixes = tuple(f"{_canonical(entry.rstrip('/'))}/" for entry in params.registries)
    return [
        finding(
            container,
            f'must set image to one from an allowed registry, not "{container.image}"',
            "image",
        )
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        and container.image.strip()
        and not f"{_full_name(container.image)}/".startswith(prefixes)
    ]


def _full_name(reference: str) -> str:
    image = parse_image(reference)
    name = _canonical(f"{image.registry}/{image.repository}")
    if name.startswith("docker.io/") and name.count("/") == 1:
        return name.replace("/", "/library/")
    return name


def _canonical(name: str) -> str:
    host, slash, rest = name.partition("/")
    host = host.lower()
    return f"{'docker.io' if host == 'index.docker.io' else host}{slash}{rest}"
