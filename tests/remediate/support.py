"""What the tests of fixes share: all checks over the states of a fixture's workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import CannotTell, Finding, Outcome, Skip
from readiness.checks.registry import all_checks
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.gather.manifests import Malformed, parse_manifests
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload, workload_kind
from tests.support import Fixture, all_fixtures, snapshot_of


def failing_fixtures() -> list[Fixture]:
    """Return the fixtures with a finding that has a fix."""
    return [f for f in all_fixtures() if f.outcome == "fail" and any(x.fix for x in findings(f))]


def findings(fixture: Fixture, document: Mapping[str, Any] | None = None) -> list[Finding]:
    """Return what the fixture's own check finds in its workload, or in another state of it."""
    state = document or fixture.workload.document
    outcome = run(fixture, fixture.check_id, Workload(state), snapshot(fixture, state))
    return [] if isinstance(outcome, Skip | CannotTell) else [*outcome]


def run(fixture: Fixture, check_id: str, workload: Workload, snapshot: Snapshot) -> Outcome:
    """Run a check; the fixture's own with its parameters."""
    check = all_checks()[check_id]
    own = fixture.params if check_id == fixture.check_id else None
    params = check.params(**own) if check.params and own else None
    return check.run(workload, snapshot, params)


def snapshot(fixture: Fixture, document: Mapping[str, Any]) -> Snapshot:
    """Return the fixture's snapshot with its workload in another state."""
    first = next(d for d in fixture.documents if workload_kind(d))
    documents = [dict(document) if d is first else d for d in fixture.documents]
    return snapshot_of(
        documents,
        origin=fixture.origin,
        version=fixture.version,
        unavailable=fixture.unavailable,
    )


def report(fixture: Fixture, document: Mapping[str, Any]) -> Report:
    """Return what all checks say of a state of the fixture's workload."""
    results: list[CheckResult] = []
    workload, around = Workload(document), snapshot(fixture, document)
    for id, check in all_checks().items():
        outcome = run(fixture, id, workload, around)
        severity = check.severity or Severity.SHOULD
        if isinstance(outcome, Skip):
            results.append(CheckResult(check, severity, Result.SKIP, "all", outcome.reason))
        elif isinstance(outcome, CannotTell):
            results.append(CheckResult(check, severity, Result.ERROR, "all", outcome.reason))
        elif not outcome:
            results.append(CheckResult(check, severity, Result.PASS, "all"))
        else:
            results += [
                CheckResult(
                    check, severity, Result.WARN, "all", f.message, f.path, f.container, fix=f.fix
                )
                for f in outcome
            ]
    return Report(workload.ref, ("all",), tuple(results))


def passing(report: Report) -> set[str]:
    """Return the checks that passed."""
    return {r.check.id for r in report.results if r.result is Result.PASS}


def failing(report: Report) -> set[str]:
    """Return the checks that failed or could not tell."""
    return {r.check.id for r in report.results if r.counts or r.result is Result.ERROR}


def line_of_workload(fixture: Fixture) -> int:
    """Return the line the fixture's workload begins on."""
    for manifest in parse_manifests(fixture.path.read_text(encoding="utf-8")):
        assert not isinstance(manifest, Malformed)
        if isinstance(manifest.value, dict) and workload_kind(manifest.value):
            return manifest.line
    raise AssertionError(fixture)
