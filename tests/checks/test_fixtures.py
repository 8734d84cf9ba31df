"""Every fixture gets exactly the outcome, and exactly the messages, that its header says."""

from __future__ import annotations

import pytest

from readiness.checks.base import Check, Skip
from readiness.checks.registry import all_checks
from readiness.errors import FieldError
from tests.support import FIXTURES, Fixture, all_fixtures, load_fixture

OUTCOMES = {"pass", "fail", "skip", "error"}


def judge(check: Check, fixture: Fixture) -> tuple[str, list[str]]:
    """Return the outcome in the words of the fixture folders, with its messages."""
    params = check.default_params
    if fixture.params is not None:
        assert check.params is not None, f"{check.id} takes no params"
        params = check.params(**fixture.params)
    try:
        outcome = check.run(fixture.workload, fixture.snapshot, params)
    except FieldError as error:
        return "error", [str(error)]
    if isinstance(outcome, Skip):
        return "skip", [outcome.reason]
    if not isinstance(outcome, list | tuple):
        return "error", [outcome.reason]  # type: ignore[union-attr] # CannotTell
    if outcome:
        return "fail", [finding.message for finding in outcome]
    return "pass", []


@pytest.mark.parametrize("fixture", all_fixtures(), ids=str)
def test_fixture_gets_what_its_header_says(fixture: Fixture) -> None:
    check = all_checks()[fixture.check_id]

    assert (fixture.outcome, fixture.expected) == judge(check, fixture)


@pytest.mark.parametrize("fixture", [f for f in all_fixtures() if f.outcome == "fail"], ids=str)
def test_finding_paths_lead_to_the_field_or_to_its_missing_end(fixture: Fixture) -> None:
    check = all_checks()[fixture.check_id]
    params = check.params(**fixture.params) if check.params and fixture.params else None

    outcome = check.run(fixture.workload, fixture.snapshot, params)

    assert isinstance(outcome, list | tuple)
    for finding in outcome:
        first = finding.path.split(".")[0]
        assert first in {"spec", "metadata", "apiVersion"}, finding.path
        if finding.container:
            assert "ontainers[" in finding.path, finding.path


@pytest.mark.parametrize("check_id", all_checks())
def test_check_has_the_fixtures_its_page_shows(check_id: str) -> None:
    folder = FIXTURES / check_id

    assert (folder / "pass" / "basic.yaml").is_file()
    assert (folder / "fail" / "basic.yaml").is_file()


@pytest.mark.parametrize("check_id", all_checks())
def test_basic_failure_differs_from_basic_pass_in_its_own_check_alone(check_id: str) -> None:
    """One change, one more failing check: the fixtures teach what they say they teach."""
    passing = load_fixture(FIXTURES / check_id / "pass" / "basic.yaml")
    failing = load_fixture(FIXTURES / check_id / "fail" / "basic.yaml")

    assert failing_checks(failing) - failing_checks(passing) == {check_id}


def failing_checks(fixture: Fixture) -> set[str]:
    """Return the checks that fail, those of no profile left out but for the fixture's own."""
    failing = set()
    for check in all_checks().values():
        if check.severity is None and check.id != fixture.check_id:
            continue
        own = fixture.params if check.id == fixture.check_id else None
        params = check.params(**own) if check.params and own else None
        outcome = check.run(fixture.workload, fixture.snapshot, params)
        if isinstance(outcome, list | tuple) and outcome:
            failing.add(check.id)
    return failing


def test_there_is_no_stray_fixture() -> None:
    for path in FIXTURES.rglob("*"):
        if path.is_file():
            assert path.suffix == ".yaml", path
            assert path.parent.name in OUTCOMES, path
            assert path.parent.parent.name in all_checks(), path


def test_fixture_headers_are_read() -> None:
    """A fail, skip or error fixture without an `# expect:` would assert nothing."""
    for fixture in all_fixtures():
        assert bool(fixture.expected) == (fixture.outcome != "pass"), fixture
