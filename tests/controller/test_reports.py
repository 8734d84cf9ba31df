"""Whether and when a report is written, against an API server that says what a test wants."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from readiness.api.vocabulary import Result, Severity
from readiness.checks.registry import all_checks
from readiness.controller import reports
from readiness.controller.reports import ReportKeeper, ReportSettings, report_key, workload_of
from readiness.controller.work_queue import Lane, WorkQueue
from readiness.errors import ClusterError, ForbiddenError, NotFoundError
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.kube.client import Page
from readiness.model.workload import ObjectRef
from readiness.watch.cache import ClusterCache
from readiness.watch.projection import observe_workload
from readiness.watch.shard import EVERYTHING, Shard

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WEB = ObjectRef("apps", "Deployment", "shop", "web")
CART = ObjectRef("apps", "Deployment", "shop", "cart")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"


class Server:
    """Answers as the API server would, without one: no real one can be made to fail on demand.

    Attributes:
        installed: API groups whose kind of reports there is.
        listing: metadata of the reports there are.
        problem: what each write fails with.
        list_problem: what each list fails with.
        list_problems: what the next list fails with, by API group.
        calls: methods and paths of what was written.
    """

    def __init__(self) -> None:
        self.installed = {"wgpolicyk8s.io"}
        self.listing: list[dict[str, Any]] = []
        self.problem: ClusterError | None = None
        self.list_problem: ClusterError | None = None
        self.list_problems: dict[str, ClusterError] = {}
        self.calls: list[tuple[str, str]] = []

    async def pages(self, kind: Any, **_: Any) -> Any:
        if self.list_problem is not None:
            raise self.list_problem
        if kind.group in self.list_problems:
            raise self.list_problems.pop(kind.group)
        if kind.group not in self.installed:
            raise NotFoundError("not found", status=404)
        yield Page([{"metadata": metadata} for metadata in self.listing], 1)

    async def call(self, method: str, path: str, **_: Any) -> Any:
        if path.startswith(DEFINITIONS):
            if path.removeprefix(DEFINITIONS).partition(".")[2] in self.installed:
                return {}
            raise NotFoundError("not found", status=404)
        if self.problem is not None:
            raise self.problem
        self.calls.append((method, path.rpartition("/")[2]))
        return {}


class Cluster:
    """Two workloads, a keeper of their reports, and what a judge would say of them."""

    def __init__(self, **settings: Any) -> None:
        self.server = Server()
        self.queue: WorkQueue[ObjectRef] = WorkQueue()
        self.cache = ClusterCache(lambda _: None, lambda *_: None)
        self.policies: tuple[str, ...] = ("p",)
        self.message = "wrong"
        for ref in (WEB, CART):
            metadata = {"name": ref.name, "namespace": ref.namespace, "uid": f"uid-{ref.name}"}
            spec = {"template": {"spec": {"containers": [{"name": "app", "image": "a:1"}]}}}
            self.cache.workloads[ref] = observe_workload(
                {"metadata": metadata, "spec": spec}, "apps/v1", "Deployment"
            )
        self.keeper = ReportKeeper(
            self.server,  # type: ignore[arg-type] # it has what is used
            self.cache,
            self.queue,
            lambda ref, _: self.judge(ref),
            lambda: NOW,
            ReportSettings(api="auto", **settings),
        )

    def judge(self, ref: ObjectRef) -> Report:
        check = all_checks()["mutable-image-tag"]
        failing = CheckResult(check, Severity.MUST, Result.FAIL, "p", self.message)
        return Report(ref, self.policies, (failing,) if self.policies else ())

    def judged(self, *refs: ObjectRef) -> None:
        for ref in refs:
            self.keeper.judged(ref, self.cache.workloads[ref], self.judge(ref))

    async def work(self) -> None:
        """Work on everything that waits."""
        while len(self.queue):
            key = await self.queue.get()
            await self.keeper.reconcile(key)
            self.queue.done(key)

    def count(self, state: str) -> float:
        return self.keeper.counts()[state,]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the keeper logs as errors."""
    found: list[str] = []
    monkeypatch.setattr(reports.logger, "error", lambda _, *, reason, **__: found.append(reason))
    return found


