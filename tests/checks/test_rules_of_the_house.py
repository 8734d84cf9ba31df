"""Checks are found by their files, and whoever writes a new one is told what it lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from readiness import checks as package
from readiness.checks.base import Check
from readiness.checks.registry import all_checks

CHECK = """
from readiness.api.vocabulary import Category
from readiness.checks.base import Check, Reference, Scope

CHECK = Check(
    id="{id}",
    title="",
    category=Category.{category},
    severity=None,
    scope=Scope.INTRINSIC,
    rationale="",
    remediation="",
    reference=Reference("", ""),
)
"""

Found = Callable[..., Mapping[str, Check]]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return a function that writes files and returns the checks found in them."""
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])

    def found(**files: str) -> Mapping[str, Check]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
            if name not in {"base", "registry"}:
                # What is set now is set back afterwards: so nothing of the test stays imported.
                monkeypatch.setitem(sys.modules, f"readiness.checks.{name}", sys)
                del sys.modules[f"readiness.checks.{name}"]
        return all_checks.__wrapped__()

    return found


def test_checks_are_found_by_their_files_and_sorted_by_category_and_id(found: Found) -> None:
    checks = found(
        base="no check",
        registry="no check",
        _helper="no check",
        bad_thing=CHECK.format(id="bad-thing", category="PROBES"),
        worse_thing=CHECK.format(id="worse-thing", category="IMAGES"),
        another=CHECK.format(id="another", category="PROBES"),
    )

    assert list(checks) == ["worse-thing", "another", "bad-thing"]
    assert [check.id for check in checks.values()] == list(checks)


def test_the_checks_found_can_not_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        all_checks()["bad-thing"] = None  # type: ignore[index]
    assert all_checks() is all_checks()


@pytest.mark.parametrize("text", ["", "CHECK = 'bad-thing'", "check = None"])
def test_a_file_without_a_check_is_named(found: Found, text: str) -> None:
    with pytest.raises(TypeError, match=r"^checks/bad_thing\.py defines no CHECK$"):
        found(bad_thing=text)


@pytest.mark.parametrize(
    ("name", "id", "expected"),
    [
        ("bad_thing", "good-thing", "bad-thing"),
        ("bad_thing", "bad_thing", "bad-thing"),
        ("bad_thing", "Bad-thing", "bad-thing"),
        ("bad_thing2", "bad-thing2", "bad-thing2"),
        ("bad__thing", "bad--thing", "bad--thing"),
    ],
)
def test_an_id_that_is_not_that_of_its_file_in_kebab_case_is_refused(
    found: Found, name: str, id: str, expected: str
) -> None:
    with pytest.raises(ValueError, match=rf"^checks/{name}\.py must define the check {expected}$"):
        found(**{name: CHECK.format(id=id, category="PROBES")})
