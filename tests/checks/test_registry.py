"""Every check is complete: metadata a person can use, fixtures, a page, and no sprawl."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from readiness import checks as package
from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import ALL_KINDS, Check, Scope
from readiness.checks.registry import all_checks
from readiness.report.check_docs import parameters_of
from tests.support import FIXTURES, ROOT

CHECKS = list(all_checks().values())
MODULES = sorted(Path(package.__path__[0]).glob("*.py"))
MOST_LINES = 160

every_check = pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])

# Kubernetes itself, or whoever makes what the check is about.
SOURCES = (
    "https://kubernetes.io/docs/",
    "https://github.com/kubernetes/",
    "https://kubernetes.github.io/ingress-nginx/",
    "https://gateway-api.sigs.k8s.io/",
    "https://prometheus.io/docs/",
    "https://prometheus-operator.dev/docs/",
    "https://velero.io/docs/",
    "https://www.postgresql.org/docs/",
)

# Titles that say more than the id does.
OTHER_TITLES = {"pre-stop-missing": "Pre-stop hook missing"}

_ID = re.compile(r"[a-z]+(-[a-z]+)*")
_NO_NAMES = re.compile(r"^(no|do-not|dont|use|prefer|set|require|must|should|ensure|check)-")


def test_ids_are_sorted_by_category_and_name() -> None:
    order = list(Category)

    assert list(all_checks()) == [
        check.id for check in sorted(CHECKS, key=lambda c: (order.index(c.category), c.id))
    ]


@every_check
def test_id_names_a_bad_state(check: Check) -> None:
    """It reads well after "allow"; an order or a severity in it would not."""
    assert _ID.fullmatch(check.id)
    assert not _NO_NAMES.match(check.id)
    assert {str(severity).lower() for severity in Severity}.isdisjoint(check.id.split("-"))


@every_check
def test_title_is_the_id_as_a_phrase(check: Check) -> None:
    letters = re.sub(r"[^a-z]", "", check.title.lower())

    assert check.title[0].isupper()
    assert not check.title.endswith(".")
    if check.id in OTHER_TITLES:
        assert check.title == OTHER_TITLES[check.id]
    else:
        assert letters == check.id.replace("-", "")


@every_check
@pytest.mark.parametrize("field", ["rationale", "remediation"])
def test_texts_are_sentences(check: Check, field: str) -> None:
    text: str = getattr(check, field)

    assert 40 <= len(text) <= 600, len(text)
    assert text[0].isupper()
    assert text.endswith(".")
    assert "  " not in text
    assert "\n" not in text
    assert text.count("(") == text.count(")")
    assert not re.search(r"\b(TODO|FIXME|XXX|e\.g\.)", text)
    assert not re.search(r"[a-z] ?[.,] ?[.,]", text)


def test_no_two_checks_say_the_same() -> None:
    for field in ("id", "title", "rationale"):
        values = [getattr(check, field) for check in CHECKS]

        assert len(set(values)) == len(values), field


@every_check
def test_reference_names_the_checklist_and_the_source(check: Check) -> None:
    assert re.fullmatch(r"[A-Z][\w &-]+: [A-Z][^:]+", check.reference.checklist)
    assert check.reference.url.startswith(SOURCES)
    assert " " not in check.reference.url


@every_check
def test_category_scope_and_kinds_are_known(check: Check) -> None:
    assert check.category in Category
    assert check.scope in Scope
    assert check.kinds
    assert set(check.kinds) <= set(ALL_KINDS)
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", check.since)


@every_check
def test_baseline_checks_are_must(check: Check) -> None:
    """What the gentlest profile asks for is what nobody may go without."""
    if check.baseline:
        assert check.severity in {Severity.MUST, Severity.SHOULD}


@every_check
def test_params_have_defaults_and_descriptions(check: Check) -> None:
    if check.params is None:
        assert check.default_params is None
        return
    assert check.default_params == check.params()
    assert check.default_params.__dataclass_params__.frozen
    for parameter in parameters_of(check):
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", parameter.name)
        assert parameter.description[0].isupper()
        assert parameter.description.endswith(".")


@every_check
def test_fixtures_show_when_it_passes_and_when_it_fails(check: Check) -> None:
    outcomes = {path.parent.name for path in (FIXTURES / check.id).glob("*/*.yaml")}

    assert {"pass", "fail"} <= outcomes


@every_check
def test_page_shows_its_texts(check: Check) -> None:
    page = " ".join(
        (ROOT / "docs" / "checks" / f"{check.id}.md").read_text(encoding="utf-8").split()
    )

    for text in (check.title, check.rationale, check.remediation, check.reference.url):
        assert " ".join(text.split()) in page


def test_there_is_no_page_of_a_check_that_is_gone() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "checks").glob("*.md")}

    assert pages == {*all_checks(), "README"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_is_small_and_says_what_it_is_about(module: Path) -> None:
    text = module.read_text(encoding="utf-8")

    assert text.startswith('"""')
    if module.name not in {"base.py", "_credentials.py"}:  # vocabulary, and a list of forms
        assert len(text.splitlines()) <= MOST_LINES
