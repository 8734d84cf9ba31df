"""Who writes: the Lease as held, lost, given up and fought for, on a real API server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from readiness.cli.main import cli
from readiness.controller.leader import LeaderElector, LeaseTimes, boot_clock
from readiness.controller.reconciler import Reconciler
from readiness.errors import ClusterError, ConflictError, LostLeadershipError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, load_configuration
from readiness.publish.events import EVENTS, EventRecorder
from readiness.telemetry.metrics import Metrics
from tests.support import ROOT
from tools.control_plane import ControlPlane

QUICK = LeaseTimes(retry=0.02)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    configuration = await load_configuration(str(control_plane.kubeconfig))
    async with KubeClient(configuration) as found:
        yield found


def candidate(client: KubeClient, namespace: str, name: str) -> tuple[LeaderElector, Clock]:
    clock = Clock()
    return LeaderElector(client, namespace, "operator", name, times=QUICK, clock=clock), clock


async def until_said(logs: list[Any]) -> None:
    """Wait for the first line of a log."""
    async with asyncio.timeout(10):
        while not logs:  # noqa: ASYNC110 - nobody says when a line is logged
            await asyncio.sleep(0.01)


def lease(control_plane: ControlPlane, namespace: str) -> dict[str, Any]:
    reply = control_plane.request(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/operator"
    )
    assert reply.status == 200
    found: dict[str, Any] = reply.body
    return found


def spec(control_plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """Return the spec of the Lease without its times."""
    found = lease(control_plane, namespace)["spec"]
    return {key: value for key, value in found.items() if not key.endswith("Time")}


async def test_the_first_creates_the_lease_and_may_write(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, _ = candidate(client, namespace, "a")
    assert not a.is_leader()
    with pytest.raises(LostLeadershipError) as caught:
        a.guard()
    assert str(caught.value) == f"the Lease {namespace}/operator is not held by this replica"

    running = asyncio.create_task(a.run())
    async with asyncio.timeout(10):
        await a.leading.wait()

    assert a.is_leader()
    assert spec(control_plane, namespace) == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 0,
    }
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_candidate_waits_for_as_long_as_it_sees_the_lease_renewed(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, _ = candidate(client, namespace, "a")
    b, clock = candidate(client, namespace, "b")
    assert await a._attempt()
    assert not await b._attempt()

    clock.now += 14
    assert await a._attempt()
    assert not await b._attempt()
    clock.now += 14  # 28 since the first look, 14 since the last change
    assert not await b._attempt()
    clock.now += 1
    assert await b._attempt()

    assert b.guard() == 15
    assert spec(control_plane, namespace) == {
        "holderIdentity": "b",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 1,
    }
    with pytest.raises(LostLeadershipError) as caught:
        await a._keep()
    assert str(caught.value) == f"lost the Lease {namespace}/operator: b holds it"
    assert not a.is_leader()


async def test_the_times_in_the_lease_are_believed_by_nobody(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    """The holder's clock is 26 years behind: a newcomer still waits 15 s by its own."""
    old = "2000-01-01T00:00:00.000000Z"
    control_plane.request(
        "POST",
        f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases",
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "operator"},
            "spec": {
                "holderIdentity": "x",
                "leaseDurationSeconds": 15,
                "acquireTime": old,
                "renewTime": old,
            },
        },
    )
    a, clock = candidate(client, namespace, "a")

    assert not await a._attempt()
    clock.now += 14.9
    assert not await a._attempt()
    clock.now += 0.1
    assert await a._attempt()


async def test_the_holder_stops_five_seconds_before_others_may_start(
    namespace: str, client: KubeClient
) -> None:
    a, clock = candidate(client, namespace, "a")
    assert await a._attempt()

    clock.now += 9.5
    assert a.guard() == 5.5
    clock.now += 0.5
    with pytest.raises(LostLeadershipError) as caught:
        a.guard()
    assert str(caught.value) == f"lost the Lease {namespace}/operator: not renewed for 10 s"

    clock.now -= 9  # however it came to be, what is lost stays lost
    with pytest.raises(LostLeadershipError):
        a.guard()
    with pytest.raises(LostLeadershipError):
        await a._keep()


