"""The one function that decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from readiness.api.vocabulary import Enforcement, Result, Severity
from readiness.checks.base import CannotTell, Check, Outcome, Scope, Skip
from readiness.errors import FieldError
from readiness.evaluate.evaluator import CheckResult, Readiness, Report, evaluate
from readiness.evaluate.policy import CheckSetting, Policy, combine
from readiness.model.moment import rfc3339
from readiness.model.snapshot import Origin
from readiness.model.workload import Workload
from tests.evaluate.conftest import UseChecks
from tests.evaluate.fakes import failing, fake_check, policy, snapshot, summary, workload
from tests.support import NOW

MUST, SHOULD, NICE = Severity.MUST, Severity.SHOULD, Severity.NICE
MINUTE = timedelta(minutes=1)


@pytest.fixture
def judge(use_checks: UseChecks) -> Any:
    """Return a function that judges a workload by checks of one policy."""

    def judge(
        *checks: Check,
        severity: Severity = MUST,
        created: datetime | None = None,
        now: datetime = NOW,
        origin: Origin = Origin.CLUSTER,
        **fields: Any,
    ) -> Report:
        use_checks(*checks)
        asked = combine([policy("standard", *checks, severity=severity, **fields)], now)
        return evaluate(workload(created=created), snapshot(now=now, origin=origin), asked)

    return judge


def test_report_names_workload_and_policies(use_checks: UseChecks) -> None:
    check = fake_check("probe-missing")
    use_checks(check)
    asked = combine([policy("b", check), policy("a")], NOW)

    report = evaluate(workload("web"), snapshot(), asked)

    assert (
        Report(
            ref=workload("web").ref,
            policies=("a", "b"),
            results=(CheckResult(check, MUST, Result.PASS, "b"),),
            next_change=None,
        )
        == report
    )


def test_finding_keeps_message_path_and_container(judge: Any) -> None:
    check = fake_check("probe-missing", failing("first", "second", container="app"))

    assert (
        CheckResult(check, MUST, Result.FAIL, "standard", "first", "spec.x", "app"),
        CheckResult(check, MUST, Result.FAIL, "standard", "second", "spec.x", "app"),
    ) == judge(check).results


def test_a_pass_says_nothing_more(judge: Any) -> None:
    """Whoever prints it gets texts and truth values: never None."""
    check = fake_check("probe-missing")

    (result,) = judge(check).results

    told = (check, MUST, Result.PASS, "standard", "", "", "")
    assert tuple(result) == (*told, False, None, False, None, (), "")


def test_results_without_findings_are_the_same_for_all_workloads(use_checks: UseChecks) -> None:
    """They are four of five: a thousand workloads would keep them a thousand times."""
    checks = (fake_check("a-passes"), fake_check("b-skips", Skip("nothing to see")))
    use_checks(*checks)
    asked = combine([policy("p", *checks)], NOW)

    web, api = (evaluate(workload(name), snapshot(), asked).results for name in ("web", "api"))

    assert [r.result for r in web] == [Result.PASS, Result.SKIP]
    assert all(one is other for one, other in zip(web, api, strict=True))


def test_a_report_that_is_told_no_moment_never_changes_by_itself() -> None:
    assert Report(workload().ref, (), ()).next_change is None


@pytest.mark.parametrize(
    ("outcome", "severity", "result", "message"),
    [
        (failing("fails"), MUST, "fail", "fails"),
        (failing("fails"), SHOULD, "warn", "fails"),
        (failing("fails"), NICE, "warn", "fails"),
        ((), MUST, "pass", ""),
        ([], MUST, "pass", ""),
        (Skip("nothing to see"), MUST, "skip", "nothing to see"),
        (CannotTell("no right to look"), NICE, "error", "no right to look"),
        (
            FieldError("spec.replicas", "a whole number", "2"),
            MUST,
            "error",
            'spec.replicas must be a whole number, not the text "2"',
        ),
        (KeyError("image"), MUST, "error", "the check crashed: KeyError: 'image'"),
        (RecursionError(), MUST, "error", "the check crashed: RecursionError: "),
    ],
)
def test_outcome_of_a_check_becomes_a_result(
    judge: Any, outcome: Outcome | Exception, severity: Severity, result: str, message: str
) -> None:
    report = judge(fake_check("probe-missing", outcome), severity=severity)

    assert [("probe-missing", result, message)] == summary(report.results)


def test_one_policy_judges_every_kind_by_the_checks_that_apply_to_it(
    use_checks: UseChecks,
) -> None:
    check = fake_check("scale-missing", failing("fails"))
    check.kinds = ("Deployment",)
    other = fake_check("probe-missing")
    use_checks(other, check)
    asked = combine([policy("p", check, other)], NOW)

    found = [
        summary(evaluate(workload(kind=kind), snapshot(), asked).results)
        for kind in ("Deployment", "DaemonSet", "Deployment")
    ]

    deployment = [("probe-missing", "pass", ""), ("scale-missing", "fail", "fails")]
    skipped = ("scale-missing", "skip", "does not apply to a DaemonSet")
    assert found == [deployment, [("probe-missing", "pass", ""), skipped], deployment]


def test_a_policy_made_of_another_judges_by_its_own_checks(use_checks: UseChecks) -> None:
    check, other = fake_check("probe-missing"), fake_check("scale-missing")
    use_checks(check, other)
    asked = combine([policy("p", check, other)], NOW)
    evaluate(workload(), snapshot(), asked)

    fewer = replace(asked, checks=asked.checks[1:])

    assert summary(evaluate(workload(), snapshot(), fewer).results) == [
        ("scale-missing", "pass", "")
    ]


def test_a_policy_that_has_judged_is_still_equal_to_one_that_has_not(
    use_checks: UseChecks,
) -> None:
    """Whoever combines the same policies again sees that nothing changed."""
    check = fake_check("probe-missing")
    use_checks(check)
    asked, fresh = (combine([policy("p", check)], NOW) for _ in range(2))
    evaluate(workload(), snapshot(), asked)

    assert asked == fresh
    assert repr(asked) == repr(fresh)


def test_crashing_check_stops_no_other(judge: Any) -> None:
    report = judge(
        fake_check("first-missing"),
        fake_check("second-missing", ZeroDivisionError("division by zero")),
        fake_check("third-missing", failing("third fails")),
    )

    assert summary(report.results) == [
        ("first-missing", "pass", ""),
        ("second-missing", "error", "the check crashed: ZeroDivisionError: division by zero"),
        ("third-missing", "fail", "third fails"),
    ]


@pytest.mark.parametrize(
    ("outcomes", "severity", "expected"),
    [
        ([], MUST, Readiness.READY),
        ([()], MUST, Readiness.READY),
        ([Skip("n/a")], MUST, Readiness.READY),
        ([failing("fails")], MUST, Readiness.NOT_READY),
        ([failing("fails")], SHOULD, Readiness.READY),
        ([failing("fails")], NICE, Readiness.READY),
        ([CannotTell("blind")], MUST, Readiness.UNKNOWN),
        ([CannotTell("blind")], SHOULD, Readiness.READY),
        ([CannotTell("blind"), failing("fails")], MUST, Readiness.NOT_READY),
        ([failing("fails"), CannotTell("blind")], MUST, Readiness.NOT_READY),
        ([CannotTell("blind"), ()], MUST, Readiness.UNKNOWN),
    ],
)
def test_must_checks_alone_decide_readiness(
    judge: Any, outcomes: list[Outcome], severity: Severity, expected: Readiness
) -> None:
    """What could not be looked at is no pass, but a failure seen is a failure."""
    checks = [fake_check(f"check-{letter}", o) for letter, o in zip("abc", outcomes, strict=False)]

    assert expected is judge(*checks, severity=severity).readiness


CREATED = NOW - 3 * MINUTE
BUDGET = fake_check("budget-missing", failing("must have a budget"), scope=Scope.COMPANION)
PROBES = fake_check("probe-missing", failing("must set a probe"))


def test_missing_companion_waits_for_the_grace_period(judge: Any) -> None:
    report = judge(BUDGET, created=CREATED, enforcement=Enforcement.STRICT)

    ends = NOW + 7 * MINUTE
    assert (
        CheckResult(
            BUDGET,
            MUST,
            Result.WARN,
            "standard",
            "must have a budget (counts from 2026-11-24T09:07:00Z on)",
            "spec.x",
            waits_until=ends,
        ),
    ) == tuple(r._replace(refused_by=()) for r in report.results)
    assert [[p.name for p in r.refused_by] for r in report.results] == [["standard"]]
    assert [result.counts for result in report.results] == [False]
    assert Readiness.UNKNOWN is report.readiness
    assert ends == report.next_change


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (CREATED, Result.WARN),
        (CREATED + 10 * MINUTE - timedelta(microseconds=1), Result.WARN),
        (CREATED + 10 * MINUTE, Result.FAIL),
    ],
)
def test_grace_period_ends_to_the_second(judge: Any, now: datetime, expected: Result) -> None:
    report = judge(BUDGET, created=CREATED, now=now, enforcement=Enforcement.STRICT)

    assert [expected] == [result.result for result in report.results]


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (BUDGET, {"enforcement": Enforcement.AUDIT}),
        (BUDGET, {"enforcement": Enforcement.WARN}),
        (BUDGET, {"enforce_from": NOW + MINUTE}),
        (BUDGET, {"grace_period": timedelta(0)}),
        (BUDGET, {"origin": Origin.FILES}),
        (BUDGET, {"created": None}),
        (PROBES, {}),
    ],
    ids=["audit", "warn", "not yet in force", "no grace", "files", "no creation", "intrinsic"],
)
def test_grace_is_for_new_workloads_under_strict_that_lack_companions(
    judge: Any, check: Check, arguments: dict[str, Any]
) -> None:
    under: dict[str, Any] = {"enforcement": Enforcement.STRICT, "created": CREATED, **arguments}

    report = judge(check, **under)

    assert [(r.result, r.waits_until) for r in report.results] == [(Result.FAIL, None)]


def test_waiting_for_a_should_check_leaves_the_workload_ready(judge: Any) -> None:
    report = judge(BUDGET, severity=SHOULD, created=CREATED, enforcement=Enforcement.STRICT)

    assert Readiness.READY is report.readiness
    assert [result.counts for result in report.results] == [False]


def test_failure_is_not_hidden_by_what_may_still_come(judge: Any) -> None:
    report = judge(BUDGET, PROBES, created=CREATED, enforcement=Enforcement.STRICT)

    assert Readiness.NOT_READY is report.readiness


def test_next_change_is_the_first_of_all(judge: Any) -> None:
    """The policy's enforceFrom, one minute ahead, comes before any grace period ends."""
    use = {"enforcement": Enforcement.STRICT, "enforce_from": NOW + MINUTE}

    assert judge(BUDGET, created=CREATED, **use).next_change == NOW + MINUTE


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a check of these tests."""

    word: str = ""


ANSWERS: dict[str, Outcome] = {
    "pass": (),
    "skip": Skip("does not apply"),
    "blind": CannotTell("can't look"),
    "fail": failing("fails"),
    "fail too": failing("fails too"),
}


@pytest.mark.parametrize(
    ("strictest", "other", "expected"),
    [
        ("pass", "fail", ("fail", "fails", "b")),
        ("fail", "pass", ("fail", "fails", "a")),
        ("fail", "fail too", ("fail", "fails", "a")),
        ("blind", "fail", ("fail", "fails", "b")),
        ("pass", "blind", ("error", "can't look", "b")),
        ("skip", "blind", ("error", "can't look", "b")),
        ("skip", "pass", ("skip", "does not apply", "a")),
        ("pass", "skip", ("skip", "does not apply", "b")),
        ("pass", "pass", ("pass", "", "a")),
    ],
)
def test_worst_outcome_over_all_params_asked_for_counts(
    use_checks: UseChecks, strictest: str, other: str, expected: tuple[str, str, str]
) -> None:
    """Two policies ask for one check with different parameters; who asked for it is named."""
    check = fake_check("replicas-too-low", lambda params: ANSWERS[params.word], params=Params)
    use_checks(check)
    policies = [
        Policy(name="a", settings={check.id: CheckSetting(check, MUST, Params(strictest))}),
        Policy(name="b", settings={check.id: CheckSetting(check, SHOULD, Params(other))}),
    ]

    (result,) = evaluate(workload(), snapshot(), combine(policies, NOW)).results

    assert (MUST, *expected) == (
        result.severity,
        result.result.value,
        result.message,
        result.policy,
    )


def test_a_crash_with_one_set_of_params_is_no_pass(use_checks: UseChecks) -> None:
    def outcome(params: Any) -> Outcome:
        if params.word == "crash":
            raise KeyError("image")
        return ANSWERS[params.word]

    check = fake_check("replicas-too-low", outcome, params=Params)
    use_checks(check)
    policies = [
        Policy(name="a", settings={check.id: CheckSetting(check, MUST, Params("pass"))}),
        Policy(name="b", settings={check.id: CheckSetting(check, MUST, Params("crash"))}),
    ]

    (result,) = evaluate(workload(), snapshot(), combine(policies, NOW)).results

    assert (result.result, result.policy, result.message, result.crashed) == (
        Result.ERROR,
        "b",
        "the check crashed: KeyError: 'image'",
        True,
    )


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (datetime(2026, 12, 1, 0, 0, 0, tzinfo=UTC), "2026-12-01T00:00:00Z"),
        (datetime(2026, 12, 1, 0, 0, 0, 999999, tzinfo=UTC), "2026-12-01T00:00:00Z"),
        (datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-30T23:00:00Z"),
    ],
)
def test_moment_is_told_in_utc_as_the_api_server_does(time: datetime, expected: str) -> None:
    assert expected == rfc3339(time)


@pytest.mark.parametrize("created", [7, "tomorrow", "0001-01-01T00:00:00+14:00"])
def test_time_of_creation_that_is_none_gives_no_grace(use_checks: UseChecks, created: Any) -> None:
    """It stops no check either: what they find counts."""
    check = fake_check("budget-missing", failing("must have one"), scope=Scope.COMPANION)
    use_checks(check)
    metadata = {"name": "web", "namespace": "shop", "creationTimestamp": created}
    web = Workload({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata})
    asked = combine([policy("strict", check, enforcement=Enforcement.STRICT)], NOW)

    report = evaluate(web, snapshot(), asked)

    assert summary(report.results) == [("budget-missing", "fail", "must have one")]


def test_only_a_bug_of_a_check_counts_as_its_crash(judge: Any) -> None:
    """The operator logs those and counts them: a field that can't be read is no bug."""
    report = judge(
        fake_check("a-crash", KeyError("image")),
        fake_check("b-malformed", FieldError("spec.replicas", "a whole number", "2")),
        fake_check("c-unseen", CannotTell("no right to look")),
        fake_check("d-fails", failing("fails")),
        fake_check("e-passes"),
        fake_check("f-skips", Skip("nothing to see")),
    )

    assert [r.check.id for r in report.results if r.crashed] == ["a-crash"]


def test_a_report_changes_at_its_own_moments_not_at_those_of_others(use_checks: UseChecks) -> None:
    """A snapshot serves many workloads: what one waits for is nothing to the next."""

    def outcome(params: Any) -> Outcome:
        if params.waits:
            seen.is_past(NOW + MINUTE)
        return ()

    check = fake_check("probe-missing", outcome, params=Waiting)
    use_checks(check)
    seen = snapshot()

    def next_change(*, waits: bool) -> datetime | None:
        setting = CheckSetting(check, MUST, Waiting(waits=waits))
        asked = combine([Policy(name="standard", settings={check.id: setting})], NOW)
        return evaluate(workload(), seen, asked).next_change

    assert next_change(waits=True) == NOW + MINUTE
    assert next_change(waits=False) is None


@pytest.mark.parametrize(
    ("readiness", "word"),
    [
        (Readiness.READY, "ready"),
        (Readiness.NOT_READY, "not ready"),
        (Readiness.UNKNOWN, "unknown"),
    ],
)
def test_readiness_in_a_word(readiness: Readiness, word: str) -> None:
    """The text report prints it."""
    assert readiness.value == word


@dataclass(frozen=True)
class Waiting:
    waits: bool = True
