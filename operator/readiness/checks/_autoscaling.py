"""What scales a workload, in one list.

KEDA makes a HorizontalPodAutoscaler of each ScaledObject. Where both can be seen only the
ScaledObject counts: it is what people write, and KEDA undoes changes of the other.
"""

from __future__ import annotations

from typing import TypeAlias

from readiness.model.companions import Autoscaler, ScaledObject
from readiness.model.snapshot import RunsPods, Snapshot

Scaler: TypeAlias = Autoscaler | ScaledObject


def scalers_of(workload: RunsPods, snapshot: Snapshot) -> list[Scaler]:
    """Return the HorizontalPodAutoscalers, then the ScaledObjects that scale a workload."""
    autoscalers = snapshot.autoscalers_of(workload.ref)
    scaled_objects = snapshot.scaled_objects_of(workload.ref)
    if not scaled_objects:
        return [*autoscalers]
    return [*(hpa for hpa in autoscalers if not hpa.from_scaled_object), *scaled_objects]


def scaled_to_zero(workload: RunsPods, snapshot: Snapshot) -> bool:
    """Return whether the workload runs no pods and nothing will raise it again.

    `replicas: 0` switches a HorizontalPodAutoscaler off unless its own minimum is 0
    (pkg/controller/podautoscaler/horizontal.go, ScalingDisabled).
    """
    return (
        workload.replicas == 0
        and not snapshot.scaled_objects_of(workload.ref)
        and all(hpa.min_replicas > 0 for hpa in snapshot.autoscalers_of(workload.ref))
    )


def minimum_field(scaler: Scaler) -> str:
    """Return the field that sets the fewest pods a scaler leaves."""
    if isinstance(scaler, Autoscaler):
        return "minReplicas"
    return "minReplicaCount" if scaler.idle_replicas is None else "idleReplicaCount"


def floor(scaler: Scaler) -> int:
    """Return the fewest pods a scaler leaves."""
    return scaler.min_replicas if isinstance(scaler, Autoscaler) else scaler.floor
