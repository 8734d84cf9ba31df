"""ConfigMaps, Secrets, claims and ServiceAccounts that a workload needs by name.

Fields: `env[].valueFrom` and `envFrom[]` of every container; `configMap`, `secret`, `projected` and
`persistentVolumeClaim` volumes; `serviceAccountName`. Left out is what does not keep a pod from
starting (`imagePullSecrets`), and what others resolve (secrets that storage drivers use).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from readiness.checks._service_account import service_account_name
from readiness.checks.base import Finding, finding
from readiness.model.containers import Container
from readiness.model.fields import Fields, boolean, mapping, mappings, optional_mapping, text
from readiness.model.workload import Workload

# What the field with the name is called where it is not `name`.
_NAME_KEYS = ("secretName", "claimName")


class ConfigReference(Struct, frozen=True):
    """One object that a workload needs.

    Attributes:
        kind: ConfigMap, Secret, PersistentVolumeClaim or ServiceAccount.
        name: its name.
        path: the field that names it.
        place: how messages call the place: `env "MODE"`, `volume "config"`.
        keys: keys it must have, each with the field that names it.
        container: the container that needs it; None when the pod does.
        optional: whether the pod starts without it.
    """

    kind: str
    name: str
    path: str
    place: str
    keys: tuple[tuple[str, str], ...] = ()
    container: Container | None = None
    optional: bool = False

    def fault(self, what: str, wrong: str, path: str) -> Finding:
        """Return the finding that, in the place of this reference, `wrong` should be `what`."""
        if self.container is None:
            return Finding(f'{self.place} must name {what}, not "{wrong}"', path)
        field = path.removeprefix(f"{self.container.path}.")
        return finding(self.container, f'must name {what} in {self.place}, not "{wrong}"', field)


def config_references(workload: Workload) -> Iterator[ConfigReference]:
    """Yield what the workload refers to, its volumes before its containers."""
    account = service_account_name(workload)
    field = (
        "serviceAccountName" if workload.pod_spec.get("serviceAccountName") else "serviceAccount"
    )
    path = f"{workload.pod_path}.{field}"
    yield ConfigReference("ServiceAccount", account, path, path)
    for path, volume in mappings(workload.pod_spec, "volumes", workload.pod_path):
        yield from _of_volume(workload, volume, path)
    for container in workload.containers:
        for path, source in mappings(container.fields, "envFrom", container.path):
            place = path.removeprefix(f"{container.path}.")
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                yield from _named(kind, source, key, path, place, container)
        for path, variable in container.env:
            yield from _of_variable(container, variable, path)


def _of_variable(container: Container, variable: Fields, path: str) -> Iterator[ConfigReference]:
    place = f'env "{text(variable, "name", path)}"'
    value_from = mapping(variable, "valueFrom", path)
    if not value_from:
        return
    for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        yield from _named(kind, value_from, key, f"{path}.valueFrom", place, container)


def _of_volume(workload: Workload, volume: Fields, path: str) -> Iterator[ConfigReference]:
    name = text(volume, "name", path)
    place = f'volume "{name}"'
    yield from _named("ConfigMap", volume, "configMap", path, place)
    yield from _named("Secret", volume, "secret", path, place)
    projected = mapping(volume, "projected", path)
    for source_path, source in mappings(projected, "sources", f"{path}.projected"):
        yield from _named("ConfigMap", source, "configMap", source_path, place)
        yield from _named("Secret", source, "secret", source_path, place)
    # A StatefulSet replaces a volume that has the name of one of its claim templates.
    if name not in _claim_templates(workload):
        yield from _named("PersistentVolumeClaim", volume, "persistentVolumeClaim", path, place)


def _claim_templates(workload: Workload) -> set[str]:
    if workload.kind.kind != "StatefulSet":
        return set()
    templates = mappings(workload.spec, "volumeClaimTemplates", "spec")
    return {
        text(mapping(template, "metadata", path), "name", f"{path}.metadata")
        for path, template in templates
    }


def _named(
    kind: str,
    parent: Fields,
    key: str,
    path: str,
    place: str,
    container: Container | None = None,
) -> Iterator[ConfigReference]:
    """Yield the reference at `parent[key]`, if there is one."""
    fields = optional_mapping(parent, key, path)
    if fields is None:
        return
    path = f"{path}.{key}"
    name_key = next((key for key in _NAME_KEYS if fields.get(key) is not None), "name")
    keys = [
        (text(item, "key", item_path), f"{item_path}.key")
        for item_path, item in mappings(fields, "items", path)
    ]
    own_key = text(fields, "key", path)
    if own_key:
        keys.append((own_key, f"{path}.key"))
    yield ConfigReference(
        kind,
        text(fields, name_key, path),
        f"{path}.{name_key}",
        place,
        tuple(keys),
        container,
        optional=bool(boolean(fields, "optional", path)),
    )
