"""What more workloads cost: `python -m tools.bench_scale`.

Each size runs in a process of its own: the cache is filled with what an API server would send,
every workload is judged by `standard`, and the answer to each write is taken in.
No network and no watch are in these figures; `make bench` measures those.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import orjson
import psutil
import structlog
import yaml

from readiness.controller.reconciler import Reconciler
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.publish.conditions import condition_entries
from readiness.report.conditions import conditions_of
from readiness.telemetry.metrics import Metrics
from readiness.watch.shard import Shard
from tools.bench import NAMESPACES, ROOT, shop_object

SIZES = (1_000, 5_000, 10_000, 20_000)
_FONT = 'font-family="sans-serif" font-size="12"'
_CREATED = "2026-11-24T12:00:00Z"
# What the API server fills in, as read from one.
_SPEC_DEFAULTS = {
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "strategy": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    },
}
_POD_DEFAULTS = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER_DEFAULTS = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


class _Server:
    """Plays the API server: gives objects a uid and a version."""

    def __init__(self) -> None:
        self._version = 0

    def stored(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        manifest["metadata"]["resourceVersion"] = str(self._version)
        manifest["metadata"].setdefault("uid", str(uuid.uuid4()))
        decoded: dict[str, Any] = orjson.loads(orjson.dumps(manifest))  # no text is shared
        return decoded

    def object(self, kind: str, index: int) -> dict[str, Any]:
        manifest = shop_object(kind, index)[1]
        manifest["metadata"] |= {"creationTimestamp": _CREATED, "generation": 1}
        if kind == "Deployment":
            manifest["spec"] |= _SPEC_DEFAULTS
            pod = manifest["spec"]["template"]["spec"]
            pod |= _POD_DEFAULTS
            pod["containers"][0] |= _CONTAINER_DEFAULTS
        return self.stored(manifest)


def _kind(name: str) -> ResourceKind:
    return next(kind for kind in kinds.WATCHED if kind.kind == name)


def measure(workloads: int, shard: Shard) -> dict[str, float]:
    """Return what a controller takes in a cluster of so many workloads and their companions.

    Args:
        workloads: how many there are.
        shard: the part of the namespaces that it judges.

    Returns:
        start, kept: resident memory in MiB before the first object and at the end; judging: CPU
        seconds to judge all of them; judged: how many these are.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    process = psutil.Process()
    server = _Server()
    nobody = MagicMock()  # nothing is called and nothing written
    reconciler = Reconciler(nobody, nobody, Metrics(), operator_namespace="", shard=shard)
    start = process.memory_info().rss
    cache = reconciler.cache
    policy = yaml.safe_load((ROOT / "policies" / "standard.yaml").read_text())
    cache.put(kinds.POLICIES, server.stored(policy))
    for number in range(NAMESPACES):
        namespace = {"metadata": {"name": f"bench-{number}", "labels": {}}}
        cache.put(_kind("Namespace"), server.stored(namespace))
    for kind, count in (
        ("PodDisruptionBudget", workloads // 2),
        ("HorizontalPodAutoscaler", workloads // 3),
        ("Deployment", workloads),
    ):
        for index in range(count):
            cache.put(_kind(kind), server.object(kind, index))
    now = datetime.now(UTC)
    judging = 0.0
    for ref, observed in list(cache.workloads.items()):
        began = time.process_time()
        report = reconciler.judge(ref, observed)
        reconciler.scoreboard.update(report)
        wanted = conditions_of(report)
        judging += time.process_time() - began
        manifest = dict(observed.workload().document)
        entries = condition_entries(ref.kind, observed.conditions, wanted, now)
        manifest["status"] = {"conditions": entries}
        cache.stored(ref, server.stored(manifest))
    kept = process.memory_info().rss
    judged = len(cache.workloads)
    return {"start": start / 2**20, "kept": kept / 2**20, "judging": judging, "judged": judged}


def plot(sizes: Sequence[int], kept: Sequence[float], slope: float, base: float) -> str:
    """Return an SVG of memory over workloads: points measured, and the line that fits them."""
    width, height, left, bottom = 560, 300, 60, 40
    most_workloads, most_memory = max(sizes), max(*kept, 250) * 1.1

    def at(workloads: float, memory: float) -> tuple[float, float]:
        across = left + workloads / most_workloads * (width - left - 20)
        return round(across, 1), round(height - bottom - memory / most_memory * (height - 60), 1)

    (x0, y0), (x1, y1) = at(0, base), at(most_workloads, base + slope * most_workloads)
    (bx0, by), (bx1, _) = at(0, 250), at(most_workloads, 250)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<line x1="{bx0}" y1="{by}" x2="{bx1}" y2="{by}" stroke="#999" stroke-dasharray="4"/>',
        f'<text x="{bx0 + 4}" y="{by - 4}" fill="#666">budget at 10,000: 250 MiB</text>',
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#36c" stroke-width="2"/>',
    ]
    for workloads, memory in zip(sizes, kept, strict=True):
        x, y = at(workloads, memory)
        parts += [
            f'<circle cx="{x}" cy="{y}" r="4" fill="#36c"/>',
            f'<text x="{x}" y="{y + 18}" text-anchor="middle">{memory:.0f}</text>',
            f'<text x="{x}" y="{height - 12}" text-anchor="middle">{workloads:,}</text>',
        ]
    parts.append('<text x="8" y="16">MiB resident, by number of Deployments</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> int:
    """Measure all sizes and print a table with the line that fits; return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_scale", description=__doc__)
    parser.add_argument("--one", type=int, metavar="WORKLOADS", help="measure this size, as JSON")
    parser.add_argument("--shard", type=Shard.parse, default="0/1", help="of --one: 0/2")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot, as SVG")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.shard)))
        return 0
    rows = []
    for size in SIZES:
        command = [sys.executable, "-m", "tools.bench_scale", "--one", str(size)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        row = json.loads(answer.stdout)
        rows.append(row)
        each = (row["kept"] - row["start"]) * 1024 / size
        print(
            f"| {size:,} | {row['kept']:.0f} MiB | {each:.1f} KiB "
            f"| {row['judging']:.1f} s | {row['judging'] / size * 1e6:.0f} us |",
            flush=True,
        )
    kept = [row["kept"] for row in rows]
    slope, base = statistics.linear_regression(SIZES, kept)
    print(f"fit: {base:.0f} MiB + {slope * 1000:.2f} MiB for every 1,000 workloads")
    print(f"100,000 workloads by this line: {base + slope * 100_000:.0f} MiB")
    print(f"load average {os.getloadavg()[0]:.1f}")
    if options.plot:
        options.plot.write_text(plot(SIZES, kept, slope, base), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
