"""A rollout may take down all pods at once.

What maxUnavailable comes to is computed as the controllers do, at the fewest pods the workload may
run. Deployment: maxSurge rounds up, maxUnavailable down; when both come to 0 one pod may be
unavailable (pkg/controller/deployment/util, ResolveFenceposts). StatefulSet: rounds down, at least
1 (pkg/controller/statefulset, getStatefulSetMaxUnavailable). DaemonSet: a percentage of nodes,
rounded up (pkg/controller/daemon, UnavailableCount); how many there are is not known here.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._autoscaling import scaled_to_zero
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    Check,
    Edit,
    Finding,
    Fix,
    Outcome,
    Reference,
    Safety,
    Scope,
    Skip,
    safe,
)
from readiness.model.fields import Fields, int_or_text, mapping, text
from readiness.model.int_or_percent import IntOrPercent, parse_int_or_percent
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_QUARTER = IntOrPercent(25, percent=True)  # apps/v1 defaults of a Deployment
_ONE = IntOrPercent(1, percent=False)  # and of the others

CHECK = Check(
    id="rollout-loses-all-capacity",
    title="Rollout loses all capacity",
    category=Category.ROLLOUT,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "With maxUnavailable as high as the number of pods a rolling update stops all of them "
        "first: each deployment is an outage, and a broken version stays one."
    ),
    remediation=(
        "Set maxUnavailable: 0 and maxSurge: 1 under spec.strategy.rollingUpdate of a Deployment; "
        "maxUnavailable: 1 under spec.updateStrategy.rollingUpdate of the other kinds."
    ),
    reference=Reference(
        checklist="Deployment Process: Rolling updates",
        url="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment",
    ),
    kinds=("Deployment", "StatefulSet", "DaemonSet"),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when the update strategy leaves no pod running at the floor."""
    kind = workload.kind.kind
    key = "strategy" if kind == "Deployment" else "updateStrategy"
    strategy = mapping(workload.spec, key, "spec")
    type_ = text(strategy, "type", f"spec.{key}")
    if type_ not in ("", "RollingUpdate"):
        return Skip(f"strategy {type_} has no maxUnavailable")
    path = f"spec.{key}.rollingUpdate"
    rolling_update = mapping(strategy, "rollingUpdate", f"spec.{key}")
    if kind == "DaemonSet":
        return _judge_daemon_set(rolling_update, path)
    if cannot_tell := unseen(snapshot, "HorizontalPodAutoscaler"):
        return cannot_tell
    if scaled_to_zero(workload, snapshot):
        return Skip("scaled to zero")
    # Scaled to zero by an autoscaler for now, it is judged by a single pod.
    floor = snapshot.replica_floor(workload) or 1
    if kind == "Deployment":
        return _judge_deployment(rolling_update, path, floor)
    return _judge_stateful_set(rolling_update, path, floor)


def _judge_deployment(rolling_update: Fields, path: str, floor: int) -> Outcome:
    max_unavailable = _amount(rolling_update, "maxUnavailable", path, _QUARTER)
    max_surge = _amount(rolling_update, "maxSurge", path, _QUARTER)
    unavailable = max_unavailable.rounded_down(floor)
    cause = f"maxUnavailable: {max_unavailable}"
    if unavailable == 0 and max_surge.rounded_up(floor) == 0:
        unavailable = 1
        cause += f" with maxSurge: {max_surge}"
    if unavailable < floor:
        return PASS
    stopped = "the only pod" if floor == 1 else f"all {floor} pods at once"
    way_out = "set maxUnavailable: 0 and maxSurge: 1"
    edits = [Edit(f"{path}.maxUnavailable", 0)]
    if max_surge.rounded_up(floor) == 0:
        edits.append(Edit(f"{path}.maxSurge", 1))
    fix = Fix(tuple(edits), Safety.UNSAFE, "a rollout waits until there is room for one more pod")
    return [_finding(path, f"{cause} stops {stopped}; {way_out}", fix)]


def _judge_stateful_set(rolling_update: Fields, path: str, floor: int) -> Outcome:
    if floor == 1:
        return Skip("a StatefulSet updates its only pod by stopping it, whatever maxUnavailable")
    max_unavailable = _amount(rolling_update, "maxUnavailable", path, _ONE)
    if max_unavailable.rounded_down(floor) < floor:
        return PASS
    cause = f"maxUnavailable: {max_unavailable}"
    reason = f"{cause} stops all {floor} pods at once; set maxUnavailable: 1"
    return [_finding(path, reason, _one_at_a_time(path))]


def _judge_daemon_set(rolling_update: Fields, path: str) -> Outcome:
    max_unavailable = _amount(rolling_update, "maxUnavailable", path, _ONE)
    if not max_unavailable.percent or max_unavailable.value < 100:
        return PASS
    cause = f"maxUnavailable: {max_unavailable}"
    reason = f"{cause} stops all pods at once; set maxUnavailable: 1"
    return [_finding(path, reason, _one_at_a_time(path))]


def _one_at_a_time(path: str) -> Fix:
    return safe(f"{path}.maxUnavailable", 1, "a rollout stops one pod at a time, and takes longer")


def _finding(path: str, reason: str, fix: Fix) -> Finding:
    message = f"{path} must keep pods running: {reason}"
    return Finding(message, f"{path}.maxUnavailable", fix=fix)


def _amount(fields: Fields, key: str, path: str, default: IntOrPercent) -> IntOrPercent:
    amount = parse_int_or_percent(int_or_text(fields, key, path), f"{path}.{key}")
    return default if amount is None else amount
