"""Reports for a cluster: who they belong to, what they list, how large they get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from readiness.api.vocabulary import Result, Severity
from readiness.checks.registry import all_checks
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.model.workload import ObjectRef
from readiness.report.policy_report import fingerprint, policy_report, report_name, stored_report

REF = ObjectRef("apps", "Deployment", "shop", "web")
TAG = all_checks()["mutable-image-tag"]


def result(
    outcome: Result, message: str = "", severity: Severity = Severity.MUST, **more: Any
) -> CheckResult:
    return CheckResult(TAG, severity, outcome, "p", message, **more)


def stored(
    *results: CheckResult,
    passes: bool = False,
    uid: str = "1",
    api: str = "wgpolicyk8s.io/v1alpha2",
) -> dict[str, Any]:
    report = Report(REF, ("p",), results)
    return stored_report(report, "apps/v1", uid, stored_as=api, passes=passes)


EACH = (
    result(Result.PASS),
    result(Result.FAIL, "wrong"),
    result(Result.SKIP, "does not apply"),
    result(Result.WARN, "might be better", Severity.SHOULD),
    result(Result.SKIP, "accepted", exempt=True),
    result(Result.ERROR, "can't tell"),
)


def test_what_passes_or_does_not_apply_is_counted_and_not_listed() -> None:
    document = stored(*EACH)

    assert [(r["result"], r["message"]) for r in document["results"]] == [
        ("fail", "wrong"),
        ("warn", "might be better"),
        ("skip", "accepted"),
        ("error", "can't tell"),
    ]
    assert document["summary"] == {"pass": 1, "fail": 1, "warn": 1, "skip": 2, "error": 1}


def test_what_passes_is_listed_on_demand() -> None:
    listed = [r["result"] for r in stored(*EACH, passes=True)["results"]]

    assert listed == ["pass", "fail", "skip", "warn", "skip", "error"]


@pytest.mark.parametrize(
    ("api", "kind"),
    [("wgpolicyk8s.io/v1alpha2", "PolicyReport"), ("openreports.io/v1alpha1", "Report")],
)
def test_it_belongs_to_its_workload(api: str, kind: str) -> None:
    document = stored(api=api)

    assert (document["apiVersion"], document["kind"]) == (api, kind)
    assert document["metadata"] == {
        "name": "deployment-web",
        "namespace": "shop",
        "labels": {"app.kubernetes.io/managed-by": "readiness-operator"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1"}
        ],
    }


def test_as_many_results_as_fit_are_all_listed() -> None:
    document = stored(*[result(Result.FAIL, str(n)) for n in range(250)])

    assert [r["message"] for r in document["results"]] == [str(n) for n in range(250)]


def test_of_too_many_results_the_worst_are_kept_in_their_order() -> None:
    warnings = [result(Result.WARN, f"warning {n}", Severity.SHOULD) for n in range(200)]
    failures = [result(Result.FAIL, f"failure {n}") for n in range(100)]
    document = stored(*warnings, *failures)

    assert len(document["results"]) == 250
    *shown, last = document["results"]
    assert [r["message"] for r in shown] == [
        *(f"warning {n}" for n in range(149)),
        *(f"failure {n}" for n in range(100)),
    ]
    assert last == {
        "source": "readiness",
        "policy": "readiness",
        "rule": "results-left-out",
        "result": "skip",
        "scored": False,
        "message": "51 results are left out here (51 warn): the report would be too large; "
        "the summary counts them",
        "properties": {"readiness.dev/left-out": "51"},
    }
    assert document["summary"]["warn"] == 200
    assert document["summary"]["fail"] == 100


def test_exempt_findings_are_left_out_after_warnings_and_before_passes() -> None:
    results = [result(Result.PASS)] * 100 + [result(Result.SKIP, "accepted", exempt=True)] * 100
    results += [result(Result.WARN, "might", Severity.SHOULD)] * 100
    document = stored(*results, passes=True)

    shown = [r["result"] for r in document["results"][:-1]]
    assert (shown.count("warn"), shown.count("skip"), shown.count("pass")) == (100, 100, 49)
    assert document["results"][-1]["message"].startswith("51 results are left out here (51 pass)")


def test_one_that_is_left_out_is_one_result() -> None:
    big = [result(Result.FAIL, "é" * 1024) for _ in range(60)]
    document = stored(*big)

    assert document["results"][-1]["message"].startswith("1 result is left out here (1 fail)")


def test_a_report_stays_far_below_what_etcd_takes() -> None:
    document = stored(*[result(Result.FAIL, "é" * 5000) for _ in range(300)])

    assert len(json.dumps(document, ensure_ascii=False).encode()) < 140_000
    assert {len(r["message"]) for r in document["results"][:-1]} == {1024}
    assert document["results"][0]["message"] == "é" * 1021 + "..."


def test_another_report_has_another_fingerprint() -> None:
    base = stored(*EACH)

    assert fingerprint(base) == fingerprint(stored(*EACH))
    others = [stored(*EACH, uid="2"), stored(*EACH[1:]), stored(*EACH, passes=True)]
    assert len({fingerprint(document) for document in (base, *others)}) == 4


def test_the_longest_name_is_told_from_its_neighbour() -> None:
    fits = "a" * 242
    first, second = ("a" * 252 + end for end in "bc")

    assert report_name("Deployment", fits) == f"deployment-{fits}"
    names = {report_name("Deployment", name) for name in (first, second)}
    assert len(names) == 2
    assert {len(name) for name in names} == {253}
    assert all(name.startswith("deployment-aaa") for name in names)


def test_for_the_command_line_everything_is_listed_and_nobody_owns_it() -> None:
    document = policy_report(Report(REF, ("p",), EACH), "apps/v1")

    assert len(document["results"]) == len(EACH)
    assert "ownerReferences" not in document["metadata"]
    assert "uid" not in document["scope"]