async def test_the_age_of_the_lease_counts_from_when_the_renewal_was_sent(
    namespace: str, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer took 3 s: others may have seen the renewal 3 s ago."""
    a, clock = candidate(client, namespace, "a")
    call = client.call

    async def slow(method: str, path: str, **options: Any) -> Any:
        answer = await call(method, path, **options)
        clock.now += 3 if method != "GET" else 0
        return answer

    monkeypatch.setattr(client, "call", slow)
    assert await a._attempt()

    assert a.guard() == 12


async def test_a_holder_that_was_paused_does_not_renew(namespace: str, client: KubeClient) -> None:
    """Nobody took the Lease meanwhile, but somebody may do so any moment."""
    a, clock = candidate(client, namespace, "a")
    running = asyncio.create_task(a.run())
    async with asyncio.timeout(10):
        await a.leading.wait()
    clock.now += 20

    with pytest.raises(LostLeadershipError) as caught:
        async with asyncio.timeout(10):
            await running

    assert str(caught.value) == f"lost the Lease {namespace}/operator: not renewed for 20 s"


async def test_of_many_that_try_at_once_one_succeeds(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    async def attempt(elector: LeaderElector) -> bool:
        try:
            return await elector._attempt()
        except ConflictError:
            return False

    for _ in range(5):
        electors = [candidate(client, namespace, name)[0] for name in "abcdefgh"]
        held = await asyncio.gather(*(attempt(elector) for elector in electors))
        assert held.count(True) == 1
        winner = electors[held.index(True)]
        assert spec(control_plane, namespace)["holderIdentity"] == winner._identity
        await winner.release()


async def test_a_lease_given_up_is_free_at_once(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, _ = candidate(client, namespace, "a")
    b, _ = candidate(client, namespace, "b")
    assert await a._attempt()
    control_plane.kubectl("label", "-n", namespace, "lease/operator", "team=platform")
    assert not await b._attempt()

    await a.release()

    assert spec(control_plane, namespace) == {"leaseDurationSeconds": 1, "leaseTransitions": 0}
    with pytest.raises(LostLeadershipError) as caught:
        a.guard()
    assert str(caught.value) == f"lost the Lease {namespace}/operator: given up"
    assert await b._attempt()
    assert spec(control_plane, namespace)["leaseTransitions"] == 1
    assert lease(control_plane, namespace)["metadata"]["labels"] == {"team": "platform"}


async def test_who_lost_the_lease_gives_up_nothing(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, clock = candidate(client, namespace, "a")
    assert await a._attempt()
    clock.now += 10
    assert not a.is_leader()

    await a.release()

    assert spec(control_plane, namespace)["holderIdentity"] == "a"


async def test_a_lease_deleted_by_hand_is_made_again(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, _ = candidate(client, namespace, "a")
    assert await a._attempt()
    control_plane.kubectl("delete", "-n", namespace, "lease/operator")

    await a._keep()

    assert a.is_leader()
    assert spec(control_plane, namespace)["holderIdentity"] == "a"


async def test_one_failed_renewal_is_said_and_tried_again(
    control_plane: ControlPlane, namespace: str, client: KubeClient
) -> None:
    a, clock = candidate(client, namespace, "a")
    assert await a._attempt()
    server = client.configuration.host
    client.configuration.host = "https://127.0.0.1:1"
    clock.now += 4
    with structlog.testing.capture_logs() as logs:
        await a._keep()
    assert [entry["event"] for entry in logs] == ["lease not renewed"]
    assert a.is_leader()

    clock.now += 6
    with pytest.raises(LostLeadershipError) as caught:
        await a._keep()
    assert str(caught.value).startswith(
        f"lost the Lease {namespace}/operator: not renewed for 10 s "
        "(cannot reach the API server at https://127.0.0.1:1: "
    )
    client.configuration.host = server


async def test_an_api_server_that_is_away_is_waited_for(namespace: str, client: KubeClient) -> None:
    a, clock = candidate(client, namespace, "a")
    server = client.configuration.host
    client.configuration.host = "https://127.0.0.1:1"
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(a.run())
        await until_said(logs)
        clock.now += 100
        client.configuration.host = server
        async with asyncio.timeout(10):
            await a.leading.wait()
    running.cancel()

    assert [entry["event"] for entry in logs] == ["waiting for the lease", "became leader"]


async def test_a_lease_that_may_not_be_used_ends_the_wait_with_what_to_do(
    control_plane: ControlPlane, namespace: str
) -> None:
    user = f"system:serviceaccount:{namespace}:default"
    configuration = await load_configuration(str(control_plane.kubeconfig_for(user)))
    async with KubeClient(configuration) as client:
        a, clock = candidate(client, namespace, "a")
        with structlog.testing.capture_logs() as logs:
            running = asyncio.create_task(a.run())
            await until_said(logs)
            assert not running.done()  # an API server that starts may say so of what it will allow
            clock.now += 10
            with pytest.raises(ClusterError) as caught:
                await running

    assert caught.value.status == 403
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/operator"
    assert str(caught.value) == (
        f"can't use the Lease {namespace}/operator: GET {path}: 403 "
        f'leases.coordination.k8s.io "operator" is forbidden: User "{user}" cannot get resource '
        f'"leases" in API group "coordination.k8s.io" in the namespace "{namespace}"; grant it: '
        f"kubectl create role readiness-lease -n {namespace} --verb=get,create,update "
        "--resource=leases.coordination.k8s.io, with a rolebinding, or run one replica with "
        "--no-leader-elect"
    )


async def test_a_namespace_that_does_not_exist_ends_the_wait_with_what_to_do(
    control_plane: ControlPlane, client: KubeClient
) -> None:
    control_plane.check()
    a, clock = candidate(client, "nowhere", "a")
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(a.run())
        await until_said(logs)
        clock.now += 10
        with pytest.raises(ClusterError) as caught:
            await running

    assert str(caught.value) == (
        "can't use the Lease nowhere/operator: POST "
        "/apis/coordination.k8s.io/v1/namespaces/nowhere/leases: 404 "
        'namespaces "nowhere" not found; see that the namespace exists and that '
        "--operator-namespace and --lease-name are right, or run one replica with "
        "--no-leader-elect"
    )


def test_the_clock_goes_forward_and_counts_seconds() -> None:
    before = boot_clock()

    assert 0 <= boot_clock() - before < 60


# What may not write does not.


@pytest.mark.parametrize("answers", [0, 1])
async def test_a_guarded_client_sends_no_write_but_reads_and_asks(
    control_plane: ControlPlane, namespace: str, answers: int
) -> None:
    """Once refused before it has a connection, once when it has one: it was paused in between."""
    asked = []

    def guard() -> float:
        asked.append(1)
        if len(asked) > answers:
            raise LostLeadershipError("lost it")
        return 5.0

    configuration = await load_configuration(str(control_plane.kubeconfig))
    agent = f"guarded-{namespace}"
    async with KubeClient(configuration, write_guard=guard, user_agent=agent) as client:
        await client.server_version()
        assert await client.may("watch", kinds.POLICIES)
        assert not asked

        mark = control_plane.audit_mark()
        with pytest.raises(LostLeadershipError):
            await client.call("POST", EVENTS.path(namespace), body={})
        assert len(asked) == answers + 1
        await client.call("GET", EVENTS.path(namespace))  # the last to be logged

    events = control_plane.audit_events(after=mark)
    assert [event.verb for event in events if event.user_agent == agent] == ["list"]


async def test_a_write_ends_when_the_guard_says_it_must(
    control_plane: ControlPlane, namespace: str
) -> None:
    configuration = await load_configuration(str(control_plane.kubeconfig))
    async with KubeClient(configuration, write_guard=lambda: 0.0001) as client:
        with pytest.raises(ClusterError) as caught:
            await client.call("POST", EVENTS.path(namespace), body={})

    assert caught.value.status == 0


async def test_a_replica_that_stands_by_collects_nothing_and_begins_with_everything(
    control_plane: ControlPlane, client: KubeClient
) -> None:
    def manifest(kind: str, name: str, version: int) -> dict[str, Any]:
        metadata = {
            "name": name,
            "uid": name,
            "generation": 1,
            "resourceVersion": str(version),
            **({} if kind == "ReadinessPolicy" else {"namespace": "shop"}),
        }
        return {"kind": kind, "metadata": metadata, "spec": {}}

    deployments, stateful_sets = kinds.WORKLOADS["Deployment"], kinds.WORKLOADS["StatefulSet"]
    reconciler = Reconciler(client, EventRecorder(client), Metrics(), operator_namespace="")
    cache, queue = reconciler.cache, reconciler.queue
    for version in range(1, 200):
        name = f"web-{version}"
        cache.put(deployments, manifest("Deployment", name, version))
        cache.delete(deployments, "shop", name, version)
    cache.put(kinds.POLICIES, manifest("ReadinessPolicy", "standard", 200))
    cache.put(deployments, manifest("Deployment", "web", 201))
    cache.put(stateful_sets, manifest("StatefulSet", "db", 202))
    assert len(queue) == 0

    reconciler.begin()

    assert len(queue) == 3
    keys = [await queue.get() for _ in range(3)]
    assert {str(key.name) for key in keys[:2]} == {"web", "db"}
    assert keys[2].kind == "ReadinessPolicy"
    cache.put(deployments, manifest("Deployment", "late", 203))
    assert (await queue.get()).name == "late"


_HANGING = """
import asyncio, sys, time
from readiness.cli.main import cli
from readiness.controller.leader import LeaderElector, LeaseTimes
from readiness.kube.client import KubeClient, load_configuration

async def main():
    async with KubeClient(await load_configuration(sys.argv[1])) as client:
        times = LeaseTimes(renew_deadline=2, retry=0.1, patience=0.1)
        elector = LeaderElector(client, sys.argv[2], "operator", "hanging", times=times)
        asyncio.create_task(elector.run())
        await elector.leading.wait()
        time.sleep(120)

asyncio.run(main())
"""


def test_a_holder_whose_loop_hangs_ends(control_plane: ControlPlane, namespace: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _HANGING, str(control_plane.kubeconfig), namespace],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(ROOT / "operator")},
    )

    assert result.returncode == 3
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"readiness: lost the Lease {namespace}/operator: not renewed for ")
    assert last.endswith(" s, and the event loop hangs")


def test_an_election_without_a_namespace_is_a_mistake_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)

    result = CliRunner().invoke(cli, ["run", "--role", "controller", "--leader-elect"])

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: --leader-elect needs --operator-namespace: the Lease lives there"
    )
