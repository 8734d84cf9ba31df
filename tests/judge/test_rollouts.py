"""Rollouts: we say that all capacity goes exactly when the deployment controller lets it go.

Each Deployment is available, then gets a template whose pods no node takes. So the rollout stops
where the controller must stop: with as few old pods as the strategy lets it go down to. How many
that are is its own arithmetic, rounding included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from readiness.checks.base import Skip
from readiness.checks.registry import all_checks
from readiness.model.int_or_percent import parse_int_or_percent
from readiness.model.workload import Workload
from tests.judge.judge import Judge, Tally, cases, draw, weighted
from tests.polling import eventually
from tests.support import snapshot_of

_CHECK = all_checks()["rollout-loses-all-capacity"]
_AMOUNTS = weighted(
    (3, st.integers(0, 8)),
    (3, st.sampled_from(["0%", "1%", "25%", "34%", "50%", "51%", "67%", "75%", "99%", "100%"])),
    (2, st.integers(0, 100).map("{}%".format)),
)
_STRATEGIES = st.one_of(
    st.none(),  # all defaults
    st.fixed_dictionaries({}, optional={"maxUnavailable": _AMOUNTS, "maxSurge": _AMOUNTS}),
    st.fixed_dictionaries({"maxUnavailable": _AMOUNTS, "maxSurge": _AMOUNTS}),
).filter(lambda rolling: not rolling or not _both_zero(rolling))
_DEPLOYMENTS = st.tuples(st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10]), _STRATEGIES)
_STILL = 2.0  # seconds without any change; the controller acts within milliseconds


def _both_zero(rolling: dict[str, Any]) -> bool:
    """Both at 0 is what the API server refuses."""
    return all(rolling.get(key) in (0, "0%") for key in ("maxUnavailable", "maxSurge"))


def _deployment(name: str, replicas: int, rolling: dict[str, Any] | None) -> dict[str, Any]:
    labels = {"app": name}
    template = {"containers": [{"name": "app", "image": "registry.example.com/web:1"}]}
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": template},
    }
    if rolling is not None:
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    metadata = {"name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _loses_all(document: dict[str, Any]) -> bool:
    outcome = _CHECK.run(Workload(document), snapshot_of([document]))
    assert not isinstance(outcome, Skip), outcome
    return bool(outcome)


def _left(spec: dict[str, Any]) -> int:
    """Return how many pods our rounding leaves, from a spec with all defaults filled in."""
    replicas, rolling = spec["replicas"], spec["strategy"]["rollingUpdate"]
    max_unavailable = parse_int_or_percent(rolling["maxUnavailable"], "maxUnavailable")
    max_surge = parse_int_or_percent(rolling["maxSurge"], "maxSurge")
    assert max_unavailable is not None
    assert max_surge is not None
    unavailable = max_unavailable.rounded_down(replicas)
    if not unavailable and not max_surge.rounded_up(replicas):
        unavailable = 1
    return max(0, int(replicas - unavailable))


def _standing_still(look: Callable[[], object]) -> Callable[[], bool]:
    """Return a check that is true once what it looks at has not changed for a while."""
    seen: list[tuple[object, float]] = []

    def still() -> bool:
        now = time.monotonic()
        current = look()
        if not seen or seen[-1][0] != current:
            seen.append((current, now))
        return now - seen[-1][1] >= _STILL

    return still


@pytest.mark.timeout(600)
def test_rollouts_lose_all_capacity_when_the_deployment_controller_takes_it(
    judge: Judge, namespace: str
) -> None:
    """As written, and with the API server's defaults filled in."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    drawn = draw(_DEPLOYMENTS, cases(30, 120))
    written = {f"web-{i}": _deployment(f"web-{i}", *one) for i, one in enumerate(drawn)}
    judge.each(lambda document: judge.must("POST", path, document), written.values())

    def available() -> list[int]:
        return [item.get("status", {}).get("availableReplicas", 0) for item in judge.items(path)]

    wanted = sum(replicas for replicas, _ in drawn)
    eventually(lambda: sum(available()) == wanted, within=120, every=0.2)

    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"no": "such-node"}}}}}
    judge.each(
        lambda name: judge.must(
            "PATCH", f"{path}/{name}", nowhere, content_type="application/merge-patch+json"
        ),
        written,
    )

    def begun() -> bool:
        return all(
            item["status"]["observedGeneration"] == item["metadata"]["generation"]
            and item["status"].get("updatedReplicas")
            for item in judge.items(path)
        )

    def versions() -> list[str]:
        every = [*judge.items(path), *judge.items(path.replace("deployments", "replicasets"))]
        return [item["metadata"]["resourceVersion"] for item in every]

    eventually(begun, within=120, every=0.2)
    eventually(_standing_still(versions), within=120, every=0.2)

    tally = Tally("rollouts")
    for item in judge.items(path):
        document = written[item["metadata"]["name"]]
        left = item["status"].get("availableReplicas", 0)
        lost = left == 0
        tally.count("lost all", int(lost))
        for form in (document, item):
            tally.compare(_loses_all(form), lost, item)
        tally.compare(_left(item["spec"]), left, item)
    tally.count("Deployments", len(written))
    tally.settle()
