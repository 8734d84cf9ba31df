"""Counts over the last report of every workload, kept as reports come and go."""

from __future__ import annotations

from readiness.api.vocabulary import Result, Severity
from readiness.checks.registry import all_checks
from readiness.controller.scoreboard import Scoreboard
from readiness.evaluate.evaluator import CheckResult, Readiness, Report
from readiness.model.workload import ObjectRef

REPLICAS = all_checks()["replicas-too-low"]
TAG = all_checks()["mutable-image-tag"]


def report(name: str, *results: CheckResult, policies: tuple[str, ...] = ("p",)) -> Report:
    return Report(ObjectRef("apps", "Deployment", "shop", name), policies, results)


def failing(check: object = REPLICAS) -> CheckResult:
    return CheckResult(check, Severity.MUST, Result.FAIL, "p", "wrong")  # type: ignore[arg-type]


def passing(check: object = REPLICAS) -> CheckResult:
    return CheckResult(check, Severity.MUST, Result.PASS, "p")  # type: ignore[arg-type]


def test_counts_follow_the_last_report_of_each_workload() -> None:
    board = Scoreboard()
    assert board.update(report("web", failing())) == {"p"}
    assert board.update(report("api", passing())) == {"p"}
    assert board.counts("p") == {Readiness.NOT_READY: 1, Readiness.READY: 1}

    assert board.update(report("web", passing())) == {"p"}

    assert board.counts("p") == {Readiness.READY: 2}
    assert board.failing("p", frozenset({REPLICAS.id}), 5) == []


def test_the_same_report_again_changes_no_policy() -> None:
    board = Scoreboard()
    board.update(report("web", failing()))

    assert board.update(report("web", failing())) == set()


def test_a_workload_that_no_policy_matches_any_more_is_not_counted() -> None:
    board = Scoreboard()
    board.update(report("web", failing()))

    assert board.update(report("web", policies=())) == {"p"}
    assert board.counts("p") == {}
    assert board.results == {}
    assert board.workloads == {}


def test_a_workload_that_is_gone_is_not_counted() -> None:
    board = Scoreboard()
    board.update(report("web", failing(), policies=("p", "q")))

    assert board.remove(ObjectRef("apps", "Deployment", "shop", "web")) == {"p", "q"}
    assert board.remove(ObjectRef("apps", "Deployment", "shop", "web")) == set()
    assert board.counts("q") == {}
    assert board._shared == {}


def test_failing_checks_are_ranked_and_bounded() -> None:
    board = Scoreboard()
    board.update(report("web", failing(), failing(TAG)))
    board.update(report("api", failing(TAG)))

    asked = frozenset({REPLICAS.id, TAG.id})
    assert board.failing("p", asked, 5) == [(TAG.id, 2), (REPLICAS.id, 1)]
    assert board.failing("p", asked, 1) == [(TAG.id, 2)]
    assert board.failing("p", frozenset({REPLICAS.id}), 5) == [(REPLICAS.id, 1)]


def test_metrics_hold_findings_and_no_passes() -> None:
    board = Scoreboard()
    board.update(report("web", failing(), passing(TAG)))

    assert board.results == {("shop", REPLICAS.id, "Must", "fail"): 1}
    assert board.workloads == {("shop", Readiness.NOT_READY): 1}


def test_workloads_that_lack_the_same_share_what_is_kept_of_them() -> None:
    board = Scoreboard()
    board.update(report("web", failing()))
    board.update(report("api", failing()))
    web, api = (ObjectRef("apps", "Deployment", "shop", name) for name in ("web", "api"))
    assert board._entries[web] is board._entries[api]

    board.remove(web)
    board.update(report("db", failing()))
    assert board.failing("p", frozenset({REPLICAS.id}), 5) == [(REPLICAS.id, 2)]
    assert len(board._shared) == 1
    board.remove(api)
    board.update(report("db", passing()))

    assert board.results == {}
    assert [entry.readiness for entry in board._shared] == [Readiness.READY]
