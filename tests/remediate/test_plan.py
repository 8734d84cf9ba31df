"""Which fixes are applied: those asked for, and none that makes something else worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import REMOVED, Check, Edit, Fix, Safety
from readiness.checks.registry import all_checks
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.model.workload import ObjectRef
from readiness.remediate.patch import Operation
from readiness.remediate.plan import Left, Planner

REF = ObjectRef("apps", "Deployment", "shop", "web")
RULE = all_checks()["memory-limit-missing"]
Rules = Mapping[str, Callable[[Mapping[str, Any]], list[CheckResult]]]


def check(id: str) -> Check:
    return replace(RULE, id=id)


def finding(id: str, fix: Fix | None, message: str = "wrong") -> CheckResult:
    return CheckResult(check(id), Severity.MUST, Result.FAIL, "shop", message, "spec", fix=fix)


def sets(path: str, value: Any, safety: Safety = Safety.SAFE, explanation: str = "because") -> Fix:
    return Fix((Edit(path, value),), safety, explanation)


def wants(id: str, key: str, fix: Fix | None) -> Rules:
    """A rule that finds something until the manifest holds the key."""
    return {id: lambda document: [] if key in document else [finding(id, fix)]}


class Text:
    """Stands for the text of a file: notes what is done to it, and refuses on demand."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused

    def edit(self, text: tuple[str, ...], patch: list[Operation]) -> tuple[str, ...]:
        paths = tuple(operation["path"] for operation in patch)
        if self.refused in paths:
            raise ValueError("an alias stands there")
        return (*text, *paths)


def planner_of(rules: Rules, text: Text | None = None, **options: Any) -> Planner[tuple[str, ...]]:
    def judge(document: Mapping[str, Any]) -> Report:
        results: list[CheckResult] = []
        for id, rule in rules.items():
            passed = CheckResult(check(id), Severity.MUST, Result.PASS, "shop")
            results += rule(document) or [passed]
        return Report(REF, ("shop",), tuple(results))

    return Planner(judge, (text or Text()).edit, **options)


def summary(left: list[Left]) -> list[tuple[str, str, str]]:
    return [(stays.result.check.id, stays.kind, stays.reason) for stays in left]


def test_safe_fixes_are_applied_and_others_left_with_the_reason() -> None:
    rules = {
        **wants("a", "x", sets("x", 1)),
        **wants("b", "y", sets("y", 1, Safety.UNSAFE, "it may stop")),
        **wants("c", "z", sets("z", 1, Safety.DISPLAY_ONLY, "it looks so")),
        **wants("d", "q", None),
    }
    planner = planner_of(rules)

    plan = planner.plan({}, ())

    assert (plan.document, plan.text) == ({"x": 1}, ("/x",))
    assert [(r.check.id, patch) for r, patch in plan.fixed] == [
        ("a", [{"op": "add", "path": "/x", "value": 1}])
    ]
    assert summary(planner.left(plan.report)) == [
        ("b", "for --unsafe", "for --unsafe: it may stop"),
        ("c", "to do by hand", "by hand: it looks so"),
        ("d", "without a fix", ""),
    ]


def test_unsafe_fixes_are_applied_when_asked_for_those_to_display_never() -> None:
    rules = {
        **wants("b", "y", sets("y", 1, Safety.UNSAFE)),
        **wants("c", "z", sets("z", 1, Safety.DISPLAY_ONLY)),
    }

    assert planner_of(rules, unsafe=True).plan({}, ()).document == {"y": 1}


def test_only_the_checks_named_are_fixed_and_told_of() -> None:
    rules = {**wants("a", "x", sets("x", 1)), **wants("b", "y", sets("y", 1))}
    planner = planner_of(rules, checks={"b"})

    plan = planner.plan({}, ())

    assert plan.document == {"y": 1}
    assert planner.left(plan.report) == []


def test_a_fix_that_makes_a_check_fail_is_left_and_the_rest_applied() -> None:
    rules = {
        **wants("a", "x", sets("x", 1)),
        **wants("b", "y", sets("y", 1)),
        "c": lambda document: [finding("c", None)] if "x" in document else [],
    }
    planner = planner_of(rules)

    plan = planner.plan({}, ())

    assert plan.document == {"y": 1}
    assert summary(planner.left(plan.report)) == [
        ("a", "to do by hand", "by hand: its fix would make c fail")
    ]


def test_a_check_that_can_no_longer_tell_counts_as_broken() -> None:
    cannot_tell = CheckResult(check("c"), Severity.MUST, Result.ERROR, "shop", "unreadable")
    rules = {
        **wants("a", "x", sets("x", 1)),
        "c": lambda document: [cannot_tell] if "x" in document else [],
    }

    assert planner_of(rules).plan({}, ()).document == {}


def test_a_fix_that_another_makes_possible_is_applied_too() -> None:
    def later(document: Mapping[str, Any]) -> list[CheckResult]:
        if "y" in document:
            return []
        return [finding("b", sets("y", 1) if "x" in document else None)]

    assert planner_of({"b": later, **wants("a", "x", sets("x", 1))}).plan({}, ()).document == {
        "x": 1,
        "y": 1,
    }


def test_a_fix_that_does_not_help_is_tried_once() -> None:
    planner = planner_of({"a": lambda document: [finding("a", sets("x", 1))]})

    plan = planner.plan({}, ())

    assert plan.fixed == []
    assert summary(planner.left(plan.report)) == [
        ("a", "to do by hand", "by hand: its fix alone is not enough")
    ]


def test_a_fix_that_moves_its_finding_about_comes_to_an_end() -> None:
    def rule(document: Mapping[str, Any]) -> list[CheckResult]:
        number = document.get("x", 0)
        return [finding("a", sets("x", number + 1), f"wrong in state {number}")]

    assert planner_of({"a": rule}).plan({}, ()).document == {"x": 100}


def test_what_the_text_does_not_allow_is_left_in_the_manifest_too() -> None:
    rules = {**wants("a", "x", sets("x", 1)), **wants("b", "y", sets("y", 1))}
    planner = planner_of(rules, Text(refused="/x"))

    plan = planner.plan({}, ())

    assert (plan.document, plan.text) == ({"y": 1}, ("/y",))
    assert summary(planner.left(plan.report)) == [
        ("a", "to do by hand", "by hand: an alias stands there")
    ]


def test_items_are_removed_one_finding_at_a_time_for_their_places_shift() -> None:
    def rule(document: Mapping[str, Any]) -> list[CheckResult]:
        return [
            finding("a", sets(f"l[{index}]", REMOVED), f"{item} must go")
            for index, item in enumerate(document["l"])
            if item != "keep"
        ]

    plan = planner_of({"a": rule, **wants("b", "x", sets("x", 1))}).plan(
        {"l": ["p", "keep", "q"]}, ()
    )

    assert plan.document == {"l": ["keep"], "x": 1}
    assert [result.message for result, _ in plan.fixed] == ["p must go", "q must go", "wrong"]


def test_exempt_findings_are_left_alone() -> None:
    exempt = finding("a", sets("x", 1))._replace(result=Result.SKIP, exempt=True)
    planner = planner_of({"a": lambda document: [exempt]})

    plan = planner.plan({}, ())

    assert (plan.document, planner.left(plan.report)) == ({}, [])
