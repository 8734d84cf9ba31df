"""`readiness policy test`: a team's own regression test of its policy."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.support import run
from tests.support import ROOT

POLICY = """\
apiVersion: readiness.dev/v1alpha1
kind: ReadinessPolicy
metadata: {name: shop}
spec:
  checks:
  - {id: memory-limit-missing, severity: Must}
  - {id: memory-request-missing, severity: Must}
  - {id: cpu-limit-missing, severity: Should}
  - {id: host-namespaces, severity: Must}
  - {id: readiness-probe-missing, severity: Must}
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: registry.example.com/shop/web:1.4.2}
---
apiVersion: readiness.dev/v1alpha1
kind: ReadinessExemption
metadata: {name: web, namespace: shop}
spec:
  workloads: [{kind: Deployment, name: web}]
  checks: [memory-request-missing]
  reason: to be measured first
  expiresAt: "2026-12-01T00:00:00Z"
"""
TEST = """\
name: what the shop asks for
policy: policy.yaml
manifests: web.yaml
at: 2026-11-24T09:00:00Z
expected:
  deployment/web:
    memory-limit-missing: fail
    memory-request-missing: exempt
    cpu-limit-missing: warn
    host-namespaces: pass
    image-not-pinned: not-asked
    readiness-probe-missing: skip
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "web.yaml").write_text(WEB)
    (tmp_path / "shop.readiness-test.yaml").write_text(TEST)
    return tmp_path


def test_all_words_for_what_a_check_says(folder: Path) -> None:
    result = run("policy", "test", str(folder))
    assert result.stdout == (
        "✓ what the shop asks for: 6 expectations met\n\n1 test: 1 passed, 0 failed\n"
    )
    assert (result.stderr, result.exit_code) == ("", 0)


def test_a_difference_shows_what_was_expected_and_what_came(folder: Path) -> None:
    """The moment counts: after its end the exemption exempts nothing."""
    changed = TEST.replace("2026-11-24", "2027-01-01").replace("missing: fail", "missing: pass")
    (folder / "shop.readiness-test.yaml").write_text(changed)
    result = run("policy", "test", str(folder / "shop.readiness-test.yaml"))
    assert result.exit_code == 1
    assert (
        result.stdout
        == """\
✗ what the shop asks for: 2 of 6 expectations not met
  deployment/web (shop)
    memory-limit-missing    expected pass, got fail
        container "app" must set resources.limits.memory
    memory-request-missing  expected exempt, got fail
        container "app" must set resources.requests.memory

1 test: 0 passed, 1 failed
"""
    )


def test_a_star_is_every_check_not_named(folder: Path) -> None:
    text = "policy: policy.yaml\nmanifests: [web.yaml]\nat: '2026-11-24T09:00:00Z'\nexpected:\n"
    named = '  shop/deployment/web: {memory-limit-missing: fail, "*": pass}\n'
    (folder / "shop.readiness-test.yaml").write_text(text + named)
    result = run("policy", "test", str(folder))
    assert result.exit_code == 1
    assert "    *  expected pass, got warn" in result.stdout
    assert 'cpu-limit-missing: container "app" must set resources.limits.cpu' in result.stdout
    assert "memory-limit-missing:" not in result.stdout

    named = named.replace('"*"', 'cpu-limit-missing: warn, "*"')
    (folder / "shop.readiness-test.yaml").write_text(text + named)
    assert run("policy", "test", str(folder)).exit_code == 0


def test_a_workload_that_is_not_there_fails(folder: Path) -> None:
    text = TEST.replace("deployment/web:", "deployment/wbe:")
    (folder / "shop.readiness-test.yaml").write_text(text)
    result = run("policy", "test", str(folder))
    assert result.exit_code == 1
    assert (
        "  deployment/wbe\n    is not among the manifests: there is deployment/web (shop)\n"
        in result.stdout
    )


