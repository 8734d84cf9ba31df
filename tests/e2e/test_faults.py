"""What happens when the API server is away, forgets, or refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.conftest import CONTROLLER_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.proxy import CuttableProxy
from tests.e2e.workloads import autoscaler, budget, deployment
from tests.polling import eventually

MakePolicy = Callable[..., str]


def through(proxy: CuttableProxy, kubeconfig: Path, target: Path) -> Path:
    """Write a kubeconfig that reaches the API server through the proxy."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
    target.write_text(yaml.safe_dump(config))
    return target


def port_of(cluster: Cluster) -> int:
    return int(cluster.control_plane.url.rpartition(":")[2])


def test_what_vanished_while_the_watch_was_cut_leaves_the_cache(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    shared_operator: OperatorProcess,
    operator_kubeconfig: Path,
    tmp_path: Path,
) -> None:
    """The budget is deleted and history compacted: the watch resumes with 410 Gone and a relist."""
    if shared_operator.running:
        shared_operator.stop()
    policy(extends="baseline")
    cluster.apply(deployment(namespace), budget(namespace))
    with CuttableProxy(port_of(cluster)) as proxy:
        kubeconfig = through(proxy, operator_kubeconfig, tmp_path / "kubeconfig")
        operator = OperatorProcess(kubeconfig, "--qps", "0", "--sweep-interval", "3600").start()
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")

        proxy.cut()
        cluster.control_plane.stop_api_server()
        assert cluster.control_plane.erase(f"poddisruptionbudgets/{namespace}/web")
        cluster.control_plane.compact()
        cluster.control_plane.start_api_server()
        proxy.mend()

        eventually(
            lambda: (
                cluster.conditions(namespace, "deployment/web").get("DisruptionTolerant")
                == ("False", "DisruptionBudgetMissing")
            ),
            within=40,
        )
        assert operator.running
        assert operator.stop() == 0


def test_an_api_server_that_dies_and_returns(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    """The operator waits, converges by itself, and tells nobody anything twice."""
    policy(extends="baseline")
    cluster.apply(deployment(namespace), deployment(namespace, "alone", replicas=1))
    eventually(lambda: cluster.events(namespace, "web") == [("Warning", "NotProductionReady")])
    eventually(lambda: cluster.events(namespace, "alone") == [("Warning", "NotProductionReady")])
    pid = operator.pid

    cluster.control_plane.stop_api_server()
    eventually(lambda: operator.get("/healthz")[0] == 200)
    cluster.control_plane.start_api_server()
    cluster.apply(budget(namespace))

    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True", within=30)
    assert operator.pid == pid
    eventually(
        lambda: (
            sorted(cluster.events(namespace, "web"))
            == [("Normal", "ProductionReady"), ("Warning", "NotProductionReady")]
        )
    )
    assert cluster.events(namespace, "alone") == [("Warning", "NotProductionReady")]


def test_an_api_server_that_is_not_there_yet(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    shared_operator: OperatorProcess,
    operator_kubeconfig: Path,
    tmp_path: Path,
) -> None:
    if shared_operator.running:
        shared_operator.stop()
    policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace))
    with CuttableProxy(port_of(cluster)) as proxy:
        proxy.cut()
        kubeconfig = through(proxy, operator_kubeconfig, tmp_path / "kubeconfig")
        operator = OperatorProcess(kubeconfig, "--qps", "0").start(synced=False)
        assert operator.get("/readyz") == (503, "not every kind has been listed yet\n")
        assert operator.get("/healthz") == (200, "ok\n")
        eventually(lambda: "waiting for the API server" in operator.log)

        proxy.mend()

        eventually(lambda: operator.get("/readyz") == (200, "ok\n"), within=20)
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
        assert operator.stop() == 0


