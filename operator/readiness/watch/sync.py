"""Keeps the cache complete: lists every kind before anything is judged, and again now and then.

Kopf says neither when it has seen everything nor what vanished while a watch was broken; lists
say both.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from readiness.errors import ClusterError, ForbiddenError, NotFoundError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind, backoff
from readiness.watch.cache import ClusterCache
from readiness.watch.feed import Feed, WatchEvent

logger = structlog.get_logger(__name__)

# A watch that begins anew begins with the moment of an empty list: a sweep after it finds what
# there was and went.
_AFTER_RELIST_SECONDS = 0.5
# So long after Kopf looked for kinds, the API server serves those it had only heard of.
_AFTER_SCAN_SECONDS = 2.0
_FEED_RESTART_SECONDS = 0.5
_DOUBT_SECONDS = 3.0
_HEARTBEAT_SECONDS = 10.0


class Synchroniser:
    """Fills the cache, starts the feed and keeps both going.

    Attributes:
        synced: set once every kind has been listed (or found absent or forbidden).
        restarts: how often the feed was started again.
        confirmed: when the cache was last known to be true, by time.monotonic(): a list or an
            event came in, or the API server answered while the watches stood.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: ClusterCache,
        *,
        sweep_seconds: float,
        on_batch: Callable[[], None] = lambda: None,
        watched: Sequence[ResourceKind] = kinds.WATCHED,
    ) -> None:
        self._client = client
        self._cache = cache
        self._sweep_seconds = sweep_seconds
        self._on_batch = on_batch
        self._watched = watched
        self._allowed: set[ResourceKind] = set()
        self._seen: set[ResourceKind] = set()
        self._doubts: set[ResourceKind] = set()
        self._listed: set[ResourceKind] = set()
        self._versions: dict[ResourceKind, int] = {}
        self._look: asyncio.TimerHandle | None = None
        self._feed: Feed | None = None
        self._scan_definitions = True
        self._relisted: dict[ResourceKind, asyncio.TimerHandle] = {}
        self._sweeps: set[asyncio.Task[None]] = set()
        self._under_way: dict[ResourceKind, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._due: set[ResourceKind] = set()
        self.synced = asyncio.Event()
        self.restarts = 0
        self.confirmed = time.monotonic()

    async def run(self) -> None:
        """List, watch and sweep until cancelled.

        An API server that does not answer is waited for; a feed that ends is started again.
        """
        try:
            await self._run_feeds()
        finally:
            for sweep in self._sweeps:
                sweep.cancel()
            await asyncio.gather(*self._sweeps, return_exceptions=True)

    async def _run_feeds(self) -> None:
        attempt = 0
        while True:
            try:
                await self.sweep_all()
            except ClusterError as error:
                logger.warning("waiting for the API server", reason=str(error))
                await backoff(attempt, longest=5.0)
                attempt += 1
                continue
            attempt = 0
            self.synced.set()
            await self._watch()
            self.restarts += 1

    async def _watch(self) -> None:
        """Run one feed until it ends or the set of kinds we may see changes."""
        feed = Feed(
            self._client,
            [kind for kind in self._watched if kind in self._allowed],
            self._scan_definitions,
            # One that ended may have ended because a watch could not begin there.
            {} if self.restarts else dict(self._versions),
            self._deliver,
            self._listed.add,
            self._schedule_sweep,
            self._schedule_look,
        )
        self._listed.clear()
        self._feed = feed
        feed.start()
        try:
            while True:
                if await self._within(self._sweep_seconds, feed.ended):
                    logger.warning("feed ended, starting it again", reason=_reason(feed.error))
                    await asyncio.sleep(_FEED_RESTART_SECONDS)
                    return
                allowed = set(self._allowed)
                try:
                    await self.sweep_all()
                except ClusterError as error:
                    logger.warning("sweep failed", reason=str(error))
                if self._allowed != allowed:
                    logger.info("permissions changed, starting the feed again")
                    return
        finally:
            for handle in self._relisted.values():
                handle.cancel()
            self._relisted.clear()
            if self._look is not None:
                self._look.cancel()
            await feed.stop()

    async def _within(self, seconds: float, ended: asyncio.Event) -> bool:
        """Return whether the feed ends within that time; take note now and then that all is well.

        A quiet cluster sends nothing: that the watches stand and the API server answers is all the
        sign of life there is.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if await _within(min(left, _HEARTBEAT_SECONDS), ended):
                return True
            try:
                await self._client.check_ready()
            except ClusterError as error:
                logger.warning("the API server does not answer", reason=str(error))
            else:
                self.confirmed = time.monotonic()
        return False

    def _deliver(self, events: list[WatchEvent]) -> None:
        self.confirmed = time.monotonic()
        for event in events:
            metadata = event.manifest["metadata"]
            if event.type == "DELETED":
                self._cache.delete(
                    event.kind,
                    metadata.get("namespace") or "",
                    metadata["name"],
                    int(metadata.get("resourceVersion") or 0),
                )
                continue
            if kinds.unavailable_key(event.kind) in self._cache.unavailable:
                self._cache.set_unavailable(event.kind, None)
                self._schedule_sweep(event.kind)
            self._cache.put(event.kind, event.manifest)
        self._on_batch()

    def _schedule_look(self) -> None:
        """Look for kinds that came or went, once Kopf has not done so for a while.

        Kopf looks at the moment a definition changes, when the API server may not serve the kind
        yet, and never again. Of a kind that went it says nothing.
        """
        if self._look is not None:
            self._look.cancel()
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_AFTER_SCAN_SECONDS, self._run, self._look_at_optional_kinds)

    async def _look_at_optional_kinds(self) -> None:
        optional = [kind for kind in self._watched if kind in kinds.OPTIONAL]
        for kind in optional:
            await self.sweep(kind)
        missed = [kind.qualified for kind in optional if kind in self._seen - self._listed]
        if missed and self._feed is not None:
            logger.info("Kopf missed that kinds were installed", kinds=missed)
            self._feed.end()

    def _schedule_sweep(self, kind: ResourceKind) -> None:
        """Sweep a kind whose watch begins, in a moment: it may begin several times in a row."""
        handle = self._relisted.get(kind)
        if handle is not None:
            handle.cancel()
        loop = asyncio.get_running_loop()
        self._relisted[kind] = loop.call_later(_AFTER_RELIST_SECONDS, self._start_sweep, kind)

    def _start_sweep(self, kind: ResourceKind) -> None:
        self._relisted.pop(kind, None)
        if kind in self._due:  # the sweep that waits will see the same
            return
        self._due.add(kind)
        self._run(partial(self._sweep_at_last, kind))

    async def _sweep_at_last(self, kind: ResourceKind) -> None:
        """Sweep a kind, however long it takes until it can be listed: nothing else would do it."""
        attempt = 0
        while True:
            try:
                await self.sweep(kind)
            except ClusterError as error:
                logger.warning("sweep failed", reason=str(error))
                await backoff(attempt, longest=5.0)
                attempt += 1
            else:
                return

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            try:
                await work()
            except ClusterError as error:
                logger.warning("sweep failed", reason=str(error))

        task = asyncio.create_task(run())
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    async def sweep_all(self) -> None:
        """List every kind and make the cache agree.

        Raises:
            ClusterError: when the API server can't be reached or fails.
        """
        await self._client.check_ready()
        self._scan_definitions = await self._client.may("watch", kinds.CUSTOM_RESOURCE_DEFINITIONS)
        for kind in self._watched:
            await self.sweep(kind)
        self.confirmed = time.monotonic()

    async def sweep(self, kind: ResourceKind) -> None:
        """List a kind and make the cache agree: newer objects come in, vanished ones go.

        A kind that is not installed is unavailable but watched all the same: Kopf finds it when it
        comes. One we may not list or watch is unavailable until a later sweep finds it allowed.

        Raises:
            ClusterError: when the API server can't be reached or fails.
        """
        # One at a time: side by side they would undo each other's notes of what was deleted.
        async with self._under_way[kind]:
            self._due.discard(kind)
            while True:
                try:
                    if await self._client.may("watch", kind):
                        await self._sweep(kind)
                        self._available(kind, None)
                    elif self._doubted(kind):
                        self._forbidden(kind, "watch")
                except NotFoundError:
                    if self._doubted(kind):
                        name = kinds.unavailable_key(kind)
                        self._available(kind, f"{name} is not installed in this cluster")
                except ForbiddenError:
                    if self._doubted(kind):
                        self._forbidden(kind, "list")
                except ClusterError as error:
                    if error.status == 410:  # the list grew too old between two pages
                        continue
                    raise
                return

    def _doubted(self, kind: ResourceKind) -> bool:
        """Return whether to believe that a kind is gone or forbidden that was neither before.

        An API server that has just started says so for a moment of kinds it serves: only the
        second time, some seconds later, is it believed.
        """
        if kind not in self._seen or kind in self._doubts:
            return True
        self._doubts.add(kind)
        asyncio.get_running_loop().call_later(_DOUBT_SECONDS, self._start_sweep, kind)
        return False

    def _available(self, kind: ResourceKind, reason: str | None) -> None:
        self._allowed.add(kind)
        self._doubts.discard(kind)
        if reason is None:
            self._seen.add(kind)
        else:
            self._seen.discard(kind)
            self._listed.discard(kind)
            self._versions.pop(kind, None)
        self._cache.set_unavailable(kind, reason)

    def _forbidden(self, kind: ResourceKind, verb: str) -> None:
        """Leave a kind out, and say once how to grant what is missing."""
        reason = f"not allowed to {verb} {kind.qualified}"
        if self._cache.unavailable.get(kinds.unavailable_key(kind)) != reason:
            logger.error(
                "kind left out",
                kind=kind.kind,
                reason=reason,
                remedy="grant it to the operator: kubectl create clusterrole readiness-extra "
                f"--verb=list,watch --resource={kind.qualified}, with a clusterrolebinding",
            )
        self._allowed.discard(kind)
        self._seen.discard(kind)
        self._versions.pop(kind, None)
        self._doubts.discard(kind)
        self._cache.set_unavailable(kind, reason)

    async def _sweep(self, kind: ResourceKind) -> None:
        seen: list[tuple[str, str]] = []
        version = 0
        self._cache.begin_sweep(kind)
        try:
            async for page in self._client.pages(kind):
                version = page.resource_version
                for manifest in page.items:
                    metadata = manifest["metadata"]
                    seen.append((metadata.get("namespace") or "", metadata["name"]))
                    self._cache.put(kind, manifest)
                self._on_batch()
        except ClusterError:
            self._cache.abandon_sweep(kind)
            raise
        self._versions[kind] = version
        gone = self._cache.end_sweep(kind, seen, version)
        if gone and self.synced.is_set():
            logger.info(
                "found objects gone that no watch had told of", kind=kind.kind, objects=gone
            )
        self._on_batch()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Return whether an event comes within that time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _reason(error: BaseException | None) -> str:
    return "it ended" if error is None else f"{type(error).__name__}: {error}"
