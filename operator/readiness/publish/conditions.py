"""Writes the operator's conditions on workloads, and nothing else.

Server-side apply on the status subresource under our own field manager: the conditions of other
controllers stay untouched, and a condition we leave out is taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from readiness.api.vocabulary import FIELD_MANAGER
from readiness.kube.client import KubeClient
from readiness.kube.kinds import WORKLOADS
from readiness.model.workload import ObjectRef
from readiness.report.conditions import ConditionState, SeenCondition

# DeploymentCondition has a lastUpdateTime, the conditions of the other kinds have not.
_WITH_UPDATE_TIME = frozenset({"Deployment"})


def condition_entries(
    kind: str, current: Sequence[SeenCondition], wanted: Sequence[ConditionState], now: datetime
) -> list[dict[str, str]]:
    """Return the entries of status.conditions to apply.

    `lastTransitionTime` moves only when the status of a condition does.
    """
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {condition.type: condition for condition in current}
    entries = []
    for state in wanted:
        old = before.get(state.type)
        kept = old is not None and old.status == state.status and old.last_transition_time
        entry = {
            "type": state.type,
            "status": state.status,
            "reason": state.reason,
            "message": state.message,
            "lastTransitionTime": old.last_transition_time if old is not None and kept else time,
        }
        if kind in _WITH_UPDATE_TIME:
            entry["lastUpdateTime"] = time
        entries.append(entry)
    return entries


async def apply_conditions(
    client: KubeClient,
    ref: ObjectRef,
    uid: str,
    entries: Sequence[dict[str, str]],
) -> dict[str, Any]:
    """Make an object carry just these conditions of ours; return the object as stored.

    The uid makes sure that an object deleted and created again meanwhile is left alone.

    Raises:
        NotFoundError: when the object is gone.
        ConflictError: when another object has its name now.
        ClusterError: for any other failure.
    """
    kind = WORKLOADS[ref.kind]
    body: dict[str, Any] = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": uid},
    }
    if entries:
        body["status"] = {"conditions": list(entries)}
    return await client.apply_status(kind, ref.namespace, ref.name, body, FIELD_MANAGER)
