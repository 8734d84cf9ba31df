"""What admission costs: reviews a second on one core, latency, memory, and what kubectl notices."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import yaml

from readiness.admission.certificates import make_pair
from tests.e2e.webhook_process import rendered_configuration
from tools.control_plane import ControlPlane

OPERATOR = "system:serviceaccount:readiness-system:readiness-operator"
NAMESPACE = "bench-admission"
CONFIGURATION = "validatingwebhookconfiguration"
POLICY = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "bench-admission"},
    "spec": {
        "enforcement": "Strict",
        "extends": "strict",
        "match": {"namespaceSelector": {"matchLabels": {"bench-admission": "yes"}}},
    },
}
_PATIENCE_SECONDS = 60.0


class MeasuredWebhook:
    """The webhook in a process of its own, on one core."""

    def __init__(self, kubeconfig: Path, scratch: Path) -> None:
        pair = make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=datetime.now(UTC))
        self.ca = pair.ca
        (scratch / "tls.crt").write_bytes(pair.certificate)
        (scratch / "tls.key").write_bytes(pair.key)
        self._log = scratch / "webhook.log"
        pinned = [shutil.which("taskset") or "", "--cpu-list", "0"]
        command = [sys.executable, "-m", "readiness", "run", "--role", "webhook"]
        options = ["--kubeconfig", str(kubeconfig), "--drain-seconds", "0", "--log-format", "json"]
        options += ["--listen", "127.0.0.1:0", "--webhook-listen", "127.0.0.1:0"]
        options += ["--tls-cert-file", str(scratch / "tls.crt")]
        options += ["--tls-key-file", str(scratch / "tls.key")]
        with self._log.open("w") as stream:
            self._child = subprocess.Popen(
                [*(pinned if pinned[0] else []), *command, *options], stdout=stream, stderr=stream
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while '"synced"' not in self._log.read_text():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the webhook did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)
        for line in self._log.read_text().splitlines():
            if '"webhook started"' in line:
                self.port: int = json.loads(line)["webhook_port"]
        self._process = psutil.Process(self._child.pid)

    def memory(self) -> int:
        """Return resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return user and system time used so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """Stop it and wait."""
        self._child.terminate()
        self._child.wait(timeout=30)


def workload(number: int) -> dict[str, Any]:
    """Return a Deployment that passes the intrinsic Must checks of strict."""
    name = f"web-{number}"
    labels = {"app.kubernetes.io/name": name, "owner": "shop", "on-call": "shop"}
    container = {
        "name": "app",
        "image": f"registry.example.com/shop/web:1.{number}.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(10)],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "failureThreshold": 6},
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 30,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            }
        ],
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": labels,
            "annotations": {"runbook-url": "https://runbooks.example.com/web"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _request(number: int) -> bytes:
    """Return a review as the API server sends it."""
    manifest = workload(number)
    manifest["metadata"] |= {
        "uid": f"00000000-0000-0000-0000-{number:012}",
        "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": f"review-{number}",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "name": manifest["metadata"]["name"],
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {"username": "ann", "groups": ["system:authenticated"]},
            "object": manifest,
        },
    }
    body = json.dumps(review).encode()
    head = (
        "POST /validate?timeout=3s HTTP/1.1\r\nHost: webhook\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Load:
    """What a run of requests showed."""

    seconds: float
    latencies: list[float]
    failures: int

    def __str__(self) -> str:
        """Return rate and latencies."""
        p50, p99 = (
            statistics.median(self.latencies),
            statistics.quantiles(self.latencies, n=100)[98],
        )
        rate = len(self.latencies) / self.seconds
        failed = f", {self.failures} FAILED" if self.failures else ""
        return f"{rate:,.0f} a second, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms{failed}"


async def _load(port: int, ca: bytes, connections: int, requests: int) -> Load:
    context = ssl.create_default_context(cadata=ca.decode())
    bodies = [_request(number) for number in range(50)]
    latencies: list[float] = []
    failures = 0
    numbers = iter(range(requests))

    async def connection() -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1"
        )
        for number in numbers:
            started = time.perf_counter()
            writer.write(bodies[number % len(bodies)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            latencies.append(time.perf_counter() - started)
            failures += b'"allowed":true' not in body
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return Load(time.perf_counter() - started, latencies, failures)


def admission_rows(
    control_plane: ControlPlane, scratch: Path, *, reviews: int
) -> Iterator[tuple[str, str]]:
    """Yield what admission costs, as label and figure."""
    control_plane.create_namespace(NAMESPACE, {"bench-admission": "yes"})
    _apply(control_plane, POLICY)
    # The load comes from the other core.
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)))
    webhook = MeasuredWebhook(control_plane.kubeconfig_for(OPERATOR), scratch)
    try:
        asyncio.run(_load(webhook.port, webhook.ca, 4, 500))  # warm
        for connections in (4, 32):
            cpu = webhook.cpu_seconds()
            load = asyncio.run(_load(webhook.port, webhook.ca, connections, 10_000))
            cost = (webhook.cpu_seconds() - cpu) / len(load.latencies)
            label = f"reviews by all of strict, one core, {connections} connections"
            yield label, f"{load}; {cost * 1e6:.0f} µs of CPU each"
        before = webhook.memory()
        asyncio.run(_load(webhook.port, webhook.ca, 32, reviews))
        after = webhook.memory()
        figure = f"{before / 2**20:.1f} MiB, then {after / 2**20:.1f} MiB"
        yield f"memory before and after {reviews:,} reviews more", figure
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
        yield from _noticed(control_plane, webhook)
    finally:
        webhook.stop()


def _noticed(control_plane: ControlPlane, webhook: MeasuredWebhook) -> Iterator[tuple[str, str]]:
    """Yield what a create through the API server takes: without, with the webhook, compiled.

    In rounds, so that what else the machine does falls on all of them.
    """
    configuration = rendered_configuration(
        control_plane, port=webhook.port, ca=webhook.ca, failure_policy="Fail"
    )
    compiled = _compiled()
    ways: dict[str, Sequence[dict[str, Any]]] = {
        "nothing": (),
        "the webhook": (configuration,),
        "compiled policies": compiled,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(3):
        for name, manifests in ways.items():
            for manifest in manifests:
                _apply(control_plane, manifest)
            time.sleep(2)  # until the API server has taken them in
            _creations(control_plane, 50)
            times[name] += _creations(control_plane, 200)
            for manifest in manifests:
                control_plane.kubectl("delete", manifest["kind"], manifest["metadata"]["name"])
    plain = statistics.median(times["nothing"])
    for name, measured in times.items():
        median = statistics.median(measured)
        figure = f"{median * 1e3:.2f} ms ({(median - plain) * 1e3:+.2f} ms)"
        yield f"a create through the API server with {name}, median", figure


def _compiled() -> list[dict[str, Any]]:
    """Return the policy as the API server can enforce it by itself."""
    output = subprocess.run(
        [sys.executable, "-m", "readiness", "policy", "compile", "-"],
        input=yaml.safe_dump(POLICY),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [document for document in yaml.safe_load_all(output) if document]


def _creations(control_plane: ControlPlane, count: int) -> list[float]:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments?dryRun=All"
    times = []
    for number in range(count):
        body = workload(number)
        started = time.perf_counter()
        reply = control_plane.request("POST", path, body)
        times.append(time.perf_counter() - started)
        if reply.status != 201:
            raise RuntimeError(f"{reply.status} {reply.body}")
    return times


def _apply(control_plane: ControlPlane, manifest: dict[str, Any]) -> None:
    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(manifest))