def test_a_key_names_its_workload() -> None:
    assert workload_of(report_key(WEB)) == WEB


async def started(**settings: Any) -> Cluster:
    cluster = Cluster(**settings)
    await cluster.keeper.look()
    await cluster.work()
    return cluster


def test_reports_wait_behind_everything_else() -> None:
    async def run() -> list[ObjectRef]:
        cluster = Cluster()
        await cluster.keeper.look()
        for lane in (Lane.LAST, Lane.BULK):
            cluster.queue.add(ObjectRef("", lane.name, "", ""), lane)
        return [await cluster.queue.get() for _ in range(4)]

    kinds = [key.kind for key in asyncio.run(run())]

    assert kinds == ["BULK", "LAST", "PolicyReport", "PolicyReport"]


def test_the_same_again_is_not_written_again() -> None:
    async def run() -> Cluster:
        cluster = await started()
        cluster.judged(WEB, CART)
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert sorted(cluster.server.calls) == [
        ("PATCH", "deployment-cart"),
        ("PATCH", "deployment-web"),
    ]
    assert (cluster.count("written"), cluster.count("pending")) == (2, 0)


def test_another_uid_or_message_is_another_report() -> None:
    async def run() -> Cluster:
        cluster = await started()
        cluster.server.calls.clear()
        cluster.cache.workloads[WEB].uid = "another"
        cluster.judged(WEB)
        cluster.message = "wrong in another way"
        cluster.judged(CART)
        await cluster.work()
        return cluster

    assert sorted(asyncio.run(run()).server.calls) == [
        ("PATCH", "deployment-cart"),
        ("PATCH", "deployment-web"),
    ]


@pytest.mark.parametrize(
    "problem",
    [
        ClusterError("500 etcdserver: mvcc: database space exceeded", status=500),
        ClusterError("413 Request entity too large", status=413),
        ClusterError("500 etcdserver: request is too large", status=500),
        ForbiddenError("403 may not patch policyreports", status=403),
    ],
)
def test_what_would_fail_for_all_stops_all_for_a_while(
    problem: ClusterError, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> Cluster:
        cluster = Cluster()
        cluster.server.problem = problem
        await cluster.keeper.look()
        await cluster.work()
        assert cluster.keeper.writes == {"failed": 1}  # the second was not even tried
        assert cluster.count("pending") == 1

        cluster.server.problem = None
        later = time.monotonic() + 11
        monkeypatch.setattr(time, "monotonic", lambda: later)
        cluster.queue._ripen()
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert logged == [str(problem)]
    assert cluster.keeper.writes == {"failed": 1, "written": 2}


def test_one_that_fails_for_itself_comes_again_behind_everything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.0)

    async def run() -> list[ObjectRef]:
        cluster = await started()
        cluster.server.problem = ClusterError("500 something", status=500)
        cluster.message = "changed"
        cluster.judged(WEB)
        key = await cluster.queue.get()
        with pytest.raises(ClusterError, match="500 something"):
            await cluster.keeper.reconcile(key)
        cluster.queue.retry(key)
        for lane in (Lane.LAST, Lane.BULK):
            cluster.queue.add(ObjectRef("", lane.name, "", ""), lane)
        return [await cluster.queue.get() for _ in range(3)]

    keys = asyncio.run(run())

    assert [key.kind for key in keys] == ["BULK", "LAST", "PolicyReport"]


def test_a_namespace_on_its_way_out_is_no_reason_to_stop(logged: list[str]) -> None:
    async def run() -> Cluster:
        cluster = Cluster()
        cluster.server.problem = ForbiddenError(
            "403 unable to create new content in namespace shop because it is being terminated",
            status=403,
        )
        await cluster.keeper.look()
        await cluster.work()
        return cluster

    assert asyncio.run(run()).keeper.writes == {"failed": 2}
    assert logged == []


