"""Only what is new counts: `--baseline` and `--diff`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import run

POLICY = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "house"},
    "spec": {
        "checks": [
            {"id": "memory-limit-missing", "severity": "Must"},
            {"id": "mutable-image-tag", "severity": "Should"},
        ]
    },
}


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(json.dumps(POLICY))
    Path("deploy").mkdir()
    Path("deploy/web.yaml").write_text(web("app", "metrics"))


def web(*containers: str, name: str = "web", image: str = "registry.example.com/x:1") -> str:
    document: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": c, "image": image} for c in containers]},
            },
        },
    }
    return json.dumps(document)


def check(*arguments: str) -> tuple[int, str, str]:
    result = run("check", "deploy", "--policy", "policy.yaml", "--no-fix", *arguments)
    return result.exit_code, result.stdout, result.stderr


def new_findings(*arguments: str) -> list[str]:
    _, stdout, _ = check("--format", "json", *arguments)
    return [
        r["message"]
        for w in json.loads(stdout)["workloads"]
        for r in w["results"]
        if r["result"] in ("fail", "warn") and not r["known"]
    ]


BASELINE = """\
# Findings that were here before `readiness check` was: they fail no build, new ones do. What is
# fixed is taken out by hand, or by readiness check ... --baseline FILE --update-baseline
version: 1
findings:
  apps/Deployment shop/web:
    memory-limit-missing:
    - spec.template.spec.containers[app].resources.limits.memory
    - spec.template.spec.containers[metrics].resources.limits.memory
