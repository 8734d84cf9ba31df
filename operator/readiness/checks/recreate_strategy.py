"""Every rollout stops all pods before it starts new ones, or waits for somebody to delete them.

Restricted fields: spec.strategy.type (Deployment), not Recreate; spec.updateStrategy.type
(StatefulSet, DaemonSet), not OnDelete. A Deployment may recreate its pods when they mount a claim
that only one node, or one pod, can use at a time.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    unsafe,
)
from readiness.model.companions import PersistentVolumeClaim
from readiness.model.fields import mapping, mappings, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# The others, ReadWriteOnce and ReadWriteOncePod, are for one node and one pod at a time.
_SHARED = frozenset({"ReadWriteMany", "ReadOnlyMany"})

CHECK = Check(
    id="recreate-strategy",
    title="Recreate strategy",
    category=Category.ROLLOUT,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "Recreate makes each rollout an outage, and one that lasts when the new version does not "
        "start; OnDelete leaves old versions running until somebody remembers them."
    ),
    remediation=(
        "Set the strategy's type to RollingUpdate. A Deployment that must not run two versions at "
        "once for the sake of its volume is better a StatefulSet."
    ),
    reference=Reference(
        checklist="Deployment Process: Rolling updates",
        url="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy",
    ),
    kinds=("Deployment", "StatefulSet", "DaemonSet"),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for Recreate and OnDelete, unless a claim for one node demands the former."""
    deployment = workload.kind.kind == "Deployment"
    key = "strategy" if deployment else "updateStrategy"
    strategy = text(mapping(workload.spec, key, "spec"), "type", f"spec.{key}")
    if strategy != ("Recreate" if deployment else "OnDelete"):
        return PASS
    if deployment and (excuse := _excuse(workload, snapshot)):
        return excuse
    path = f"spec.{key}.type"
    fix = unsafe(path, "RollingUpdate", "two versions run side by side during a rollout")
    return [Finding(f"{path} must be RollingUpdate (it is {strategy})", path, fix=fix)]


def _excuse(workload: Workload, snapshot: Snapshot) -> Skip | CannotTell | None:
    """Return why a Deployment may, or might have to, stop its pods before it starts new ones."""
    unknown = ""
    for path, volume in mappings(workload.pod_spec, "volumes", workload.pod_path):
        source = mapping(volume, "persistentVolumeClaim", path)
        name = text(source, "claimName", f"{path}.persistentVolumeClaim")
        # Other volumes have no name here, and no claim is found by none.
        claim = snapshot.companion(PersistentVolumeClaim, workload.namespace, name)
        if claim is None:
            unknown = unknown or name
        elif _SHARED.isdisjoint(claim.access_modes):
            return Skip(f'claim "{name}" can be used by one node at a time')
    if not unknown:
        return None
    cannot_tell = unseen(snapshot, "PersistentVolumeClaim")
    return cannot_tell or Skip(f'claim "{unknown}" is not known and may be for one node at a time')
