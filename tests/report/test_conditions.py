"""The conditions a report puts on its workload, to the letter."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from readiness.api.vocabulary import Category, Result, Severity
from readiness.checks.base import Check
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.model.workload import ObjectRef
from readiness.report.conditions import ConditionState, conditions_of, is_ours, join_reasons
from tests.evaluate.fakes import fake_check
from tests.support import NOW

MUST, SHOULD, NICE = Severity.MUST, Severity.SHOULD, Severity.NICE
PASS, FAIL, WARN, SKIP, ERROR = Result.PASS, Result.FAIL, Result.WARN, Result.SKIP, Result.ERROR

# apimachinery/pkg/apis/meta/v1: Condition
REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")

READINESS = fake_check("readiness-probe-missing")
LIVENESS = fake_check("liveness-probe-missing")
STARTUP = fake_check("startup-probe-missing")
BUDGET = fake_check("disruption-budget-missing", category=Category.DISRUPTION)
SOON = NOW + timedelta(minutes=7)


def result(
    check: Check, result: Result, message: str = "", severity: Severity = MUST, policy: str = "shop"
) -> CheckResult:
    return CheckResult(check, severity, result, policy, message)


def waiting(check: Check, message: str, severity: Severity = MUST) -> CheckResult:
    return CheckResult(check, severity, WARN, "shop", message, waits_until=SOON)


def exempt(check: Check, message: str, severity: Severity = MUST) -> CheckResult:
    return CheckResult(check, severity, SKIP, "shop", message, exempt=True)


def conditions(
    *results: CheckResult, policies: tuple[str, ...] = ("shop",)
) -> list[ConditionState]:
    ref = ObjectRef("apps", "Deployment", "shop", "web")
    return conditions_of(Report(ref, policies, results))


def summary_of(*results: CheckResult) -> tuple[str, str, str]:
    summary = conditions(*results)[0]
    assert summary.type == "readiness.dev/ProductionReady"
    return summary.status, summary.reason, summary.message


def category_of(*results: CheckResult) -> tuple[str, str, str]:
    _, category = conditions(*results)
    assert category.type == "readiness.dev/ProbesConfigured"
    return category.status, category.reason, category.message


def test_workload_that_no_policy_matches_carries_no_condition() -> None:
    assert conditions(policies=()) == []


def test_policy_without_checks_makes_a_workload_ready() -> None:
    assert conditions() == [
        ConditionState(
            "readiness.dev/ProductionReady",
            "True",
            "AllMustChecksPass",
            "0 Must checks pass; policy shop",
        )
    ]


def test_summary_comes_first_then_the_categories_asked_for_in_their_order() -> None:
    found = conditions(result(BUDGET, PASS), result(READINESS, PASS))

    assert [condition.type for condition in found] == [
        "readiness.dev/ProductionReady",
        "readiness.dev/ProbesConfigured",
        "readiness.dev/DisruptionTolerant",
    ]


SUMMARIES = [
    (
        "all pass",
        [result(READINESS, PASS), result(LIVENESS, PASS)],
        ("True", "AllMustChecksPass", "2 Must checks pass; policy shop"),
    ),
    (
        "one passes, one does not apply",
        [result(READINESS, PASS), result(BUDGET, SKIP, "one replica")],
        ("True", "AllMustChecksPass", "1 Must check passes; policy shop"),
    ),
    (
        "others warn, two findings of one check counted once",
        [
            result(READINESS, PASS),
            result(LIVENESS, WARN, "a", SHOULD),
            result(LIVENESS, WARN, "b", SHOULD),
            result(STARTUP, PASS, severity=NICE),
        ],
        ("True", "AllMustChecksPass", "1 Must check passes; 1 other check warns; policy shop"),
    ),
    (
        "two others warn",
        [result(LIVENESS, WARN, "a", SHOULD), result(STARTUP, WARN, "b", NICE)],
        ("True", "AllMustChecksPass", "0 Must checks pass; 2 other checks warn; policy shop"),
    ),
    (
        "another can't tell, yet decides nothing",
        [result(READINESS, PASS), result(LIVENESS, ERROR, "blind", SHOULD)],
        ("True", "AllMustChecksPass", "1 Must check passes; policy shop"),
    ),
    (
        "exempt",
        [result(READINESS, PASS), exempt(BUDGET, "x"), exempt(LIVENESS, "y", SHOULD)],
        (
            "True",
            "MustChecksPassOrExempt",
            "1 Must check passes, 1 exempt (disruption-budget-missing); policy shop",
        ),
    ),
    (
        "one fails",
        [result(READINESS, FAIL, 'container "app" must set readinessProbe')],
        (
            "False",
            "MustChecksFailing",
            (
                "1 Must check of policy shop fails: "
                'container "app" must set readinessProbe (readiness-probe-missing)'
            ),
        ),
    ),
    (
        "two fail, three findings, two policies",
        [
            result(READINESS, FAIL, "a"),
            result(READINESS, FAIL, "b"),
            result(BUDGET, FAIL, "c", policy="base"),
            result(LIVENESS, WARN, "d", SHOULD),
        ],
        (
            "False",
            "MustChecksFailing",
            (
                "2 Must checks of policies shop, base fail: a (readiness-probe-missing); "
                "b (readiness-probe-missing); c (disruption-budget-missing)"
            ),
        ),
    ),
    (
        "a failure outweighs what can't be told",
        [result(READINESS, ERROR, "blind"), result(BUDGET, FAIL, "c"), waiting(LIVENESS, "d")],
        (
            "False",
            "MustChecksFailing",
            "1 Must check of policy shop fails: c (disruption-budget-missing)",
        ),
    ),
    (
        "can't tell",
        [result(READINESS, PASS), result(BUDGET, ERROR, "spec.replicas must be a whole number")],
        (
            "Unknown",
            "ChecksCannotTell",
            "spec.replicas must be a whole number (disruption-budget-missing)",
        ),
    ),
    (
        "waits",
        [result(READINESS, PASS), waiting(BUDGET, "must have a budget (counts from ... on)")],
        (
            "Unknown",
            "WaitingForCompanions",
            (
                "until 2026-11-24T09:07:00Z: "
                "must have a budget (counts from ... on) (disruption-budget-missing)"
            ),
        ),
    ),
    (
        "can't tell outweighs waiting",
        [waiting(BUDGET, "must have a budget"), result(READINESS, ERROR, "blind")],
        ("Unknown", "ChecksCannotTell", "blind (readiness-probe-missing)"),
    ),
    (
        "a Should check that waits decides nothing",
        [waiting(BUDGET, "must have a budget", SHOULD)],
        ("True", "AllMustChecksPass", "0 Must checks pass; policy shop"),
    ),
]


@pytest.mark.parametrize(
    ("results", "expected"), [row[1:] for row in SUMMARIES], ids=[row[0] for row in SUMMARIES]
)
def test_production_ready(results: list[CheckResult], expected: tuple[str, str, str]) -> None:
    assert expected == summary_of(*results)


def test_many_policies_are_counted_rather_than_named() -> None:
    (summary,) = conditions(policies=tuple("abcdefg"))

    assert summary.message == "0 Must checks pass; policies a, b, c, d, e and 2 more"


CATEGORIES = [
    (
        "all pass",
        [result(READINESS, PASS), result(LIVENESS, PASS, severity=SHOULD)],
        ("True", "AllChecksPass", "2 checks pass"),
    ),
    (
        "one passes, one does not apply",
        [result(READINESS, PASS), result(LIVENESS, SKIP, "a Job")],
        ("True", "AllChecksPass", "1 check passes"),
    ),
    (
        "none applies; each reason once",
        [
            result(READINESS, SKIP, "does not apply to a Job"),
            result(LIVENESS, SKIP, "does not apply to a Job"),
        ],
        (
            "True",
            "NotApplicable",
            (
                "readiness-probe-missing: does not apply to a Job; "
                "liveness-probe-missing: does not apply to a Job"
            ),
        ),
    ),
    (
        "Must and Should fail; the order stays, each check named once",
        [
            result(READINESS, FAIL, "a"),
            result(READINESS, FAIL, "b"),
            result(LIVENESS, WARN, "c", SHOULD),
            result(STARTUP, WARN, "d", NICE),
        ],
        (
            "False",
            "ReadinessProbeMissing,LivenessProbeMissing",
            "a (readiness-probe-missing); b (readiness-probe-missing); c (liveness-probe-missing)",
        ),
    ),
    (
        "a failure outweighs what can't be told",
        [result(READINESS, ERROR, "blind"), result(LIVENESS, WARN, "c", SHOULD)],
        ("False", "LivenessProbeMissing", "c (liveness-probe-missing)"),
    ),
    (
        "can't tell, be it a Should check",
        [result(READINESS, PASS), result(LIVENESS, ERROR, "blind", SHOULD)],
        ("Unknown", "ChecksCannotTell", "blind (liveness-probe-missing)"),
    ),
    (
        "waits, be it a Should check",
        [result(READINESS, PASS), waiting(LIVENESS, "c", SHOULD)],
        (
            "Unknown",
            "WaitingForCompanions",
            "until 2026-11-24T09:07:00Z: c (liveness-probe-missing)",
        ),
    ),
    (
        "exempt",
        [result(READINESS, PASS), exempt(LIVENESS, "c (exempt until ...)")],
        ("True", "ExemptionsApply", "c (exempt until ...) (liveness-probe-missing)"),
    ),
    (
        "exempt in part",
        [exempt(LIVENESS, "c (exempt until ...)"), result(LIVENESS, FAIL, "d")],
        ("False", "LivenessProbeMissing", "d (liveness-probe-missing)"),
    ),
    (
        "only advice",
        [result(READINESS, PASS), result(STARTUP, WARN, "d", NICE)],
        ("True", "OnlyNiceToHaveMissing", "d (startup-probe-missing)"),
    ),
    (
        "advice can't be given beside what passes",
        [result(READINESS, PASS), result(STARTUP, ERROR, "blind", NICE)],
        ("True", "AllChecksPass", "1 check passes"),
    ),
    (
        "nothing passes and advice can't be given: that is no pass",
        [result(READINESS, SKIP, "a Job"), result(STARTUP, ERROR, "blind", NICE)],
        ("Unknown", "ChecksCannotTell", "blind (startup-probe-missing)"),
    ),
    (
        "nothing passes and advice may still come: that is no pass",
        [waiting(STARTUP, "d", NICE)],
        (
            "Unknown",
            "WaitingForCompanions",
            "until 2026-11-24T09:07:00Z: d (startup-probe-missing)",
        ),
    ),
]


@pytest.mark.parametrize(
    ("results", "expected"), [row[1:] for row in CATEGORIES], ids=[row[0] for row in CATEGORIES]
)
def test_category(results: list[CheckResult], expected: tuple[str, str, str]) -> None:
    assert expected == category_of(*results)


def many(count: int, outcome: Result) -> list[CheckResult]:
    """Return findings of as many checks with names as long as any, each message 120 long."""
    return [
        result(fake_check(f"a-rather-long-name-of-a-check-{chr(97 + i // 26)}{chr(97 + i % 26)}"),
               outcome, "x" * 120)
        for i in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 30, 31, 32, 33, 40, 70, 300])
@pytest.mark.parametrize("outcome", [FAIL, ERROR, SKIP])
def test_reasons_and_messages_stay_within_the_limits_of_the_api(
    count: int, outcome: Result
) -> None:
    for condition in conditions(*many(count, outcome)):
        assert REASON.fullmatch(condition.reason)
        assert len(condition.reason) <= 1024
        assert len(condition.message) <= 4096


def test_reason_too_long_says_that_there_are_more() -> None:
    found = join_reasons(many(60, FAIL))

    assert found.startswith("ARatherLongNameOfACheckAa,ARatherLongNameOfACheckAb,")
    assert found.endswith(",AndMore")
    assert 1024 - len("ARatherLongNameOfACheckAa,") < len(found) <= 1024


def test_reason_of_just_the_limit_is_kept_whole() -> None:
    checks = [fake_check("c" * 511), fake_check("d" * 512)]

    found = join_reasons([result(check, FAIL) for check in checks])

    assert len(found) == 1024
    assert found == f"C{'c' * 510},D{'d' * 511}"


@pytest.mark.parametrize(
    ("condition_type", "expected"),
    [
        ("readiness.dev/ProductionReady", True),
        ("readiness.dev/ProbesConfigured", True),
        ("Available", False),
        ("readiness.developer/Ready", False),
        ("other.dev/readiness.dev/ProductionReady", False),
    ],
)
def test_our_conditions_are_told_from_those_of_others(
    condition_type: str, *, expected: bool
) -> None:
    assert expected == is_ours(condition_type)
