"""What the tests of the command line share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from readiness.cli.main import cli

DATA = Path(__file__).resolve().parent / "data"
GOLDEN = DATA / "golden"


def run(*arguments: str, stdin: str | bytes = "", columns: int = 80) -> Result:
    """Run the command line in this process."""
    result = CliRunner().invoke(cli, list(arguments), input=stdin, env={"COLUMNS": str(columns)})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def assert_golden(name: str, text: str) -> None:
    """Compare with a file of tests/cli/data/golden; READINESS_UPDATE_GOLDEN=1 writes it anew."""
    path = GOLDEN / name
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    if path.read_text(encoding="utf-8") != text:
        pytest.fail(f"{name} differs; this is what came out:\n{text}")
