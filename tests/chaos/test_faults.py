"""Whatever happens around the operator, afterwards everything is right, and nothing was flooded.

`make test` runs some faults for a moment each; `make chaos` runs all, holds each for half a minute,
and prints the table of docs/faults.md.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.chaos.faulty_proxy import NO_FAULT, Fault, FaultyProxy
from tests.chaos.fresh_verdict import wrongly_judged
from tests.chaos.memory_limit import memory_limit
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import budget, deployment
from tests.polling import eventually
from tests.support import ROOT
from tools.control_plane import ETCD, AuditEvent, free_port

FULL = os.environ.get("READINESS_CHAOS") == "full"
SECONDS = 30.0 if FULL else 1.0
ROUNDS = 200 if FULL else 4
WORKLOADS = 8
BIG_OBJECTS = 20
# Retries double from 0.1 s on: the next one after a fault comes within the time it lasted.
WITHIN = 60 + 2 * SECONDS


@dataclass
class Scene:
    """An operator behind a faulty proxy, and Deployments of which every second has a budget."""

    cluster: Cluster
    namespace: str
    proxy: FaultyProxy
    operator: OperatorProcess
    budgets: set[int] = field(default_factory=lambda: set(range(0, WORKLOADS, 2)))

    def swap_budgets(self) -> None:
        """Take the budgets from those that have one, give the others one: all verdicts turn."""
        path = f"/apis/policy/v1/namespaces/{self.namespace}/poddisruptionbudgets"
        for number in range(WORKLOADS):
            name = f"web-{number}"
            if number in self.budgets:
                self._insist("DELETE", f"{path}/{name}", None, {200, 404})
            else:
                self._insist("POST", path, budget(self.namespace, name), {201, 409})
        self.budgets = set(range(WORKLOADS)) - self.budgets

    def _insist(self, method: str, path: str, body: Any, done: set[int]) -> None:
        request = self.cluster.control_plane.request
        eventually(lambda: request(method, path, body).status in done, within=30)

    def ready(self) -> set[int]:
        """Return the numbers of the Deployments that are said to be ready."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        return {
            int(item["metadata"]["name"].removeprefix("web-"))
            for item in self.cluster.control_plane.request("GET", path).body["items"]
            for condition in item.get("status", {}).get("conditions", ())
            if condition["type"] == "readiness.dev/ProductionReady"
            and condition["status"] == "True"
        }

    def right(self) -> bool:
        """Return whether every verdict follows from the budgets, and is that of a fresh judge."""
        return self.ready() == self.budgets and not wrongly_judged(
            self.cluster.control_plane.kubeconfig, self.namespace
        )

    def since(self, mark: int) -> tuple[list[AuditEvent], list[AuditEvent]]:
        """Return the conditions and the events that the operator wrote, as the server saw it."""
        written = [e for e in self.cluster.writes(mark) if e.namespace == self.namespace]
        done = [event for event in written if event.code < 300]
        return (
            [event for event in done if event.subresource == "status"],
            [event for event in done if event.resource == "events"],
        )

    def told(self) -> float:
        """Return how many events the operator had to tell, posted or given up."""
        return sum(
            self.operator.metric("readiness_events", outcome=outcome)
            for outcome in ("posted", "dropped")
        )

    def memory(self) -> float:
        """Return the operator's resident memory in MiB."""
        return float(psutil.Process(self.operator.pid).memory_info().rss / 2**20)


