"""Which findings an exemption accepts, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check, Finding
from readiness.evaluate.evaluator import Readiness, Report, evaluate
from readiness.evaluate.exemptions import Exemption, exemptions_of
from readiness.evaluate.policy import combine
from readiness.model.label_selector import LabelSelector, from_equality_map
from readiness.model.workload import Workload
from readiness.model.workload_target import WorkloadTarget
from tests.evaluate.conftest import UseChecks
from tests.evaluate.fakes import fake_check, policy, snapshot, summary, workload
from tests.support import NOW

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

WEB = WorkloadTarget(kind=None, name="web", selector=None)


def exemption(**changes: Any) -> Exemption:
    base = Exemption(
        namespace="shop",
        name="legacy",
        targets=(WEB,),
        containers=None,
        checks=frozenset({"probe-missing"}),
        reason="no endpoint yet",
        expires_at=NOW + HOUR,
        created=NOW - HOUR,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (WorkloadTarget(None, "web", None), True),
        (WorkloadTarget(None, "api", None), False),
        (WorkloadTarget("Deployment", "web", None), True),
        (WorkloadTarget("StatefulSet", "web", None), False),
        (WorkloadTarget(None, None, from_equality_map({"app": "web"})), True),
        (WorkloadTarget(None, None, from_equality_map({"app": "api"})), False),
        (WorkloadTarget("Deployment", None, from_equality_map({"app": "web"})), True),
        (WorkloadTarget("DaemonSet", None, from_equality_map({"app": "web"})), False),
        (WorkloadTarget(None, None, LabelSelector()), True),
        (WorkloadTarget("Deployment", None, None), False),  # neither name nor selector: nothing
    ],
)
def test_target_means_workloads_by_kind_and_by_name_or_labels(
    target: WorkloadTarget, *, expected: bool
) -> None:
    assert expected == target.matches(workload("web").ref, {"app": "web"})


def test_exemption_concerns_its_own_namespace_alone() -> None:
    assert exemption().concerns(workload(namespace="shop"))
    assert not exemption().concerns(workload(namespace="till"))


def test_one_target_of_several_is_enough() -> None:
    api = WorkloadTarget(None, "api", None)

    assert exemption(targets=(api, WEB)).concerns(workload("web"))
    assert not exemption(targets=()).concerns(workload("web"))


@pytest.mark.parametrize(
    ("containers", "check", "container", "expected"),
    [
        (None, "probe-missing", "app", True),
        (None, "probe-missing", "", True),
        (None, "limit-missing", "app", False),
        ({"app"}, "probe-missing", "app", True),
        ({"app"}, "probe-missing", "proxy", False),
        ({"app"}, "probe-missing", "", False),  # about the workload, which it does not exempt
        ({"app"}, "limit-missing", "app", False),
    ],
)
def test_exemption_covers_a_check_of_a_container(
    containers: set[str] | None, check: str, container: str, *, expected: bool
) -> None:
    named = None if containers is None else frozenset(containers)

    assert expected == exemption(containers=named).covers(check, container)


@pytest.mark.parametrize(
    ("created", "limit", "expected"),
    [
        (NOW, None, NOW + HOUR),
        (NOW, timedelta(minutes=10), NOW + timedelta(minutes=10)),
        (NOW, timedelta(hours=2), NOW + HOUR),
        (NOW, timedelta(0), NOW),
        (None, timedelta(minutes=10), NOW + HOUR),  # offline nobody knows when it was made
    ],
)
def test_exemption_ends_at_its_expiry_or_at_the_limit_of_the_policy(
    created: datetime | None, limit: timedelta | None, expected: datetime
) -> None:
    assert expected == exemption(created=created).ends(limit)


def test_exemptions_of_a_workload_stand_longest_lasting_first() -> None:
    short, long, also_long, other = (
        exemption(name="a"),
        exemption(name="c", expires_at=NOW + 2 * HOUR),
        exemption(name="b", expires_at=NOW + 2 * HOUR),
        exemption(name="d", namespace="till"),
    )

    assert [also_long, long, short] == exemptions_of(workload(), [other, short, long, also_long])


PROXY, APP = Finding("proxy fails", "spec.x", "proxy"), Finding("app fails", "spec.y", "app")
WHOLE = Finding("the workload fails", "spec.z")


@pytest.fixture
def probes(use_checks: UseChecks) -> Check:
    check = fake_check("probe-missing", [APP, PROXY, WHOLE])
    use_checks(check)
    return check


def judged(check: Check, *exemptions: Exemption, now: datetime = NOW, **fields: Any) -> Report:
    asked = combine([policy("standard", check, **fields)], now)
    return evaluate(workload(), snapshot(now=now), asked, exemptions)


def test_exempt_finding_is_shown_as_exempt_and_never_as_passed(probes: Check) -> None:
    report = judged(probes, exemption())

    accepted = '(exempt until 2026-11-24T10:00:00Z by ReadinessExemption "legacy": no endpoint yet)'
    assert [
        ("probe-missing", "skip", f"app fails {accepted}"),
        ("probe-missing", "skip", f"proxy fails {accepted}"),
        ("probe-missing", "skip", f"the workload fails {accepted}"),
    ] == summary(report.results)
    assert [(r.exempt, r.path, r.container) for r in report.results] == [
        (True, "spec.y", "app"),
        (True, "spec.x", "proxy"),
        (True, "spec.z", ""),
    ]
    assert Readiness.READY is report.readiness


def test_exemption_of_one_container_leaves_the_others(probes: Check) -> None:
    report = judged(probes, exemption(containers=frozenset({"proxy"})))

    assert [(r.result, r.exempt) for r in report.results] == [
        (Result.FAIL, False),
        (Result.SKIP, True),
        (Result.FAIL, False),
    ]
    assert Readiness.NOT_READY is report.readiness


@pytest.mark.parametrize(
    ("now", "expected", "next_change"),
    [
        (NOW + HOUR - SECOND, Readiness.READY, NOW + HOUR),
        (NOW + HOUR, Readiness.NOT_READY, None),
        (NOW + HOUR + SECOND, Readiness.NOT_READY, None),
    ],
)
def test_findings_count_again_at_the_second_it_expires(
    probes: Check, now: datetime, expected: Readiness, next_change: datetime | None
) -> None:
    report = judged(probes, exemption(), now=now)

    assert expected is report.readiness
    assert next_change == report.next_change


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW - SECOND, Readiness.READY),
        (NOW, Readiness.NOT_READY),
    ],
)
def test_policy_cuts_what_lasts_too_long(probes: Check, now: datetime, expected: Readiness) -> None:
    """Made an hour ago, good for two hours, but the policy allows one."""
    report = judged(probes, exemption(), now=now, max_exemption=HOUR)

    assert expected is report.readiness


def test_message_and_next_change_tell_the_end_that_the_policy_sets(probes: Check) -> None:
    report = judged(probes, exemption(), max_exemption=HOUR + timedelta(minutes=5))

    assert "(exempt until 2026-11-24T09:05:00Z by" in report.results[0].message
    assert NOW + timedelta(minutes=5) == report.next_change


def test_another_exemption_takes_over_when_the_first_has_ended(probes: Check) -> None:
    first = exemption(name="a", expires_at=NOW + 2 * HOUR, created=NOW - 2 * HOUR)
    second = exemption(name="b", created=NOW)

    report = judged(probes, first, second, max_exemption=2 * HOUR)

    assert ['ReadinessExemption "b"' in result.message for result in report.results] == [
        True,
        True,
        True,
    ]


def test_what_is_not_exemptable_counts_all_the_same(probes: Check) -> None:
    report = judged(probes, exemption(), not_exemptable=frozenset({"probe-missing"}))

    assert [result.result.value for result in report.results] == ["fail", "fail", "fail"]


def test_exemption_of_another_workload_is_no_business_of_this_one(probes: Check) -> None:
    report = judged(probes, exemption(targets=(WorkloadTarget(None, "api", None),)))

    assert Readiness.NOT_READY is report.readiness
    assert report.next_change is None


def test_exempt_warning_is_shown_as_exempt_too(probes: Check) -> None:
    report = judged(probes, exemption(), severity=Severity.SHOULD)

    assert [result.result for result in report.results] == [Result.SKIP] * 3
    assert [result.counts for result in report.results] == [False] * 3


def test_exemption_does_not_touch_what_passes(use_checks: UseChecks) -> None:
    check = fake_check("probe-missing")
    use_checks(check)

    assert summary(judged(check, exemption()).results) == [("probe-missing", "pass", "")]


def test_labels_that_cannot_be_read_are_selected_by_no_exemption(probes: Check) -> None:
    """Nobody can say whether it is meant: the findings count, and nothing is raised."""
    unreadable = Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": 7}},
        }
    )
    by_label = exemption(targets=(WorkloadTarget(None, None, from_equality_map({"app": "web"})),))

    report = evaluate(
        unreadable, snapshot(), combine([policy("standard", probes)], NOW), [by_label]
    )

    assert Readiness.NOT_READY is report.readiness


def test_limit_beyond_the_calendar_cuts_nothing(probes: Check) -> None:
    report = judged(probes, exemption(), max_exemption=timedelta.max)

    assert Readiness.READY is report.readiness
    assert report.next_change == NOW + HOUR
