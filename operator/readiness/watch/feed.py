"""The feed: Kopf watches every kind and hands what happens to the operator's own loop.

Kopf runs in a thread and a loop of its own: when it ends it cancels every task of its loop, and it
ends whenever one watch fails for good (an unknown error on one kind, a CRD removed). Here that
costs a restart of the feed and nothing else. Its handlers only pass objects on: no index
(quadratic at start-up), no finalizers, no annotations, no status, no events of Kopf's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import kopf
import structlog
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from readiness.api.vocabulary import GROUP
from readiness.kube.client import KubeClient, ResourceKind

logger = structlog.get_logger(__name__)

# A service account token is good for an hour; Kopf reads it once per login.
_LOGIN_SECONDS = 600
_STOP_SECONDS = 10.0
_CLEAN_UP_SECONDS = 3.0
_CANCEL_SECONDS = 1.0
# Between two batches other work of the loop gets its turn.
_BATCH = 200
# A field selector that no object meets: names of objects are never so long (RFC 1123).
_NOTHING = f"metadata.name={'x' * 254}"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What the feed saw: `type` is ADDED, MODIFIED or DELETED."""

    kind: ResourceKind
    type: str | None
    manifest: dict[str, Any]


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps Kopf from building a copy of every object to compare with later."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:  # noqa: ARG002
        """Return an empty essence."""
        return {}

    def fetch(self, *, body: Any) -> None:
        """Return nothing: there is no base."""

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Store nothing."""


class NoMemories(ResourceMemories):
    """Keeps Kopf from remembering something of every object: 2 KB each, for handlers we lack."""

    async def recall(
        self,
        raw_body: Any,  # noqa: ARG002
        *,
        memobase: Any = None,  # noqa: ARG002
        noticed_by_listing: bool = False,
        ephemeral: bool = False,  # noqa: ARG002
    ) -> ResourceMemory:
        """Return a new memory, remembered nowhere."""
        return ResourceMemory(noticed_by_listing=noticed_by_listing)


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Take note of an error in a task of Kopf's that nobody asked for the result of.

    What ended the feed its supervisor says; these are the others that went down with it.
    """
    logger.debug("left behind by Kopf", reason=str(context.get("exception") or context["message"]))