@pytest.fixture(scope="module")
def whole_scene(
    cluster: Cluster, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One operator for all faults: what one leaves behind the next one would meet."""
    namespace = f"chaos-{secrets.token_hex(4)}"
    cluster.control_plane.create_namespace(namespace, {"test": namespace})
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": namespace},
            "spec": {
                "match": {"namespaceSelector": {"matchLabels": {"test": namespace}}},
                "checks": [{"id": "disruption-budget-missing", "severity": "Must"}],
            },
        }
    )
    with FaultyProxy(operator_kubeconfig, tmp_path_factory.mktemp("proxy")) as proxy:
        operator = OperatorProcess(proxy.kubeconfig, "--qps", "0", "--sweep-interval", "2")
        scene = Scene(cluster, namespace, proxy, operator)
        cluster.apply(*(deployment(namespace, f"web-{n}") for n in range(WORKLOADS)))
        cluster.apply(*(budget(namespace, f"web-{n}") for n in scene.budgets))
        operator.start()
        eventually(lambda: scene.told() == WORKLOADS, within=WITHIN)
        yield scene
        proxy.set(NO_FAULT)
        if operator.running:
            assert operator.stop() == 0
    cluster.kubectl("delete", "readinesspolicy", namespace)
    cluster.control_plane.delete_namespace(namespace)


@pytest.fixture
def scene(whole_scene: Scene) -> Scene:
    """The operator, running, and everything right."""
    whole_scene.proxy.set(NO_FAULT)
    if not whole_scene.operator.running:
        whole_scene.operator.start()
    eventually(whole_scene.right, within=WITHIN)
    eventually(whole_scene.operator.settled)
    return whole_scene


def answers(fault: Fault) -> Callable[[Scene], None]:
    """Return what lets the proxy do this while the budgets change."""

    def inject(scene: Scene) -> None:
        scene.proxy.set(fault)
        scene.swap_budgets()
        time.sleep(SECONDS)
        scene.proxy.set(NO_FAULT)

    return inject


def kill_api_server(scene: Scene) -> None:
    scene.swap_budgets()
    scene.cluster.control_plane.stop_api_server()
    time.sleep(SECONDS)
    scene.cluster.control_plane.start_api_server()


def pause_etcd(scene: Scene) -> None:
    scene.swap_budgets()
    scene.cluster.control_plane.pause(ETCD)
    time.sleep(SECONDS)
    scene.cluster.control_plane.resume(ETCD)


def compact_history(scene: Scene) -> None:
    """The watches resume at a version that is no more: 410 Gone."""
    scene.proxy.set(Fault(cut=True))
    scene.swap_budgets()
    time.sleep(SECONDS)
    scene.cluster.control_plane.stop_api_server()
    scene.cluster.control_plane.compact()
    scene.cluster.control_plane.start_api_server()
    scene.proxy.set(NO_FAULT)


def forbid_a_kind(scene: Scene) -> None:
    """Budgets may not be seen for a while: verdicts are Unknown meanwhile."""
    with scene.cluster.without_right_to("poddisruptionbudgets"):
        scene.swap_budgets()
        eventually(lambda: not scene.ready(), within=WITHIN)
        time.sleep(SECONDS)


def remove_a_definition(scene: Scene) -> None:
    """The exemptions go with their CRD, and their watch ends."""
    name = "readinessexemptions.readiness.dev"
    scene.cluster.kubectl("delete", "crd", name)
    try:
        scene.swap_budgets()
        time.sleep(SECONDS)
    finally:
        scene.cluster.kubectl("apply", "-f", str(ROOT / "crds"))
        scene.cluster.kubectl("wait", "--for=condition=Established", "crd", name)


def fight_over_conditions(scene: Scene) -> None:
    """Another writer takes every condition away, again and again."""
    scene.swap_budgets()
    path = f"/apis/apps/v1/namespaces/{scene.namespace}/deployments/web-"
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for number in range(WORKLOADS):
            scene.cluster.control_plane.request(
                "PATCH",
                f"{path}{number}/status",
                {"status": {"conditions": []}},
                content_type="application/merge-patch+json",
            )
        time.sleep(0.2)


def kill_the_operator(scene: Scene) -> None:
    scene.swap_budgets()
    assert scene.operator.stop(with_signal=signal.SIGKILL) == -signal.SIGKILL
    time.sleep(SECONDS)
    scene.operator.start()


def starve_the_operator(scene: Scene) -> None:
    """The kernel kills it for want of memory: as many big objects come as it has no room for."""
    path = f"/api/v1/namespaces/{scene.namespace}/configmaps"
    with memory_limit(scene.operator.pid, 4 * 2**20):
        scene.swap_budgets()
        for number in range(BIG_OBJECTS):
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"big-{number}"},
                "data": {f"key-{n}": secrets.token_hex(400) for n in range(1000)},
            }
            assert scene.cluster.control_plane.request("POST", path, body).status == 201
        assert scene.operator.ended() == -signal.SIGKILL
    scene.cluster.kubectl("-n", scene.namespace, "delete", "configmaps", "--all")
    scene.operator.start()


def pause_the_operator(scene: Scene) -> None:
    os.kill(scene.operator.pid, signal.SIGSTOP)
    scene.swap_budgets()
    time.sleep(SECONDS)
    os.kill(scene.operator.pid, signal.SIGCONT)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "API server killed": kill_api_server,
    "etcd paused": pause_etcd,
    "watch history compacted": compact_history,
    "every request answered 429": answers(Fault(status=429, retry_after=1)),
    "every request answered 500": answers(Fault(status=500)),
    "every answer 0.5 s late": answers(Fault(delay=0.5)),
    "writes done, their answers lost": answers(Fault(lose_answers=True)),
    "one kind forbidden": forbid_a_kind,
    "a CRD removed and restored": remove_a_definition,
    "another writer of conditions": fight_over_conditions,
    "operator killed": kill_the_operator,
    "operator out of memory": starve_the_operator,
    "operator paused": pause_the_operator,
}


# What it had yet to tell dies with it, and so does the answer to its last write.
DEADLY = ("operator killed", "operator out of memory")
# The others have tests of their own in tests/e2e.
QUICK = (
    "etcd paused",
    "every request answered 429",
    "every request answered 500",
    "writes done, their answers lost",
    "another writer of conditions",
    "operator out of memory",
    "operator paused",
)


@pytest.mark.parametrize("fault", FAULTS if FULL else QUICK)
def test_after_a_fault_every_verdict_is_right_and_nothing_was_flooded(
    scene: Scene, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All verdicts turn while it lasts; the operator follows without a hand laid on it."""
    pid, before, told = scene.operator.pid, scene.memory(), scene.told()
    mark = scene.cluster.control_plane.audit_mark()

    FAULTS[fault](scene)
    started = time.monotonic()
    eventually(scene.right, within=WITHIN)
    took = time.monotonic() - started

    if fault not in DEADLY:
        # One for each verdict that turned, once it has settled; none is owed to the next fault.
        eventually(lambda: scene.told() >= told + WORKLOADS, within=WITHIN)
        assert scene.told() == told + WORKLOADS
    conditions, events = scene.since(mark)
    row = (
        f"| {fault} | {took:.1f} s | {len(conditions)} | {len(events)} "
        f"| {before:.0f} MiB | {scene.memory():.0f} MiB |"
    )
    with capsys.disabled():
        if FULL:
            sys.stdout.write(f"{row}\n")
    assert (scene.operator.pid == pid) is (fault not in DEADLY)
    if fault not in DEADLY:
        assert len(conditions) >= WORKLOADS
    if fault != "another writer of conditions":
        # One for each verdict that turned; Unknown in between, where a kind can't be seen.
        assert len(conditions) <= 3 * WORKLOADS, row
    assert len(events) <= WORKLOADS, row
    assert scene.memory() < before + 30, row


def test_round_after_round_nothing_grows(scene: Scene) -> None:
    """Connections broken, answers refused and lost in turn: no memory, no file, no thread stays."""
    process = psutil.Process(scene.operator.pid)
    turn = [Fault(cut=True), Fault(status=500), Fault(lose_answers=True), Fault(status=429)]
    sizes: list[tuple[float, int, int]] = []
    for number in range(ROUNDS):
        scene.proxy.set(turn[number % len(turn)])
        scene.swap_budgets()
        time.sleep(0.2)
        scene.proxy.set(NO_FAULT)
        eventually(lambda: scene.ready() == scene.budgets, within=WITHIN)
        sizes.append((scene.memory(), process.num_fds(), process.num_threads()))

    # Connections come and go with the faults: what counts is how many there are at most.
    half = len(sizes) // 2
    early, late = (
        [max(column) for column in zip(*part, strict=True)] for part in (sizes[:half], sizes[half:])
    )
    if FULL:
        sys.stdout.write(f"{ROUNDS} rounds, most memory, files, threads: {early}, then {late}\n")
    assert scene.right()
    assert late[0] < early[0] + 20, sizes
    assert late[1] < early[1] + 20, sizes
    assert late[2] < early[2] + 10, sizes


def test_a_log_that_can_not_be_written_stops_nothing(scene: Scene) -> None:
    """Its disk is full: every line it logs fails with ENOSPC."""
    scene.operator.stop()
    port = free_port()
    command = [sys.executable, "-m", "readiness", "run", "--role", "controller", "--qps", "0"]
    command += ["--kubeconfig", str(scene.proxy.kubeconfig), "--listen", f"127.0.0.1:{port}"]
    scene.swap_budgets()

    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=full) as process,
    ):
        try:
            eventually(scene.right, within=WITHIN)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(timeout=20)
