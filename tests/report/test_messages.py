"""Sentences about findings."""

from __future__ import annotations

import pytest

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult
from readiness.report.messages import list_findings, plural
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
