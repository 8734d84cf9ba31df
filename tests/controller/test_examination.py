"""What `readiness doctor` concludes; tests/e2e/test_cli_cluster.py has it look at a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from yarl import URL

from readiness.controller.examination import (
    Finding,
    Installation,
    State,
    _Examination,
    _schema_problem,
    _version,
)
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from tests.support import ROOT

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def definition(kind: ResourceKind) -> dict[str, Any]:
    """Return one of our CustomResourceDefinitions as a cluster has it."""
    path = ROOT / "crds" / f"{kind.group}_{kind.plural}.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    found["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
    return found


def schema(found: dict[str, Any]) -> Any:
    return found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


@pytest.mark.parametrize("kind", [kinds.POLICIES, kinds.EXEMPTIONS, kinds.EVIDENCE], ids=str)
def test_the_definitions_of_this_release_have_its_fields(kind: ResourceKind) -> None:
    assert _schema_problem(kind, definition(kind)) is None


def test_a_definition_that_lacks_a_field_is_older() -> None:
    found = definition(kinds.POLICIES)
    del schema(found)["spec"]["properties"]["strict"]
    del schema(found)["spec"]["properties"]["checks"]["items"]["properties"]["enforceFrom"]
    assert _schema_problem(kinds.POLICIES, found) == (
        State.FAIL,
        "is older than this release: it lacks spec.checks[].enforceFrom, spec.strict",
    )


def test_a_definition_with_more_fields_is_newer() -> None:
    found = definition(kinds.EXEMPTIONS)
    schema(found)["spec"]["properties"]["ticket"] = {"type": "string"}
    assert _schema_problem(kinds.EXEMPTIONS, found) == (
        State.WARN,
        "is newer than this release: it has spec.ticket",
    )


def test_a_definition_that_is_not_served_is_told() -> None:
    found = definition(kinds.EVIDENCE)
    found["spec"]["versions"][0]["served"] = False
    problem = _schema_problem(kinds.EVIDENCE, found)
    assert problem == (State.FAIL, "does not serve readiness.dev/v1alpha1")
    found = definition(kinds.EVIDENCE)
    del found["status"]
    problem = _schema_problem(kinds.EVIDENCE, found)
    assert problem == (State.FAIL, "is not established: the API server does not serve it yet")


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ((1, 29), State.FAIL),
        ((1, 30), State.OK),
        ((1, 36), State.OK),
        ((1, 37), State.WARN),
    ],
)
def test_versions(version: tuple[int, int], state: State) -> None:
    assert _version(version).state is state


def examination() -> _Examination:
    return _Examination(
        client=None,  # type: ignore[arg-type] # these conclusions need none
        installation=Installation("readiness-system", health_urls=(URL("http://127.0.0.1:1"),)),
        now=NOW,
    )


def lease(seconds_ago: float, holder: str = "pod-1") -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}


@pytest.mark.parametrize(
    ("spec", "state", "message"),
    [
        (lease(2), State.OK, "pod-1 holds the Lease op"),
        (lease(20), State.OK, "pod-1 holds the Lease op"),
        (lease(21), State.FAIL, "pod-1 holds the Lease op and last renewed it 21 s ago"),
        (lease(2, ""), State.FAIL, "nobody holds the Lease op"),
        ({}, State.FAIL, "nobody holds the Lease op"),
    ],
)
def test_who_leads(spec: dict[str, Any], state: State, message: str) -> None:
    finding = examination()._judge_lease("op", spec)
    assert (finding.state, finding.message) == (state, message)


METRICS = """\
# TYPE readiness_cached_objects gauge
readiness_cached_objects{kind="Deployment"} 3.0
readiness_cached_objects{kind="Service"} 2.0
# TYPE readiness_cache_age_seconds gauge
readiness_cache_age_seconds 4.0
# TYPE readiness_certificate_expiry_timestamp_seconds gauge
readiness_certificate_expiry_timestamp_seconds 1.8e+09
# EOF
"""


def test_what_replicas_say() -> None:
    looking = examination()
    assert looking._judge_replica("webhook a", (200, "ok"), (200, METRICS)) == Finding(
        "cache", State.OK, "webhook a is in sync, 5 objects"
    )
    assert looking.certificate_ends == [datetime.fromtimestamp(1.8e9, UTC)]
    stale = METRICS.replace("seconds 4.0", "seconds 601.0")
    assert looking._judge_replica("a", (200, "ok"), (200, stale)).message == (
        "a last knew the cluster to be as it thinks 601 s ago"
    )
    assert looking._judge_replica("a", (503, "not every kind\n"), (200, METRICS)).message == (
        "a is not ready: not every kind"
    )
    assert looking._judge_replica("a", (0, "refused"), (0, "")).message == (
        "a does not answer: refused"
    )


@pytest.mark.parametrize(
    ("left", "state", "message"),
    [
        (timedelta(days=15), State.OK, "it is good for 15 days"),
        (timedelta(days=13), State.WARN, "it is good for 13 days"),
        (timedelta(hours=3), State.WARN, "it is good for less than a day"),
        (timedelta(days=-2), State.FAIL, "it expired 2 days ago"),
    ],
)
def test_certificates(left: timedelta, state: State, message: str) -> None:
    finding = examination()._judge_end("it", NOW + left)
    assert (finding.state, finding.message) == (state, message)
    assert bool(finding.remedy) is (state is not State.OK)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (timedelta(days=15), None),
        (timedelta(days=2), '"web" in namespace shop ends in 2 days'),
        (timedelta(days=-1), '"web" in namespace shop ended 1 day ago'),
    ],
)
def test_exemptions(left: timedelta, message: str | None) -> None:
    end = (NOW + left).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"expiresAt": end}}
    finding = examination()._judge_expiry("exemptions", manifest)
    assert (finding and finding.message) == message


def said_of_shards(*options: list[str]) -> tuple[set[str], list[Finding]]:
    """Return the Leases to look at, and what is wrong, for controllers with these options."""
    looking = examination()
    for of_one in options:
        looking._note_options(["run", "--role=controller", *of_one])
    return looking.leases, list(looking._judge_shards())


def test_each_shard_has_a_lease_and_one_without_pods_is_missed() -> None:
    first, second = (["--lease-name=op", f"--shard={index}/3"] for index in range(2))

    assert said_of_shards(["--lease-name=op"]) == ({"op"}, [])
    assert said_of_shards([]) == (set(), [])
    assert said_of_shards(first, first, second) == (
        {"op-shard-0", "op-shard-1"},
        [
            Finding(
                "pods",
                State.FAIL,
                "no pod of the controller has shard 2/3: nothing is judged in its namespaces",
                "helm upgrade, which starts one for each of controller.shards",
            )
        ],
    )
    third = ["--lease-name=op", "--shard=2/3"]
    assert said_of_shards(first, second, third)[1] == []
    # One that ends at once, as its own log says.
    assert said_of_shards(["--lease-name=op", "--shard=3/3"]) == (set(), [])


def test_different_splits_at_the_same_time_are_told() -> None:
    _, (finding,) = said_of_shards(["--lease-name=op"], ["--lease-name=op", "--shard=0/2"])

    assert (finding.state, finding.message) == (
        State.WARN,
        (
            "controllers split the namespaces into 1 and 2 parts at the same time: two of them "
            "write to the same workloads"
        ),
    )
