"""Posts Kubernetes events about workloads: on a transition, one each.

Kopf's own poster neither bounds nor deduplicates. Losing an event is no harm, the condition holds
the truth; flooding the API server is, so a token bucket drops what is too much and counts it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from readiness.errors import ClusterError
from readiness.kube.client import KubeClient, ResourceKind
from readiness.model.workload import ObjectRef

logger = structlog.get_logger(__name__)

EVENTS = ResourceKind("", "v1", "Event", "events")
COMPONENT = "readiness-operator"

# core/v1: a message holds at most 1,024 characters.
LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class EventRegarding:
    """The object an event is about."""

    api_version: str
    ref: ObjectRef
    uid: str


class EventRecorder:
    """Posts events without holding up whoever reports them.

    Attributes:
        posted, dropped: how many so far.
        waiting: how many are recorded and neither posted nor dropped yet.
    """

    def __init__(
        self, client: KubeClient, *, per_second: float = 50.0, burst: int = 500, queued: int = 2000
    ) -> None:
        self._client = client
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._refilled = time.monotonic()
        self._queue: asyncio.Queue[dict[str, object]] = asyncio.Queue(maxsize=queued)
        self.posted = 0
        self.dropped = 0
        self.waiting = 0

    def record(
        self, regarding: EventRegarding, *, warning: bool, reason: str, message: str
    ) -> None:
        """Queue one event; dropped and counted when there are too many."""
        if not self._take_token() or self._queue.full():
            self.dropped += 1
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ref = regarding.ref
        namespace = ref.namespace or "default"
        self.waiting += 1
        self._queue.put_nowait(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{ref.name}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
                "involvedObject": {
                    "apiVersion": regarding.api_version,
                    "kind": ref.kind,
                    "namespace": ref.namespace,
                    "name": ref.name,
                    "uid": regarding.uid,
                },
                "type": "Warning" if warning else "Normal",
                "reason": reason,
                "message": message
                if len(message) <= LONGEST_MESSAGE
                else message[: LONGEST_MESSAGE - 3] + "...",
                "source": {"component": COMPONENT},
                "reportingComponent": COMPONENT,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
        )

    async def run(self) -> None:
        """Post what is recorded until cancelled."""
        while True:
            event = await self._queue.get()
            metadata = event["metadata"]
            namespace = metadata["namespace"] if isinstance(metadata, dict) else ""
            try:
                await self._client.call("POST", EVENTS.path(namespace), body=event)
                self.posted += 1
            except ClusterError as error:
                self.dropped += 1
                logger.debug("event not posted", reason=str(error))
            finally:
                self.waiting -= 1
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until everything recorded has been posted or given up."""
        await self._queue.join()

    def _take_token(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._per_second)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
