"""`make soak`: the controller under steady change for an hour, and what became of it.

A cluster is filled as the benchmark fills it, judged, and then changed at a fixed rate: replicas,
labels, images, budgets, autoscalers, and the policy now and then. Beside it stands what the
process takes, how long a change takes to reach its condition, and at the end whether every verdict
is right.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import structlog
from prometheus_client.parser import text_string_to_metric_families

from readiness.controller.reconciler import Reconciler
from readiness.errors import ClusterError
from readiness.kube.client import KubeClient, load_configuration
from readiness.publish.events import EventRecorder
from readiness.report.conditions import agree, conditions_of
from readiness.telemetry.metrics import Metrics
from readiness.watch.sync import Synchroniser
from tools.bench import OPERATOR, ROOT, MeasuredOperator, Size, cluster, create_all, shop_object

DEPLOYMENTS = "/apis/apps/v1/deployments"
POLICY = "/apis/readiness.dev/v1alpha1/readinesspolicies/standard"
MERGE = "application/merge-patch+json"
PROBE = {"soak": "probe"}
# Of every so many changes one is timed.
_TIMED = 10
_SENDERS = 16
_LOST_SECONDS = 60.0
_DRAIN_SECONDS = 60.0
_JUDGINGS = 3
_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment, and since the moment before.

    Attributes:
        seconds: since the changes began.
        memory: resident, MiB.
        cpu: share of one core, percent.
        changes: made, a second.
        late: how far the load is behind its schedule, seconds.
        p50, p99: from sending a change to seeing its condition, milliseconds; None: none was timed.
        lost: timed changes whose condition was not seen within a minute.
        patches, creates, others: calls that write; events and access reviews are created.
        events: posted.
        queue: objects that wait, are being brought up to date, or are to be tried again.
    """

    seconds: float
    memory: float
    cpu: float
    threads: int
    files: int
    queue: int
    changes: float
    late: float
    p50: float | None
    p99: float | None
    lost: int
    patches: int
    creates: int
    others: int
    events: int


