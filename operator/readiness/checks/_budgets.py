"""The pods a PodDisruptionBudget counts, over all workloads it matches.

The disruption controller adds up the scale of every controller that owns a matched pod, for
maxUnavailable and for percentages; a controller without a scale (DaemonSet, Job) makes that fail, a
bare Pod is left out, and yet is one more healthy pod: the budget allows one eviction more. For a
whole number of minAvailable it counts the matched pods themselves.
Source: k8s.io/kubernetes/pkg/controller/disruption/disruption.go (getExpectedPodCount,
getExpectedScale, failSafe).
"""

from __future__ import annotations

from msgspec import Struct

from readiness.model.companions import Condition, DisruptionBudget
from readiness.model.inventory import WorkloadRecord
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload


class Matched(Struct, frozen=True):
    """What a budget matches.

    Attributes:
        pods: the fewest pods it will count; where all its workloads may go down to zero, those
            they have now.
        uncounted: bare Pods beside them, which it leaves out.
        workloads: how many workloads these pods are of.
        autoscaled: whether an autoscaler decides on that number.
        without_scale: matched DaemonSets, Jobs and CronJobs, as messages name them.
        has_daemon_set: whether one of these is a DaemonSet, whose pods are as many as its nodes.
    """

    pods: int
    uncounted: int
    workloads: int
    autoscaled: bool
    without_scale: tuple[str, ...]
    has_daemon_set: bool


def matched_by(budget: DisruptionBudget, snapshot: Snapshot) -> Matched:
    """Add up what a budget matches; remembered, since each of its workloads asks."""
    return snapshot.inventory.derived(
        ("matched by budget", budget.ref), lambda: _add_up(budget, snapshot)
    )


def _add_up(budget: DisruptionBudget, snapshot: Snapshot) -> Matched:
    records = snapshot.workloads_matched_by(budget)
    scaled = [record for record in records if record.replicas is not None]
    without_scale = [r for r in records if r.replicas is None and r.ref.kind != "Pod"]
    floors = [snapshot.replica_floor(record) or 0 for record in scaled]
    pods = sum(floors)
    all_bare_pods = len(records) - len(scaled) - len(without_scale)
    bare_pods = 0 if budget.counts_scale else all_bare_pods
    if pods + bare_pods == 0:
        floors = [record.replicas or 0 for record in scaled]
        pods = sum(floors)
    return Matched(
        pods=pods + bare_pods,
        uncounted=all_bare_pods - bare_pods,
        workloads=sum(floor > 0 for floor in floors) + bare_pods,
        autoscaled=any(floor != r.replicas for floor, r in zip(floors, scaled, strict=True)),
        without_scale=tuple(sorted(_title(record) for record in without_scale)),
        has_daemon_set=any(record.ref.kind == "DaemonSet" for record in without_scale),
    )


def _title(record: WorkloadRecord) -> str:
    return f'{record.ref.kind} "{record.ref.name}"'


def sync_failure(budget: DisruptionBudget, snapshot: Snapshot) -> Condition | None:
    """Return the condition by which the controller says that it can't work with a budget."""
    if snapshot.origin is not Origin.CLUSTER:
        return None
    for condition in budget.conditions:
        if condition.type == "DisruptionAllowed" and condition.reason == "SyncFailed":
            return condition
    return None


def labels_path(workload: Workload) -> str:
    """Return the path of the labels by which budgets select the pods."""
    return f"{workload.template_metadata_path}.labels"
