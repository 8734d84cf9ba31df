"""`make bench`: what the operator costs, measured on this machine in this run.

Absolute times say little on another machine: each is printed beside what the same API server needed
for a plain task of the same size (creating or listing the objects), measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tools.bench_admission import admission_rows
from tools.bench_check import check_rows
from tools.bench_core import evaluation_rows
from tools.control_plane import ControlPlane

ROOT = Path(__file__).resolve().parent.parent
OPERATOR = "system:serviceaccount:readiness-system:readiness-operator"
NAMESPACES = 20
CREATORS = 8
PARTS = ("judging", "check", "controller", "admission")
_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class Size:
    """How many objects a run uses."""

    deployments: int
    budgets: int
    autoscalers: int


def shop_object(kind: str, index: int) -> tuple[str, dict[str, Any]]:
    """Return path and body of one object of the benchmark's cluster."""
    namespace, name = f"bench-{index % NAMESPACES}", f"web-{index}"
    labels = {"app": name, "team": f"team-{index % 7}"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    if kind == "Deployment":
        container = {
            "name": "app",
            "image": f"registry.example.com/shop/web:1.{index}.0",
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(10)],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        }
        spec: dict[str, Any] = {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        path, version = f"/apis/apps/v1/namespaces/{namespace}/deployments", "apps/v1"
    elif kind == "PodDisruptionBudget":
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}
        path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
        version = "policy/v1"
    else:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6}
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        version = "autoscaling/v2"
    return path, {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def create_all(control_plane: ControlPlane, size: Size) -> float:
    """Create the cluster's objects; return the seconds it took."""
    for number in range(NAMESPACES):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"bench-{number}"}}
        control_plane.request("POST", "/api/v1/namespaces", body)
    work = [
        (kind, index)
        for kind, count in (
            ("Deployment", size.deployments),
            ("PodDisruptionBudget", size.budgets),
            ("HorizontalPodAutoscaler", size.autoscalers),
        )
        for index in range(count)
    ]
    started = time.monotonic()

    def create(item: tuple[str, int]) -> None:
        path, body = shop_object(*item)
        reply = control_plane.request("POST", path, body)
        if reply.status != 201:
            raise RuntimeError(f"{path}: {reply.status} {reply.body}")

    with ThreadPoolExecutor(CREATORS) as pool:
        list(pool.map(create, work))
    return time.monotonic() - started


class MeasuredOperator:
    """The operator in a process of its own, watched from outside.

    Args:
        kubeconfig: how it reaches the API server.
        scratch: a directory for its log.
        own_session: whether Ctrl-C in a terminal is kept from it.
    """

    def __init__(self, kubeconfig: Path, scratch: Path, *, own_session: bool = False) -> None:
        self._log = scratch / "operator.log"
        self.started = time.monotonic()
        with self._log.open("w") as stream:
            self._child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "readiness",
                    "run",
                    "--role",
                    "controller",
                    "--kubeconfig",
                    str(kubeconfig),
                    "--listen",
                    "127.0.0.1:0",
                    "--qps",
                    "0",
                    "--log-format",
                    "json",
                    "--log-level",
                    "info",
                ],
                stdout=stream,
                stderr=stream,
                start_new_session=own_session,
            )
        self.process = psutil.Process(self._child.pid)
        self._port = 0
        self.peak = 0

    def until(self, true: Callable[[], bool]) -> float:
        """Wait until something is true; return the seconds since the start of the process."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"not done in time: {self._log.read_text()[-2000:]}")
            self.peak = max(self.peak, self.process.memory_info().rss)
            time.sleep(0.25)  # asking for metrics more often would be part of the cost
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raise RuntimeError with its last words when it has ended."""
        if self._child.poll() is not None:
            raise RuntimeError(f"the operator ended: {self._log.read_text()[-2000:]}")

    def synced(self) -> bool:
        """Return whether /readyz says so."""
        return self.get("/readyz") == "ok\n"

    def idle(self, judged: int) -> bool:
        """Return whether at least that many evaluations are done and nothing waits."""
        metrics = self.metrics()
        return (
            metrics.get("readiness_evaluation_seconds_count", 0) >= judged
            and metrics.get("readiness_queue_length", 1) == 0
        )

    def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics that have no labels."""
        lines = self.get("/metrics").splitlines()
        pairs = [line.split() for line in lines if not line.startswith("#") and "{" not in line]
        return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}

    def cpu_seconds(self) -> float:
        """Return user and system time used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        """Return resident memory in bytes."""
        return int(self.process.memory_info().rss)

    def get(self, path: str) -> str:
        """Return what its HTTP server answers; "" while it does not."""
        if not self._port:
            for line in self._log.read_text().splitlines():
                if '"controller started"' in line:
                    self._port = json.loads(line)["port"]
        if not self._port:
            return ""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}{path}", timeout=5
            ) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def stop(self) -> None:
        """Stop it and wait."""
        self._child.terminate()
        self._child.wait(timeout=30)


