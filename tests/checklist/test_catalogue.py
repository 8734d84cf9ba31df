"""The checklist as data: nothing is lost, nothing unanswered, and every name leads somewhere."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Item, Stage
from readiness.checklist.catalogue import (
    EVIDENCE_ITEMS,
    ITEMS,
    KINDS_OF_ANSWER,
    SECTIONS,
    Answers,
    answers_to,
    count_by_answer,
    count_by_section,
    items_until,
)
from readiness.checklist.service_levels import SERVICE_LEVELS
from readiness.checks.base import Check
from readiness.checks.registry import all_checks

ALL = list(ITEMS.values())
# Items that the checklist of the project has in each of its headings, counted there by hand: its
# launch stages are one section here, and so are its lists of what has to be fixed.
ITEMS_BY_HEADING = {
    "security": {
        "Tokens": 5,
        "OAuth 2": 5,
        "Passwords": 5,
        "Cross-origin requests": 4,
        "Rate limits": 5,
        "Input": 5,
        "Response headers": 5,
        "Encryption": 4,
        "Databases": 4,
    },
    "database": {
        "Connections": 4,
        "Speed": 4,
        "Backup and recovery": 5,
        "Watching": 4,
        "Migrations": 4,
        "Integrity": 4,
    },
    "performance": {"Code": 4, "Caches": 4, "Database access": 4, "Load": 4, "Resources": 4},
    "observability": {
        "Log content": 4,
        "Log handling": 4,
        "Service metrics": 4,
        "Platform metrics": 4,
        "Health checks": 4,
        "Alerts": 4,
        "Alert handling": 4,
    },
    "configuration": {"Settings": 4, "Secrets": 4, "Feature flags": 4},
    "testing": {"Unit tests": 4, "Integration tests": 4, "Performance tests": 4, "Pipeline": 4},
    "deployment": {
        "Image": 4,
        "Container security": 4,
        "Kubernetes objects": 4,
        "Scaling": 4,
        "Rollout": 4,
        "Environments": 4,
    },
    "documentation": {"API": 4, "For developers": 4, "Runbooks": 4, "Architecture": 4},
    "operations": {"Incidents": 4, "Disasters": 4, "Maintenance": 4, "Updates": 4},
    "launch": {"One week before": 8, "Launch day": 6, "One week after": 6},
    "risks": {
        "Must be fixed before production": 6,
        "Should be fixed before production": 5,
        "Nice to have": 5,
    },
}


def test_every_heading_has_as_many_items_as_in_the_checklist() -> None:
    here = {s.id: {group.title: len(group.items) for group in s.groups} for s in SECTIONS}

    assert here == ITEMS_BY_HEADING
    assert count_by_section(ALL) == {
        "security": 42,
        "database": 25,
        "performance": 20,
        "observability": 28,
        "configuration": 12,
        "testing": 16,
        "deployment": 24,
        "documentation": 16,
        "operations": 16,
        "launch": 20,
        "risks": 16,
    }
    assert len(ALL) == 235


def test_how_items_are_answered() -> None:
    """At least 90 without anybody's word; the exact numbers, so that none is lost unnoticed."""
    counts = count_by_answer(ALL)

    assert counts == {
        "checks": 30,
        "serviceLevels": 48,
        "checks+serviceLevels": 12,
        "checks+evidence": 26,
        "serviceLevels+evidence": 6,
        "checks+serviceLevels+evidence": 1,
        "evidence": 112,
    }
    assert sum(counts.values()) == 235, "an item is unanswered"
    assert sum(number for kind, number in counts.items() if "evidence" not in kind) >= 90


def test_ids_and_titles_name_one_item_each() -> None:
    items = [item for section in SECTIONS for item in section.items]

    assert [id for id, n in Counter(item.id for item in items).items() if n > 1] == []
    assert [title for title, n in Counter(item.title for item in items).items() if n > 1] == []
    assert set(ITEMS).isdisjoint(all_checks()), "an id would mean two things"


@pytest.mark.parametrize("item", ALL, ids=lambda item: item.id)
def test_item_reads_well_and_leads_somewhere(item: Item) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", item.id)
    assert re.fullmatch(r"[A-Z].*[^.]", item.title)
    assert re.fullmatch(r"[A-Z].*\.", item.text)
    assert (item.title + item.text).isascii()
    assert set(item.checks) <= set(all_checks())
    assert set(item.service_levels) <= {level.name for level in SERVICE_LEVELS}
    assert answers_to(item.id).kind in KINDS_OF_ANSWER
    for names in (item.checks, item.service_levels, item.items):
        assert len(set(names)) == len(names)
    for other in item.items:
        assert ITEMS[other].stage <= item.stage, "what answers it would be left out of its stage"


@pytest.mark.parametrize("check", all_checks().values(), ids=lambda check: check.id)
def test_check_answers_the_item_it_cites(check: Check) -> None:
    """A new check cites an item by its `cited_as`, and that item names the check."""
    citing = [item for item in ALL if item.cited_as == check.reference.checklist]

    assert len(citing) == 1, f'no item is cited as "{check.reference.checklist}"'
    assert check.id in citing[0].checks


def test_every_service_level_answers_an_item() -> None:
    names = [level.name for level in SERVICE_LEVELS]
    used = {name for item in ALL for name in answers_to(item.id).service_levels}

    assert len(set(names)) == len(names)
    assert used == set(names)


def test_evidence_is_given_for_items_that_name_it() -> None:
    assert {id for item in ALL for id in answers_to(item.id).evidence} == set(EVIDENCE_ITEMS)
    assert len(EVIDENCE_ITEMS) == 129
    assert "load-testing-performed" in EVIDENCE_ITEMS
    assert "load-test-done" not in EVIDENCE_ITEMS, "another item answers it"


def test_answers_come_through_other_items_too_and_once() -> None:
    assert answers_to("load-test-done") == Answers((), (), ("load-testing-performed",))
    assert answers_to("no-data-loss-risk") == Answers(
        ("backup-schedule-missing", "backup-stale"), (), ("recovery-rehearsed",)
    )
    assert answers_to("alerting-configured") == Answers(
        ("alerts-missing", "on-call-missing"),
        (),
        (
            "error-alerts-configured",
            "latency-alerts-configured",
            "saturation-alerts-configured",
            "health-alerts-configured",
            "alert-escalation-defined",
        ),
    )
    assert answers_to("final-health-confirmed").service_levels == ("availability",)


def test_stages_include_those_before_them() -> None:
    assert {stage.id: len(items_until(stage)) for stage in Stage} == {
        "pre-launch": 218,
        "launch": 224,
        "live": 235,
    }
    assert Stage.PRE_LAUNCH < Stage.LAUNCH < Stage.LIVE
    assert [i.id for i in items_until(Stage.LAUNCH) if i.stage is Stage.LAUNCH] == [
        "final-health-confirmed",
        "dashboards-active",
        "response-team-ready",
        "communication-open",
        "rollback-ready",
        "launch-announced",
    ]
    assert count_by_section(items_until(Stage.PRE_LAUNCH))["launch"] == 8


def test_severities_of_the_lists_of_what_to_fix_are_their_own() -> None:
    (risks,) = (section for section in SECTIONS if section.id == "risks")

    assert [{item.severity for item in group.items} for group in risks.groups] == [
        {Severity.MUST},
        {Severity.SHOULD},
        {Severity.NICE},
    ]
