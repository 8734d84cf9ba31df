"""What is kept of a workload is small, shared where it is the same, and read back unchanged."""

from __future__ import annotations

from typing import Any

import orjson

from readiness.watch.projection import observe_workload


def manifest(name: str, message: str = 'container "app" must set it') -> dict[str, Any]:
    settings = [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(20)]
    container = {"name": "app", "image": "registry.example.com/web:1", "env": settings}
    condition = {
        "type": "readiness.dev/ProductionReady",
        "status": "False",
        "reason": "MustChecksFailing",
        "message": message,
        "lastTransitionTime": "2026-11-24T12:00:00Z",
    }
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": "u", "resourceVersion": "7"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
        "status": {"conditions": [condition]},
    }


def test_a_manifest_is_read_back_as_it_was_in_less_room() -> None:
    observed = observe_workload(manifest("web"), "apps/v1", "Deployment")

    document = observed.workload().document
    assert document["spec"] == manifest("web")["spec"]
    assert len(observed.record.document) < len(orjson.dumps(document)) / 2


def test_the_same_manifest_is_kept_as_the_same_bytes() -> None:
    """By that the cache tells a change of status from one that matters."""
    first, second = (observe_workload(manifest("web"), "apps/v1", "Deployment") for _ in range(2))

    assert first.record.document == second.record.document


def test_conditions_that_are_the_same_are_kept_once() -> None:
    web, api = (observe_workload(manifest(n), "apps/v1", "Deployment") for n in ("web", "api"))
    other = observe_workload(manifest("db", "something else"), "apps/v1", "Deployment")

    assert web.conditions[0] is api.conditions[0]
    assert web.conditions != other.conditions
