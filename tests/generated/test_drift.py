"""What is generated is up to date and complete, and what is shipped as data can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks.registry import all_checks
from readiness.evaluate.compiling import compile_policy
from readiness.evaluate.policy import profile_policy
from tests.support import ROOT
from tools import generate

# Those of service levels stand for no profile: tests/measure/test_shipped.py tries them.
POLICIES = sorted(
    set((ROOT / "policies").glob("*.yaml")) - set((ROOT / "policies").glob("service-levels-*"))
)
PAGES = ROOT / "docs" / "checks"


def test_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_every_check_has_its_page_and_no_page_is_left_over() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}

    assert set(all_checks()) == pages


def test_index_links_to_every_page() -> None:
    links = re.findall(r"\[([a-z-]+)\]\(([a-z-]+)\.md\)", (PAGES / "README.md").read_text("utf-8"))

    assert [(id, id) for id in all_checks()] == links


@pytest.mark.parametrize("check_id", all_checks())
def test_page_has_every_section_filled(check_id: str) -> None:
    page = (PAGES / f"{check_id}.md").read_text("utf-8")
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    expected = ["Why it matters", "How to fix it", "Example", "Severity", "Facts"]
    if all_checks()[check_id].params is not None:
        expected.insert(2, "Parameters")

    assert [all_checks()[check_id].title, *expected] == titles
    assert not re.search(r"^## .*\n\n(##|\Z)", page, re.MULTILINE), "an empty section"


def test_the_three_policies_are_shipped() -> None:
    assert [path.name for path in POLICIES] == ["baseline.yaml", "standard.yaml", "strict.yaml"]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_shipped_policy_is_its_profile(path: Path) -> None:
    """Named for it, accepted as it is, and asking for nothing else."""
    policy = compile_policy(yaml.safe_load(path.read_text("utf-8")))

    assert path.stem == policy.name
    assert profile_policy(path.stem).settings == policy.settings


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_entries_that_comments_suggest_can_be_used(path: Path) -> None:
    suggested = re.findall(r"^ *# +- (\{id: .*\})$", path.read_text("utf-8"), re.MULTILINE)
    entries = [yaml.safe_load(entry) for entry in suggested]

    compile_policy({"metadata": {"name": path.stem}, "spec": {"checks": entries}})


def test_shipped_policies_get_stricter_and_only_the_last_refuses() -> None:
    policies = [compile_policy(yaml.safe_load(path.read_text("utf-8"))) for path in POLICIES]

    assert [policy.enforcement for policy in policies] == [
        Enforcement.AUDIT,
        Enforcement.WARN,
        Enforcement.STRICT,
    ]
    assert [policy.namespace_selector for policy in policies[:2]] == [None, None]
    assert policies[2].namespace_selector is not None, "Strict must be asked for by a namespace"
    never_exempt = [policies[2].settings[id].severity for id in policies[2].not_exemptable]
    assert set(never_exempt) == {Severity.MUST}