class Load:
    """Changes objects at a rate, from a seed: the same changes in every run.

    Attributes:
        sent: how many changes were made.
        failed: how many were not made: refused, or not answered.
        lost: timed changes whose condition was not seen within a minute.
        late: how far behind its schedule it is, in seconds.
        times: from sending each timed change to seeing its condition, in seconds.
    """

    def __init__(self, client: KubeClient, size: Size, rate: float, policy_seconds: float) -> None:
        self._client = client
        self._size = size
        self._rate = rate
        self._policy_seconds = policy_seconds
        self._random = random.Random(6)
        # Without an autoscaler their own replicas are what counts.
        free = range(size.autoscalers, size.deployments)
        self._probes = deque(free[:: max(1, len(free) // 300)])
        self._taken = frozenset(self._probes)
        self._low: Counter[int] = Counter()
        self._waiting: dict[tuple[str, str], tuple[bool, float]] = {}
        self._latest: list[float] = []
        self.times: list[float] = []
        self.sent = 0
        self.failed = 0
        self.lost = 0
        self.late = 0.0

    async def prepare(self) -> None:
        """Mark the Deployments whose changes are timed."""
        for index in self._probes:
            await self._patch("Deployment", index, {"metadata": {"labels": PROBE}})

    @property
    def unseen(self) -> int:
        """How many timed changes have not been seen to reach their condition."""
        return self.lost + len(self._waiting)

    def latest_times(self) -> list[float]:
        """Return the times measured since the last call, in seconds."""
        latest, self._latest = self._latest, []
        return latest

    async def run(self) -> None:
        """Make changes on schedule until cancelled."""
        started = time.monotonic()
        number = iter(range(sys.maxsize))
        async with asyncio.TaskGroup() as group:
            for _ in range(_SENDERS):
                group.create_task(self._send_on_schedule(started, number))
            group.create_task(self._edit_policy())

    async def _send_on_schedule(self, started: float, numbers: Iterator[int]) -> None:
        while True:
            number = next(numbers)
            due = started + number / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late = max(0.0, time.monotonic() - due)
            await self._count(self._timed() if number % _TIMED == 0 else self._change())

    async def _count(self, change: Awaitable[None]) -> None:
        """Make a change and count it, made or failed."""
        try:
            await change
        except ClusterError as error:
            self.failed += 1
            print(f"a change failed: {error}", file=sys.stderr)
        else:
            self.sent += 1

    async def _change(self) -> None:
        """Change one object, chosen by chance."""
        choose = self._random
        deployment = choose.randrange(self._size.deployments)
        while deployment in self._taken:
            deployment = choose.randrange(self._size.deployments)
        what = choose.choices(("replicas", "label", "image", "budget", "autoscaler"), _SHARES)[0]
        if what == "replicas":
            await self._patch(
                "Deployment", deployment, {"spec": {"replicas": choose.randint(1, 3)}}
            )
        elif what == "label":
            labels = {"team": f"team-{choose.randrange(50)}"}
            await self._patch("Deployment", deployment, {"metadata": {"labels": labels}})
        elif what == "image":
            tag = choose.choice(("latest", f"2.{choose.randrange(100)}.0"))
            image = {"op": "replace", "path": _IMAGE, "value": f"registry.example.com/shop:{tag}"}
            path, body = shop_object("Deployment", deployment)
            path = f"{path}/{body['metadata']['name']}"
            patch = "application/json-patch+json"
            await self._client.call("PATCH", path, body=[image], content_type=patch)
        elif what == "budget":
            spec = {"maxUnavailable": choose.choice((0, 1, 1, 1, 2))}
            index = choose.randrange(self._size.budgets)
            await self._patch("PodDisruptionBudget", index, {"spec": spec})
        else:
            index = choose.randrange(self._size.autoscalers)
            spec = {"minReplicas": choose.randint(1, 3)}
            await self._patch("HorizontalPodAutoscaler", index, {"spec": spec})

    async def _timed(self) -> None:
        """Change the replicas of one whose condition is watched, unless all are waited for."""
        index = self._probes[0]
        self._probes.rotate(-1)
        body = shop_object("Deployment", index)[1]
        key = body["metadata"]["namespace"], body["metadata"]["name"]
        now = time.monotonic()
        if key in self._waiting:
            if now - self._waiting[key][1] < _LOST_SECONDS:
                return
            del self._waiting[key]
            self.lost += 1
        self._low[index] ^= 1
        low = bool(self._low[index])
        self._waiting[key] = low, now
        await self._patch("Deployment", index, {"spec": {"replicas": 1 if low else 2}})

    async def _patch(self, kind: str, index: int, patch: Mapping[str, Any]) -> None:
        path, body = shop_object(kind, index)
        await self._client.call(
            "PATCH", f"{path}/{body['metadata']['name']}", body=patch, content_type=MERGE
        )

    async def _edit_policy(self) -> None:
        """Edit the policy now and then: every workload is judged anew, some conditions change."""
        severities = ("Nice", "Must")
        edits = 0
        while True:
            await asyncio.sleep(self._policy_seconds)
            check = {"id": "disruption-budget-blocks-eviction", "severity": severities[edits % 2]}
            patch = {"spec": {"checks": [check]}}
            await self._count(self._client.call("PATCH", POLICY, body=patch, content_type=MERGE))
            edits += 1

    async def watch(self) -> None:
        """Watch the conditions of what is timed, until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._watch_once()

    async def _watch_once(self) -> None:
        session = await self._client.session()
        async with (
            session,
            session.get(
                self._client.host + DEPLOYMENTS,
                params={"watch": "true", "labelSelector": "soak=probe"},
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            async for line in response.content:
                self._seen(orjson.loads(line)["object"])

    def _seen(self, manifest: Mapping[str, Any]) -> None:
        key = manifest["metadata"].get("namespace", ""), manifest["metadata"].get("name", "")
        if key not in self._waiting:
            return
        low, sent = self._waiting[key]
        if replicas_too_low(manifest) is low:
            del self._waiting[key]
            took = time.monotonic() - sent
            self._latest.append(took)
            self.times.append(took)


_SHARES = (40, 15, 10, 20, 15)
_IMAGE = "/spec/template/spec/containers/0/image"


def replicas_too_low(manifest: Mapping[str, Any]) -> bool | None:
    """Return whether a Deployment's condition says so; None when it has no such condition."""
    for condition in manifest.get("status", {}).get("conditions", ()):
        if condition["type"] == "readiness.dev/DisruptionTolerant":
            return "ReplicasTooLow" in condition["reason"]
    return None


class Gauge:
    """Takes samples of the controller and of the load."""

    def __init__(self, operator: MeasuredOperator, load: Load) -> None:
        self._operator = operator
        self._load = load
        self._started = self._last = time.monotonic()
        self._counts: dict[str, float] = {}
        self._cpu = operator.cpu_seconds()
        self._sent = 0
        self._lost = 0

    async def _read(self) -> tuple[dict[str, int], float]:
        """Return calls and events since the last time, and how much is left to do."""
        text = ""
        while not text:  # it answers late when it has much to do
            self._operator.check()
            text = await asyncio.to_thread(self._operator.get, "/metrics")
        counts: dict[str, float] = defaultdict(float)
        unfinished = 0.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "readiness_api_calls_total":
                    counts[sample.labels["method"]] += sample.value
                elif sample.name == "readiness_events" and sample.labels["outcome"] == "posted":
                    counts["events"] += sample.value
                elif sample.name == "readiness_queue_unfinished":
                    unfinished = sample.value
        since = {name: round(number - self._counts.get(name, 0)) for name, number in counts.items()}
        self._counts = counts
        return since, unfinished

    async def unfinished(self) -> float:
        """Return how many objects the controller has yet to bring up to date."""
        return (await self._read())[1]

    async def drained(self) -> float:
        """Wait until nothing is left to do, a minute at most; return what is left."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            left = await self.unfinished()
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.25)

    async def begin(self) -> None:
        """Count from now."""
        await self._read()
        self._started = self._last = time.monotonic()
        self._cpu = self._operator.cpu_seconds()

    async def take(self) -> Sample:
        """Return a sample of now."""
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        process = self._operator.process
        cpu = self._operator.cpu_seconds()
        since, unfinished = await self._read()
        times = self._load.latest_times()
        sample = Sample(
            seconds=round(now - self._started, 1),
            memory=round(self._operator.memory() / 2**20, 1),
            cpu=round((cpu - self._cpu) / elapsed * 100, 1),
            threads=process.num_threads(),
            files=process.num_fds(),
            queue=int(unfinished),
            changes=round((self._load.sent - self._sent) / elapsed, 1),
            late=round(self._load.late, 2),
            p50=percentile(times, 50),
            p99=percentile(times, 99),
            lost=self._load.lost - self._lost,
            patches=since.get("PATCH", 0),
            creates=since.get("POST", 0),
            others=since.get("PUT", 0) + since.get("DELETE", 0),
            events=since.get("events", 0),
        )
        self._cpu, self._sent, self._lost = cpu, self._load.sent, self._load.lost
        return sample


def percentile(times: Sequence[float], percent: int) -> float | None:
    """Return a percentile of times in seconds, in milliseconds; None of none."""
    if len(times) < 2:
        return round(times[0] * 1000) if times else None
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1] * 1000)


def growth(samples: Sequence[Sample]) -> float:
    """Return by how many MiB an hour memory grows, by the line that fits; 0 of one sample."""
    if len(samples) < 2:
        return 0.0
    line = statistics.linear_regression(
        [sample.seconds / 3600 for sample in samples], [sample.memory for sample in samples]
    )
    return line.slope


async def wrongly_judged(client: KubeClient) -> list[str]:
    """Return the workloads whose conditions differ from what a controller would write now."""
    reconciler = Reconciler(client, EventRecorder(client), Metrics(), operator_namespace="")
    await Synchroniser(client, reconciler.cache, sweep_seconds=3600).sweep_all()
    reconciler.kubernetes_version = await client.server_version()
    return [
        str(ref)
        for ref, observed in reconciler.cache.workloads.items()
        if not agree(observed.conditions, conditions_of(reconciler.judge(ref, observed)))
    ]


def table(samples: Sequence[Sample], most: int = 13) -> Iterator[str]:
    """Yield a Markdown table of some of the samples, first and last among them."""
    columns = ("time", "memory", "CPU", "threads, files", "queue", "changes", "median, p99")
    yield f"| {' | '.join((*columns, 'writes', 'events'))} |"
    yield f"|{'--|' * (len(columns) + 2)}"
    step = max(1, -(-(len(samples) - 1) // (most - 1)))
    for position, s in enumerate(samples):
        if position % step and s is not samples[-1]:
            continue
        p50, p99 = (f"{t:,.0f}" if t is not None else "-" for t in (s.p50, s.p99))
        yield (
            f"| {s.seconds / 60:.1f} min | {s.memory:.0f} MiB | {s.cpu:.0f} % "
            f"| {s.threads}, {s.files} | {s.queue:,} | {s.changes:.0f}/s | {p50} ms, {p99} ms "
            f"| {s.patches + s.creates + s.others:,} | {s.events:,} |"
        )


async def soak(
    operator: MeasuredOperator, kubeconfig: Path, size: Size, options: argparse.Namespace
) -> list[str]:
    """Change and sample until the time is over or Ctrl-C, then judge; print what came of it.

    Returns:
        What went wrong, a sentence each.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with KubeClient(await load_configuration(str(kubeconfig)), user_agent="soak") as client:
        load = Load(client, size, options.rate, options.policy_minutes * 60)
        await load.prepare()
        gauge = Gauge(operator, load)
        watch = asyncio.create_task(load.watch())
        changes = asyncio.create_task(load.run())
        try:
            samples = await _sampled(gauge, changes, stop, options)
        finally:
            changes.cancel()
            await asyncio.gather(changes, return_exceptions=True)
        ended = time.monotonic()
        left = await gauge.drained()
        drained = time.monotonic() - ended
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        wrong = await wrongly_judged(client)
        for _ in range(_JUDGINGS - 1):
            if wrong:  # a grace period may have ended between two looks
                await asyncio.sleep(_AGAIN_SECONDS)
                wrong = await wrongly_judged(client)
    print()
    for line in table(samples):
        print(line)
    print()
    for label, figure in summary(samples, load):
        print(f"  {label:<58} {figure}")
    print(f"  {'queue empty after the last change':<58} {drained:.1f} s, {left:.0f} left")
    print(f"  {'verdicts other than those of a fresh judge':<58} {len(wrong)}", flush=True)
    problems = [f"wrongly judged: {', '.join(wrong[:5])}"] if wrong else []
    if left:
        problems.append(f"{left:.0f} objects wait {_DRAIN_SECONDS:.0f} s after the last change")
    if load.unseen:
        problems.append(f"{load.unseen} changes did not reach their condition within a minute")
    return problems


async def _sampled(
    gauge: Gauge, changes: asyncio.Task[None], stop: asyncio.Event, options: argparse.Namespace
) -> list[Sample]:
    """Return samples as they were written to the CSV file; ends early with a stop or a failure."""
    samples: list[Sample] = []
    options.csv.parent.mkdir(parents=True, exist_ok=True)
    await gauge.begin()
    deadline = time.monotonic() + options.minutes * 60
    stopping = asyncio.create_task(stop.wait())
    with options.csv.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Sample)])
        writer.writeheader()
        while not (stopping.done() or changes.done()) and time.monotonic() < deadline:
            pause = min(options.sample_seconds, deadline - time.monotonic())
            await asyncio.wait(
                [stopping, changes], timeout=pause, return_when=asyncio.FIRST_COMPLETED
            )
            samples.append(await gauge.take())
            writer.writerow(asdict(samples[-1]))
            stream.flush()
            print(_line(samples[-1]), flush=True)
    stopping.cancel()
    if changes.done():
        changes.result()
    return samples


