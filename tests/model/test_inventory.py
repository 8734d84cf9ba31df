"""Lookups through indexes find exactly what looking at everything would find."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from readiness.model.companions import Autoscaler, DisruptionBudget, Service
from readiness.model.int_or_percent import IntOrPercent
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.label_selector import LabelSelector, Requirement
from readiness.model.workload import ObjectRef

KEYS = st.sampled_from(["app", "tier", "team"])
VALUES = st.sampled_from(["a", "b", "c"])
NAMESPACES = st.sampled_from(["one", "two"])
NAMES = st.sampled_from(["x", "y", "z"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
REQUIREMENTS = st.builds(
    Requirement,
    KEYS,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.frozensets(VALUES, min_size=1),
)
SELECTORS = st.builds(
    lambda labels, expressions: LabelSelector(tuple(labels.items()), tuple(expressions)),
    LABELS,
    st.lists(REQUIREMENTS, max_size=2),
)


def budget(namespace: str, name: str, selector: LabelSelector | None) -> DisruptionBudget:
    return DisruptionBudget(
        ObjectRef("policy", "PodDisruptionBudget", namespace, name),
        selector=selector,
        min_available=None,
        max_unavailable=IntOrPercent(1, percent=False),
        unhealthy_pod_eviction_policy="IfHealthyBudget",
    )


def record(namespace: str, name: str, labels: Mapping[str, str]) -> WorkloadRecord:
    ref = ObjectRef("apps", "Deployment", namespace, name)
    return WorkloadRecord(ref, {}, labels, 2, None)


def autoscaler(target: ObjectRef) -> Autoscaler:
    ref = ObjectRef("autoscaling", "HorizontalPodAutoscaler", target.namespace, "hpa")
    return Autoscaler(ref, target=target, min_replicas=2, max_replicas=5, metrics=())


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("budget"), NAMESPACES, NAMES, st.none() | SELECTORS),
        st.tuples(st.just("workload"), NAMESPACES, NAMES, LABELS),
        st.tuples(st.just("-budget"), NAMESPACES, NAMES, st.none()),
        st.tuples(st.just("-workload"), NAMESPACES, NAMES, st.none()),
    ),
    max_size=25,
)


@given(STEPS, LABELS)
@settings(max_examples=300, deadline=None)
def test_lookups_agree_with_looking_at_everything(
    steps: list[tuple[str, str, str, object]], labels: dict[str, str]
) -> None:
    inventory = Inventory()
    budgets: dict[tuple[str, str], DisruptionBudget] = {}
    records: dict[tuple[str, str], WorkloadRecord] = {}
    for action, namespace, name, value in steps:
        key = (namespace, name)
        before = selections(budgets, records)
        touched: set[ObjectRef] = set()
        if action == "budget":
            assert value is None or isinstance(value, LabelSelector)
            budgets[key] = budget(namespace, name, value)
            touched = inventory.put_companion(budgets[key])
        elif action == "workload":
            assert isinstance(value, dict)
            records[key] = record(namespace, name, value)
            touched = inventory.put_workload(records[key])
        elif action == "-budget":
            budgets.pop(key, None)
            touched = inventory.remove_companion(DisruptionBudget, namespace, name)
        else:
            records.pop(key, None)
            ref = ObjectRef("apps", "Deployment", namespace, name)
            touched = inventory.remove_workload(ref) | {ref}
        after = selections(budgets, records)
        changed = {ref for ref in before | after if before.get(ref) != after.get(ref)}
        assert changed <= touched

    for namespace in ("one", "two"):
        found = {b.name for b in inventory.selecting(DisruptionBudget, namespace, labels)}
        assert found == {
            b.name
            for (ns, _), b in budgets.items()
            if ns == namespace and b.selector is not None and b.selector.matches(labels)
        }
        for (ns, _), b in budgets.items():
            if ns == namespace and b.selector is not None:
                selected = {r.ref for r in inventory.workloads_selected(namespace, b.selector)}
                assert selected == {
                    r.ref
                    for (other, _), r in records.items()
                    if other == namespace and b.selector.matches(r.template_labels)
                }


def selections(
    budgets: dict[tuple[str, str], DisruptionBudget],
    records: dict[tuple[str, str], WorkloadRecord],
) -> dict[ObjectRef, frozenset[ObjectRef]]:
    """Return, for each workload, the budgets over it and the workloads that share them."""
    found = {}
    for (namespace, _), workload in records.items():
        mine = [
            b
            for (ns, _), b in budgets.items()
            if ns == namespace and b.selector and b.selector.matches(workload.template_labels)
        ]
        shared = {
            other.ref
            for b in mine
            for (ns, _), other in records.items()
            if ns == namespace and b.selector and b.selector.matches(other.template_labels)
        }
        found[workload.ref] = frozenset([*(b.ref for b in mine), *shared])
    return found


def test_a_companion_replaced_is_found_under_its_new_selector_alone() -> None:
    inventory = Inventory()
    inventory.put_companion(budget("one", "x", LabelSelector((("app", "a"),))))

    inventory.put_companion(budget("one", "x", LabelSelector((("app", "b"),))))

    assert inventory.selecting(DisruptionBudget, "one", {"app": "a"}) == []
    assert [b.name for b in inventory.selecting(DisruptionBudget, "one", {"app": "b"})] == ["x"]


def test_an_autoscaler_that_moves_concerns_its_old_and_new_target() -> None:
    inventory = Inventory()
    web, api = record("one", "web", {}), record("one", "api", {})
    inventory.put_workload(web)
    inventory.put_workload(api)
    inventory.put_companion(autoscaler(web.ref))

    touched = inventory.put_companion(autoscaler(api.ref))

    assert touched == {web.ref, api.ref}
    assert inventory.targeting(Autoscaler, web.ref) == []
    assert [hpa.name for hpa in inventory.targeting(Autoscaler, api.ref)] == ["hpa"]


def test_the_same_companion_again_concerns_nobody() -> None:
    inventory = Inventory()
    inventory.put_workload(record("one", "web", {"app": "a"}))
    same = budget("one", "x", LabelSelector((("app", "a"),)))

    assert inventory.put_companion(same) == {ObjectRef("apps", "Deployment", "one", "web")}
    assert inventory.put_companion(same) == set()


def test_an_empty_namespace_leaves_nothing_behind() -> None:
    inventory = Inventory()
    web = record("one", "web", {"app": "a"})
    inventory.put_workload(web)
    inventory.put_companion(budget("one", "x", LabelSelector((("app", "a"),))))

    inventory.remove_workload(web.ref)
    inventory.remove_companion(DisruptionBudget, "one", "x")

    assert inventory.workloads_in("one") == []
    assert list(inventory.companions(DisruptionBudget)) == []
    assert list(inventory.companions(Service)) == []
