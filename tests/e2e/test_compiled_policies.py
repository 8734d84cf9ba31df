"""A controller that keeps compiled policies in the cluster: the API server refuses by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

BAD: dict[str, Any] = {"image": "registry.example.com/shop/web:latest"}
MUST = {"id": "mutable-image-tag", "severity": "Must"}


@pytest.fixture
def compiling(operator_kubeconfig: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(operator_kubeconfig, "--qps", "0", "--compile-policies").start()
    yield process
    if process.running:
        assert process.stop() == 0


def names(cluster: Cluster) -> set[tuple[str, str]]:
    items = cluster.get("validatingadmissionpolicies,validatingadmissionpolicybindings")["items"]
    return {(item["kind"], item["metadata"]["name"]) for item in items}


def test_strict_holds_while_no_pod_of_ours_runs(
    cluster: Cluster, namespace: str, policy: Callable[..., str], compiling: OperatorProcess
) -> None:
    name = policy(enforcement="Strict", checks=[MUST])
    both = {
        ("ValidatingAdmissionPolicy", f"readiness-{name}"),
        ("ValidatingAdmissionPolicyBinding", f"readiness-{name}"),
    }
    bad = yaml.safe_dump(deployment(namespace, **BAD))

    def refusal() -> str:
        return cluster.control_plane.kubectl(
            "apply", "--dry-run=server", "-f", "-", input=bad, check=False
        ).stderr

    eventually(lambda: names(cluster) == both, within=20)
    eventually(lambda: "mutable-image-tag" in refusal(), within=20)
    assert compiling.stop() == 0
    assert f'ReadinessPolicy "{name}": container "app" must set image' in refusal()

    # What changed while it was away is brought up to date, and nothing else is written.
    compiling.start()
    policy(name, enforcement="Strict", checks=[{**MUST, "severity": "Should"}])
    eventually(lambda: names(cluster) == set(), within=20)
    eventually(lambda: refusal() == "", within=20)


def test_uninstall_takes_them_away(
    cluster: Cluster, policy: Callable[..., str], compiling: OperatorProcess
) -> None:
    name = policy(enforcement="Strict", checks=[MUST])
    eventually(lambda: len(names(cluster)) == 2, within=20)
    compiling.stop()
    kubeconfig = str(cluster.control_plane.kubeconfig)
    command = [sys.executable, "-m", "readiness", "uninstall", "--compiled-policies"]
    command += ["--kubeconfig", kubeconfig]

    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True)
    assert dry.stdout.splitlines() == [
        f"validatingadmissionpolicybinding/readiness-{name}",
        f"validatingadmissionpolicy/readiness-{name}",
    ]
    assert dry.stderr == "2 objects of compiled policies found\n"
    real = subprocess.run(command, capture_output=True, text=True, check=True)
    assert real.stderr == "2 objects of compiled policies deleted\n"
    assert names(cluster) == set()


def test_a_policy_deleted_while_it_was_away_is_no_longer_enforced(
    cluster: Cluster, namespace: str, policy: Callable[..., str], compiling: OperatorProcess
) -> None:
    name = policy(enforcement="Strict", checks=[MUST])
    eventually(lambda: len(names(cluster)) == 2, within=20)
    compiling.stop()
    cluster.kubectl("delete", "readinesspolicy", name)

    compiling.start()

    eventually(lambda: names(cluster) == set(), within=20)
