"""A cluster split among controllers: each judges its own namespaces and leaves the others alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness import __version__
from readiness.watch.shard import Shard
from tests.chart.support import NAMESPACE, Helm
from tests.e2e.conftest import CONTROLLER_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

TOTAL = 2
NAMES = ("one", "two")
Start = Callable[..., OperatorProcess]


def agent(shard: str) -> str:
    return f"readiness-operator/{__version__} ({pod_name(shard)})"


def pod_name(shard: str) -> str:
    return f"pod-of-{shard.replace('/', '-')}"


@pytest.fixture(scope="module")
def halves(cluster: Cluster) -> Iterator[dict[str, list[str]]]:
    """Three namespaces of each shard, by shard; the namespaces of a test run have chance names."""
    found: dict[str, list[str]] = {"0/2": [], "1/2": []}
    label = {"test": "shards"}
    while min(len(namespaces) for namespaces in found.values()) < 3:
        name = f"shards-{secrets.token_hex(4)}"
        (shard,) = (text for text in found if Shard.parse(text).owns(name))
        if len(found[shard]) < 3:
            found[shard].append(name)
            cluster.control_plane.create_namespace(name, label)
    yield found
    for name in (name for namespaces in found.values() for name in namespaces):
        cluster.control_plane.delete_namespace(name)


@pytest.fixture
def leases(cluster: Cluster, tmp_path: Path) -> Iterator[None]:
    """The right to use the Leases of two shards, as the chart gives it, and no other."""
    helm = Helm(cluster.control_plane.binary("helm"), tmp_path)
    rendered = helm.template(
        "--show-only=templates/rbac.yaml", "--set", f"controller.shards={TOTAL}"
    )
    cluster.apply(*(document for document in rendered if document["kind"] == "Role"))
    yield
    cluster.apply(*(document for document in cluster.rights if document["kind"] == "Role"))


@pytest.fixture
def start(operator_kubeconfig: Path) -> Iterator[Start]:
    """Starts a controller for a shard; one that still runs at the end is stopped."""
    started: list[OperatorProcess] = []

    def start(shard: str, *further: str) -> OperatorProcess:
        options = ("--operator-namespace", NAMESPACE, "--qps", "0", "--leader-elect")
        sharded = ("--shard", shard) if shard else ()
        operator = OperatorProcess(
            operator_kubeconfig, *options, *sharded, *further, pod_name=pod_name(shard or "all")
        )
        started.append(operator)
        return operator.start()

    yield start
    for operator in started:
        if operator.running:
            operator.stop()


@pytest.fixture
def before(cluster: Cluster) -> int:
    """A mark in the audit log, before any controller of the test was started."""
    return cluster.control_plane.audit_mark()


@pytest.fixture
def shards(
    cluster: Cluster, start: Start, leases: None, before: int, halves: dict[str, list[str]]
) -> Iterator[dict[str, OperatorProcess]]:
    """A controller for each of the two, and a policy for all six namespaces."""
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": "shards"},
            "spec": {
                "match": {"namespaceSelector": {"matchLabels": {"test": "shards"}}},
                "checks": [{"id": "replicas-too-low"}],
            },
        }
    )
    yield {shard: start(shard, "--compile-policies") for shard in halves}
    cluster.kubectl("delete", "readinesspolicy", "shards")


def verdicts(cluster: Cluster, namespaces: list[str]) -> dict[tuple[str, str], str]:
    """Return the status of ProductionReady of every Deployment of some namespaces."""
    found = {}
    for namespace in namespaces:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        for item in cluster.control_plane.request("GET", path).body["items"]:
            conditions = {c["type"]: c["status"] for c in item["status"].get("conditions", ())}
            key = namespace, item["metadata"]["name"]
            found[key] = conditions.get("readiness.dev/ProductionReady", "")
    return found


def set_replicas(cluster: Cluster, namespaces: list[str], replicas: int) -> None:
    cluster.apply(
        *(
            deployment(namespace, name, replicas=replicas)
            for namespace in namespaces
            for name in NAMES
        )
    )


def exemption(namespace: str, check: str) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "accepted", "namespace": namespace},
        "spec": {
            "workloads": [{"kind": "Deployment", "name": NAMES[0]}],
            "checks": [check],
            "reason": "agreed with the platform team",
            "expiresAt": "2099-01-01T00:00:00Z",
        },
    }


def writers(cluster: Cluster, after: int) -> dict[str, set[str]]:
    """Return by namespace who wrote to it since a mark; what is in none under ""."""
    found: dict[str, set[str]] = {}
    for event in cluster.writes(after):
        if event.resource != "leases":
            found.setdefault(event.namespace, set()).add(event.user_agent)
    return found


def policy_status(cluster: Cluster) -> dict[str, Any]:
    status: dict[str, Any] = cluster.get("readinesspolicy", "shards").get("status", {})
    return status


def compiled(cluster: Cluster) -> list[str]:
    """Return the compiled policies there are, as texts."""
    return [json.dumps(item) for item in cluster.get("validatingadmissionpolicies")["items"]]


def accepted(cluster: Cluster) -> str:
    """Return the message of the policy's condition Accepted."""
    conditions = policy_status(cluster).get("conditions", ())
    return next((c["message"] for c in conditions if c["type"] == "Accepted"), "")


