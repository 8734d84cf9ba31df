"""`readiness policy compile`: files in, manifests out that kubectl applies."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.support import run
from tests.compiled_policies.policies import exemption, policy
from tests.support import ROOT
from tools.control_plane import ControlPlane

CHECKS = [{"id": id, "severity": "Must"} for id in ("mutable-image-tag", "memory-limit-missing")]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    documents = [
        policy("production", checks=CHECKS),
        {**policy("trial", checks=CHECKS), "spec": {"enforcement": "Warn", "extends": "standard"}},
        exemption("shop"),
    ]
    (tmp_path / "policies.yaml").write_text(yaml.safe_dump_all(documents))
    return tmp_path


def test_the_output_says_what_is_enforced_and_what_is_not(files: Path) -> None:
    result = run("policy", "compile", str(files))

    comments, _, documents = result.stdout.partition("---\n")
    assert comments == (
        "# Made of ReadinessPolicies by `readiness policy compile`: change those, not this.\n"
        "#\n"
        '# ReadinessPolicy "production"\n'
        "#   enforced by the API server:\n"
        "#     mutable-image-tag\n"
        "#   Where it names no version of the Pod Security Standards, v1.36 counts.\n"
        "#   left out: what it accepts is not refused until 2026-12-31T00:00:00Z: compile again"
        " then:\n"
        "#     ReadinessExemption shop/legacy\n"
        "#   left out: a LimitRange of the namespace may set it, and CEL sees no other objects:\n"
        "#     memory-limit-missing\n"
        "#   Compile it again at 2026-12-31T00:00:00Z: something changes then.\n"
    )
    assert documents.endswith(
        "  validationActions:\n"
        "  - Deny\n"
        "#\n"
        '# ReadinessPolicy "trial"\n'
        "#   not compiled: its enforcement is Warn: only Strict refuses\n"
    )
    assert [d["kind"] for d in yaml.safe_load_all(result.stdout)] == [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
    assert result.stderr == (
        "production: 1 check compiled, 2 left out: the comments in the output say why\n"
        "trial: not compiled: its enforcement is Warn: only Strict refuses\n"
    )
    assert result.exit_code == 0


def test_the_output_may_go_into_a_file(files: Path) -> None:
    there = run("policy", "compile", str(files)).stdout

    result = run("policy", "compile", str(files), "--output", str(files / "out.txt"))

    assert result.stdout == ""
    assert (files / "out.txt").read_text() == there


def test_the_version_and_the_namespace_of_the_operator_are_heeded(files: Path) -> None:
    more = ("--kubernetes-version", "v1.31", "--operator-namespace", "readiness-system")

    result = run("policy", "compile", str(files), *more)

    assert "v1.31 counts.\n" in result.stdout
    assert "        - readiness-system\n" in result.stdout


@pytest.mark.parametrize("version", ["1.31", "v1", "v2.0", "newest"])
def test_a_version_that_is_none_is_refused(files: Path, version: str) -> None:
    result = run("policy", "compile", str(files), "--kubernetes-version", version)

    assert result.exit_code == 2
    assert f'"{version}" is no version such as v1.36' in result.stderr


def test_with_a_mistake_nothing_is_written(files: Path) -> None:
    wrong = policy("wrong", checks=[{"id": "mutable-image-tags", "severity": "Must"}])
    (files / "wrong.yaml").write_text(yaml.safe_dump(wrong))

    result = run("policy", "compile", str(files), "-o", str(files / "out"))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert not (files / "out").exists()
    assert result.stderr == (
        f'{files}/wrong.yaml:1: ReadinessPolicy "wrong": spec.checks[0].id: there is no check '
        '"mutable-image-tags", did you mean "mutable-image-tag"?\n'
    )


def test_a_mistake_in_an_exemption_is_one_too(files: Path) -> None:
    wrong = exemption("shop", checks=["mutable-tag"])
    (files / "wrong.yaml").write_text(yaml.safe_dump({**wrong, "metadata": {"name": "other"}}))

    result = run("policy", "compile", str(files))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert 'ReadinessExemption "other": spec.checks[0]: there is no check "mutable-tag"' in (
        result.stderr
    )


def test_without_a_policy_there_is_nothing_to_compile(tmp_path: Path) -> None:
    (tmp_path / "exemption.yaml").write_text(yaml.safe_dump(exemption("shop")))

    result = run("policy", "compile", str(tmp_path))

    assert result.exit_code == 2
    assert result.stderr == f"no ReadinessPolicy found in {tmp_path}\n"


def test_a_file_that_can_not_be_written_is_an_error(files: Path) -> None:
    target = files / "missing" / "out.yaml"

    result = run("policy", "compile", str(files), "--output", str(target))

    assert result.exit_code == 2
    assert result.stderr == f"{target}: can't be written: no such file or directory\n"


def test_kubectl_takes_what_is_made_of_the_policies_we_ship(control_plane: ControlPlane) -> None:
    made = run("policy", "compile", str(ROOT / "policies" / "strict.yaml"))

    assert made.exit_code == 0, made.stderr

    control_plane.kubectl("apply", "--dry-run=server", "-f", "-", input=made.stdout)
