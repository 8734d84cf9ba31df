"""Writes reports, one for each workload, and finds those written before.

A report may be larger than all else that is known of its workload. So none is kept: an annotation
holds the fingerprint of what it says, and lists ask for metadata alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from readiness.api.vocabulary import FIELD_MANAGER, GROUP
from readiness.errors import ConflictError, ForbiddenError, NotFoundError
from readiness.kube.client import APPLY, KubeClient, ResourceKind
from readiness.kube.kinds import CUSTOM_RESOURCE_DEFINITIONS, WORKLOADS
from readiness.model.workload import ObjectRef
from readiness.report import policy_report

KINDS = {
    kind.api_version: kind
    for kind in (
        ResourceKind("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports"),
        ResourceKind("openreports.io", "v1alpha1", "Report", "reports"),
    )
}
# In the place of a fingerprint:
CHANGED = "changed"
UNKNOWN = "unknown"

_CONTENT = f"{GROUP}/content"
_OURS = f"{policy_report.MANAGED_BY}={FIELD_MANAGER}"
# What a report says is ours alone: kubectl and others that change it become owners of these.
_SAYS = frozenset({"f:results", "f:scope", "f:summary"})


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report of ours in the cluster.

    Attributes:
        owner: the workload it is about; None when its name or owner is not as we write it.
        content: fingerprint of what it says; `CHANGED` when somebody else changed that.
    """

    namespace: str
    name: str
    owner: ObjectRef | None
    content: str


async def written_before(client: KubeClient, kind: ResourceKind) -> AsyncIterator[WrittenReport]:
    """Yield all reports of a kind that carry our label.

    Raises:
        ClusterError: NotFoundError when the kind is not installed.
    """
    async for page in client.pages(kind, selector=_OURS, metadata_only=True):
        for manifest in page.items:
            metadata = manifest["metadata"]
            yield WrittenReport(
                metadata["namespace"], metadata["name"], _owner(metadata), _content(metadata)
            )


async def defined(client: KubeClient, kind: ResourceKind) -> bool:
    """Return whether there is a CustomResourceDefinition of a kind.

    Raises:
        ClusterError: when that can't be told.
    """
    try:
        await client.call("GET", CUSTOM_RESOURCE_DEFINITIONS.path(name=kind.qualified))
    except (NotFoundError, ForbiddenError):
        return False
    return True


async def write(
    client: KubeClient, kind: ResourceKind, report: Mapping[str, Any], content: str, now: datetime
) -> None:
    """Create or change one, by server-side apply; each result carries the time of this change.

    Args:
        client: to write with.
        kind: of the report.
        report: as `policy_report.stored_report` returns it.
        content: its fingerprint.
        now: the time.

    Raises:
        ConflictError: when somebody else's report has this name.
        ClusterError: when it can't be written.
    """
    metadata = report["metadata"]
    seconds, nanos = int(now.timestamp()), now.microsecond * 1000
    body = {
        **report,
        "metadata": {**metadata, "annotations": {_CONTENT: content}},
        "results": [
            {**result, "timestamp": {"seconds": seconds, "nanos": nanos}}
            for result in report["results"]
        ],
    }
    path = kind.path(metadata["namespace"], metadata["name"])
    try:
        await _apply(client, path, body, force=False)
    except ConflictError:
        # Somebody changed it since it was last looked at, or it was never ours.
        there = await client.call("GET", path)
        if (there["metadata"].get("labels") or {}).get(policy_report.MANAGED_BY) != FIELD_MANAGER:
            raise
        await _apply(client, path, body, force=True)


async def delete(client: KubeClient, kind: ResourceKind, namespace: str, name: str) -> None:
    """Delete one; that it is gone already is no error.

    Raises:
        ClusterError: when it can't be deleted.
    """
    with suppress(NotFoundError):
        await client.call("DELETE", kind.path(namespace, name))


async def _apply(client: KubeClient, path: str, body: Mapping[str, Any], *, force: bool) -> None:
    await client.call(
        "PATCH",
        path,
        query={"fieldManager": FIELD_MANAGER, "force": str(force).lower()},
        body=body,
        content_type=APPLY,
    )


def _owner(metadata: Mapping[str, Any]) -> ObjectRef | None:
    for reference in metadata.get("ownerReferences") or ():
        kind = WORKLOADS.get(reference["kind"])
        if (
            kind is not None
            and kind.api_version == reference["apiVersion"]
            and policy_report.report_name(kind.kind, reference["name"]) == metadata["name"]
        ):
            return ObjectRef(kind.group, kind.kind, metadata["namespace"], reference["name"])
    return None


def _content(metadata: Mapping[str, Any]) -> str:
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") != FIELD_MANAGER and _SAYS & set(entry.get("fieldsV1") or ()):
            return CHANGED
    return str((metadata.get("annotations") or {}).get(_CONTENT, CHANGED))
