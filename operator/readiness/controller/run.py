"""The controller process: everything wired together, started and stopped."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Any

import structlog

from readiness.controller.http_server import build_app, serving
from readiness.controller.reconciler import Reconciler
from readiness.errors import ClusterError
from readiness.kube.client import KubeClient, backoff, load_configuration
from readiness.model.workload import ObjectRef
from readiness.publish.events import EventRecorder
from readiness.telemetry.metrics import Metrics
from readiness.watch.sync import WATCHED, Synchroniser

logger = structlog.get_logger(__name__)

_FLUSH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What `readiness run --role controller` can be told.

    Attributes:
        kubeconfig, context: how to reach the cluster; None: as kubectl would, or in the cluster.
        operator_namespace: never judged unless a policy includes it by name.
        listen_host, listen_port: where health and metrics are served.
        workers: objects brought up to date at once.
        qps, burst: limit on calls that write, per second; qps 0 lifts it.
        sweep_seconds: how often everything is listed again.
    """

    kubeconfig: str | None = None
    context: str | None = None
    operator_namespace: str = ""
    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from outside the pod
    listen_port: int = 8080
    workers: int = 8
    qps: float = 50.0
    burst: int = 100
    sweep_seconds: float = 300.0


async def run_controller(settings: ControllerSettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        ReadinessError: when it can't start: no configuration, an address in use.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    metrics = Metrics()
    configuration = await load_configuration(settings.kubeconfig, settings.context)
    client = KubeClient(configuration, qps=settings.qps, burst=settings.burst, observer=metrics)
    async with client:
        await _serve(settings, client, metrics, stopping)


async def _serve(
    settings: ControllerSettings, client: KubeClient, metrics: Metrics, stopping: asyncio.Event
) -> None:
    recorder = EventRecorder(client)
    reconciler = Reconciler(
        client, recorder, metrics, operator_namespace=settings.operator_namespace
    )
    synchroniser = Synchroniser(client, reconciler.cache, sweep_seconds=settings.sweep_seconds)
    _sample(metrics, reconciler, synchroniser, recorder)

    def not_ready() -> str:
        return "" if synchroniser.synced.is_set() else "not every kind has been listed yet"

    app = build_app(metrics, not_ready)
    async with serving(app, settings.listen_host, settings.listen_port) as port:
        logger.info("controller started", api_server=client.host, port=port)
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(_work(client, reconciler, synchroniser, metrics, settings.workers)),
            asyncio.create_task(synchroniser.run()),
            asyncio.create_task(recorder.run()),
        ]
        stop: asyncio.Task[Any] = asyncio.create_task(stopping.wait())
        try:
            # One ending unasked is a bug: better no operator than half of one.
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            logger.info("stopping")
            tasks[0].cancel()
            reconciler.announcer.flush()
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await recorder.flush()
            except TimeoutError:
                logger.warning("events left unposted")
        finally:
            for task in (stop, *tasks):
                task.cancel()
            await asyncio.gather(stop, *tasks, return_exceptions=True)


async def _work(
    client: KubeClient,
    reconciler: Reconciler,
    synchroniser: Synchroniser,
    metrics: Metrics,
    workers: int,
) -> None:
    """Bring objects up to date, several at once; starts when everything is known."""
    await synchroniser.synced.wait()
    reconciler.kubernetes_version = await _server_version(client)
    reconciler.begin()
    metrics.synced.set(1)
    cache = reconciler.cache
    logger.info(
        "synced",
        kubernetes="v{}.{}".format(*reconciler.kubernetes_version),
        workloads=len(cache.workloads),
        policies=len(reconciler.policies),
        unavailable=sorted(cache.unavailable),
    )
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_worker(reconciler, metrics))


async def _server_version(client: KubeClient) -> tuple[int, int]:
    attempt = 0
    while True:
        try:
            return await client.server_version()
        except ClusterError as error:
            logger.warning("waiting for the API server", reason=str(error))
            await backoff(attempt)
            attempt += 1


async def _worker(reconciler: Reconciler, metrics: Metrics) -> None:
    queue = reconciler.queue
    while True:
        key = await queue.get()
        try:
            await reconciler.reconcile(key)
        except ClusterError as error:
            _failed(reconciler, metrics, key, str(error), error.retry_after)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("bug while bringing an object up to date", object=str(key))
            _failed(reconciler, metrics, key, "a bug of the operator", 0)
        else:
            queue.done(key)
        # Judging is pure computation: without this the feed and the probes would wait.
        await asyncio.sleep(0)


def _failed(
    reconciler: Reconciler, metrics: Metrics, key: ObjectRef, reason: str, retry_after: float
) -> None:
    metrics.failures.labels(key.kind).inc()
    delay = reconciler.queue.retry(key, at_least=retry_after)
    logger.warning("will try again", object=str(key), seconds=round(delay, 1), reason=reason)


def _sample(
    metrics: Metrics, reconciler: Reconciler, synchroniser: Synchroniser, recorder: EventRecorder
) -> None:
    """Expose what is counted elsewhere."""
    scoreboard = reconciler.scoreboard
    metrics.sample(
        "readiness_workloads",
        "Workloads that policies apply to, by namespace and readiness.",
        ("namespace", "readiness"),
        lambda: {
            (namespace, readiness.value): number
            for (namespace, readiness), number in scoreboard.workloads.items()
        },
    )
    metrics.sample(
        "readiness_check_results",
        "Workloads with a finding, an error or an exemption, by namespace, check and severity.",
        ("namespace", "check", "severity", "result"),
        lambda: {key: float(number) for key, number in scoreboard.results.items()},
    )
    metrics.sample(
        "readiness_cached_objects",
        "Objects known, by kind.",
        ("kind",),
        lambda: {(kind.kind,): reconciler.cache.count(kind) for kind in WATCHED},
    )
    metrics.sample(
        "readiness_queue_length",
        "Objects waiting to be brought up to date.",
        (),
        lambda: {(): len(reconciler.queue)},
    )
    metrics.sample(
        "readiness_feed_restarts",
        "Times the watches were started again as a whole.",
        (),
        lambda: {(): synchroniser.restarts},
    )
    metrics.sample(
        "readiness_events",
        "Events by what became of them.",
        ("outcome",),
        lambda: {("posted",): recorder.posted, ("dropped",): recorder.dropped},
    )
