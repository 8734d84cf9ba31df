"""The cache believes the newer of two states, from wherever it comes."""

from __future__ import annotations

from typing import Any

from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.workload import ObjectRef
from readiness.report.conditions import ConditionState
from readiness.watch.cache import ClusterCache

DEPLOYMENTS = kinds.WORKLOADS["Deployment"]
BUDGETS = kinds.COMPANIONS["policy", "PodDisruptionBudget"]
WEB = ObjectRef("apps", "Deployment", "shop", "web")


class Watched:
    """A cache and what it told of."""

    def __init__(self) -> None:
        self.touched: list[set[ObjectRef]] = []
        self.manifests: list[tuple[str, str, bool]] = []
        self.cache = ClusterCache(self.touched.append, self._manifest)

    def _manifest(
        self, kind: ResourceKind, namespace: str, name: str, manifest: dict[str, Any] | None
    ) -> None:
        self.manifests.append((kind.kind, name, manifest is not None))

    def news(self) -> set[ObjectRef]:
        """Return who was touched since the last call."""
        found = set().union(*self.touched)
        self.touched.clear()
        return found


def deployment(version: int, *, replicas: int = 2, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u1",
            "resourceVersion": str(version),
        },
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
        },
        "status": status,
    }


def budget(version: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": str(version)},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1},
    }


def ours(status: str = "True") -> dict[str, Any]:
    return {
        "conditions": [
            {"type": "Available", "status": "True"},
            {
                "type": "readiness.dev/ProductionReady",
                "status": status,
                "reason": "R",
                "message": "m",
            },
        ]
    }


def test_an_older_state_is_not_taken_in() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5, replicas=3))
    watched.cache.put(DEPLOYMENTS, deployment(4, replicas=1))

    assert watched.cache.workloads[WEB].record.replicas == 3


def test_a_deletion_seen_before_the_list_that_held_the_object_stands() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.begin_sweep(DEPLOYMENTS)
    watched.cache.delete(DEPLOYMENTS, "shop", "web", 9)

    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.end_sweep(DEPLOYMENTS, [("shop", "web")], 6)

    assert WEB not in watched.cache.workloads


def test_an_object_created_again_after_its_deletion_stays() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.put(DEPLOYMENTS, deployment(12))

    watched.cache.delete(DEPLOYMENTS, "shop", "web", 9)

    assert WEB in watched.cache.workloads


def test_what_a_list_does_not_hold_is_gone() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.put(BUDGETS, budget(6))
    watched.news()
    watched.cache.begin_sweep(BUDGETS)

    assert watched.cache.end_sweep(BUDGETS, [], 8) == 1
    assert watched.news() == {WEB}
    assert watched.cache.count(BUDGETS) == 0


def test_what_came_after_a_list_was_made_is_not_gone() -> None:
    watched = Watched()
    watched.cache.begin_sweep(BUDGETS)
    watched.cache.put(BUDGETS, budget(9))

    assert watched.cache.end_sweep(BUDGETS, [], 8) == 0
    assert watched.cache.count(BUDGETS) == 1


def test_a_change_of_status_alone_touches_nobody() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.news()

    watched.cache.put(DEPLOYMENTS, deployment(6, readyReplicas=2))

    assert watched.news() == set()


def test_our_condition_changed_by_somebody_else_touches() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5, **ours("False")))
    watched.news()

    watched.cache.put(DEPLOYMENTS, deployment(6, **ours("True")))

    assert watched.news() == {WEB}


def test_our_conditions_taken_away_touch() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5, **ours()))
    watched.news()

    watched.cache.put(DEPLOYMENTS, deployment(6))

    assert watched.news() == {WEB}


def test_the_echo_of_our_own_write_touches_nobody() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.news()
    watched.cache.expect(WEB, [ConditionState("readiness.dev/ProductionReady", "True", "R", "m")])

    watched.cache.put(DEPLOYMENTS, deployment(6, **ours()))
    watched.cache.stored(WEB, deployment(6, **ours()))

    assert watched.news() == set()


def test_a_kind_that_can_no_longer_be_seen_is_forgotten() -> None:
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.put(BUDGETS, budget(6))
    watched.news()

    watched.cache.set_unavailable(BUDGETS, "not allowed to watch poddisruptionbudgets.policy")

    assert watched.cache.unavailable == {
        "PodDisruptionBudget": "not allowed to watch poddisruptionbudgets.policy"
    }
    assert watched.news() == {WEB}
    assert watched.cache.count(BUDGETS) == 0
    watched.cache.set_unavailable(BUDGETS, None)
    assert watched.cache.unavailable == {}


def test_a_malformed_companion_takes_the_place_of_the_one_before() -> None:
    """What can't be read must not be judged by what it said earlier."""
    watched = Watched()
    watched.cache.put(DEPLOYMENTS, deployment(5))
    watched.cache.put(BUDGETS, budget(6))
    watched.news()
    broken = budget(7)
    broken["spec"]["maxUnavailable"] = {"not": "a number"}

    watched.cache.put(BUDGETS, broken)

    assert watched.news() == {WEB}


def test_our_own_kinds_are_passed_on() -> None:
    watched = Watched()
    manifest = {"metadata": {"name": "p", "resourceVersion": "3"}, "spec": {}}
    watched.cache.put(kinds.POLICIES, manifest)
    watched.cache.delete(kinds.POLICIES, "", "p", 4)

    assert watched.manifests == [("ReadinessPolicy", "p", True), ("ReadinessPolicy", "p", False)]
