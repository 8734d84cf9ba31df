"""Measures what reports cost: bytes in etcd, writes for an edit of a policy, writes at a restart.

    python -m tools.bench_reports [WORKLOADS]

The workloads are the Deployments of the bookshop in examples/, again and again under other names,
judged by the policy `standard`. Figures are printed for 10,000 of them too.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.kinds import WORKLOADS
from tests.e2e.operator_process import OperatorProcess
from tests.polling import eventually
from tools.control_plane import ControlPlane

ROOT = Path(__file__).resolve().parent.parent
CRD = ROOT / "charts/readiness-operator/files/reports/wgpolicyk8s.io_policyreports.yaml"
REPORTS = "/registry/wgpolicyk8s.io/policyreports/"
SCALE = 10_000


def workloads(number: int) -> list[dict[str, Any]]:
    """Return that many Deployments with no replicas: no pods need to run."""
    patterns = [
        document
        for path in sorted((ROOT / "examples" / "bookshop").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text("utf-8"))
        if document["kind"] == "Deployment"
    ]
    made = []
    for index in range(number):
        document = copy.deepcopy(patterns[index % len(patterns)])
        document["metadata"]["name"] += f"-{index}"
        document["metadata"]["namespace"] = "bench"
        document["spec"]["replicas"] = 0
        made.append(document)
    return made


async def create(kubeconfig: Path, documents: list[dict[str, Any]]) -> None:
    """Create objects, some at once."""
    async with KubeClient(await load_configuration(str(kubeconfig))) as client:
        path = WORKLOADS["Deployment"].path("bench")
        for start in range(0, len(documents), 20):
            batch = documents[start : start + 20]
            await asyncio.gather(*(client.call("POST", path, body=d) for d in batch))


def stored(control_plane: ControlPlane) -> tuple[int, int]:
    """Return number and bytes of the reports as they lie in etcd."""
    key = base64.b64encode(REPORTS.encode()).decode()
    end = base64.b64encode((REPORTS[:-1] + "0").encode()).decode()
    found = control_plane.etcd("kv/range", {"key": key, "range_end": end})
    items = found.get("kvs") or ()
    return len(items), sum(len(base64.b64decode(item["value"])) for item in items)


def writes(control_plane: ControlPlane, mark: int) -> int:
    """Return how many reports were written since a mark of the audit log."""
    return sum(
        event.resource == "policyreports" and event.verb in ("patch", "create", "delete")
        for event in control_plane.audit_events(after=mark)
    )


def policy(severity: str) -> str:
    """Return a policy that extends `standard`, with one check of this severity."""
    return yaml.safe_dump(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": "standard"},
            "spec": {
                "extends": "standard",
                "checks": [{"id": "priority-class-missing", "severity": severity}],
            },
        }
    )


def settled(operator: OperatorProcess, number: int) -> bool:
    """Return whether every report is written and says what it should."""
    return (
        operator.metric("readiness_reports", state="written") == number
        and operator.metric("readiness_reports", state="pending") == 0
        and operator.metric("readiness_queue_length") == 0
    )


def main() -> int:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with ControlPlane(controllers=()) as plane:
        plane.kubectl("apply", "-f", str(ROOT / "crds"), "-f", str(CRD))
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        plane.create_namespace("bench")
        plane.kubectl("apply", "-f", "-", input=policy("Should"))
        asyncio.run(create(plane.kubeconfig, workloads(number)))
        operator = OperatorProcess(plane.kubeconfig, "--qps", "0")
        started = time.monotonic()
        operator.start()
        eventually(lambda: settled(operator, number), within=900, every=1)
        print(f"{number} reports written {time.monotonic() - started:.0f} s after the start")
        count, size = stored(plane)
        print(f"in etcd: {count} reports, {size / count / 1e3:.1f} kB each")
        print(f"{SCALE:,} of them: {size / count * SCALE / 1e6:.0f} MB")
        for severity, what in (("Nice", "one check gets another severity"), ("Off", "it is off")):
            mark = plane.audit_mark()
            plane.kubectl("apply", "-f", "-", input=policy(severity))
            # The reports are pending as soon as the workloads have been judged anew.
            eventually(partial(writes, plane, mark), within=900, every=1)
            eventually(lambda: settled(operator, number), within=900, every=1)
            print(f"policy edit, {what}: {writes(plane, mark)} writes of reports")
        operator.stop()
        mark = plane.audit_mark()
        operator.start()
        eventually(lambda: settled(operator, number), within=900, every=1)
        print(f"restart: {writes(plane, mark)} writes of reports")
        operator.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
