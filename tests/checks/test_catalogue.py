"""The checks are those of the catalogue, as agreed: ids, categories, scopes, severities, profiles.

data/catalogue.txt is the agreement; where the code departs from it, `DEPARTURES` says why.
"""

from __future__ import annotations

from pathlib import Path

from readiness.api.vocabulary import Severity
from readiness.checks.base import Check, PodSecurity, Scope
from readiness.checks.registry import all_checks
from readiness.evaluate.profiles import profile

CATALOGUE = Path(__file__).resolve().parent / "data" / "catalogue.txt"

# Rows of the code that are not as agreed, by id, with the reason. One row is split: a check has one
# severity and one set of levels, but in a pod with a user namespace (v1.35 on) the restricted level
# forbids an unmasked /proc that the baseline level allows.
DEPARTURES = {
    "unmasked-proc-mount": "container-security unmasked-proc-mount I M b B",
    "unmasked-proc-mount-in-user-namespace": (
        "container-security unmasked-proc-mount-in-user-namespace I S R"
    ),
}

_SEVERITIES = {Severity.MUST: "M", Severity.SHOULD: "S", Severity.NICE: "N", None: "-"}
_SCOPES = {Scope.INTRINSIC: "I", Scope.COMPANION: "C"}


def row(check: Check) -> str:
    """Return a check as the catalogue writes it."""
    marks = "b" * check.baseline
    for level, mark in ((PodSecurity.BASELINE, "B"), (PodSecurity.RESTRICTED, "R")):
        marks += f" {mark}" * (level in check.pod_security)
    severity = _SEVERITIES[check.severity]
    fields = (check.category.id, check.id, _SCOPES[check.scope], severity, *marks.split())
    return " ".join(fields)


def catalogue() -> dict[str, str]:
    """Return the rows of the catalogue by id."""
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    return {line.split()[1]: line for line in lines if not line.startswith("#")}


def test_every_row_of_the_catalogue_is_a_check_and_no_other_is() -> None:
    checks = {check.id: row(check) for check in all_checks().values()}

    assert checks == catalogue() | DEPARTURES


def test_departures_are_ones() -> None:
    """A row that has come to agree needs no excuse."""
    agreed = catalogue()

    assert all(agreed.get(id) != line for id, line in DEPARTURES.items())


def test_the_catalogue_is_whole() -> None:
    """Nobody takes a row out to make the build pass."""
    assert len(catalogue()) == 84


def test_profiles_are_the_columns_of_the_catalogue() -> None:
    rows = {id: line.split()[3:] for id, line in (catalogue() | DEPARTURES).items()}
    names = {"M": Severity.MUST, "S": Severity.SHOULD, "N": Severity.NICE}
    standard = {id: names[mark] for id, (mark, *_) in rows.items() if mark != "-"}
    levels = {id: {"B", "R"} & set(marks) for id, marks in rows.items()}

    assert dict(profile("standard")) == standard
    assert set(profile("baseline")) == {id for id, marks in rows.items() if "b" in marks}
    assert dict(profile("strict")) == {
        id: Severity.MUST if severity is Severity.SHOULD else severity
        for id, severity in standard.items()
    }
    assert dict(profile("pod-security-baseline")) == {
        id: Severity.MUST for id, found in levels.items() if "B" in found
    }
    assert dict(profile("pod-security-restricted")) == {
        id: Severity.MUST for id, found in levels.items() if found
    }
