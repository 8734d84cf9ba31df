"""What protects data: schedules of backups, and storage classes, which encrypt or do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from readiness.model.companion import Companion
from readiness.model.fields import (
    Fields,
    boolean,
    mapping,
    mappings,
    optional_mapping,
    text,
    text_map,
    texts,
    timestamp,
)
from readiness.model.label_selector import LabelSelector, parse_label_selector
from readiness.model.workload import ObjectRef

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_CLASS_BETA = "storageclass.beta.kubernetes.io/is-default-class"
# Resources that bring volumes along, as Velero lets people write them.
_VOLUME_RESOURCES = frozenset(
    ("*", "pods", "pod", "po", "persistentvolumeclaims", "persistentvolumeclaim", "pvc")
)


class VeleroSchedule(Companion, frozen=True):
    """A Schedule of Velero.

    Attributes:
        paused: whether it makes no backups for now.
        included_namespaces, excluded_namespaces: names or patterns with `*`; none included means
            all.
        label_selectors: one of them has to match; none means all objects.
        backs_up_volumes: whether it saves the content of volumes and not only objects.
        created: when it was stored; None offline.
        last_backup: when it last made a backup; None if never, and offline.
    """

    paused: bool
    included_namespaces: tuple[str, ...]
    excluded_namespaces: tuple[str, ...]
    label_selectors: tuple[LabelSelector, ...]
    backs_up_volumes: bool
    created: datetime | None
    last_backup: datetime | None


class K8upSchedule(Companion, frozen=True):
    """A Schedule of K8up: it backs up the claims of its namespace."""

    backs_up: bool


class PostgresCluster(Companion, frozen=True):
    """A Cluster of CloudNativePG."""

    last_backup: datetime | None


class ScheduledBackup(Companion, frozen=True):
    """A ScheduledBackup of CloudNativePG; `cluster` is the name of the Cluster it backs up."""

    cluster: str
    suspended: bool
    created: datetime | None


class SnapshotSchedule(Companion, frozen=True):
    """A SnapshotSchedule of snapscheduler: VolumeSnapshots of claims, selected by their labels."""

    claim_selector: LabelSelector
    disabled: bool
    created: datetime | None
    last_backup: datetime | None


class StorageClass(Companion, frozen=True):
    """A StorageClass; `default` is whether claims that name no class get it."""

    parameters: Mapping[str, str]
    default: bool
    created: datetime | None


def parse_velero_schedule(document: Fields, ref: ObjectRef) -> VeleroSchedule:
    """Read a Schedule of velero.io/v1."""
    spec = mapping(document, "spec", "")
    path = "spec.template"
    template = mapping(spec, "template", "spec")
    selectors = mappings(template, "orLabelSelectors", path)
    single = optional_mapping(template, "labelSelector", path)
    if single:
        selectors = [*selectors, (f"{path}.labelSelector", single)]
    return VeleroSchedule(
        ref,
        paused=bool(boolean(spec, "paused", "spec")),
        included_namespaces=tuple(texts(template, "includedNamespaces", path)),
        excluded_namespaces=tuple(texts(template, "excludedNamespaces", path)),
        label_selectors=tuple(parse_label_selector(s, p) for p, s in selectors),
        backs_up_volumes=_backs_up_volumes(template, path),
        created=_created(document),
        last_backup=timestamp(mapping(document, "status", ""), "lastBackup", "status"),
    )


def _backs_up_volumes(template: Fields, path: str) -> bool:
    # Velero takes either the plain fields or those with a scope, never both.
    included, excluded = (
        [
            *texts(template, f"{what}Resources", path),
            *texts(template, f"{what}NamespaceScopedResources", path),
        ]
        for what in ("included", "excluded")
    )
    if included and _VOLUME_RESOURCES.isdisjoint(included):
        return False
    if not (_VOLUME_RESOURCES - {"pods", "pod", "po"}).isdisjoint(excluded):
        return False
    # Unset, volumes are snapshotted wherever a snapshot location is set up.
    if boolean(template, "snapshotVolumes", path) is not False:
        return True
    return bool(
        boolean(template, "defaultVolumesToFsBackup", path)
        or boolean(template, "defaultVolumesToRestic", path)  # its name before Velero 1.10
    )


def parse_k8up_schedule(document: Fields, ref: ObjectRef) -> K8upSchedule:
    """Read a Schedule of k8up.io/v1; it may also only check or prune."""
    spec = mapping(document, "spec", "")
    return K8upSchedule(ref, bool(text(mapping(spec, "backup", "spec"), "schedule", "spec.backup")))


def parse_postgres_cluster(document: Fields, ref: ObjectRef) -> PostgresCluster:
    """Read a Cluster of postgresql.cnpg.io/v1."""
    status = mapping(document, "status", "")
    return PostgresCluster(ref, timestamp(status, "lastSuccessfulBackup", "status"))


def parse_scheduled_backup(document: Fields, ref: ObjectRef) -> ScheduledBackup:
    """Read a ScheduledBackup of postgresql.cnpg.io/v1."""
    spec = mapping(document, "spec", "")
    return ScheduledBackup(
        ref,
        cluster=text(mapping(spec, "cluster", "spec"), "name", "spec.cluster"),
        suspended=bool(boolean(spec, "suspend", "spec")),
        created=_created(document),
    )


def parse_snapshot_schedule(document: Fields, ref: ObjectRef) -> SnapshotSchedule:
    """Read a SnapshotSchedule of snapscheduler.backube/v1."""
    spec = mapping(document, "spec", "")
    return SnapshotSchedule(
        ref,
        claim_selector=parse_label_selector(
            mapping(spec, "claimSelector", "spec"), "spec.claimSelector"
        ),
        disabled=bool(boolean(spec, "disabled", "spec")),
        created=_created(document),
        last_backup=timestamp(mapping(document, "status", ""), "lastSnapshotTime", "status"),
    )


def parse_storage_class(document: Fields, ref: ObjectRef) -> StorageClass:
    """Read a StorageClass."""
    annotations = text_map(mapping(document, "metadata", ""), "annotations", "metadata")
    return StorageClass(
        ref,
        parameters=text_map(document, "parameters", ""),
        default=any(annotations.get(k) == "true" for k in (_DEFAULT_CLASS, _DEFAULT_CLASS_BETA)),
        created=_created(document),
    )


def _created(document: Fields) -> datetime | None:
    return timestamp(mapping(document, "metadata", ""), "creationTimestamp", "metadata")
