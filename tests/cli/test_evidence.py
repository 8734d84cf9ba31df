"""Evidence among the manifests counts, for `readiness check` and `readiness checklist` alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.support import run

ITEM = "load-testing-performed"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop/web:1"}]}}},
}
POLICY = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "launch"},
    "spec": {"evidence": [{"item": ITEM, "severity": "Must"}]},
}
LABELLED = {**POLICY, "spec": {**POLICY["spec"], "match": {"fromStage": "launch"}}}  # type: ignore[dict-item]
NO_POLICY = {**POLICY, "spec": {}}


def evidence(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessEvidence",
        "metadata": {"name": "load-test"},
        "spec": {
            "item": ITEM,
            "workloads": [{"name": "web"}],
            "statement": "Twice the peak for an hour.",
            "performedAt": PAST,
            "expiresAt": FUTURE,
            "attestedBy": "ann",
            **spec,
        },
    }


def text_of(*documents: dict[str, Any]) -> str:
    return "\n---\n".join(json.dumps(document) for document in documents)


def results(*documents: dict[str, Any]) -> list[tuple[str, str]]:
    """Return result and message of the one check asked for."""
    done = run("check", "-", "-n", "shop", "--format", "json", stdin=text_of(*documents))
    assert done.stderr == ""
    (workload,) = json.loads(done.stdout)["workloads"]
    return [(r["result"], r["message"]) for r in workload["results"]]


def test_evidence_is_asked_for_and_counts() -> None:
    missing = f"a ReadinessEvidence must answer {ITEM}: A load test was run"
    expired = 'ReadinessEvidence "load-test" must be renewed: it expired at 2021-01-01T00:00:00Z'

    assert results(WEB, POLICY) == [("fail", missing)]
    assert results(WEB, POLICY, evidence()) == [("pass", "")]
    assert results(WEB, POLICY, evidence(expiresAt="2021-01-01T00:00:00Z")) == [("fail", expired)]
    assert results(WEB, POLICY, evidence(workloads=[{"name": "api"}])) == [("fail", missing)]
    elsewhere = evidence()
    elsewhere["metadata"]["namespace"] = "till"
    assert results(WEB, POLICY, elsewhere) == [("fail", missing)]


@pytest.mark.parametrize(("stage", "asked"), [("pre-launch", 0), ("launch", 1), ("lunch", 1)])
def test_a_policy_for_later_leaves_a_workload_alone(stage: str, asked: int) -> None:
    metadata = {"name": "web", "namespace": "shop", "labels": {"readiness.dev/stage": stage}}

    assert len(results({**WEB, "metadata": metadata}, LABELLED)) == asked


def test_evidence_that_makes_no_sense_is_told_with_its_place() -> None:
    wrong = evidence(item="load-testing-preformed", links=["wiki"])
    done = run("check", "-", stdin=text_of(WEB, POLICY, wrong))

    assert done.exit_code == 2
    assert done.stderr == (
        '-:5: ReadinessEvidence "load-test": spec.links[0] must be a URL that begins with '
        'https:// or http://, not the text "wiki"\n'
    )
    wrong = evidence(item="load-testing-preformed")
    done = run("check", "-", stdin=text_of(WEB, POLICY, wrong))
    assert done.stderr == (
        '-:5: ReadinessEvidence "load-test": spec.item: the checklist has no item '
        '"load-testing-preformed", did you mean "load-testing-performed"?\n'
    )


@pytest.mark.parametrize(
    ("documents", "state", "message"),
    [
        ((POLICY,), "awaiting-evidence", ""),
        ((POLICY, evidence()), "met", "attested by ann, counts until 2999-01-01T00:00:00Z"),
        ((NO_POLICY, evidence()), "met", "attested by ann, counts until 2999-01-01T00:00:00Z"),
        (
            (NO_POLICY, evidence(expiresAt="2021-01-01T00:00:00Z")),
            "missing",
            'ReadinessEvidence "load-test" must be renewed: it expired at 2021-01-01T00:00:00Z',
        ),
    ],
)
def test_the_checklist_knows_evidence(
    documents: tuple[dict[str, Any], ...], state: str, message: str
) -> None:
    done = run("checklist", "-", "-n", "shop", "--format", "json", stdin=text_of(WEB, *documents))

    (workload,) = json.loads(done.stdout)["workloads"]
    items = {item["id"]: item for item in workload["items"]}
    (answer,) = items[ITEM]["answers"]
    assert (items[ITEM]["state"], answer["message"]) == (state, message)
    assert items["load-tested"]["state"] == state  # answered through the other


@pytest.mark.parametrize("asked", [f"evidence-{ITEM}", "EvidenceLoadTestingPerformed"])
def test_explain_knows_the_checks_of_evidence(asked: str) -> None:
    done = run("explain", asked)

    assert done.exit_code == 0
    assert f"evidence-{ITEM}: Evidence missing: A load test was run" in done.stdout
    assert "Parameters" not in done.stdout
