"""Sentences about findings."""

from __future__ import annotations

import pytest

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.model.workload import ObjectRef
from readiness.report.messages import list_findings, not_ready_event, plural, ready_event
from tests.evaluate.fakes import fake_check

CHECK = fake_check("probe-missing")


def findings(*messages: str) -> list[CheckResult]:
    return [CheckResult(CHECK, Severity.MUST, Result.FAIL, "shop", m) for m in messages]


@pytest.mark.parametrize(
    ("number", "count", "expected"),
    [
        (0, False, "checks"),
        (1, False, "check"),
        (2, False, "checks"),
        (1, True, "1 check"),
        (0, True, "0 checks"),
        (12, True, "12 checks"),
    ],
)
def test_plural_fits_the_number(number: int, expected: str, *, count: bool) -> None:
    assert expected == plural(number, "check", "checks", count=count)


def test_findings_stand_with_their_checks_in_order() -> None:
    expected = "b fails (probe-missing); a fails (probe-missing)"

    assert expected == list_findings(findings("b fails", "a fails"), 4096)
    assert list_findings([], 4096) == ""


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (61, "one (probe-missing); two (probe-missing); six (probe-missing)"),
        (60, "one (probe-missing); ... and 2 more"),
        (40, "one (probe-missing); ... and 2 more"),
        (39, "one (probe-missing); two (probe-miss..."),
    ],
)
def test_what_does_not_fit_is_counted(limit: int, expected: str) -> None:
    found = list_findings(findings("one", "two", "six"), limit)

    assert expected == found
    assert len(found) <= limit


def test_no_limit_is_ever_passed() -> None:
    some = findings(*("x" * length for length in range(40)))

    for limit in range(30, 2500):
        assert len(list_findings(some, limit)) <= limit


def advising(id: str, remediation: str) -> Check:
    check = fake_check(id)
    check.remediation = remediation
    return check


PROBE = advising("probe-missing", "Set a probe.")
LIMIT = advising("limit-missing", "Set a limit.")


def report(*results: CheckResult, policies: tuple[str, ...] = ("shop",)) -> Report:
    return Report(ObjectRef("apps", "Deployment", "shop", "web"), policies, results)


def result(check: Check, result: Result, message: str = "") -> CheckResult:
    severity = Severity.SHOULD if result is Result.WARN else Severity.MUST
    return CheckResult(check, severity, result, "shop", message)


NOT_READY = report(
    result(PROBE, Result.FAIL, "a"),
    result(PROBE, Result.FAIL, "b"),
    result(LIMIT, Result.FAIL, "c"),
    result(fake_check("label-missing"), Result.WARN, "d"),
    result(fake_check("owner-missing"), Result.PASS),
)


def test_event_says_what_fails_and_what_to_do_about_it_once_a_check() -> None:
    assert not_ready_event(NOT_READY, 1024) == (
        "2 Must checks fail: a (probe-missing); b (probe-missing); c (limit-missing). "
        "To fix probe-missing: Set a probe. To fix limit-missing: Set a limit."
    )
    assert not_ready_event(report(result(LIMIT, Result.FAIL, "c")), 1024) == (
        "1 Must check fails: c (limit-missing). To fix limit-missing: Set a limit."
    )


def test_event_spends_at_most_half_its_length_on_advice() -> None:
    """To fix probe-missing: Set a probe. is 35 characters long, the other one too."""
    both = not_ready_event(NOT_READY, 140)
    one = not_ready_event(NOT_READY, 139)

    assert both.endswith(". To fix probe-missing: Set a probe. To fix limit-missing: Set a limit.")
    assert one.endswith("c (limit-missing). To fix probe-missing: Set a probe.")


def test_event_never_passes_its_limit() -> None:
    for limit in range(130, 400):
        assert len(not_ready_event(NOT_READY, limit)) <= limit


def test_event_of_a_ready_workload_counts_checks_and_names_policies() -> None:
    passing = [
        result(PROBE, Result.PASS),
        result(LIMIT, Result.PASS),
        result(fake_check("label-missing"), Result.WARN, "d"),
    ]

    assert ready_event(report(*passing, policies=("base", "shop"))) == (
        "no Must check fails, 2 checks pass (policies base, shop)"
    )
    assert ready_event(report(passing[0])) == "no Must check fails, 1 check passes (policy shop)"