def test_no_more_than_the_most_are_created_and_those_there_are_go_on(logged: list[str]) -> None:
    async def run() -> Cluster:
        cluster = await started(most=1)
        assert (cluster.count("written"), cluster.count("pending")) == (1, 1)
        cluster.server.calls.clear()
        cluster.message = "changed"
        cluster.judged(WEB, CART)
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert len(cluster.server.calls) == 1
    assert logged == ["there are 1, the most there may be"]


def metadata_of(cluster: Cluster, ref: ObjectRef, **changes: Any) -> dict[str, Any]:
    """Return the metadata of the report of a workload as the API server lists it."""
    content = cluster.keeper._found[ref]
    return {
        "namespace": ref.namespace,
        "name": f"deployment-{ref.name}",
        "annotations": {"readiness.dev/content": content},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": ref.name}],
        "managedFields": [{"manager": "readiness-operator", "fieldsV1": {"f:results": {}}}],
        **changes,
    }


EDITED = [{"manager": "kubectl-edit", "fieldsV1": {"f:results": {}}}]
LABELLED = [{"manager": "kubectl-label", "fieldsV1": {"f:metadata": {"f:labels": {}}}}]


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (lambda c: [metadata_of(c, WEB), metadata_of(c, CART)], []),
        (lambda c: [metadata_of(c, CART)], [("PATCH", "deployment-web")]),
        (lambda c: [metadata_of(c, WEB, managedFields=LABELLED), metadata_of(c, CART)], []),
        (
            lambda c: [metadata_of(c, WEB, managedFields=EDITED), metadata_of(c, CART)],
            [("DELETE", "deployment-web"), ("PATCH", "deployment-web")],
        ),
        (
            lambda c: [metadata_of(c, WEB, annotations={}), metadata_of(c, CART)],
            [("DELETE", "deployment-web"), ("PATCH", "deployment-web")],
        ),
        (  # it would never be deleted
            lambda c: [metadata_of(c, WEB, ownerReferences=[]), metadata_of(c, CART)],
            [("DELETE", "deployment-web"), ("PATCH", "deployment-web")],
        ),
        (
            lambda c: [metadata_of(c, WEB), metadata_of(c, CART, name="another-name")],
            [("DELETE", "another-name"), ("PATCH", "deployment-cart")],
        ),
    ],
)
def test_a_list_finds_what_was_done_by_hand(
    listing: Callable[[Cluster], list[dict[str, Any]]], expected: list[tuple[str, str]]
) -> None:
    async def run() -> Cluster:
        cluster = await started()
        cluster.server.calls.clear()
        cluster.server.listing = listing(cluster)
        await cluster.keeper.look()
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert sorted(cluster.server.calls) == expected
    assert cluster.count("pending") == 0


def test_what_is_written_while_a_list_is_under_way_counts() -> None:
    async def run() -> Cluster:
        cluster = await started()
        old = [metadata_of(cluster, WEB), metadata_of(cluster, CART)]
        pages = cluster.server.pages

        async def while_listing(kind: Any, **_: Any) -> Any:
            cluster.message = "changed"
            cluster.judged(WEB)
            await cluster.work()
            cluster.server.listing = old
            async for page in pages(kind):
                yield page

        cluster.server.pages = while_listing  # type: ignore[method-assign]
        await cluster.keeper.look()
        cluster.server.calls.clear()
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert cluster.server.calls == []
    assert cluster.count("pending") == 0


def test_without_a_policy_there_is_no_report() -> None:
    async def run() -> Cluster:
        cluster = await started()
        cluster.server.calls.clear()
        cluster.policies = ()
        cluster.judged(WEB)
        await cluster.work()
        return cluster

    cluster = asyncio.run(run())

    assert cluster.server.calls == [("DELETE", "deployment-web")]
    assert cluster.count("written") == 1