"""


def test_a_baseline_is_written_and_then_passes() -> None:
    code, _, stderr = check("--baseline", "baseline.yaml", "--update-baseline")
    assert (code, stderr) == (0, "baseline.yaml: written with 2 findings\n")
    assert Path("baseline.yaml").read_text() == BASELINE

    code, stdout, stderr = check("--baseline", "baseline.yaml")
    assert (code, stderr) == (0, "")
    assert stdout == (
        "✗ deployment/web (shop)  deploy/web.yaml:1  not ready: 2 known before\n"
        "\n"
        "1 workload: 1 not ready; no new findings; 2 known before\n"
        "policy house; 1 file read; checks: 1 passed\n"
    )


def test_what_is_new_fails() -> None:
    Path("baseline.yaml").write_text(BASELINE)
    Path("deploy/web.yaml").write_text("\n\n" + web("new", "app", "metrics"))

    code, stdout, _ = check("--baseline", "baseline.yaml", "-v")

    assert code == 1
    assert stdout == (
        "✗ deployment/web (shop)  deploy/web.yaml:3  not ready: 1 Must, 2 known before\n"
        '  Must    container "new" must set resources.limits.memory\n'
        "          memory-limit-missing  deploy/web.yaml:3\n"
        "          spec.template.spec.containers[0].resources.limits.memory\n"
        '  known   container "app" must set resources.limits.memory\n'
        "          memory-limit-missing (Must)  deploy/web.yaml:3\n"
        "          spec.template.spec.containers[1].resources.limits.memory\n"
        '  known   container "metrics" must set resources.limits.memory\n'
        "          memory-limit-missing (Must)  deploy/web.yaml:3\n"
        "          spec.template.spec.containers[2].resources.limits.memory\n"
        "  pass    mutable-image-tag\n"
        "\n"
        "1 workload: 1 not ready; 1 Must finding; 2 known before\n"
        "policy house; 1 file read; checks: 1 passed\n"
    )


@pytest.mark.parametrize("output", ["sarif", "github", "gitlab"])
def test_what_is_known_is_left_out_of_reports_for_reviews(output: str) -> None:
    Path("baseline.yaml").write_text(BASELINE)
    Path("deploy/web.yaml").write_text(web("new", "app"))

    _, stdout, _ = check("--baseline", "baseline.yaml", "--format", output)

    assert 'container \\"new\\"' in stdout or 'container "new"' in stdout
    assert "app" not in stdout.replace("apps", "")


def test_what_is_known_fails_no_test_in_junit() -> None:
    Path("baseline.yaml").write_text(BASELINE)

    _, stdout, _ = check("--baseline", "baseline.yaml", "--format", "junit")

    assert "<failure" not in stdout
    assert 'known before: container "app" must set resources.limits.memory' in stdout


def test_entries_that_are_no_longer_found_are_told_and_taken_out() -> None:
    Path("baseline.yaml").write_text(
        BASELINE + "  apps/Deployment shop/old:\n    owner-missing:\n    - ''\n"
    )
    Path("deploy/web.yaml").write_text(web("app"))

    code, _, stderr = check("--baseline", "baseline.yaml")
    assert (code, stderr) == (
        0,
        (
            "baseline.yaml: 2 entries are no longer found: fixed, or not among the input; "
            "--update-baseline takes them out\n"
            "  apps/Deployment shop/old: owner-missing\n"
            "  apps/Deployment shop/web: memory-limit-missing at "
            "spec.template.spec.containers[metrics].resources.limits.memory\n"
        ),
    )

    check("--baseline", "baseline.yaml", "--update-baseline")
    assert check("--baseline", "baseline.yaml")[2] == ""
    assert len(Path("baseline.yaml").read_text().splitlines()) == 7


def test_many_stale_entries_are_cut_short() -> None:
    entries = "".join(f"    - spec.x{n}\n" for n in range(30))
    Path("baseline.yaml").write_text(
        f"version: 1\nfindings:\n  apps/Deployment shop/web:\n    owner-missing:\n{entries}"
    )

    _, _, stderr = check("--baseline", "baseline.yaml")

    assert len(stderr.splitlines()) == 12
    assert stderr.endswith("  ... and 20 more\n")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "b.yaml: no such file: --update-baseline writes it"),
        ("version: 2\n", "b.yaml: not a baseline: version must be 1, not the number 2"),
        ("[]\n", "b.yaml: not a baseline: the document must be a map, not a list"),
        ("version: 1\nfindings: [\n",
         "b.yaml:2: not valid YAML: did not find expected node content while parsing a flow node"),
        ("version: 1\nfindings: []\n",
         "b.yaml: not a baseline: findings must be a map, not a list"),
        ("version: 1\nfindings: {a: {b: 5}}\n",
         "b.yaml: not a baseline: findings.a.b must be a list, not the number 5"),
        ("a: 1\n---\nb: 1\n", "b.yaml: a baseline is one document, not 2"),
        ("", "b.yaml: a baseline is one document, not 0"),
    ],
)  # fmt: skip
def test_a_baseline_that_cannot_be_used_is_told(text: str | None, error: str) -> None:
    """And nothing passes because of it."""
    if text is not None:
        Path("b.yaml").write_text(text)

    code, stdout, stderr = check("--baseline", "b.yaml")

    assert (code, stderr) == (2, f"{error}\n")
    assert "2 Must findings" in stdout


def test_a_baseline_that_cannot_be_read_is_told() -> None:
    Path("b.yaml").write_bytes(b"\xff")

    assert check("--baseline", "deploy")[2] == (
        "deploy: can't be read as a baseline: is a directory\n"
    )
    assert check("--baseline", "b.yaml")[2] == "b.yaml: can't be read as a baseline: not UTF-8\n"


def test_no_baseline_is_written_from_half_of_the_input() -> None:
    Path("deploy/broken.yaml").write_text("apiVersion: [\n")
    Path("baseline.yaml").write_text(BASELINE)

    code, _, stderr = check("--baseline", "baseline.yaml", "--update-baseline")

    assert code == 2
    assert stderr.splitlines()[-1] == (
        "baseline.yaml: not written: some of the input could not be read"
    )
    assert Path("baseline.yaml").read_text() == BASELINE


def test_findings_of_one_check_at_one_field_are_told_apart() -> None:
    """So that a second one is new, even where names do not tell it from the first."""
    Path("deploy/web.yaml").write_text(web("app", "app"))
    check("--baseline", "b.yaml", "--update-baseline")
    assert "[app].resources.limits.memory#2\n" in Path("b.yaml").read_text()

    Path("deploy/web.yaml").write_text(web("app", "app", "app"))
    assert len(new_findings("--baseline", "b.yaml")) == 1


def test_only_what_is_new_against_another_tree() -> None:
    Path("base").mkdir()
    Path("base/renamed.yaml").write_text("# moved\n" + web("app"))
    Path("deploy/api.yaml").write_text(web("api", name="api"))

    code, stdout, stderr = check("--diff", "base")
    assert (code, stderr) == (1, "")
    assert "not ready: 1 Must, 1 known before" in stdout
    assert new_findings("--diff", "base") == [
        'container "api" must set resources.limits.memory',
        'container "metrics" must set resources.limits.memory',
    ]

    Path("base/more.yaml").write_text(web("app", "metrics") + "\n---\n" + web("api", name="api"))
    Path("base/renamed.yaml").unlink()
    assert check("--diff", "base")[0] == 0


def test_what_was_exempt_in_the_other_tree_is_new_without_the_exemption() -> None:
    exemption = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "e", "namespace": "shop"},
        "spec": {
            "workloads": [{"name": "web"}],
            "checks": ["memory-limit-missing"],
            "reason": "until the rewrite is done",
            "expiresAt": "2999-01-01T00:00:00Z",
        },
    }
    Path("base").mkdir()
    Path("base/web.yaml").write_text(web("app", "metrics") + "\n---\n" + json.dumps(exemption))

    assert len(new_findings("--diff", "base")) == 2


def test_a_base_that_cannot_be_read_is_an_error() -> None:
    code, _, stderr = check("--diff", "nowhere")

    assert (code, stderr) == (2, "nowhere: no such file or directory\n")
