"""Several replicas: one writes, the others take over when it ends, hangs or is told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness import __version__
from tests.e2e.conftest import CONTROLLER_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

MakePolicy = Callable[..., str]
Replicas = Callable[..., OperatorProcess]

LEASE = ("-n", "readiness-system", "lease/readiness-operator")


def ready(cluster: Cluster, namespace: str, name: str) -> str:
    """Return the status of ProductionReady, without the time kubectl takes."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    status = cluster.control_plane.request("GET", path).body.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", ())}
    return str(conditions.get("readiness.dev/ProductionReady", ""))


def agent(pod_name: str) -> str:
    return f"readiness-operator/{__version__} ({pod_name})"


def writers(cluster: Cluster, after: int) -> dict[str, int]:
    """Return how many writes each replica made since a mark, renewals aside."""
    counts: dict[str, int] = {}
    for event in cluster.writes(after):
        if event.resource != "leases":
            counts[event.user_agent] = counts.get(event.user_agent, 0) + 1
    return counts


def holder(cluster: Cluster) -> str:
    """Return the name of the pod that holds the Lease, "" when nobody does."""
    identity: str = cluster.get(*LEASE)["spec"].get("holderIdentity", "")
    return identity.rpartition("_")[0]


def said(operator: OperatorProcess, event: str) -> dict[str, Any]:
    """Return the one line of a replica's log with this event."""
    (line,) = [json.loads(x) for x in operator.log.splitlines() if f'"event": "{event}"' in x]
    found: dict[str, Any] = line
    return found


@pytest.fixture
def replicas(cluster: Cluster, operator_kubeconfig: Path) -> Iterator[Replicas]:
    """Starts replicas by pod name, and ends those that still run when the test does."""
    started: list[OperatorProcess] = []

    def start(pod_name: str, *options: str, synced: bool = True) -> OperatorProcess:
        options = ("--operator-namespace", "readiness-system", "--qps", "0", *options)
        operator = OperatorProcess(
            operator_kubeconfig, "--leader-elect", *options, pod_name=pod_name
        )
        started.append(operator)
        return operator.start(synced=synced)

    yield start
    for operator in started:
        if operator.running:
            operator.stop()


def test_one_writes_and_when_it_is_told_to_stop_the_other_does_within_three_seconds(
    cluster: Cluster, namespace: str, policy: MakePolicy, replicas: Replicas
) -> None:
    policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace))
    mark = cluster.control_plane.audit_mark()
    first = replicas("first")
    eventually(lambda: holder(cluster) == "first")
    second = replicas("second")
    eventually(lambda: ready(cluster, namespace, "web") == "True")
    cluster.apply(deployment(namespace, "other"))
    eventually(lambda: ready(cluster, namespace, "other") == "True")

    assert set(writers(cluster, mark)) == {agent("first")}
    assert (first.metric("readiness_leader"), second.metric("readiness_leader")) == (1, 0)
    assert second.get("/readyz") == (200, "ok\n")
    assert second.metric("readiness_queue_length") == 0
    assert second.metric("readiness_condition_writes_total") == 0
    eventually(lambda: second.metric("readiness_cached_objects", kind="Deployment") == 2)
    eventually(lambda: said(second, "standing by")["leader"].startswith("first_"))

    mark = cluster.control_plane.audit_mark()
    started = time.monotonic()
    os.kill(first.pid, signal.SIGTERM)
    cluster.apply(deployment(namespace, replicas=1))
    eventually(lambda: ready(cluster, namespace, "web") == "False", within=30)
    took = time.monotonic() - started

    assert took < 3.0, f"took {took:.1f} s"
    assert first.ended() == 0
    assert said(first, "lease released")["lease"] == "readiness-system/readiness-operator"
    # What the first had written was right: the second writes only what changed since.
    assert [
        (event.name, event.user_agent)
        for event in cluster.writes(mark)
        if event.namespace == namespace and event.subresource == "status"
    ] == [("web", agent("second"))]
    eventually(lambda: cluster.events(namespace, "web")[-1:] == [("Warning", "NotProductionReady")])
    assert second.metric("readiness_leader") == 1


