"""Where workloads stand, told from conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from readiness.model.workload import ObjectRef
from readiness.report.conditions import SeenCondition
from readiness.report.render_status import Standing, render_status, standing_of, status_as_json
from readiness.report.render_text import Look

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def condition(type_: str, status: str, reason: str, ago: timedelta = timedelta()) -> SeenCondition:
    moment = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    return SeenCondition(f"readiness.dev/{type_}", status, reason, 0, moment)


def standing(name: str, *conditions: SeenCondition, message: str = "") -> Standing:
    return standing_of(ObjectRef("apps", "Deployment", "shop", name), conditions, message)


FAILING = standing(
    "cart",
    condition("ProductionReady", "False", "MustChecksFailing", timedelta(hours=3)),
    condition("ResourcesBounded", "False", "CpuLimitMissing,MemoryLimitMissing"),
    condition("Observable", "False", "TeamLabelMissing"),
    condition("ImagesPinned", "True", "AllChecksPass"),
    message='2 Must checks of policy a fail: container "app" must set resources.limits.memory '
    "(memory-limit-missing); metadata.labels.team must be set (team-label-missing)",
)
WAITING = standing(
    "new",
    condition("ProductionReady", "Unknown", "WaitingForCompanions", timedelta(seconds=90)),
    condition("DisruptionTolerant", "Unknown", "WaitingForCompanions"),
)
READY = standing(
    "catalog",
    condition("ProductionReady", "True", "AllMustChecksPass", timedelta(days=30)),
    condition("ImagesPinned", "True", "AllChecksPass"),
)
UNJUDGED = standing("idle")


def test_what_fails_a_must_comes_first() -> None:
    """Conditions tell no severities: the message of ProductionReady names the Must checks."""
    assert FAILING.failing == ("memory-limit-missing", "team-label-missing", "cpu-limit-missing")
    assert (FAILING.must, FAILING.met, FAILING.asked) == (2, 1, 3)


def test_the_worst_come_first_at_80_columns() -> None:
    text = render_status([READY, UNJUDGED, WAITING, FAILING], NOW, Look(), namespaces=True)
    assert (
        text
        == """\
NAMESPACE  WORKLOAD            READY  SCORE  SINCE  WHAT FAILS
shop       deployment/cart     no     1/3    3h     memory-limit-missing +2
shop       deployment/new      ?      0/1    90s    WaitingForCompanions
shop       deployment/idle     -      -      -
shop       deployment/catalog  yes    1/1    30d

4 workloads: 1 not ready, 1 cannot tell, 1 without a verdict, 1 ready
"""
    )


@pytest.mark.parametrize("width", [70, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = standing("a-deployment-with-a-name-of-more-than-forty-characters", *FAILING.conditions)
    text = render_status([long, FAILING], NOW, Look(width=width), namespaces=True)
    assert max(map(len, text.splitlines())) <= width


def test_wide_cuts_nothing() -> None:
    text = render_status([FAILING], NOW, Look(width=40, verbose=True), namespaces=False)
    assert "memory-limit-missing, team-label-missing, cpu-limit-missing" in text


def test_rows_that_do_not_fit_are_counted() -> None:
    text = render_status([READY, FAILING, WAITING], NOW, Look(), namespaces=False, most=1)
    assert "deployment/cart" in text
    assert "deployment/new" not in text
    assert "... and 2 more\n" in text
    assert text.endswith("3 workloads: 1 not ready, 1 cannot tell, 1 ready\n")


def test_colours_only_when_wanted() -> None:
    assert "\x1b" not in render_status([FAILING], NOW, Look(), namespaces=True)
    coloured = render_status([FAILING], NOW, Look(color=True), namespaces=True)
    assert "\x1b[31mno   \x1b[0m" in coloured


def test_names_hold_no_escape_sequences() -> None:
    text = render_status([standing("a\x1b[2Jb")], NOW, Look(), namespaces=False)
    assert "deployment/a\\x1b[2Jb" in text


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-24T09:00:00"])
def test_a_time_that_is_none_is_left_out(time: str) -> None:
    odd = SeenCondition("readiness.dev/ProductionReady", "True", "AllMustChecksPass", 0, time)
    assert standing("web", odd).since is None


def test_json_tells_the_conditions_too() -> None:
    (workload,) = msgspec.json.decode(status_as_json([FAILING]))["workloads"]
    assert workload == {
        "namespace": "shop",
        "kind": "Deployment",
        "name": "cart",
        "ready": "False",
        "reason": "MustChecksFailing",
        "since": "2026-11-24T06:00:00Z",
        "score": {"met": 1, "of": 3},
        "mustFailing": ["memory-limit-missing", "team-label-missing"],
        "shouldFailing": ["cpu-limit-missing"],
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason} for c in FAILING.conditions
        ],
    }
    (unjudged,) = msgspec.json.decode(status_as_json([UNJUDGED]))["workloads"]
    assert (unjudged["ready"], unjudged["reason"], unjudged["since"]) == (None, None, None)