def test_nothing_is_looked_at_where_no_kind_is_installed() -> None:
    async def run() -> Cluster:
        cluster = Cluster()
        cluster.server.installed = set()
        await cluster.keeper.look()
        cluster.judged(WEB)
        await cluster.work()
        return cluster

    assert asyncio.run(run()).server.calls == []


def test_a_server_that_misses_a_kind_it_has_is_asked_again() -> None:
    """Or all reports would be written anew as the other kind, and these deleted."""

    async def run() -> Cluster:
        cluster = await started()
        cluster.server.list_problem = NotFoundError("404 page not found", status=404)
        with pytest.raises(NotFoundError):
            await cluster.keeper.look()
        return cluster

    assert asyncio.run(run()).count("written") == 2


def test_a_kind_that_may_not_be_listed_is_said_once(logged: list[str]) -> None:
    async def run() -> Cluster:
        cluster = Cluster()
        cluster.server.list_problem = ForbiddenError("403 may not list", status=403)
        await cluster.keeper.look()
        await cluster.keeper.look()
        return cluster

    assert asyncio.run(run()).count("written") == 0
    assert logged == ["403 may not list"]


async def test_a_write_whose_answer_was_lost_is_written_over() -> None:
    """What is wanted by then may be what stood there before: it is not what stands there now."""
    cluster = await started()
    cluster.judged(WEB)
    await cluster.work()
    cluster.server.calls.clear()
    cluster.message = "wrong in another way"
    cluster.server.problem = ClusterError("cannot reach the API server")
    cluster.judged(WEB)
    key = await cluster.queue.get()
    with pytest.raises(ClusterError):
        await cluster.keeper.reconcile(key)
    cluster.queue.done(key)

    cluster.server.problem = None
    cluster.message = "wrong"
    cluster.judged(WEB)
    await cluster.work()

    assert cluster.server.calls == [("PATCH", "deployment-web")]


def test_a_shard_leaves_the_reports_of_other_namespaces_alone() -> None:
    """Another controller keeps those; neither counts nor deletes what is the other's."""
    assert Shard(0, 2).owns(WEB.namespace)
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web"}

    def stray(namespace: str) -> dict[str, Any]:
        return {"namespace": namespace, "name": "not-as-we-write-it", "ownerReferences": [owner]}

    async def run(shard: Shard) -> Cluster:
        cluster = Cluster()
        cluster.cache.shard = shard
        theirs = {"namespace": "default", "name": "deployment-web", "ownerReferences": [owner]}
        cluster.server.listing = [stray("shop"), stray("default"), theirs]
        await cluster.keeper.look()
        return cluster

    whole, half = asyncio.run(run(EVERYTHING)), asyncio.run(run(Shard(0, 2)))

    assert whole.server.calls == [("DELETE", "not-as-we-write-it")] * 2
    assert whole.count("written") == 1
    assert half.server.calls == [("DELETE", "not-as-we-write-it")]
    assert half.count("written") == 0


async def test_reports_are_written_though_those_of_another_kind_can_not_be_listed() -> None:
    """They are removed at the next look."""
    cluster = Cluster()
    busy = ClusterError("too many requests", status=429)
    cluster.server.list_problems["openreports.io"] = busy

    with pytest.raises(ClusterError, match="too many requests"):
        await cluster.keeper.look()
    await cluster.work()
    assert sorted(cluster.server.calls) == [
        ("PATCH", "deployment-cart"),
        ("PATCH", "deployment-web"),
    ]

    cluster.server.installed.add("openreports.io")
    cluster.server.listing = [
        {"name": "deployment-web", "namespace": "shop", "labels": {}, "ownerReferences": []}
    ]
    cluster.server.calls.clear()
    await cluster.keeper.look()
    assert ("DELETE", "deployment-web") in cluster.server.calls
