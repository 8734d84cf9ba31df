"""Judges over a cluster that is only told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest

from readiness.admission.reviews import (
    AdmissionRequest,
    Answer,
    GroupVersionKind,
    GroupVersionResource,
)
from readiness.admission.run import Judges
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.publish.events import EventRegarding
from readiness.telemetry.metrics import Metrics
from tests.support import NOW


class Events:
    """Takes the place of the recorder: what would have been posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[EventRegarding, str, str]] = []

    def record(
        self, regarding: EventRegarding, *, warning: bool, reason: str, message: str
    ) -> None:
        self.posted.append((regarding, reason, message))


class ToldCluster:
    """What the webhook knows of a cluster, and how to ask it."""

    def __init__(self) -> None:
        self.now = NOW
        self.events = Events()
        self.metrics = Metrics()
        self.judges = Judges(
            self.events,  # type: ignore[arg-type] # as much of a recorder as the judges use
            self.metrics,
            operator_namespace="readiness-system",
            clock=self.clock,
        )
        self._versions = 0

    def clock(self) -> datetime:
        return self.now

    def put(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        self._versions += 1
        metadata = {
            "uid": f"uid-{self._versions}",
            "generation": self._versions,
            **manifest["metadata"],
            "resourceVersion": str(self._versions),
        }
        self.judges.cache.put(kind, {**manifest, "metadata": metadata})

    def policy(self, name: str = "production", **spec: Any) -> None:
        spec.setdefault("enforcement", "Strict")
        self.put(kinds.POLICIES, {"metadata": {"name": name}, "spec": spec})

    async def ask(
        self,
        new: dict[str, Any] | None,
        old: dict[str, Any] | None = None,
        *,
        kind: tuple[str, str, str] = ("apps", "v1", "Deployment"),
        **fields: Any,
    ) -> Answer:
        """Ask about an object; an update when there is an old one."""
        metadata = (new or old or {}).get("metadata") or {}
        fields.setdefault("operation", "CREATE" if old is None else "UPDATE")
        fields.setdefault("groups", ())
        request = AdmissionRequest(
            uid="review",
            kind=GroupVersionKind(*kind),
            resource=GroupVersionResource(kind[0], kind[1], f"{kind[2].lower()}s"),
            request_kind=GroupVersionKind(*kind),
            sub_resource=fields.pop("sub_resource", ""),
            namespace=fields.pop("namespace", metadata.get("namespace", "")),
            name=fields.pop("name", metadata.get("name", "")),
            object=new,
            old_object=old,
            user=fields.pop("user", "ann"),
            dry_run=fields.pop("dry_run", False),
            size=len(orjson.dumps([new, old])),
            **fields,
        )
        return await self.judges.answer(request)


@pytest.fixture
def cluster() -> ToldCluster:
    return ToldCluster()
