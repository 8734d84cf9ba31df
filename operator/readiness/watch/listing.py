"""The cluster listed once, for commands that judge it or show it and end.

The operator's own cache is filled the same way, so both see the same. Who may look into one
namespace only gets what that namespace tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from readiness.errors import ForbiddenError, NotFoundError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind
from readiness.watch.cache import ClusterCache
from readiness.watch.following import fill
from readiness.watch.rulebook import Rulebook

_NAMESPACES = kinds.COMPANIONS["", "Namespace"]


async def list_cluster(
    client: KubeClient,
    rulebook: Rulebook,
    namespace: str = "",
    watched: Iterable[ResourceKind] = kinds.WATCHED,
) -> ClusterCache:
    """Return the cluster as it is now; policies, exemptions and evidence go into the rulebook.

    Kinds that are not installed or may not be listed are unavailable, with the reason.

    Args:
        client: to list with.
        rulebook: is given what there is of our own kinds.
        namespace: where to look for what may not be listed in all namespaces; empty for nowhere.
        watched: the kinds to list.

    Raises:
        ClusterError: when the API server can't be reached, does not know the user, or fails.
    """

    def put_own(kind: ResourceKind, of: str, name: str, manifest: dict[str, Any] | None) -> None:
        rulebook.put(kind, of, name, manifest)

    cache = ClusterCache(lambda _: None, put_own)
    await asyncio.gather(*(_list(client, cache, kind, namespace) for kind in watched))
    return cache


async def _list(
    client: KubeClient, cache: ClusterCache, kind: ResourceKind, namespace: str
) -> None:
    try:
        await fill(client, cache, kind)
    except NotFoundError:
        cache.set_unavailable(
            kind, f"{kinds.unavailable_key(kind)} is not installed in this cluster"
        )
    except ForbiddenError as error:
        if error.status == 401:
            raise
        try:
            if namespace and kind == _NAMESPACES:
                cache.put(kind, await client.call("GET", kind.path(name=namespace)))
                return
            # Of other groups, one not seen in this namespace could be one that lies elsewhere.
            if namespace and kind.namespaced and kind.group in kinds.KEEP_TO_THEIR_NAMESPACE:
                await fill(client, cache, kind, namespace)
                return
        except ForbiddenError:
            pass
        cache.set_unavailable(kind, f"not allowed to list {kind.qualified}")