def test_junit_has_a_case_for_each_expectation(folder: Path) -> None:
    changed = TEST.replace("missing: fail", "missing: pass")
    (folder / "shop.readiness-test.yaml").write_text(changed)
    report = folder / "report.xml"
    result = run("policy", "test", str(folder), "--junit", str(report))
    assert result.exit_code == 1
    (suite,) = ET.parse(report).getroot()
    assert dict(suite.attrib) == {
        "name": "what the shop asks for",
        "tests": "6",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
    }
    failing = [case for case in suite if len(case)]
    assert [case.attrib["name"] for case in failing] == ["memory-limit-missing"]
    assert failing[0].attrib["classname"] == "deployment/web (shop)"
    assert failing[0][0].attrib["message"] == "expected pass, got fail"
    assert failing[0][0].text == 'container "app" must set resources.limits.memory'


BAD = {
    "an unknown check": (
        TEST.replace("memory-limit-missing", "memory-limit-mising"),
        (
            'test.yaml:1: deployment/web: there is no check "memory-limit-mising": did you mean '
            '"memory-limit-missing"?'
        ),
    ),
    "an unknown word": (
        TEST.replace(": fail", ": failed"),
        (
            'test.yaml:1: not a test of policies: expected["deployment/web"].memory-limit-missing '
            "must be one of pass, fail, warn, skip, error, exempt, not-asked, not the text "
            '"failed"'
        ),
    ),
    "an unknown key": (
        TEST.replace("manifests:", "manifest:"),
        (
            "test.yaml:1: not a test of policies: manifest must be one of name, policy, manifests, "
            'namespace, at, expected, not the text "web.yaml"'
        ),
    ),
    "no such policy": (
        TEST.replace("policy.yaml", "polcy.yaml"),
        "polcy.yaml: no such file or directory",
    ),
    "no expectation": (
        TEST.partition("expected")[0],
        "expected must be a map of at least one workload, not null",
    ),
    "no workload": (
        TEST.replace("deployment/web", "web"),
        (
            "test.yaml:1: not a test of policies: expected must be a map by a workload such as "
            'deployment/web or shop/deployment/web, not the text "web"'
        ),
    ),
    "no time": (
        TEST.replace("2026-11-24T09:00:00Z", "yesterday"),
        (
            "not a test of policies: at must be a time such as 2026-12-01T00:00:00Z, not "
            'the text "yesterday"'
        ),
    ),
    "a star that fails": (
        TEST.replace("host-namespaces: pass", '"*": fail'),
        'expected["deployment/web"]["*"] must be one of pass, not the text "fail"',
    ),
    "not YAML": ("policy: [\n", "test.yaml:1: not valid YAML: "),
    "nothing": ("", "test.yaml: holds no test of policies"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_place_and_other_tests_run(folder: Path, case: str) -> None:
    text, message = BAD[case]
    (folder / "a-readiness-test.yaml").write_text(text)
    result = run("policy", "test", str(folder))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "✓ what the shop asks for" in result.stdout


def test_one_bad_document_keeps_no_other_from_being_tested(folder: Path) -> None:
    several = f"{TEST}---\n{TEST.replace('policy.yaml', 'nowhere.yaml')}"
    (folder / "shop.readiness-test.yaml").write_text(several)
    result = run("policy", "test", str(folder))
    assert result.exit_code == 2
    assert "✓ what the shop asks for" in result.stdout


def test_a_folder_without_tests_is_told(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "readiness-test.yaml").write_text(TEST)
    result = run("policy", "test", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == (f"{tmp_path}: holds no file whose name ends in readiness-test.yaml\n")


def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """The three files of the page, copied as they are."""
    page = (ROOT / "docs" / "policy-test.md").read_text()
    for name, text in re.findall(r"`([a-z.-]+yaml)`:\n\n```yaml\n(.*?)```\n", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    assert len(list(tmp_path.iterdir())) == 3
    result = run("policy", "test", str(tmp_path))
    assert result.exit_code == 0
    assert f"$ readiness policy test .\n{result.stdout}" in page

    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("minimum: 3", "minimum: 2"))
    result = run("policy", "test", str(tmp_path))
    assert result.exit_code == 1
    assert f"```\n{result.stdout}```" in page