def test_each_namespace_has_one_writer_and_every_workload_is_judged(
    cluster: Cluster, halves: dict[str, list[str]], shards: dict[str, OperatorProcess]
) -> None:
    mark = cluster.control_plane.audit_mark()
    everywhere = [*halves["0/2"], *halves["1/2"]]
    set_replicas(cluster, everywhere, 1)
    cluster.apply(*(exemption(namespace, "replicas-too-low") for namespace in everywhere))
    right = {
        (namespace, name): "True" if name == NAMES[0] else "False"
        for namespace in everywhere
        for name in NAMES
    }
    eventually(lambda: verdicts(cluster, everywhere) == right, within=20)
    eventually(lambda: all(shard.settled() for shard in shards.values()))

    # Conditions, the status of exemptions, events; beside them that of the policy.
    found = writers(cluster, mark)
    assert found.pop("", {agent("0/2")}) == {agent("0/2")}
    assert found == {
        namespace: {agent(shard)} for shard, owned in halves.items() for namespace in owned
    }
    assert {event.resource for event in cluster.writes(mark) if event.namespace in everywhere} == {
        "deployments",
        "events",
        "readinessexemptions",
    }
    status = policy_status(cluster)
    assert accepted(cluster) == (
        "the policy is used as written; each of 2 shards counts the workloads of its own "
        "namespaces: see sum(readiness_workloads)"
    )
    assert {"workloads", "failing"}.isdisjoint(status)
    for shard, namespaces in halves.items():
        said = shards[shard]
        assert said.metric("readiness_leader") == 1
        assert said.metric("readiness_shards") == 2
        for namespace in everywhere:
            own = namespace in namespaces
            for readiness in ("ready", "not ready"):
                counted = said.metric(
                    "readiness_workloads", namespace=namespace, readiness=readiness
                )
                assert counted == own
            left = said.metric("readiness_exemption_days_left", namespace=namespace)
            assert (left > 10_000) is own
    # Nothing of the other half is in memory.
    known = [s.metric("readiness_cached_objects", kind="Deployment") for s in shards.values()]
    items = cluster.control_plane.request("GET", "/apis/apps/v1/deployments").body["items"]
    assert sum(known) == len(items)
    assert min(known) >= 6


def test_policies_are_compiled_by_one_with_the_exemptions_of_all(
    cluster: Cluster,
    halves: dict[str, list[str]],
    before: int,
    shards: dict[str, OperatorProcess],
) -> None:
    """Two that compile, each with the exemptions it knows, would write over each other for ever."""
    mark = cluster.control_plane.audit_mark()
    everywhere = [*halves["0/2"], *halves["1/2"]]
    for namespace in everywhere:
        cluster.apply(exemption(namespace, "privileged-container"))
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": "shards-strict"},
            "spec": {
                "enforcement": "Strict",
                "match": {"namespaceSelector": {"matchLabels": {"test": "shards"}}},
                "checks": [{"id": "privileged-container", "severity": "Must"}],
            },
        }
    )
    eventually(
        lambda: [all(name in text for name in everywhere) for text in compiled(cluster)] == [True],
        within=20,
    )
    # The other leads and works, too, and would have looked for compiled policies before that.
    eventually(lambda: set(everywhere) <= set(writers(cluster, mark)))

    assert {
        event.user_agent
        for event in cluster.control_plane.audit_events(after=before)
        if event.user == CONTROLLER_ACCOUNT and event.resource == "validatingadmissionpolicies"
    } == {agent("0/2")}
    cluster.kubectl("delete", "readinesspolicy", "shards-strict")
    eventually(lambda: compiled(cluster) == [], within=20)
    assert writers(cluster, mark)[""] == {agent("0/2")}


def test_when_one_stops_the_other_goes_on_and_one_for_everything_takes_over(
    cluster: Cluster, halves: dict[str, list[str]], shards: dict[str, OperatorProcess], start: Start
) -> None:
    everywhere = [*halves["0/2"], *halves["1/2"]]
    for namespace in everywhere:
        cluster.kubectl("-n", namespace, "delete", "readinessexemptions", "--all")
    set_replicas(cluster, everywhere, 1)
    eventually(lambda: set(verdicts(cluster, everywhere).values()) == {"False"}, within=20)
    assert shards["1/2"].stop() == 0
    mark = cluster.control_plane.audit_mark()

    set_replicas(cluster, everywhere, 2)
    eventually(lambda: set(verdicts(cluster, halves["0/2"]).values()) == {"True"})
    eventually(shards["0/2"].settled)

    assert set(verdicts(cluster, halves["1/2"]).values()) == {"False"}
    assert set(writers(cluster, mark)) == set(halves["0/2"])

    assert shards["0/2"].stop() == 0
    cluster.apply(*(document for document in cluster.rights if document["kind"] == "Role"))
    mark = cluster.control_plane.audit_mark()

    whole = start("")
    eventually(lambda: set(verdicts(cluster, everywhere).values()) == {"True"}, within=20)
    eventually(lambda: accepted(cluster) == "the policy is used as written")
    eventually(whole.settled)

    assert set().union(*writers(cluster, mark).values()) == {agent("all")}
    # What the first shard had written was right; of its namespaces nothing is written again.
    assert not set(halves["0/2"]) & set(writers(cluster, mark))
    status = policy_status(cluster)
    assert status["workloads"] == {"matched": 12, "ready": 12, "notReady": 0, "unknown": 0}
