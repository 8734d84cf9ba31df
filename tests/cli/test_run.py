"""What `readiness run` refuses before it looks for a cluster."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from readiness.cli.main import cli


@pytest.mark.parametrize(
    ("role", "shard", "message"),
    [
        (
            "controller",
            "2/2",
            "Invalid value for '--shard': \"2/2\": the last of 2 is 1/2; they are counted from 0",
        ),
        (
            "controller",
            "1/1",
            "Invalid value for '--shard': \"1/1\": the only one is 0/1; they are counted from 0",
        ),
        (
            "webhook",
            "0/2",
            "--shard is for --role controller: every webhook answers for all namespaces",
        ),
    ],
)
def test_shards_that_can_not_be(role: str, shard: str, message: str) -> None:
    result = CliRunner().invoke(cli, ["run", "--role", role, "--shard", shard])

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"Error: {message}"