def test_when_one_is_killed_the_other_writes_within_twenty_seconds(
    cluster: Cluster, namespace: str, policy: MakePolicy, replicas: Replicas
) -> None:
    policy(checks=[{"id": "replicas-too-low"}])
    killed = replicas("killed")
    eventually(lambda: holder(cluster) == "killed")
    replicas("heir")

    started = time.monotonic()
    assert killed.stop(with_signal=signal.SIGKILL) == -signal.SIGKILL
    cluster.apply(deployment(namespace))
    eventually(lambda: ready(cluster, namespace, "web") == "True", within=40)
    took = time.monotonic() - started

    assert took < 20.0, f"took {took:.1f} s"
    assert holder(cluster) == "heir"


def test_one_that_was_paused_writes_nothing_when_it_goes_on_and_ends(
    cluster: Cluster, namespace: str, policy: MakePolicy, replicas: Replicas
) -> None:
    """What changed while it was paused waits in its sockets: it is told of it all at once."""
    policy(checks=[{"id": "replicas-too-low"}])
    paused = replicas("paused")
    eventually(lambda: holder(cluster) == "paused")
    cluster.apply(deployment(namespace))
    eventually(lambda: ready(cluster, namespace, "web") == "True")
    heir = replicas("heir")

    os.kill(paused.pid, signal.SIGSTOP)
    names = [f"while-paused-{number}" for number in range(20)]
    cluster.apply(*(deployment(namespace, name) for name in names))
    eventually(lambda: holder(cluster) == "heir", within=40)
    eventually(lambda: all(ready(cluster, namespace, name) == "True" for name in names))
    cluster.apply(*(deployment(namespace, name, replicas=1) for name in names))
    mark = cluster.control_plane.audit_mark()
    os.kill(paused.pid, signal.SIGCONT)
    eventually(lambda: not paused.running)
    cluster.apply(deployment(namespace, replicas=1))
    eventually(lambda: ready(cluster, namespace, "web") == "False")

    assert paused.stop() == 3
    last = paused.log.splitlines()[-1]
    assert re.fullmatch(
        r"readiness: lost the Lease readiness-system/readiness-operator: not renewed for \d+ s",
        last,
    )
    assert set(writers(cluster, mark)) == {agent("heir")}
    assert heir.running
    assert holder(cluster) == "heir"


def test_a_lease_that_may_not_be_used_ends_it_and_says_what_to_do(
    cluster: Cluster, replicas: Replicas
) -> None:
    """The rights of the chart are for one Lease, by its name."""
    operator = replicas("stranger", "--lease-name", "other", synced=False)

    eventually(lambda: not operator.running, within=40)

    assert operator.stop() == 3
    lines = operator.log.splitlines()
    reason = (
        "GET /apis/coordination.k8s.io/v1/namespaces/readiness-system/leases/other: 403 "
        f'leases.coordination.k8s.io "other" is forbidden: User "{CONTROLLER_ACCOUNT}" cannot get '
        'resource "leases" in API group "coordination.k8s.io" in the namespace "readiness-system"'
    )
    assert said(operator, "waiting for the lease")["reason"] == reason
    assert lines[-1] == (
        f"readiness: can't use the Lease readiness-system/other: {reason}; grant it: kubectl "
        "create role readiness-lease -n readiness-system --verb=get,create,update "
        "--resource=leases.coordination.k8s.io, with a rolebinding, or run one replica with "
        "--no-leader-elect"
    )


def test_the_operator_may_use_one_lease_and_create_some(cluster: Cluster) -> None:
    listed = cluster.kubectl(
        "auth", "can-i", "--list", f"--as={CONTROLLER_ACCOUNT}", "-n", "readiness-system"
    )

    leases = sorted(line.split() for line in listed.splitlines() if line.startswith("leases."))
    assert leases == [
        ["leases.coordination.k8s.io", "[]", "[]", "[create]"],
        ["leases.coordination.k8s.io", "[]", "[readiness-operator]", "[get", "update]"],
    ]
