"""Pods compete for nodes with the lowest priority there is by default."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope
from readiness.model.fields import text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="priority-class-missing",
    title="Priority class missing",
    category=Category.DISRUPTION,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "When a cluster runs full, pods without a priority class stay pending, and are preempted "
        "or evicted first, production or not."
    ),
    remediation=(
        "Set priorityClassName in the pod spec to a PriorityClass of the cluster for production "
        "workloads (`kubectl get priorityclasses`)."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when the pod spec names no priority class."""
    if text(workload.pod_spec, "priorityClassName", workload.pod_path):
        return PASS
    path = f"{workload.pod_path}.priorityClassName"
    return [Finding(f"must set {path}", path)]
