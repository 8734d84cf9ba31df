"""Which backup schedules cover a claim.

Velero: by namespace and by the labels of the pods, which bring their claims along. K8up: all claims
of the namespace. CloudNativePG: the pods of the cluster a ScheduledBackup names. snapscheduler: by
namespace and by the labels of the claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TypeAlias

from readiness.checks._claims import Claim
from readiness.model.data_protection import (
    K8upSchedule,
    ScheduledBackup,
    SnapshotSchedule,
    VeleroSchedule,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

Schedule: TypeAlias = VeleroSchedule | K8upSchedule | ScheduledBackup | SnapshotSchedule

SCHEDULE_KINDS = ("Velero Schedule", "K8up Schedule", "ScheduledBackup", "SnapshotSchedule")
# By which CloudNativePG labels the pods of a cluster.
_CLUSTER = "cnpg.io/cluster"


def schedules_of(claim: Claim, workload: Workload, snapshot: Snapshot) -> Iterator[Schedule]:
    """Yield the schedules, at work, that back up a claim of a workload."""
    namespace = workload.namespace
    for velero in snapshot.inventory.companions(VeleroSchedule):
        if _covers(velero, workload):
            yield velero
    for k8up in snapshot.companions(K8upSchedule, namespace):
        if k8up.backs_up:
            yield k8up
    for backup in snapshot.companions(ScheduledBackup, namespace):
        if not backup.suspended and workload.template_labels.get(_CLUSTER) == backup.cluster:
            yield backup
    for snapshots in snapshot.companions(SnapshotSchedule, namespace):
        selector = snapshots.claim_selector
        # A claim that can't be seen is covered only where all are.
        selected = selector.empty if claim.labels is None else selector.matches(claim.labels)
        if selected and not snapshots.disabled:
            yield snapshots


def _covers(schedule: VeleroSchedule, workload: Workload) -> bool:
    if schedule.paused or not schedule.backs_up_volumes:
        return False
    namespace = workload.namespace
    included = schedule.included_namespaces or ("*",)
    if not any(fnmatchcase(namespace, pattern) for pattern in included):
        return False
    if any(fnmatchcase(namespace, pattern) for pattern in schedule.excluded_namespaces):
        return False
    selectors = schedule.label_selectors
    return not selectors or any(s.matches(workload.template_labels) for s in selectors)
