"""Measures what reports cost: in etcd, at rest, for an edit of a policy, at a start, in memory.

    python -m tools.bench_reports --deployments 10000

The workloads are the Deployments of the bookshop in examples/, again and again under other names,
judged by the policy `standard`. Bytes are those of the values written into etcd; writes are those
that the API server's audit log knows of. The operator runs as installed but for its limit on
writes, which is lifted: what takes time is the work, on this machine, with an API server on the
same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import copy
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.kinds import WORKLOADS
from tests.e2e.operator_process import OperatorProcess
from tests.polling import eventually
from tools.control_plane import ControlPlane

ROOT = Path(__file__).resolve().parent.parent
CRD = ROOT / "charts/readiness-operator/files/reports/wgpolicyk8s.io_policyreports.yaml"
OPERATOR = "system:serviceaccount:readiness-system:readiness-operator"
REPORTS = "/registry/wgpolicyk8s.io/policyreports/"
DEPLOYMENTS = "/registry/deployments/"
_PATIENCE_SECONDS = 3600.0
_PAGE = 500  # keys asked of etcd at once


@dataclass(frozen=True)
class Stored:
    """What lies in etcd below a prefix: by key, how often it was written and its bytes now."""

    writes: dict[str, int]
    sizes: dict[str, int]

    def since(self, before: Stored) -> tuple[int, int]:
        """Return how many keys were written since, and the bytes of what was written last."""
        changed = [key for key, number in self.writes.items() if number != before.writes.get(key)]
        return len(changed), sum(self.sizes[key] for key in changed)


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


def stored(control_plane: ControlPlane, prefix: str) -> Stored:
    """Return what lies in etcd below a prefix."""
    writes, sizes = {}, {}
    # All keys that begin with a prefix are those below the prefix with its last byte raised.
    start, end = prefix.encode(), (prefix[:-1] + chr(ord(prefix[-1]) + 1)).encode()
    while True:
        request = {"key": _base64(start), "range_end": _base64(end), "limit": _PAGE}
        found = control_plane.etcd("kv/range", request).get("kvs") or []
        for item in found:
            writes[item["key"]] = int(item["version"])
            sizes[item["key"]] = len(base64.b64decode(item["value"]))
        if len(found) < _PAGE:
            return Stored(writes, sizes)
        start = base64.b64decode(found[-1]["key"]) + b"\0"


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


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


class Bench:
    """A cluster with workloads and no operator yet."""

    def __init__(self, control_plane: ControlPlane, number: int) -> None:
        self._plane = control_plane
        self._number = number

    @contextmanager
    def operator(self, title: str, reports: str) -> Iterator[OperatorProcess]:
        """Run an operator; print what its start takes."""
        _title(f"{title} (--reports {reports})")
        kubeconfig = self._plane.kubeconfig_for(OPERATOR)
        process = OperatorProcess(kubeconfig, "--qps", "0", "--reports", reports)
        mark = self._plane.audit_mark()
        started = time.monotonic()
        process.start()
        _row("synced after", f"{time.monotonic() - started:.1f} s")
        settled = self._settled if reports != "off" else self._judged
        most = self._wait(process, lambda: settled(process, 0))
        _row("everything as it is to be after", f"{time.monotonic() - started:.1f} s")
        self._print_written(mark, process, most)
        yield process
        process.stop()

    def edit(self, operator: OperatorProcess, title: str, severity: str) -> None:
        """Change the policy and print what that costs."""
        _title(f"A policy edit: {title}")
        before = {prefix: stored(self._plane, prefix) for prefix in (REPORTS, DEPLOYMENTS)}
        judged = operator.metric("readiness_evaluation_seconds_count")
        mark = self._plane.audit_mark()
        started = time.monotonic()
        self._plane.kubectl("apply", "-f", "-", input=policy(severity))
        most = self._wait(operator, lambda: self._settled(operator, judged))
        _row("everything as it is to be after", f"{time.monotonic() - started:.1f} s")
        self._print_written(mark, operator, most)
        for prefix, what in ((REPORTS, "reports"), (DEPLOYMENTS, "Deployments, for conditions")):
            number, size = stored(self._plane, prefix).since(before[prefix])
            _row(f"into etcd: {what}", f"{number:,}, {size / 1e6:.1f} MB")

    def rest(self, operator: OperatorProcess, minutes: float) -> None:
        """Leave it alone and print what it does nevertheless."""
        _title(f"At rest for {minutes:g} minutes")
        mark = self._plane.audit_mark()
        process = psutil.Process(operator.pid)
        before = process.cpu_times()
        time.sleep(minutes * 60)
        after = process.cpu_times()
        share = (sum(after[:2]) - sum(before[:2])) / (minutes * 60)  # user and system
        self._print_written(mark, operator, process.memory_info().rss)
        pages = self._calls(mark, ("list",))["policyreports"]
        _row("reports listed, in pages; CPU", f"{pages:,}; {share:.1%} of a core")

    def size(self) -> None:
        """Print how much of etcd the reports take."""
        sizes = stored(self._plane, REPORTS).sizes
        total = sum(sizes.values())
        each = f"{total / len(sizes) / 1e3:.1f} kB each, {max(sizes.values()) / 1e3:.1f} kB at most"
        _row(f"{len(sizes):,} reports", f"{total / 1e6:.1f} MB, {each}")

    def _print_written(self, mark: int, operator: OperatorProcess, most: int) -> None:
        calls = self._calls(mark, ("create", "update", "patch", "delete"))
        calls.pop("selfsubjectaccessreviews", None)  # asks and stores nothing
        listed = ", ".join(f"{number:,} {what}" for what, number in sorted(calls.items()))
        _row("writes", listed or "0")
        now = psutil.Process(operator.pid).memory_info().rss
        _row("memory then, and at most", f"{now / 2**20:.0f} MiB, {most / 2**20:.0f} MiB")

    def _calls(self, mark: int, verbs: tuple[str, ...]) -> Counter[str]:
        return Counter(
            event.resource
            for event in self._plane.audit_events(after=mark)
            if event.user == OPERATOR and event.verb in verbs
        )

    def _judged(self, operator: OperatorProcess, before: float) -> bool:
        """Return whether every workload has been judged since, and nothing waits."""
        judged = operator.metric("readiness_evaluation_seconds_count") - before
        return judged >= self._number and operator.metric("readiness_queue_length") == 0

    def _settled(self, operator: OperatorProcess, before: float) -> bool:
        """Return whether every report says what it should, too."""
        return (
            self._judged(operator, before)
            and operator.metric("readiness_reports", state="written") == self._number
            and operator.metric("readiness_reports", state="pending") == 0
        )

    def _wait(self, operator: OperatorProcess, done: Callable[[], bool]) -> int:
        """Wait until something is true; return the most memory it took meanwhile, in bytes."""
        process = psutil.Process(operator.pid)
        seen = [0]

        def look() -> bool:
            seen.append(process.memory_info().rss)
            return done()

        # Asking more often would be part of the cost.
        eventually(look, within=_PATIENCE_SECONDS, every=1)
        return max(seen)


def _title(text: str) -> None:
    print(f"\n{text}", flush=True)


def _row(label: str, figure: str) -> None:
    print(f"  {label:<40} {figure}", flush=True)


def main() -> int:
    """Measure and print; return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_reports", description=__doc__)
    parser.add_argument("--deployments", type=int, default=10_000)
    parser.add_argument("--rest", type=float, default=6.0, metavar="MINUTES")
    options = parser.parse_args()
    # No controllers and no nodes: their work would be measured too.
    with ControlPlane(nodes=0, controllers=()) as plane:
        for path in (ROOT / "crds", CRD, ROOT / "examples" / "rbac.yaml"):
            plane.kubectl("apply", "-f", str(path))
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        plane.create_namespace("bench")
        plane.kubectl("apply", "-f", "-", input=policy("Should"))
        started = time.monotonic()
        asyncio.run(create(plane.kubeconfig, workloads(options.deployments)))
        _title(f"{options.deployments:,} Deployments")
        _row("created in (the yardstick)", f"{time.monotonic() - started:.1f} s")
        bench = Bench(plane, options.deployments)
        with bench.operator("First start", "off"):
            pass
        with bench.operator("Start, conditions there", "off"):
            pass
        with bench.operator("Start, conditions there, no report yet", "auto"):
            bench.size()
        with bench.operator("Start, reports there", "auto") as operator:
            bench.rest(operator, options.rest)
            bench.edit(operator, "one check gets another severity", "Nice")
            bench.edit(operator, "one check is turned off", "Off")
        print(f"\nload average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
