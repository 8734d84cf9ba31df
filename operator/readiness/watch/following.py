"""Workloads followed for as long as somebody looks: listed, then watched, listed again when lost.

The operator's feed (Kopf) watches whole clusters; this also does for who may see one namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.watch import Watch

from readiness.api.vocabulary import PRODUCTION_READY
from readiness.errors import ClusterError, ForbiddenError
from readiness.kube.client import KubeClient, ResourceKind, backoff
from readiness.model.workload import ObjectRef
from readiness.watch.cache import ClusterCache


class WorkloadCache(ClusterCache):
    """Workloads and the conditions they carry, for who wants to read those.

    Attributes:
        verdicts: the messages of ProductionReady, of which a cache else keeps only a hash.
    """

    def __init__(self) -> None:
        super().__init__(lambda _: None, lambda *_: None)
        self.verdicts: dict[ObjectRef, str] = {}

    def put(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        """Take in a workload."""
        metadata = manifest["metadata"]
        ref = ObjectRef(kind.group, kind.kind, metadata["namespace"], metadata["name"])
        for condition in (manifest.get("status") or {}).get("conditions") or ():
            if condition.get("type") == PRODUCTION_READY:
                self.verdicts[ref] = condition.get("message") or ""
        super().put(kind, manifest)


async def fill(
    client: KubeClient, cache: ClusterCache, kind: ResourceKind, namespace: str = ""
) -> int:
    """List a kind and make the cache agree; return the resourceVersion of the list.

    Args:
        client: to list with.
        cache: where the objects go.
        kind: what to list.
        namespace: the only one to look in; empty for all.

    Raises:
        ClusterError: when there is no good answer.
    """
    while True:
        seen: list[tuple[str, str]] = []
        version = 0
        cache.begin_sweep(kind)
        try:
            async for page in client.pages(kind, namespace=namespace):
                version = page.resource_version
                for manifest in page.items:
                    metadata = manifest["metadata"]
                    seen.append((metadata.get("namespace") or "", metadata["name"]))
                    cache.put(kind, manifest)
        except ClusterError as error:
            cache.abandon_sweep(kind)
            if error.status == 410:  # the list grew too old between two pages
                continue
            raise
        cache.end_sweep(kind, seen, version)
        return version


async def follow(
    client: KubeClient,
    cache: ClusterCache,
    kinds: Sequence[ResourceKind],
    namespace: str,
    on_change: Callable[[], None],
) -> None:
    """Keep the cache true until cancelled; calls `on_change` whenever something came in.

    An API server that goes away is waited for.

    Raises:
        ForbiddenError: when a kind may not be listed or watched.
    """
    async with ApiClient(client.configuration) as api:
        custom = CustomObjectsApi(api)  # serves any kind, and parses none
        await asyncio.gather(
            *(_follow(client, custom, cache, kind, namespace, on_change) for kind in kinds)
        )


async def _follow(
    client: KubeClient,
    api: CustomObjectsApi,
    cache: ClusterCache,
    kind: ResourceKind,
    namespace: str,
    on_change: Callable[[], None],
) -> None:
    attempt = 0
    while True:
        try:
            version = await fill(client, cache, kind, namespace)
            on_change()
            attempt = 0
            await _watch(api, cache, kind, namespace, version, on_change)
        except ForbiddenError:
            raise
        except (ClusterError, ApiException, aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: an object too long for a line of the library; the next list has it.
            if getattr(error, "status", 0) == 403:
                raise ForbiddenError(f"not allowed to watch {kind.qualified}", status=403) from None
        await backoff(attempt, longest=5.0)
        attempt += 1


async def _watch(
    api: CustomObjectsApi,
    cache: ClusterCache,
    kind: ResourceKind,
    namespace: str,
    version: int,
    on_change: Callable[[], None],
) -> None:
    """Take in what happens after a resourceVersion, until the API server ends it."""
    where = {"group": kind.group, "version": kind.version, "plural": kind.plural}
    lister: Any = api.list_cluster_custom_object
    if namespace:
        lister = api.list_namespaced_custom_object
        where["namespace"] = namespace
    watch: Any = Watch()  # type: ignore[no-untyped-call]
    async with watch.stream(lister, resource_version=str(version), **where) as stream:
        async for event in stream:
            if not isinstance(event, dict):
                return  # the connection broke within a line
            manifest = event["raw_object"]
            if event["type"] == "DELETED":
                metadata = manifest["metadata"]
                cache.delete(
                    kind,
                    metadata.get("namespace") or "",
                    metadata["name"],
                    int(metadata.get("resourceVersion") or 0),
                )
            else:
                cache.put(kind, manifest)
            on_change()
