"""What exemptions and evidence say in their status, as time goes by, and when they warn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from readiness.controller.reconciler import Reconciler
from readiness.evaluate.evaluator import Readiness
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.workload import ObjectRef
from readiness.publish.events import EventRegarding
from readiness.telemetry.metrics import Metrics
from readiness.watch.rulebook import evidence_key, exemption_key
from tests.e2e.workloads import deployment
from tests.support import NOW

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
BAD = "registry.example.com/shop/web:latest"


class Cluster:
    """A controller whose clock is moved by hand, and the objects it is told of.

    It takes the place of client and recorder too: what is written and posted stays here.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.writes: list[str] = []
        self.events: list[tuple[str, str, str]] = []
        self._objects: dict[tuple[ResourceKind, str, str], dict[str, Any]] = {}
        self._version = 0
        self.start()

    def start(self) -> None:
        """Start a controller, with all there is in its cache."""
        self.reconciler = Reconciler(
            self,  # type: ignore[arg-type] # as much of a client as is used here
            self,  # type: ignore[arg-type] # and of a recorder
            Metrics(),
            operator_namespace="",
            clock=lambda: self.now,
        )
        for (kind, _, _), manifest in self._objects.items():
            self.reconciler.cache.put(kind, manifest)

    def put(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        metadata = manifest["metadata"]
        key = (kind, metadata.get("namespace") or "", metadata["name"])
        old = self._objects.get(key, {"metadata": {"uid": f"uid-{len(self._objects)}"}})
        self._version += 1
        stored = {
            **manifest,
            "metadata": {
                **metadata,
                "uid": old["metadata"]["uid"],
                "generation": self._version,
                "resourceVersion": str(self._version),
            },
        }
        if "status" in old:
            stored["status"] = old["status"]
        self._objects[key] = stored
        self.reconciler.cache.put(kind, stored)

    def delete(self, kind: ResourceKind, namespace: str, name: str) -> None:
        self._version += 1
        del self._objects[kind, namespace, name]
        self.reconciler.cache.delete(kind, namespace, name, self._version)

    def policy(self, **spec: Any) -> None:
        self.put(kinds.POLICIES, {"metadata": {"name": "p"}, "spec": spec})

    def workload(self, name: str = "web", **container: Any) -> None:
        self.put(kinds.WORKLOADS["Deployment"], deployment("shop", name, **container))

    def exemption(self, expires_at: datetime, **spec: Any) -> None:
        spec = {
            "workloads": [{"name": "web"}],
            "checks": ["mutable-image-tag"],
            "reason": "the vendor ships nothing else",
            "expiresAt": expires_at.isoformat(),
            **spec,
        }
        metadata = {
            "name": "latest",
            "namespace": "shop",
            "creationTimestamp": NOW.isoformat(),
        }
        self.put(kinds.EXEMPTIONS, {"metadata": metadata, "spec": spec})

    def evidence(self, expires_at: datetime, name: str = "load-test", **spec: Any) -> None:
        spec = {
            "item": "load-testing-performed",
            "workloads": [{"name": "web"}],
            "statement": "Twice the peak for an hour.",
            "performedAt": (NOW - DAY).isoformat(),
            "expiresAt": expires_at.isoformat(),
            "attestedBy": "ann",
            **spec,
        }
        metadata = {"name": name, "namespace": "shop"}
        self.put(kinds.EVIDENCE, {"metadata": metadata, "spec": spec})

    async def settle(self) -> None:
        """Bring everything up to date: workloads first, as the queue does."""
        for ref in list(self.reconciler.cache.workloads):
            await self.reconciler.reconcile(ref)
        for key in list(self.reconciler.rulebook.manifests):
            if key.kind != "ReadinessPolicy":
                await self.reconciler.reconcile(key)

    def told(self, key: ObjectRef) -> dict[str, Any]:
        """Return a status, its conditions as reasons and messages by type and status."""
        manifest = self.reconciler.rulebook.manifests[key]
        status = dict(manifest["status"])
        assert status.pop("observedGeneration") == manifest["metadata"]["generation"]
        status["conditions"] = {
            f"{c['type']}={c['status']}": (c["reason"], c["message"]) for c in status["conditions"]
        }
        return status

    # What the controller does to a cluster.

    async def apply_status(
        self, kind: ResourceKind, namespace: str, name: str, body: dict[str, Any], _: str
    ) -> dict[str, Any]:
        self.writes.append(f"{kind.kind}/{name}")
        self._version += 1
        old = self._objects[kind, namespace, name]
        metadata = {**old["metadata"], "resourceVersion": str(self._version)}
        stored = {**old, "metadata": metadata, "status": body.get("status", {})}
        self._objects[kind, namespace, name] = stored
        return stored

    def record(
        self, regarding: EventRegarding, *, warning: bool, reason: str, message: str
    ) -> None:
        assert warning
        self.events.append((regarding.ref.name, reason, message))


EXEMPTION = exemption_key("shop", "latest")
EVIDENCE = evidence_key("shop", "load-test")
ASKED = [{"id": "mutable-image-tag", "severity": "Must"}]
DEMAND = [{"item": "load-testing-performed", "severity": "Must"}]


@pytest.fixture
async def cluster() -> Cluster:
    return Cluster()


async def test_an_exemption_counts_what_it_accepts(cluster: Cluster) -> None:
    cluster.policy(checks=ASKED)
    cluster.workload("web", image=BAD)
    cluster.workload("api", image=BAD)
    cluster.exemption(NOW + 60 * DAY)
    await cluster.settle()
    until = "2027-01-23T09:00:00Z"

    assert cluster.told(EXEMPTION) == {
        "conditions": {
            "Active=True": ("InForce", f"findings are accepted until {until}"),
            "Expiring=False": ("NotSoon", "warned of from 2027-01-09T09:00:00Z on"),
            "Unneeded=False": ("FindingsAccepted", "it accepts findings"),
        },
        "exempted": {"workloads": 1, "findings": 1},
    }
    cluster.exemption(NOW + 60 * DAY, workloads=[{"selector": {}}])
    await cluster.settle()
    assert cluster.told(EXEMPTION)["exempted"] == {"workloads": 2, "findings": 2}
    cluster.workload("web")
    cluster.delete(kinds.WORKLOADS["Deployment"], "shop", "api")
    await cluster.reconciler.reconcile(ObjectRef("apps", "Deployment", "shop", "api"))
    await cluster.settle()
    assert cluster.told(EXEMPTION)["exempted"] == {"workloads": 0, "findings": 0}
    assert cluster.told(EXEMPTION)["conditions"]["Unneeded=True"] == (
        "NothingToExempt",
        (
            "it accepts no finding: its checks find nothing here, are not asked for, or another "
            "exemption that lasts longer accepts what they find"
        ),
    )


async def test_an_exemption_ends_at_its_second_and_no_later_than_a_policy_allows(
    cluster: Cluster,
) -> None:
    cluster.policy(checks=ASKED)
    cluster.workload(image=BAD)
    cluster.exemption(NOW + 2 * HOUR)
    cluster.now = NOW + 2 * HOUR - SECOND
    await cluster.settle()
    assert "Active=True" in cluster.told(EXEMPTION)["conditions"]

    cluster.now = NOW + 2 * HOUR
    await cluster.settle()
    assert cluster.told(EXEMPTION) == {
        "conditions": {
            "Active=False": ("Expired", "ended at 2026-11-24T11:00:00Z; findings count again")
        },
        "exempted": {"workloads": 0, "findings": 0},
    }

    cluster.policy(checks=ASKED, exemptions={"maxDuration": "3h"})
    cluster.exemption(NOW + 90 * DAY)
    await cluster.settle()
    limited = "2026-11-24T12:00:00Z by a policy that limits exemptions"
    assert cluster.told(EXEMPTION)["conditions"]["Active=True"] == (
        "InForce",
        f"findings are accepted until {limited}",
    )
    cluster.now = NOW + 3 * HOUR
    await cluster.settle()
    assert cluster.told(EXEMPTION)["conditions"] == {
        "Active=False": ("Expired", f"ended at {limited}; findings count again")
    }


async def test_an_exemption_that_cannot_be_used_says_why(cluster: Cluster) -> None:
    cluster.exemption(NOW + DAY, checks=["mutable-image-tog"])
    await cluster.settle()

    assert cluster.told(EXEMPTION) == {
        "conditions": {
            "Active=False": (
                "Invalid",
                (
                    'spec.checks[0]: there is no check "mutable-image-tog", did you mean '
                    '"mutable-image-tag"?'
                ),
            )
        },
        "exempted": {"workloads": 0, "findings": 0},
    }


async def test_evidence_says_whom_it_serves(cluster: Cluster) -> None:
    names = [f"web-{number:02}" for number in range(25)]
    for name in names:
        cluster.workload(name, image=f"shop/web@{ONE}")
    cluster.evidence(
        NOW + 60 * DAY,
        workloads=[{"selector": {}}],
        imageDigests=[{"container": "app", "digest": ONE}],
    )
    await cluster.settle()

    assert cluster.told(EVIDENCE) == {
        "conditions": {
            "Current=True": ("Current", "counts until 2027-01-23T09:00:00Z"),
            "Expiring=False": ("NotSoon", "warned of from 2027-01-09T09:00:00Z on"),
        },
        "workloads": {
            "matched": 25,
            "served": 25,
            "names": [f"deployment/{name}" for name in names[:20]],
        },
    }
    for name in names[1:]:
        cluster.workload(name, image=f"shop/web@{TWO}")
    await cluster.settle()
    assert cluster.told(EVIDENCE)["workloads"] == {
        "matched": 25,
        "served": 1,
        "names": ["deployment/web-00"],
    }
    cluster.workload(names[0], image="shop/web:2")
    await cluster.settle()
    assert cluster.told(EVIDENCE)["workloads"] == {"matched": 25, "served": 0}
    assert cluster.told(EVIDENCE)["conditions"]["Current=False"] == (
        "OtherImages",
        "every workload it is about runs other images than those it is bound to",
    )


async def test_evidence_counts_from_when_it_was_done_until_it_expires(cluster: Cluster) -> None:
    cluster.evidence(NOW + 2 * HOUR, performedAt=(NOW + HOUR).isoformat())
    await cluster.settle()
    current = [cluster.told(EVIDENCE)["conditions"]]
    for hours in (1, 2):
        cluster.now = NOW + hours * HOUR
        await cluster.settle()
        current.append(cluster.told(EVIDENCE)["conditions"])

    idle = ("NobodyAffected", "ends at 2026-11-24T11:00:00Z and affects no workload")
    assert current == [
        {
            "Current=False": (
                "NotYetPerformed",
                "performedAt, 2026-11-24T10:00:00Z, is to come",
            ),
            "Expiring=False": idle,
        },
        {
            "Current=True": ("Current", "counts until 2026-11-24T11:00:00Z"),
            "Expiring=False": idle,
        },
        {"Current=False": ("Expired", "expired at 2026-11-24T11:00:00Z")},
    ]
    assert cluster.events == []


async def test_evidence_for_an_unknown_item_says_so(cluster: Cluster) -> None:
    cluster.evidence(NOW + DAY, item="load-testing-preformed")
    await cluster.settle()

    (reason, message) = cluster.told(EVIDENCE)["conditions"]["Current=False"]
    assert reason == "Invalid"
    assert message.endswith('did you mean "load-testing-performed"?')
    cluster.evidence(NOW + DAY)
    await cluster.settle()
    assert "Current=True" in cluster.told(EVIDENCE)["conditions"]


async def test_what_ends_within_14_days_is_warned_of_once_whatever_restarts(
    cluster: Cluster,
) -> None:
    cluster.policy(checks=ASKED, evidence=DEMAND)
    cluster.workload(image=BAD)
    cluster.exemption(NOW + 15 * DAY)
    cluster.evidence(NOW + 15 * DAY)
    cluster.now = NOW + DAY - SECOND
    await cluster.settle()
    assert cluster.events == []

    cluster.now = NOW + DAY
    await cluster.settle()
    expiring = (
        'ReadinessEvidence "load-test" for load-testing-performed expires at '
        "2026-12-09T09:00:00Z: renew it by then"
    )
    assert sorted(cluster.events) == [
        ("load-test", "EvidenceExpiring", expiring),
        ("web", "EvidenceExpiring", expiring),
        (
            "web",
            "ExemptionExpiring",
            (
                'ReadinessExemption "latest" ends at 2026-12-09T09:00:00Z: mend the finding of '
                "mutable-image-tag by then; they count again"
            ),
        ),
    ]
    cluster.events.clear()
    cluster.writes.clear()
    await cluster.settle()
    cluster.start()
    await cluster.settle()
    assert (cluster.events, cluster.writes) == ([], [])

    cluster.evidence(NOW + 60 * DAY)
    await cluster.settle()
    cluster.now = NOW + 50 * DAY
    await cluster.settle()
    assert [reason for _, reason, _ in cluster.events] == ["EvidenceExpiring"] * 2


async def test_a_workload_with_other_evidence_is_not_warned(cluster: Cluster) -> None:
    cluster.policy(evidence=DEMAND)
    cluster.workload()
    cluster.evidence(NOW + 60 * DAY, name="newer")
    cluster.evidence(NOW + DAY)
    await cluster.settle()

    assert [(name, reason) for name, reason, _ in cluster.events] == [
        ("load-test", "EvidenceExpiring")
    ]


async def test_at_most_20_workloads_are_warned(cluster: Cluster) -> None:
    for number in range(25):
        cluster.workload(f"web-{number:02}")
    cluster.evidence(NOW + DAY, workloads=[{"selector": {}}])
    await cluster.settle()

    assert [name for name, _, _ in cluster.events] == [
        "load-test",
        *(f"web-{number:02}" for number in range(20)),
    ]


async def test_days_left_are_those_of_the_first_to_end_in_each_namespace(
    cluster: Cluster,
) -> None:
    own = cluster.reconciler.own_kinds
    assert (own.evidence_days_left(), own.exemption_days_left()) == ({}, {})
    cluster.evidence(NOW + 9 * DAY, name="b")
    cluster.evidence(NOW + 3 * DAY, name="a")
    cluster.evidence(NOW, name="over")
    cluster.exemption(NOW + 12 * HOUR)

    assert own.evidence_days_left() == {("shop",): 3.0}
    assert own.exemption_days_left() == {("shop",): 0.5}
    cluster.now = NOW + 4 * DAY
    assert own.evidence_days_left() == {("shop",): 5.0}
    assert own.exemption_days_left() == {}


async def test_everything_about_an_exemption_is_queued_when_it_may_change(
    cluster: Cluster,
) -> None:
    cluster.policy(checks=ASKED)
    cluster.workload(image=BAD)
    cluster.workload("api", image=BAD)
    queue = cluster.reconciler.queue
    queue.accepting = True
    cluster.evidence(NOW + DAY)
    taken = [await queue.get() for _ in range(2)]

    assert taken == [ObjectRef("apps", "Deployment", "shop", "web"), EVIDENCE]
    assert len(queue) == 0
    for key in taken:
        queue.done(key)
    cluster.exemption(NOW + DAY)
    taken = [await queue.get() for _ in range(3)]
    assert taken[-1] == EXEMPTION
    for key in taken:
        queue.done(key)
    cluster.policy(checks=ASKED, exemptions={"maxDuration": "3h"})
    taken = [await queue.get() for _ in range(4)]
    assert EXEMPTION in taken


async def test_a_workload_is_judged_with_the_evidence_there_is(cluster: Cluster) -> None:
    cluster.policy(evidence=DEMAND)
    cluster.workload()
    await cluster.settle()
    lacking = dict(cluster.reconciler.scoreboard.counts("p"))
    cluster.evidence(NOW + DAY)
    await cluster.settle()

    assert lacking == {Readiness.NOT_READY: 1}
    assert cluster.reconciler.scoreboard.counts("p") == {Readiness.READY: 1}