def controller_rows(
    control_plane: ControlPlane, size: Size, scratch: Path
) -> Iterator[tuple[str, str]]:
    """Yield what the controller costs on a cluster of this size, as label and figure."""
    count = size.deployments
    created = create_all(control_plane, size)
    objects = size.deployments + size.budgets + size.autoscalers
    yield f"creating {objects:,} objects, {CREATORS} at once (the yardstick)", f"{created:.1f} s"
    started = time.monotonic()
    control_plane.request("GET", "/apis/apps/v1/deployments")
    yield f"one list of {count:,} Deployments", f"{time.monotonic() - started:.2f} s"
    kubeconfig = control_plane.kubeconfig_for(OPERATOR)
    first = MeasuredOperator(kubeconfig, scratch)
    synced = first.until(first.synced)
    yield "start to synced", f"{synced:.1f} s"
    written = first.until(lambda: first.idle(count))
    ratio = (written - synced) / created
    yield (
        "start to every condition written",
        f"{written:.1f} s ({ratio:.2f} x creating the objects)",
    )
    writes = first.metrics()["readiness_condition_writes_total"]
    yield "workloads written", f"{writes:,.0f}"
    yield "CPU until then", f"{first.cpu_seconds():.1f} s"
    yield "memory, peak until then", f"{first.peak / 2**20:.0f} MiB"
    yield from _at_rest(first)
    yield from _reaction(control_plane, size)
    first.stop()
    second = MeasuredOperator(kubeconfig, scratch)
    again = second.until(lambda: second.synced() and second.idle(count))
    yield "restart to everything judged", f"{again:.1f} s"
    writes = second.metrics()["readiness_condition_writes_total"]
    yield "writes at the restart", f"{writes:.0f}"
    yield "memory after the restart, peak", f"{second.peak / 2**20:.0f} MiB"
    second.stop()


def _at_rest(operator: MeasuredOperator, seconds: float = 30.0) -> Iterator[tuple[str, str]]:
    """Yield what a steady cluster costs."""
    # The relist behind the first watch and the events of the start are over by then.
    time.sleep(10)
    cpu, started = operator.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    share = (operator.cpu_seconds() - cpu) / (time.monotonic() - started)
    yield f"CPU at rest over {seconds:.0f} s", f"{share:.1%} of a core"
    yield "memory at rest", f"{operator.memory() / 2**20:.0f} MiB"


def _reaction(
    control_plane: ControlPlane, size: Size, samples: int = 100
) -> Iterator[tuple[str, str]]:
    """Yield how long a change takes to reach the condition, one change at a time."""
    # Deployments without an autoscaler: their own replicas are what counts.
    free = range(size.autoscalers, size.deployments)
    times = []
    for number in range(samples):
        path, body = shop_object("Deployment", free[number // 2 % len(free)])
        path = f"{path}/{body['metadata']['name']}"
        too_low = number % 2 == 0
        started = time.monotonic()
        control_plane.request(
            "PATCH",
            f"{path}/scale",
            {"spec": {"replicas": 1 if too_low else 2}},
            content_type="application/merge-patch+json",
        )
        while ("ReplicasTooLow" in _tolerance(control_plane, path)) is not too_low:
            if time.monotonic() - started > _PATIENCE_SECONDS:
                raise RuntimeError(f"{path} was not judged anew in time")
        times.append(time.monotonic() - started)
    median, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    figure = f"median {median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"
    yield f"change to condition, {samples} changes one by one", figure


def _tolerance(control_plane: ControlPlane, path: str) -> str:
    """Return the reason of a Deployment's condition DisruptionTolerant."""
    status = control_plane.request("GET", path).body.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "readiness.dev/DisruptionTolerant":
            return str(condition["reason"])
    return ""


def report(title: str, rows: Iterator[tuple[str, str]]) -> None:
    """Print rows as they come."""
    print(f"\n{title}", flush=True)
    for label, figure in rows:
        print(f"  {label:<58} {figure}", flush=True)


@contextmanager
def cluster() -> Iterator[tuple[ControlPlane, Path]]:
    """Yield a control plane with our kinds and rights, and a scratch directory."""
    # No controllers and no nodes: their work would be measured too.
    with (
        ControlPlane(audit=False, nodes=0, controllers=()) as control_plane,
        tempfile.TemporaryDirectory() as scratch,
    ):
        control_plane.kubectl("apply", "-f", str(ROOT / "crds"))
        control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        control_plane.kubectl("apply", "-f", str(ROOT / "examples" / "rbac.yaml"))
        yield control_plane, Path(scratch)


def main() -> int:
    """Run the benchmarks; return an exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--deployments", type=int, default=3000)
    parser.add_argument("--budgets", type=int, default=1500)
    parser.add_argument("--autoscalers", type=int, default=1000)
    parser.add_argument("--reviews", type=int, default=200_000, help="before memory is compared")
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    options = parser.parse_args()
    parts = [options.only] if options.only else list(PARTS)
    if "judging" in parts:
        report("Judging, in one process", evaluation_rows())
    if "check" in parts:
        report("The command line beside kube-score, medians of runs in turn", check_rows())
    if "controller" in parts:
        size = Size(options.deployments, options.budgets, options.autoscalers)
        title = (
            f"Controller: {size.deployments:,} Deployments, {size.budgets:,} PodDisruptionBudgets, "
            f"{size.autoscalers:,} HorizontalPodAutoscalers in {NAMESPACES} namespaces"
        )
        with cluster() as (control_plane, scratch):
            control_plane.kubectl("apply", "-f", str(ROOT / "policies" / "standard.yaml"))
            report(title, controller_rows(control_plane, size, scratch))
    if "admission" in parts:
        with cluster() as (control_plane, scratch):
            rows = admission_rows(control_plane, scratch, reviews=options.reviews)
            report("Admission: a Deployment judged by all of strict", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