def _line(sample: Sample) -> str:
    return "  ".join(f"{name} {value}" for name, value in asdict(sample).items())


def summary(samples: Sequence[Sample], load: Load) -> Iterator[tuple[str, str]]:
    """Yield label and figure of what the whole run came to."""
    seconds = samples[-1].seconds
    yield "changes made", f"{load.sent:,} in {seconds / 60:.1f} min, {load.sent / seconds:.1f}/s"
    yield (
        "changes that failed, most the load was late",
        (f"{load.failed}, {max(sample.late for sample in samples):.1f} s"),
    )
    p50, p99 = percentile(load.times, 50), percentile(load.times, 99)
    yield (
        "change to condition, median and p99",
        (f"{p50} ms, {p99} ms of {len(load.times):,} timed, {load.unseen} not seen"),
    )
    memory = [sample.memory for sample in samples]
    yield (
        "memory, least, most and last",
        (f"{min(memory):.0f}, {max(memory):.0f}, {memory[-1]:.0f} MiB"),
    )
    half = samples[len(samples) // 2 :]
    yield (
        "memory by the line that fits, all and second half",
        (f"{growth(samples):+.1f}, {growth(half):+.1f} MiB an hour"),
    )
    yield "CPU, mean", f"{statistics.mean(sample.cpu for sample in samples):.0f} % of a core"
    yield (
        "writes: PATCH, POST, others",
        ", ".join(
            f"{sum(numbers):,}"
            for numbers in (
                (sample.patches for sample in samples),
                (sample.creates for sample in samples),
                (sample.others for sample in samples),
            )
        ),
    )
    yield "events posted", f"{sum(sample.events for sample in samples):,}"


def main() -> int:
    """Run the soak; return an exit code."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--deployments", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50.0, help="changes a second")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--policy-minutes", type=float, default=5.0, help="between two edits of it")
    parser.add_argument("--sample-seconds", type=float, default=30.0)
    parser.add_argument("--csv", type=Path, default=ROOT / "dist" / "soak.csv")
    options = parser.parse_args()
    if options.deployments < 10 or min(options.rate, options.minutes, options.sample_seconds) <= 0:
        parser.error(
            "--deployments takes 10 or more, --rate, --minutes and --sample-seconds over 0"
        )
    # As Ctrl-C, before and after the changes: whatever was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    size = Size(options.deployments, options.deployments // 2, options.deployments // 3)
    with cluster() as (control_plane, scratch):
        control_plane.kubectl("apply", "-f", str(ROOT / "policies" / "standard.yaml"))
        print(f"creating {size} took {create_all(control_plane, size):.0f} s", flush=True)
        kubeconfig = control_plane.kubeconfig_for(OPERATOR)
        operator = MeasuredOperator(kubeconfig, scratch, own_session=True)
        try:
            judged = operator.until(lambda: operator.idle(size.deployments))
            print(f"every workload judged after {judged:.0f} s", flush=True)
            problems = asyncio.run(soak(operator, control_plane.kubeconfig, size, options))
        finally:
            operator.stop()
    for problem in problems:
        print(f"not well: {problem}")
    print(f"load average {os.getloadavg()[0]:.1f}; every sample is in {options.csv}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
