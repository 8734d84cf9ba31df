"""Writes compiled policies: ValidatingAdmissionPolicies and their bindings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from readiness.api.vocabulary import FIELD_MANAGER
from readiness.errors import NotFoundError
from readiness.kube.client import APPLY, KubeClient, ResourceKind

_GROUP = "admissionregistration.k8s.io"
# A binding without its policy does no harm; a policy without its binding neither. The policy comes
# first and goes last, so that no binding names one that is not there.
KINDS = (
    ResourceKind(
        _GROUP,
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        namespaced=False,
    ),
    ResourceKind(
        _GROUP,
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        namespaced=False,
    ),
)
_BY_KIND = {kind.kind: kind for kind in KINDS}
_MANAGED_BY = "app.kubernetes.io/managed-by"

Key = tuple[str, str]


def key_of(manifest: Mapping[str, Any]) -> Key:
    """Return kind and name of a manifest."""
    return manifest["kind"], manifest["metadata"]["name"]


async def written_before(client: KubeClient) -> set[Key]:
    """Return kind and name of all compiled policies in the cluster that carry our label.

    Raises:
        ClusterError: when they can't be listed.
    """
    found = set()
    for kind in KINDS:
        async for page in client.pages(kind):
            for manifest in page.items:
                labels = manifest["metadata"].get("labels") or {}
                if labels.get(_MANAGED_BY) == FIELD_MANAGER:
                    found.add((kind.kind, manifest["metadata"]["name"]))
    return found


async def write(client: KubeClient, manifest: Mapping[str, Any]) -> None:
    """Create or change one, by server-side apply.

    Raises:
        ClusterError: when it can't be written.
    """
    kind, name = key_of(manifest)
    await client.call(
        "PATCH",
        _BY_KIND[kind].path(name=name),
        query={"fieldManager": FIELD_MANAGER, "force": "true"},
        body=manifest,
        content_type=APPLY,
    )


async def delete(client: KubeClient, key: Key) -> None:
    """Delete one; that it is gone already is no error.

    Raises:
        ClusterError: when it can't be deleted.
    """
    kind, name = key
    with suppress(NotFoundError):
        await client.call("DELETE", _BY_KIND[kind].path(name=name))