def tuned_settings(*, scan_definitions: bool) -> kopf.OperatorSettings:
    """Return Kopf's settings as measured: docs/decisions/0002-kopf-as-feed.md has the figures."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = f"{GROUP}/unused"  # the default's owner would lose its own
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.queueing.idle_timeout = 0.2
    settings.queueing.exit_timeout = 0.5
    settings.watching.chunk_size = 250
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 0.1
    settings.networking.request_timeout = 60
    # Ends the feed after some seconds without an answer; its supervisor starts it again.
    settings.networking.error_backoffs = [0.2, 0.5, 1, 2]
    settings.scanning.disabled = not scan_definitions
    return settings


@dataclass(slots=True)
class Feed:
    """Runs Kopf in a thread for a set of kinds until stopped; one use only.

    Attributes:
        known: the resourceVersion at which each kind was listed; its first watch begins there.
        deliver: called in the operator's loop with what happened since it was called last.
        begun: called in the operator's loop when a watch of a kind begins or begins anew.
        missed: called in the operator's loop when one does so elsewhere than at the version known.
            Nothing is delivered of what there is at that moment, or went before: that has to be
            listed.
        scanned: called in the operator's loop when Kopf has looked which kinds there are, as it
            does at its start and whenever a definition has changed.
        ended: set in the operator's loop when Kopf has ended, for whatever reason.
    """

    client: KubeClient
    kinds: Sequence[ResourceKind]
    scan_definitions: bool
    known: dict[ResourceKind, int]
    deliver: Callable[[list[WatchEvent]], None]
    begun: Callable[[ResourceKind], None]
    missed: Callable[[ResourceKind], None]
    scanned: Callable[[], None]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None
    _events: deque[WatchEvent] = field(default_factory=deque)
    _sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    _stopping: bool = False
    _stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the thread; call from the operator's loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Have Kopf end; `ended` says when it has."""
        self._stopping = True
        if self._stop is not None:
            loop, event = self._stop
            with suppress(RuntimeError):  # its loop is closed: it has ended by itself
                loop.call_soon_threadsafe(event.set)

    async def stop(self) -> None:
        """Have Kopf end and wait for its thread."""
        self.end()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._operate())
        except BaseException as error:  # noqa: BLE001 - whatever ends Kopf, the supervisor restarts it
            self.error = error
        self._call(self.ended.set)
        self._clean_up(loop)

    async def _operate(self) -> None:
        # An event of Kopf's own loop: for one of a thread Kopf would wait in an executor, and a
        # Kopf that fails would never end for want of the flag.
        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_note)
        self._stop = loop, event
        if self._stopping:
            return
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=tuned_settings(scan_definitions=self.scan_definitions),
            memories=NoMemories(),
            clusterwide=True,
            standalone=True,
            stop_flag=event,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def _clean_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is left of Kopf and close its loop.

        Kopf's own way of ending, `kopf.operator`, waits for every task for as long as it takes.
        Some never end: a watcher that is cancelled waits for helpers that were cancelled too, as
        happens when several kinds are removed at once. Here they are left behind.
        """
        deadline = time.monotonic() + _CLEAN_UP_SECONDS
        while (left := asyncio.all_tasks(loop)) and time.monotonic() < deadline:
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=_CANCEL_SECONDS))
        for session in self._sessions:  # Kopf closes them only when all went well
            loop.run_until_complete(session.close())
        loop.close()

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: Any) -> kopf.AiohttpSession:
            return await self._session()

        kopf.on.login(registry=registry, id="login")(login)
        for kind in self.kinds:
            handler = self._handler(kind)
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id="feed")(
                handler
            )
        return registry

    async def _session(self) -> kopf.AiohttpSession:
        """Return an HTTP session for Kopf: our own credentials, and a hand on what it lists.

        A list is the only sign of a watch that begins. Its objects would be a second copy of what
        the operator lists itself, and Kopf takes longer over each than it takes to judge it: so it
        is made to list nothing, and watches from there on. The first time that is the moment of
        the operator's own list, if etcd still knows it, and nothing has to be listed again.
        """
        by_path = {kind.path(): kind for kind in self.kinds}

        async def list_nothing(
            request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            kind = by_path.get(request.url.path)
            if kind is None or "watch" in request.url.query:
                response = await send(request)
                if request.url.path == "/apis":
                    self._call(self.scanned)
                return response
            request.url = request.url.update_query(fieldSelector=_NOTHING)
            now = request.url
            if version := self.known.pop(kind, 0):
                request.url = now.update_query(
                    resourceVersion=version, resourceVersionMatch="Exact"
                )
                response = await send(request)
                if response.ok:
                    self._call(partial(self.begun, kind))
                    return response
                response.release()
            request.url = now
            response = await send(request)
            self._call(partial(self.begun, kind))
            self._call(partial(self.missed, kind))
            return response

        session = await self.client.session(list_nothing)
        self._sessions.append(session)
        return kopf.AiohttpSession(
            server=self.client.host,
            aiohttp_session=session,
            expiration=datetime.now(UTC) + timedelta(seconds=_LOGIN_SECONDS),
        )

    def _handler(self, kind: ResourceKind) -> Callable[..., Any]:
        async def handler(event: Any, **_: Any) -> None:
            self._events.append(WatchEvent(kind, event["type"], event["object"]))
            if len(self._events) == 1:
                self._call(self._drain)

        return handler

    def _drain(self) -> None:
        """Deliver what has come in, a batch at a time; runs in the operator's loop."""
        events = [self._events.popleft() for _ in range(min(_BATCH, len(self._events)))]
        if events:
            self.deliver(events)
        if self._events:
            self._call(self._drain)

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)
