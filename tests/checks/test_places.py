"""Every finding of every fixture names exactly the field, and the container, that it is about.

They stand in data/places.txt, one fixture a line: reports, exemptions for a container and fixes go
by them. READINESS_UPDATE_GOLDEN=1 writes the file anew; read what changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from readiness.checks.base import Check, Finding
from readiness.checks.registry import all_checks
from tests.fuzz.odd_manifests import leads_somewhere
from tests.support import Fixture, all_fixtures

PLACES = Path(__file__).resolve().parent / "data" / "places.txt"


def places(check: Check, fixture: Fixture) -> str:
    """Return the fields, and containers in brackets, of all findings of a fixture."""
    found = findings(check, fixture)
    return ", ".join(f"{f.path} ({f.container})" if f.container else f.path for f in found)


def findings(check: Check, fixture: Fixture) -> list[Finding]:
    """Return the findings of a fixture that fails."""
    params = check.params(**fixture.params) if check.params and fixture.params else None
    outcome = check.run(fixture.workload, fixture.snapshot, params)
    assert isinstance(outcome, list | tuple)
    return list(outcome)


def recorded_places() -> dict[str, str]:
    """Return the recorded places by fixture."""
    lines = PLACES.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def failing(check_id: str) -> list[Fixture]:
    """Return the failing fixtures of a check."""
    return [f for f in all_fixtures() if f.check_id == check_id and f.outcome == "fail"]


def test_findings_are_at_the_recorded_places() -> None:
    found = {str(f): places(c, f) for c in all_checks().values() for f in failing(c.id)}
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        lines = [f"{name}: {place}\n" for name, place in sorted(found.items())]
        PLACES.write_text("".join(lines), encoding="utf-8")

    assert found == recorded_places(), (
        "READINESS_UPDATE_GOLDEN=1 records the places of new fixtures"
    )


@pytest.mark.parametrize("check_id", all_checks())
def test_the_fields_are_those_of_the_manifests(check_id: str) -> None:
    for fixture in failing(check_id):
        for finding in findings(all_checks()[check_id], fixture):
            assert leads_somewhere(finding.path, [dict(fixture.workload.document)]), finding.path
