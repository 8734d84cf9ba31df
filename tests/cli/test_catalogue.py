"""`readiness checks` and `readiness explain`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import at_least
from readiness.checks.base import Check, Reference, Scope
from readiness.checks.registry import all_checks
from readiness.report.check_docs import Parameter, parameters_of
from tests.cli.support import run


@dataclass(frozen=True)
class Params:
    """Parameters of a check.

    Attributes:
        minimum: fewest pods, such as
            2 or 3.
        names: what may be.
        ratio: how much
        mode: one of two
        strict: whether: or not.

    More text.
    """

    minimum: Annotated[int, at_least(1)] = 2
    names: tuple[str, ...] = ("a", "b")
    ratio: float = 1.5
    mode: Literal["fast", "slow"] = "fast"
    strict: bool = False


def check_with(params: type | None) -> Check:
    return Check(
        id="x",
        title="X",
        category=Category.PROBES,
        severity=Severity.MUST,
        scope=Scope.INTRINSIC,
        rationale="",
        remediation="",
        reference=Reference("", ""),
        params=params,
    )


def test_parameters_come_from_the_docstring() -> None:
    assert parameters_of(check_with(Params)) == [
        Parameter("minimum", "whole number, at least 1", 2, "Fewest pods, such as 2 or 3."),
        Parameter("names", "list of text", ["a", "b"], "What may be."),
        Parameter("ratio", "number", 1.5, "How much."),
        Parameter("mode", "fast or slow", "fast", "One of two."),
        Parameter("strict", "true or false", default=False, description="Whether: or not."),
    ]
    assert parameters_of(check_with(None)) == []


@pytest.mark.parametrize("check_id", all_checks())
def test_every_parameter_is_documented(check_id: str) -> None:
    for parameter in parameters_of(all_checks()[check_id]):
        assert parameter.description, parameter
        assert parameter.type != "value", parameter


def test_checks_lists_all_by_category() -> None:
    result = run("checks")
    lines = result.stdout.splitlines()

    assert lines[0].split() == ["CHECK", "SCOPE", "BASELINE", "STANDARD", "STRICT"]
    listed = [line.split() for line in lines[1:] if line.startswith("  ")]
    assert [row[0] for row in listed] == list(all_checks())
    assert ["memory-limit-missing", "intrinsic", "Must", "Must", "Must"] in listed
    assert ["priority-class-missing", "intrinsic", "-", "Nice", "Nice"] in listed
    assert ["cpu-limit-missing", "intrinsic", "-", "-", "-"] in listed
    assert max(map(len, lines)) <= 80
    assert result.stderr == f"{len(all_checks())} checks\n"


def test_checks_as_json_hold_everything() -> None:
    catalogue = json.loads(run("checks", "--format", "json").stdout)

    assert [check["id"] for check in catalogue] == list(all_checks())
    (check,) = [check for check in catalogue if check["id"] == "replicas-too-low"]
    assert check["category"] == "disruption"
    assert check["scope"] == "companion"
    assert check["severity"] == {
        "baseline": "Must",
        "standard": "Must",
        "strict": "Must",
        "pod-security-baseline": None,
        "pod-security-restricted": None,
    }
    assert [(p["name"], p["type"], p["default"]) for p in check["params"]] == [
        ("minimum", "whole number, at least 1", 2)
    ]
    assert set(check) == {
        "id",
        "title",
        "category",
        "scope",
        "kinds",
        "severity",
        "since",
        "params",
        "rationale",
        "remediation",
        "reference",
    }


@pytest.mark.parametrize("check_id", all_checks())
def test_explain_tells_all_of_every_check(check_id: str) -> None:
    check = all_checks()[check_id]
    result = run("explain", check_id)

    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    for text in (check.title, check.rationale, check.remediation, check.reference.url):
        assert " ".join(text.split()) in told
    for parameter in parameters_of(check):
        assert f"{parameter.name}: {parameter.type}, default" in told
        assert " ".join(parameter.description.split()) in told
    assert all(len(line) <= 80 or "http" in line for line in result.stdout.splitlines())


def test_explain_takes_the_reason_of_a_condition() -> None:
    assert run("explain", "ReplicasTooLow").stdout == run("explain", "replicas-too-low").stdout


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("replica-too-low", 'did you mean "replicas-too-low"?'),
        ("ReplicaTooLow", 'did you mean "ReplicasTooLow"?'),
        ("zzz", "`readiness checks` lists them"),
    ],
)
def test_explain_of_an_unknown_check(asked: str, hint: str) -> None:
    result = run("explain", asked)

    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f'Error: There is no check "{asked}": {hint}'
    assert result.exit_code == 2
