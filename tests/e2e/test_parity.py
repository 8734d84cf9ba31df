"""The operator and the command line say the same of the same manifests."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from readiness.controller.reconciler import Reconciler
from readiness.kube.client import KubeClient, load_configuration
from readiness.model.workload import ObjectRef
from readiness.publish.events import EventRecorder
from readiness.telemetry.metrics import Metrics
from readiness.watch.sync import Synchroniser
from tests.e2e.conftest import Cluster
from tests.support import ROOT

Results = dict[tuple[str, str, str], list[tuple[str, str]]]

# What only one of the two can know, with the reason.
DIFFER_BY_NATURE = {
    "deprecated-api-version": "a cluster serves every object in its current version",
    "autoscaler-inactive": "only a cluster knows whether an autoscaler works",
    "backup-stale": "only a cluster knows when a backup was made",
    # Offline nobody knows which optional kinds the cluster has: their absence among the files
    # counts. This cluster has none of them, and says so.
    "alerts-missing": "PrometheusRule",
    "alert-without-runbook": "PrometheusRule",
    "metrics-not-scraped": "ServiceMonitor",
    "backup-schedule-missing": "the Schedules",
    # The operator reads no Secrets and no values of ConfigMaps.
    "config-reference-missing": "Secrets are looked at offline alone",
    "secret-in-config-map": "values are looked at offline alone",
    "static-replicas-with-autoscaler": "live it is managedFields that tell",
}


async def judged_in_cluster(kubeconfig: Path, namespace: str) -> Results:
    """Judge what is in a namespace as the controller does, without writing anything."""
    async with KubeClient(await load_configuration(str(kubeconfig))) as client:
        reconciler = Reconciler(client, EventRecorder(client), Metrics(), operator_namespace="")
        synchroniser = Synchroniser(client, reconciler.cache, sweep_seconds=3600)
        await synchroniser.sweep_all()
        found: Results = {}
        for ref, observed in reconciler.cache.workloads.items():
            if ref.namespace == namespace:
                report = reconciler.judge(ref, observed)
                for result in report.results:
                    key = (ref.kind, ref.name, result.check.id)
                    found.setdefault(key, []).append((result.result.value, result.message))
        return found


def judged_by_command(manifests: Path, namespace: str, policy: Path) -> Results:
    command = [
        sys.executable,
        "-m",
        "readiness",
        "check",
        str(manifests),
        "-n",
        namespace,
        "--policy",
        str(policy),
        "--format",
        "json",
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=False)
    assert output.returncode in (0, 1), output.stderr
    found: Results = {}
    for workload in json.loads(output.stdout)["workloads"]:
        for result in workload["results"]:
            key = (workload["kind"], workload["name"], result["check"])
            found.setdefault(key, []).append((result["result"], result["message"]))
    return found


def placed(source: Path, namespace: str) -> list[dict[str, object]]:
    """Return the manifests of a folder or file, moved to a namespace."""
    documents = []
    for path in sorted(source.glob("*.yaml")) if source.is_dir() else [source]:
        for document in yaml.safe_load_all(path.read_text()):
            if document and document["kind"] != "Namespace":
                document["metadata"]["namespace"] = namespace
                documents.append(document)
    return documents


@pytest.mark.parametrize("profile", ["standard", "strict", "pod-security-restricted"])
def test_every_check_says_the_same_of_every_workload(
    cluster: Cluster, namespace: str, tmp_path: Path, profile: str
) -> None:
    source = ROOT / "examples" / "bookshop"
    labels = cluster.get("namespace", namespace)["metadata"]["labels"]
    documents = placed(source, namespace)
    documents.insert(
        0,
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels},
        },
    )
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump_all(documents))
    policy = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": f"parity-{namespace}"},
        "spec": {
            "extends": profile,
            "match": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            },
        },
    }
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "policy.yaml").write_text(yaml.safe_dump(policy))
    cluster.apply(policy, *documents[1:])
    try:
        live = asyncio.run(judged_in_cluster(cluster.control_plane.kubeconfig, namespace))
    finally:
        cluster.kubectl("delete", "readinesspolicy", f"parity-{namespace}")

    offline = judged_by_command(
        tmp_path / "shop.yaml", namespace, tmp_path / "policy" / "policy.yaml"
    )

    def comparable(results: Results) -> Results:
        return {key: value for key, value in results.items() if key[2] not in DIFFER_BY_NATURE}

    assert {ObjectRef("", kind, "", name) for kind, name, _ in live} == {
        ObjectRef("", kind, "", name) for kind, name, _ in offline
    }
    assert comparable(live) == comparable(offline)
