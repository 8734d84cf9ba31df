"""Ways into the command line: GitHub Action, pre-commit, kubectl, completion, and their pages."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from readiness.cli import main as main_module
from tests.cli.support import DATA, run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "check.md", *sorted((ROOT / "docs" / "ci").glob("*.md"))]


@pytest.fixture
def with_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command `readiness` in PATH, and the Python that the Action finds."""
    directory = tmp_path / "bin"
    directory.mkdir()
    command = directory / "readiness"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m readiness "$@"\n')
    command.chmod(0o755)
    (directory / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "operator"))
    monkeypatch.setenv("PYTHONUTF8", "1")


def act(tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of the Action as GitHub does."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    step = action["runs"]["steps"][-1]
    defaults = {name: spec["default"] for name, spec in action["inputs"].items()}
    assert set(inputs) <= set(defaults)
    values = defaults | inputs
    environment = {}
    for name, expression in step["env"].items():
        (asked,) = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression).groups()  # type: ignore[union-attr]
        environment[name] = values[asked]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=DATA,
        env=os.environ | environment | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("with_readiness")
def test_the_action_annotates_sums_up_and_fails(tmp_path: Path) -> None:
    sarif = tmp_path / "out.sarif"
    done = act(
        tmp_path, paths="shop exemption.yaml\n", policy="policy.yaml", sarif=str(sarif),
        args="-n shop",
    )  # fmt: skip

    golden = DATA / "golden"
    assert done.stdout == (golden / "shop.github.txt").read_text("utf-8")
    assert (tmp_path / "summary.md").read_text("utf-8") == (golden / "shop.md").read_text("utf-8")
    assert sarif.read_text("utf-8") == (golden / "shop.sarif").read_text("utf-8")
    assert (done.stderr, done.returncode) == ("", 1)


@pytest.mark.usefixtures("with_readiness")
def test_the_action_passes(tmp_path: Path) -> None:
    done = act(tmp_path, paths="shop/we*.yaml", policy="policy.yaml")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.usefixtures("with_readiness")
@pytest.mark.parametrize("evil", ["$(touch {})", "`touch {}`", "; touch {};", '"; touch {} #'])
def test_no_input_of_the_action_is_run(evil: str, tmp_path: Path) -> None:
    """An input can hold the name of a branch, which anybody may choose."""
    trap = tmp_path / "trap"
    names = ("paths", "helm", "kustomize", "policy", "fail-on", "baseline", "sarif", "args")
    done = act(tmp_path, **dict.fromkeys(names, evil.format(trap)))

    assert done.returncode != 0
    assert not trap.exists()


def test_the_hook_of_pre_commit_judges_what_its_arguments_name() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    program, *arguments = shlex.split(hook["entry"])

    assert program == "readiness"
    assert re.search(hook["files"], "deploy/web.yml")
    assert not hook["pass_filenames"]
    shop = str(DATA / "shop")
    result = run(*arguments, shop, "--policy", str(DATA / "policy.yaml"))
    assert result.exit_code == 1


def test_it_is_a_plugin_of_kubectl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for program, name in (
        ("/opt/bin/kubectl-readiness", "kubectl readiness"),
        ("/opt/bin/readiness", "readiness"),
    ):
        monkeypatch.setattr(sys, "argv", [program, "check", "--help"])
        with pytest.raises(SystemExit) as ended:
            main_module.main()
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"Usage: {name} check [OPTIONS]")


COMPLETE = """\
source <(readiness completion bash)
complete() {
  COMP_WORDS=(readiness "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _readiness_completion readiness
  echo "${COMPREPLY[@]}"
}
complete che
complete check --form
complete check --format s
"""


@pytest.mark.usefixtures("with_readiness")
def test_bash_completes() -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["check checklist checks", "--format", "sarif"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    result = run("completion", shell)

    assert f"_READINESS_COMPLETE={shell}_complete" in result.stdout
    assert result.exit_code == 0


def test_other_shells_are_told() -> None:
    result = run("completion", "tcsh")

    assert result.stderr.splitlines()[-1] == (
        "Error: Invalid value for '{bash|zsh|fish}': 'tcsh' is not one of 'bash', 'zsh', 'fish'."
    )
    assert result.exit_code == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_options_that_exist(page: Path) -> None:
    known = set(re.findall(r"--[a-z-]+", run("check", "--help").stdout))
    text = page.read_text("utf-8").replace("\\\n", " ")
    used = {
        option
        for line in text.splitlines()
        if "readiness check" in line or "args:" in line
        for option in re.findall(r"(?<![\w-])--[a-z-]+", line)
    }

    assert used <= known
    assert used or page.name == "kubectl.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_in_pages_is_yaml(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        assert yaml.safe_load(block)


def test_links_in_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
