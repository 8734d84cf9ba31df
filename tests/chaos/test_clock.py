"""The clock of a running controller is set: what waits for a moment follows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually


def test_an_exemption_ends_and_begins_with_the_clock(
    cluster: Cluster,
    namespace: str,
    policy: Callable[..., str],
    operator_kubeconfig: Path,
    tmp_path: Path,
) -> None:
    """It ends in an hour; then the clock jumps two hours ahead, and back again."""
    policy(checks=[{"id": "disruption-budget-missing", "severity": "Must"}])
    end = datetime.now(UTC) + timedelta(hours=1)
    cluster.apply(
        deployment(namespace),
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessExemption",
            "metadata": {"name": "for-a-while", "namespace": namespace},
            "spec": {
                "workloads": [{"kind": "Deployment", "name": "web"}],
                "checks": ["disruption-budget-missing"],
                "reason": "one node until the move",
                "expiresAt": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        },
    )
    skew = tmp_path / "skew"
    skew.write_text("0")
    command = (
        "env",
        f"READINESS_TEST_SKEW={skew}",
        sys.executable,
        "-m",
        "tests.chaos.skewed_clock",
    )
    operator = OperatorProcess(operator_kubeconfig, "--qps", "0", command=command).start()
    try:
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")

        skew.write_text("7200")
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "False", within=20)

        skew.write_text("0")
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "True", within=20)
        # Something else may have had it judged anew just before the jump was noticed.
        eventually(lambda: jumps(operator.log) == ["7200.0", "-7200.0"], within=20)
    finally:
        assert operator.stop() == 0


def jumps(log: str) -> list[str]:
    """Return by how many seconds the clock was seen to jump."""
    return [
        line.partition('"seconds": ')[2].partition(",")[0]
        for line in log.splitlines()
        if "the clock jumped" in line
    ]
