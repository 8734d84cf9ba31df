"""What the commands about a cluster refuse before they look at one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--cluster", "web.yaml"], "--cluster stands alone: neither files nor --diff"),
        (["check", "--cluster", "--helm", "chart"], "--cluster stands alone"),
        (["check", "--cluster", "--diff", "base"], "--cluster stands alone"),
        (["check", "-A", "web.yaml"], "are for --cluster, which is missing"),
        (["check", "--context", "x", "web.yaml"], "are for --cluster, which is missing"),
        (["check", "--cluster", "--update-baseline"], "--update-baseline needs --baseline FILE"),
        (["status", "--watch", "-o", "json"], "--watch is for people"),
        (["doctor", "--health-url", "localhost"], "http:// or https:// address"),
    ],
    ids=" ".join,
)
def test_nonsense_is_told(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", [["check", "--cluster"], ["status"], ["doctor"]], ids=str)
def test_no_kubeconfig(command: list[str], tmp_path: Path) -> None:
    result = run(*command, "--kubeconfig", str(tmp_path / "none"))
    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: no kubeconfig at {tmp_path}/none; give --kubeconfig FILE, set KUBECONFIG, or run "
        "inside a cluster\n"
    )
