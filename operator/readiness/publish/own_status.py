"""Writes the status of our own kinds, only where it differs from what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from readiness.api.vocabulary import FIELD_MANAGER
from readiness.kube.client import KubeClient, ResourceKind


def with_times(
    current: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime
) -> dict[str, Any] | None:
    """Return the status to write: `wanted` with a lastTransitionTime in each condition.

    None when the current status says the same. A time moves only when the condition's status does.
    """
    before = {c.get("type"): c for c in current.get("conditions") or ()}
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = []
    for condition in wanted["conditions"]:
        old = before.get(condition["type"], {})
        same = old.get("status") == condition["status"] and old.get("lastTransitionTime")
        conditions.append({**condition, "lastTransitionTime": same or time})
    status = {**wanted, "conditions": conditions}
    return None if status == dict(current) else status


async def apply_own_status(
    client: KubeClient, kind: ResourceKind, manifest: Mapping[str, Any], status: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the status of one of our objects; return the object as stored.

    Raises:
        ClusterError: NotFoundError when it is gone.
    """
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace") or ""
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": metadata["name"],
            **({"namespace": namespace} if namespace else {}),
            "uid": metadata["uid"],
        },
        "status": dict(status),
    }
    return await client.apply_status(kind, namespace, metadata["name"], body, FIELD_MANAGER)
