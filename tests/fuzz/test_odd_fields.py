"""Whatever stands in a field, a check says what is wrong with it: it never crashes nor passes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from readiness.api.vocabulary import Result
from readiness.checks.base import CannotTell, Check, Skip
from readiness.checks.registry import all_checks
from readiness.errors import FieldError
from readiness.model.companions import companion_kind, parse_companion
from readiness.model.snapshot import Origin
from readiness.model.workload import Workload, workload_kind
from tests.fuzz.odd_manifests import (
    FIELD_ERROR,
    ODD_NUMBERS,
    ODD_TEXTS,
    ODD_VALUES,
    TIMES,
    Document,
    Path,
    cases,
    corpus,
    judge,
    leads_somewhere,
    odd_manifests,
    paths,
    replaced,
    value_at,
)
from tests.support import Fixture, all_fixtures, snapshot_of

# What can't be told though every field is as it should be.
OTHER_ERRORS = re.compile(
    r"metadata\.managedFields does not say who sets spec\.replicas"
    r"|PodDisruptionBudget .* also selects pods of a DaemonSet, which are as many as there are .*",
    re.DOTALL,
)


@pytest.mark.parametrize("origin", Origin)
def test_no_check_crashes_and_every_error_names_a_field(origin: Origin) -> None:
    @cases(500)
    @given(odd_manifests())
    def test(documents: list[Document]) -> None:
        reports, errors = judge(documents, origin)

        for error in errors:
            assert leads_somewhere(error.path, documents), error
        for report in reports:
            for result in report.results:
                assert not result.crashed, f"{result.check.id}: {result.message}"
                if result.result is Result.ERROR and not OTHER_ERRORS.fullmatch(result.message):
                    named = FIELD_ERROR.fullmatch(result.message)
                    assert named, f"{result.check.id}: {result.message}"
                    assert leads_somewhere(named["path"], documents), result.message

    test()


@cases(300)
@given(odd_manifests())
def test_a_companion_is_read_or_its_field_named(documents: list[Document]) -> None:
    """parse_companion meets whatever a file or a custom resource holds."""
    for document in documents:
        if companion_kind(document) is None:
            continue
        found = None
        try:
            parse_companion(document)
        except FieldError as error:
            found = error
        assert found is None or leads_somewhere(found.path, [document]), found


# For each type a field may have, values that the API server would never take for it. Whole numbers
# and text stand for each other in ports and percentages, numbers and text in quantities.
_NEVER: dict[type, tuple[Any, ...]] = {
    dict: (7, "x", [{"x": 7}]),
    list: (7, "x", {"x": 7}),
    str: (True, ["x"], {"x": "y"}),
    int: (True, [7], {"x": 7}),
    float: (True, [7], {"x": 7}),
    bool: (7, "true", [True]),
}


def _outcome(check: Check, fixture: Fixture, documents: list[Document]) -> str:
    params = check.params(**fixture.params) if check.params and fixture.params else None
    try:
        snapshot = snapshot_of(
            documents,
            origin=fixture.origin,
            version=fixture.version,
            unavailable=fixture.unavailable,
        )
        workload = Workload(next(d for d in documents if workload_kind(d)))
        outcome = check.run(workload, snapshot, params)
    except FieldError:
        return "error"
    if isinstance(outcome, Skip):
        return f"skip: {outcome.reason}"
    if isinstance(outcome, CannotTell):
        return "error"
    return "fail" if outcome else "pass"


def _wrongly_typed(fixture: Fixture, turn: int) -> list[tuple[Path, Any, list[Document]]]:
    """Return the objects of a fixture, each time with one field of a type it can't have.

    In `make fuzz` with all of the values; else with one of them for each field, in turn.
    """
    found = []
    for index, document in enumerate(fixture.documents):
        for path in paths(document):
            if path in {("apiVersion",), ("kind",)}:  # then it is another object, or none
                continue
            values = _NEVER.get(type(value_at(document, path)), ())
            for value in values if TIMES > 1 else values[turn % 3 : turn % 3 + 1]:
                turn += 1
                documents = list(fixture.documents)
                documents[index] = replaced(document, path, value)
                found.append(((document["kind"], *path), value, documents))
    return found


@pytest.mark.parametrize("check_id", all_checks())
def test_a_field_of_the_wrong_type_makes_no_failing_check_pass(check_id: str) -> None:
    check = all_checks()[check_id]
    fixtures = [f for f in all_fixtures() if f.check_id == check_id and f.outcome == "fail"]

    wrong = [
        f"{fixture}: {path} = {value!r}"
        for turn, fixture in enumerate(fixtures)
        for path, value, documents in _wrongly_typed(fixture, turn)
        if _outcome(check, fixture, documents) == "pass"
    ]

    assert wrong == []


_ODD: tuple[Any, ...] = (None, True, [], {}, [None], [[]], {"": None}, [{"name": []}])
_ANYTHING: tuple[Any, ...] = (*ODD_TEXTS, *ODD_NUMBERS, *_ODD)


@pytest.mark.parametrize("check_id", all_checks())
def test_no_field_of_any_fixture_can_crash_its_check(check_id: str) -> None:
    """One field after the other; every 60th case in `make test`, all of them in `make fuzz`."""
    check = all_checks()[check_id]
    step = 60 if TIMES == 1 else 1
    number = 0
    for fixture in (f for f in all_fixtures() if f.check_id == check_id):
        for index, document in enumerate(fixture.documents):
            for path in paths(document):
                for value in _ANYTHING:
                    number += 1
                    if number % step or path == ("kind",):  # the first workload is the one judged
                        continue
                    documents = list(fixture.documents)
                    documents[index] = replaced(document, path, value)
                    if any(map(workload_kind, documents)):
                        _outcome(check, fixture, documents)


@cases(100)
@given(ODD_VALUES)
def test_an_object_may_be_of_any_kind(value: Any) -> None:
    """Whatever is in kind and apiVersion: it is no workload, or one by its very name."""
    for document in corpus()[0]:
        for field in ("kind", "apiVersion"):
            assert workload_kind({**document, field: value}) is None
            assert companion_kind({**document, field: value}) is None
