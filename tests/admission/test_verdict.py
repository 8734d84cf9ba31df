"""What is refused, what is only told: findings of the workload as it will be and as it was."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from msgspec.structs import replace

from readiness.admission.verdict import Verdict, decide
from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check, Scope
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.evaluate.policy import Policy
from readiness.model.workload import ObjectRef
from tests.evaluate.fakes import fake_check
from tests.support import NOW

REF = ObjectRef("apps", "Deployment", "shop", "web")
STRICT = Policy(name="strict", settings={})
DENY = replace(STRICT, name="deny", denies_existing=True)
TAG = fake_check("mutable-image-tag")
CAPABILITY = fake_check("capability-added")
BUDGET = fake_check("budget-missing", scope=Scope.COMPANION)
IMAGE = "spec.template.spec.containers[0].image"


def finding(
    check: Check = TAG,
    message: str = "must pin",
    path: str = IMAGE,
    *,
    container: str = "app",
    refused_by: tuple[Policy, ...] = (STRICT,),
    **fields: Any,
) -> CheckResult:
    fields.setdefault("severity", Severity.MUST)
    fields.setdefault("result", Result.FAIL)
    return CheckResult(
        check=check,
        policy="strict",
        message=message,
        path=path,
        container=container,
        refused_by=refused_by,
        **fields,
    )


def verdict(
    *after: CheckResult,
    before: Collection[CheckResult] | None = None,
    template_changed: bool = True,
) -> Verdict:
    def had(ids: Collection[str]) -> list[CheckResult]:
        return [result for result in before or () if result.check.id in ids]

    return decide(
        Report(REF, ("strict",), after),
        None if before is None else had,
        template_changed=template_changed,
    )


class TestNew:
    def test_a_must_of_a_strict_policy_refuses(self) -> None:
        found = verdict(finding())

        assert found.refused == (finding(),)
        assert found.refused_by == (STRICT,)

    @pytest.mark.parametrize(
        "told",
        [
            finding(refused_by=()),
            finding(severity=Severity.SHOULD, result=Result.WARN),
        ],
    )
    def test_the_rest_is_told(self, told: CheckResult) -> None:
        found = verdict(told)

        assert (found.refused, found.told) == ((), (told,))

    @pytest.mark.parametrize("result", [Result.PASS, Result.SKIP, Result.ERROR])
    def test_what_is_no_finding_says_nothing(self, result: Result) -> None:
        assert verdict(finding(result=result)) == Verdict((), (), (), frozenset(), (), ())

    def test_exempt_findings_are_told_apart(self) -> None:
        exempt = finding(result=Result.SKIP, exempt=True)

        assert verdict(exempt).exempt == (exempt,)

    def test_companions_may_still_come(self) -> None:
        missing = finding(BUDGET)

        found = verdict(missing)

        assert (found.refused, found.waiting) == ((), (missing,))


class TestUpdate:
    def test_what_was_there_before_is_told(self) -> None:
        found = verdict(finding(), before=[finding()])

        assert found.refused == ()
        assert found.told == (finding(),)
        assert found.existing == {"mutable-image-tag"}

    def test_another_value_of_the_same_field_is_not_worse(self) -> None:
        found = verdict(finding(message="not web:latest"), before=[finding(message="not x:latest")])

        assert found.refused == ()

    def test_the_container_counts_not_its_place(self) -> None:
        moved = finding(path="spec.template.spec.containers[3].image")
        other = finding(container="sidecar")

        assert verdict(moved, before=[finding()]).refused == ()
        assert verdict(other, before=[finding()]).refused == (other,)

    def test_another_element_of_a_list_is_worse(self) -> None:
        path = "spec.template.spec.containers[0].securityContext.capabilities.add[{}]"
        old = finding(CAPABILITY, "must not add NET_ADMIN", path.format(0))
        moved = finding(CAPABILITY, "must not add NET_ADMIN", path.format(1))
        new = finding(CAPABILITY, "must not add SYS_ADMIN", path.format(0))

        assert verdict(new, moved, before=[old]).refused == (new,)

    def test_twice_the_same_is_worse_than_once(self) -> None:
        volume = finding(CAPABILITY, "must not", "spec.volumes[0].hostPath", container="")

        assert verdict(volume, volume, before=[volume]).refused == (volume,)

    def test_a_finding_that_was_exempt_was_there(self) -> None:
        assert verdict(finding(), before=[finding(result=Result.SKIP, exempt=True)]).refused == ()

    def test_a_pass_before_is_no_finding(self) -> None:
        assert verdict(finding(), before=[finding(result=Result.PASS)]).refused == (finding(),)

    def test_a_policy_may_deny_what_was_there(self) -> None:
        found = verdict(finding(refused_by=(STRICT, DENY)), before=[finding()])

        assert found.refused == (finding(refused_by=(DENY,)),)
        assert found.refused_by == (DENY,)
        assert found.existing == frozenset()

    def test_companions_are_asked_for_by_a_new_template(self) -> None:
        missing = finding(BUDGET)
        waiting = finding(BUDGET, result=Result.WARN, waits_until=NOW)

        assert verdict(missing, before=[missing]).refused == (missing,)
        assert verdict(missing, before=[missing], template_changed=False).told == (missing,)
        assert verdict(waiting, before=[]).waiting == (waiting,)

    def test_nobody_looks_back_when_nothing_is_refused(self) -> None:
        def never(_: Collection[str]) -> list[CheckResult]:
            raise AssertionError("looked back")

        report = Report(REF, ("strict",), (finding(refused_by=()), finding(BUDGET)))

        assert decide(report, never, template_changed=True).refused == (finding(BUDGET),)


class TestBreakGlass:
    def test_every_policy_that_refuses_must_agree(self) -> None:
        one = replace(STRICT, break_glass=frozenset({"sre", "night"}))
        two = replace(STRICT, name="two", break_glass=frozenset({"sre", "day"}))
        found = verdict(finding(refused_by=(one, two)))

        assert found.break_glass == {"sre"}
        assert found.lets_through(["sre"])
        assert found.lets_through(["night", "day"])
        assert not found.lets_through(["night"])
        assert not found.lets_through([])

    def test_without_groups_nobody_may(self) -> None:
        found = verdict(finding())

        assert found.break_glass == frozenset()
        assert not found.lets_through(["system:masters"])
