"""Each check of the `baseline` profile, in a cluster: a workload that fails it and one that passes.

The fixtures are those of the pure tests, applied to the real API server and judged by the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from readiness.api.vocabulary import Severity
from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.model.workload import WATCHED_KINDS
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.polling import eventually
from tests.support import FIXTURES, load_fixture

POLICY = "baseline-rows"
# A manifest of a version that is no longer served can't be in a cluster.
OFFLINE_ONLY = {"deprecated-api-version"}

# The API server refuses some of what a file may say; so much more makes it acceptable.
REQUIRED_BY_SERVER: dict[str, dict[str, Any]] = {
    "host-process-container": {"hostNetwork": True},
    "unmasked-proc-mount": {"hostUsers": False},
}

ROWS = [c for c in all_checks().values() if c.baseline and c.id not in OFFLINE_ONLY]


def place(check: Check, outcome: str) -> tuple[str, list[dict[str, Any]], str]:
    """Return a namespace for the basic fixture, its documents in it, and `kind/name`."""
    fixture = load_fixture(FIXTURES / check.id / outcome / "basic.yaml")
    namespace = f"row-{check.id[:40]}-{outcome}"
    documents = []
    for document in fixture.documents:
        if document["kind"] == "Namespace":
            continue
        if document["kind"] in WATCHED_KINDS:
            document["spec"]["template"]["spec"].update(REQUIRED_BY_SERVER.get(check.id, {}))
        document["metadata"]["namespace"] = namespace
        documents.append(document)
    ref = fixture.workload.ref
    assert ref.kind in WATCHED_KINDS
    return namespace, documents, f"{ref.kind.lower()}/{ref.name}"


@pytest.fixture(scope="module")
def applied(cluster: Cluster, shared_operator: OperatorProcess) -> Iterator[None]:
    """All fixtures in namespaces of their own, under one policy that extends baseline."""
    if not shared_operator.running:
        shared_operator.start()
    spaces: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    for check in ROWS:
        for outcome in ("pass", "fail"):
            namespace, placed, _ = place(check, outcome)
            metadata = {"name": namespace, "labels": {"test": POLICY}}
            spaces.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            documents += placed
    policy = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "extends": "baseline",
            # From v1.35 on the only Unmasked procMount the server lets in is allowed.
            "podSecurityVersion": "v1.34",
            "match": {"namespaceSelector": {"matchLabels": {"test": POLICY}}},
        },
    }
    cluster.apply(policy, *spaces)
    cluster.apply(*documents)
    yield
    cluster.kubectl("delete", "readinesspolicy", POLICY)
    names = [space["metadata"]["name"] for space in spaces]
    cluster.kubectl("delete", "namespace", "--wait=false", *names)


@pytest.mark.parametrize("check", ROWS, ids=lambda check: check.id)
def test_the_condition_names_the_failing_check_and_only_there(
    cluster: Cluster, applied: None, check: Check
) -> None:
    condition = check.category.condition
    failing_namespace, _, failing = place(check, "fail")
    passing_namespace, _, passing = place(check, "pass")

    def reasons(namespace: str, workload: str) -> list[str] | None:
        conditions = cluster.conditions(namespace, workload)
        return conditions[condition][1].split(",") if condition in conditions else None

    eventually(lambda: check.reason in (reasons(failing_namespace, failing) or []), within=20)
    assert cluster.conditions(failing_namespace, failing)[condition][0] == "False"
    assert (
        cluster.ready(failing_namespace, failing) == "False" or check.severity is not Severity.MUST
    )
    eventually(
        lambda: check.reason not in (reasons(passing_namespace, passing) or [check.reason]),
        within=20,
    )
