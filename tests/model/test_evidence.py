"""Evidence is found by the workload and the item it is about."""

from __future__ import annotations

import pytest

from readiness.model.evidence import Evidence, EvidenceIndex
from readiness.model.label_selector import LabelSelector, from_equality_map
from readiness.model.workload import ObjectRef
from readiness.model.workload_target import WorkloadTarget
from tests.support import NOW

WEB = ObjectRef("apps", "Deployment", "shop", "web")
API = ObjectRef("apps", "StatefulSet", "shop", "api")
BY_NAME = WorkloadTarget(None, "web", None)
BY_LABEL = WorkloadTarget(None, None, from_equality_map({"tier": "front"}))


def evidence(
    name: str,
    *targets: WorkloadTarget,
    item: str = "load-testing-performed",
    namespace: str = "shop",
) -> Evidence:
    return Evidence(namespace, name, item, targets, NOW, NOW, "ann")


def names(found: list[Evidence]) -> list[str]:
    return [one.name for one in found]


@pytest.fixture
def index() -> EvidenceIndex:
    found = EvidenceIndex()
    for one in (
        evidence("c", BY_NAME),
        evidence("a", BY_LABEL),
        evidence("b", BY_NAME, BY_LABEL),
        evidence("d", BY_NAME, item="restore-rehearsed"),
        evidence("e", BY_NAME, namespace="till"),
    ):
        found.put(one)
    return found


def test_found_by_name_and_by_labels_each_once(index: EvidenceIndex) -> None:
    item = "load-testing-performed"

    assert names(index.about(WEB, {"tier": "front"}, item)) == ["a", "b", "c"]
    assert names(index.about(WEB, {}, item)) == ["b", "c"]
    assert names(index.about(API, {"tier": "front"}, item)) == ["a", "b"]
    assert names(index.about(API, None, item)) == []
    assert sorted(names(index.all_about(WEB, {}))) == ["b", "c", "d"]


def test_what_is_replaced_or_removed_is_found_no_more(index: EvidenceIndex) -> None:
    index.put(evidence("c", WorkloadTarget("StatefulSet", "api", None), item="restore-rehearsed"))
    index.remove("shop", "b")
    index.remove("shop", "unknown")

    assert names(index.all_about(WEB, {})) == ["d"]
    assert names(index.all_about(API, {})) == ["c"]
    assert len(index) == 4
    for namespace, name in [("shop", "a"), ("shop", "c"), ("shop", "d"), ("till", "e")]:
        found = index.get(namespace, name)
        assert found is not None
        index.remove(found.namespace, found.name)
    assert vars(index) == vars(EvidenceIndex())


def test_a_target_means_the_kind_it_names(index: EvidenceIndex) -> None:
    assert WorkloadTarget("Deployment", "web", None).matches(WEB, {})
    assert not WorkloadTarget("DaemonSet", "web", None).matches(WEB, {})
    assert not WorkloadTarget("Deployment", None, None).matches(WEB, {})


def test_labels_that_cannot_be_read_meet_no_selector() -> None:
    assert WorkloadTarget(None, None, LabelSelector()).matches(WEB, {})
    assert not WorkloadTarget(None, None, LabelSelector()).matches(WEB, None)
    assert BY_NAME.matches(WEB, None)
