"""What is kept of an object: only the fields that checks and conditions need.

A workload is kept as compressed JSON text, not as Python objects: a manifest of 2.4 KB takes
0.7 KB, and decoding it for an evaluation takes some microseconds. As dictionaries it would take ten
times as much as the text.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from readiness.model.inventory import WorkloadRecord
from readiness.model.workload import Workload
from readiness.report.conditions import SeenCondition, is_ours

_METADATA = ("name", "namespace", "uid", "labels", "creationTimestamp", "deletionTimestamp")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FASTEST = 1


@dataclass(slots=True)
class Observed:
    """A workload as last seen.

    Attributes:
        conditions: those of ours that it carries.
        deleting: whether it is on its way out.
    """

    record: WorkloadRecord
    uid: str
    resource_version: int
    conditions: tuple[SeenCondition, ...]
    deleting: bool

    def workload(self) -> Workload:
        """Return a fresh view of the manifest."""
        return Workload(orjson.loads(zlib.decompress(self.record.document)))


def resource_version(manifest: dict[str, Any]) -> int:
    """Return an object's resourceVersion; comparable as a number (KEP-5504)."""
    return int(manifest["metadata"].get("resourceVersion") or 0)


def project_workload(manifest: dict[str, Any], api_version: str, kind: str) -> Workload:
    """Return a workload with the fields that checks read, and no others.

    Raises:
        FieldError: when it is malformed; the API server lets no such object in.
    """
    metadata = manifest["metadata"]
    kept = {key: metadata[key] for key in _METADATA if metadata.get(key) is not None}
    annotations = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k != _LAST_APPLIED
    }
    if annotations:
        kept["annotations"] = annotations
    if "managedFields" in metadata:  # kept even when nobody owns the replicas: that says something
        kept["managedFields"] = _replica_owners(metadata["managedFields"] or [])
    return Workload(
        {"apiVersion": api_version, "kind": kind, "metadata": kept, "spec": manifest.get("spec")}
    )


def observe_workload(manifest: dict[str, Any], api_version: str, kind: str) -> Observed:
    """Return what is kept of a workload.

    Raises:
        FieldError: when it is malformed; the API server lets no such object in.
    """
    metadata = manifest["metadata"]
    workload = project_workload(manifest, api_version, kind)
    status = manifest.get("status") or {}
    return Observed(
        record=WorkloadRecord(
            ref=workload.ref,
            labels=workload.labels,
            template_labels=workload.template_labels,
            replicas=workload.replicas,
            document=zlib.compress(orjson.dumps(workload.document), _FASTEST),
        ),
        uid=str(metadata.get("uid") or ""),
        resource_version=resource_version(manifest),
        conditions=our_conditions(status.get("conditions") or ()),
        deleting=metadata.get("deletionTimestamp") is not None,
    )


def our_conditions(conditions: Any) -> tuple[SeenCondition, ...]:
    """Return those of an object's conditions that are this operator's."""
    return tuple(
        _seen(
            condition["type"],
            condition.get("status") or "",
            condition.get("reason") or "",
            hash(condition.get("message") or ""),
            condition.get("lastTransitionTime") or "",
        )
        for condition in conditions
        if is_ours(condition.get("type") or "")
    )


@lru_cache(maxsize=4096)
def _seen(
    type_: str, status: str, reason: str, message_hash: int, last_transition_time: str
) -> SeenCondition:
    """Return a condition, the same object for all workloads that carry the same.

    Most do: they lack the same, and were judged in the same seconds.
    """
    return SeenCondition(
        sys.intern(type_),
        sys.intern(status),
        sys.intern(reason),
        message_hash,
        sys.intern(last_transition_time),
    )


def _replica_owners(managed_fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of managedFields that own spec.replicas, and of those only that."""
    return [
        {
            "manager": entry.get("manager", ""),
            "operation": entry.get("operation", ""),
            "subresource": entry.get("subresource", ""),
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
        for entry in managed_fields
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
