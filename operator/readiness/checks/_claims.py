"""The persistent claims of a workload: those its pods mount and those made for each of its pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from readiness.model.companions import PersistentVolumeClaim
from readiness.model.fields import Fields, mapping, mappings, optional_mapping, text, text_map
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


class Claim(Struct, frozen=True):
    """One claim.

    Attributes:
        name: of the claim, or of the template it is made from.
        path: the field that names it or holds its spec.
        labels: its labels; None when the claim can't be seen.
        storage_class: the class it names; None when it names none.
    """

    name: str
    path: str
    labels: Mapping[str, str] | None
    storage_class: str | None


def persistent_claims(workload: Workload, snapshot: Snapshot) -> list[Claim]:
    """Return the claims whose data outlives the pods."""
    claims = []
    templates: set[str] = set()
    if workload.kind.kind == "StatefulSet":
        for path, template in mappings(workload.spec, "volumeClaimTemplates", "spec"):
            metadata = mapping(template, "metadata", path)
            name = text(metadata, "name", f"{path}.metadata")
            templates.add(name)
            claims.append(_from_template(name, template, path))
    for path, volume in _volumes(workload):
        source = optional_mapping(volume, "persistentVolumeClaim", path)
        # A StatefulSet replaces a volume that has the name of one of its claim templates.
        if source is None or text(volume, "name", path) in templates:
            continue
        source_path = f"{path}.persistentVolumeClaim"
        name = text(source, "claimName", source_path)
        claim = snapshot.companion(PersistentVolumeClaim, workload.namespace, name)
        claims.append(
            Claim(name, f"{source_path}.claimName", None, None)
            if claim is None
            else Claim(name, f"{source_path}.claimName", claim.labels, claim.storage_class)
        )
    return claims


def ephemeral_claims(workload: Workload) -> Iterator[Claim]:
    """Yield the claims that live and die with a pod."""
    for path, volume in _volumes(workload):
        source = optional_mapping(volume, "ephemeral", path)
        if source is not None:
            template = mapping(source, "volumeClaimTemplate", f"{path}.ephemeral")
            name = text(volume, "name", path)
            yield _from_template(name, template, f"{path}.ephemeral.volumeClaimTemplate")


def _volumes(workload: Workload) -> list[tuple[str, Fields]]:
    return mappings(workload.pod_spec, "volumes", workload.pod_path)


def _from_template(name: str, template: Fields, path: str) -> Claim:
    metadata = mapping(template, "metadata", path)
    spec = mapping(template, "spec", path)
    named = spec.get("storageClassName") is not None
    return Claim(
        name,
        path,
        text_map(metadata, "labels", f"{path}.metadata"),
        text(spec, "storageClassName", f"{path}.spec") if named else None,
    )