def test_a_kind_that_is_forbidden_stops_no_other_and_is_taken_up_when_granted(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    shared_operator: OperatorProcess,
    operator_kubeconfig: Path,
) -> None:
    if shared_operator.running:
        shared_operator.stop()
    policy(extends="baseline")
    operator = OperatorProcess(operator_kubeconfig, "--qps", "0", "--sweep-interval", "2")

    def tolerant() -> tuple[str, str]:
        conditions = cluster.conditions(namespace, "deployment/web")
        return conditions.get("DisruptionTolerant", ("", ""))

    try:
        with cluster.without_right_to("poddisruptionbudgets"):
            operator.start()
            cluster.apply(deployment(namespace), budget(namespace))

            # Not "missing": what can't be looked at is not judged.
            eventually(lambda: tolerant() == ("Unknown", "ChecksCannotTell"))
            (line,) = [
                json.loads(line) for line in operator.log.splitlines() if '"kind left out"' in line
            ]
            assert line["reason"] == "not allowed to watch poddisruptionbudgets.policy"
            assert line["remedy"] == (
                "grant it to the operator: kubectl create clusterrole readiness-extra "
                "--verb=list,watch --resource=poddisruptionbudgets.policy, with a "
                "clusterrolebinding"
            )

        eventually(lambda: tolerant() == ("True", "AllChecksPass"), within=20)
    finally:
        assert operator.stop() == 0


def test_a_kind_that_is_installed_later_is_taken_up(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    """A VerticalPodAutoscaler that fights an autoscaler, of a CRD that came after the operator."""
    policy(checks=[{"id": "autoscalers-conflict"}])
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
    definition: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "verticalpodautoscalers.autoscaling.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, test only"},
        },
        "spec": {
            "group": "autoscaling.k8s.io",
            "scope": "Namespaced",
            "names": {"kind": "VerticalPodAutoscaler", "plural": "verticalpodautoscalers"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }
    try:
        cluster.apply(definition)
        cluster.kubectl(
            "wait", "--for=condition=Established", "crd", definition["metadata"]["name"]
        )
        vertical = {
            "apiVersion": "autoscaling.k8s.io/v1",
            "kind": "VerticalPodAutoscaler",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "updatePolicy": {"updateMode": "Auto"},
            },
        }
        cluster.apply(autoscaler(namespace), vertical)
        eventually(
            lambda: (
                cluster.conditions(namespace, "deployment/web").get("AutoscalingConfigured")
                == ("False", "AutoscalersConflict")
            ),
            within=20,
        )
    finally:
        cluster.kubectl("delete", "crd", definition["metadata"]["name"])
    # The definition is gone, and its objects with it: the operator lives on and says so.
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True", within=30)


def run_controller(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "readiness", "run", "--role", "controller", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_kubeconfig_that_does_not_exist(tmp_path: Path) -> None:
    result = run_controller("--kubeconfig", str(tmp_path / "none"), "--log-level", "error")

    assert result.returncode == 3
    assert result.stderr == (
        f"readiness: no kubeconfig at {tmp_path / 'none'}; give --kubeconfig FILE, set KUBECONFIG, "
        "or run inside a cluster\n"
    )


def test_a_context_that_does_not_exist(cluster: Cluster) -> None:
    result = run_controller(
        "--kubeconfig", str(cluster.control_plane.kubeconfig), "--context", "nowhere"
    )

    assert result.returncode == 3
    assert "nowhere" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_address_in_use(cluster: Cluster, operator: OperatorProcess) -> None:
    port = operator._port

    result = run_controller(
        "--kubeconfig",
        str(cluster.control_plane.kubeconfig),
        "--listen",
        f"127.0.0.1:{port}",
        "--log-level",
        "error",
    )

    assert result.returncode == 3
    assert result.stderr == f"readiness: can't listen on 127.0.0.1:{port}: address already in use\n"


def test_the_operator_holds_no_more_rights_than_it_uses(cluster: Cluster) -> None:
    """What it may do, asked from the API server: reads, and writes on what is its own."""
    rules = cluster.control_plane.kubectl(
        "auth", "can-i", "--list", f"--as={CONTROLLER_ACCOUNT}"
    ).stdout

    writable = [
        line
        for line in rules.splitlines()
        if any(verb in line for verb in ("create", "update", "patch", "delete"))
        and "selfsubject" not in line
    ]
    assert {line.split()[0] for line in writable} == {
        "events",
        "deployments.apps/status",
        "statefulsets.apps/status",
        "daemonsets.apps/status",
        "readinesspolicies.readiness.dev/status",
        "readinessexemptions.readiness.dev/status",
        "readinessevidences.readiness.dev/status",
        "policyreports.wgpolicyk8s.io",
        "reports.openreports.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    }
