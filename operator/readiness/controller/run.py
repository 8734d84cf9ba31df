"""The controller process: everything wired together, started and stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from yarl import URL

from readiness import __version__
from readiness.controller.clock_watch import watch_clock
from readiness.controller.compiled_policies import PolicyCompiler
from readiness.controller.leader import LeaderElector
from readiness.controller.reconciler import Reconciler
from readiness.controller.reports import NO_REPORTS, OFF, ReportSettings
from readiness.controller.work_queue import LONGEST_RETRY_SECONDS
from readiness.errors import ClusterError, LostLeadershipError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, backoff, load_configuration
from readiness.measure.monitor import DEFAULT_INTERVAL
from readiness.measure.prometheus import Prometheus
from readiness.model.workload import ObjectRef
from readiness.publish.events import EventRecorder
from readiness.telemetry.http_server import build_app, serving
from readiness.telemetry.metrics import Metrics
from readiness.watch.memory import freeze
from readiness.watch.shard import EVERYTHING, Shard
from readiness.watch.sync import Synchroniser

logger = structlog.get_logger(__name__)

_FLUSH_SECONDS = 2.0
_ILL_SERVER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What `readiness run --role controller` can be told.

    Attributes:
        kubeconfig, context: how to reach the cluster; None: as kubectl would, or in the cluster.
        operator_namespace: never judged unless a policy includes it by name; holds the Lease.
        pod_name: how this replica calls itself, to the API server and in the Lease.
        leader_elect: whether to write only while holding the Lease `lease_name`; else it is the
            only replica.
        shard: the part of the namespaces that it judges; its Lease is named after it.
        compile_policies: whether to keep compiled policies in the cluster: the API server then
            refuses by itself what it can tell.
        webhook_configuration: name of the operator's ValidatingWebhookConfiguration; "" for none.
        listen_host, listen_port: where health and metrics are served.
        workers: objects brought up to date at once.
        qps, burst: limit on calls that write, per second; qps 0 lifts it.
        sweep_seconds: how often everything is listed again.
        prometheus_url: where service levels are measured; None for nowhere.
        prometheus_token_file: holds the bearer token for it.
        prometheus_ca_file: holds the certificates to trust there, in the place of the system's.
        service_level_seconds: how often each service level is measured.
        reports: what to keep as reports in the cluster.
    """

    kubeconfig: str | None = None
    context: str | None = None
    operator_namespace: str = ""
    pod_name: str = ""
    leader_elect: bool = False
    lease_name: str = "readiness-operator"
    shard: Shard = EVERYTHING
    webhook_configuration: str = ""
    compile_policies: bool = False
    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from outside the pod
    listen_port: int = 8080
    workers: int = 8
    qps: float = 50.0
    burst: int = 100
    sweep_seconds: float = 300.0
    prometheus_url: URL | None = None
    prometheus_token_file: Path | None = None
    prometheus_ca_file: Path | None = None
    service_level_seconds: float = DEFAULT_INTERVAL
    reports: ReportSettings = NO_REPORTS


async def run_controller(settings: ControllerSettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        ReadinessError: when it can't start: no configuration, an address in use; when it can't
            have the Lease, or had it and lost it.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    metrics = Metrics()
    configuration = await load_configuration(settings.kubeconfig, settings.context)
    agent = f"readiness-operator/{__version__} ({settings.pod_name})"
    async with AsyncExitStack() as stack:
        elector = None
        if settings.leader_elect:
            # Connections of its own: renewals must not wait until others have finished.
            lease_client = KubeClient(configuration, observer=metrics, user_agent=agent)
            elector = LeaderElector(
                await stack.enter_async_context(lease_client),
                settings.operator_namespace,
                settings.shard.lease(settings.lease_name),
                f"{settings.pod_name}_{uuid4()}",
            )
        client = KubeClient(
            configuration,
            qps=settings.qps,
            burst=settings.burst,
            observer=metrics,
            user_agent=agent,
            write_guard=elector.guard if elector else None,
        )
        await stack.enter_async_context(client)
        prometheus = None
        if settings.prometheus_url is not None:
            prometheus = Prometheus(
                settings.prometheus_url,
                token_file=settings.prometheus_token_file,
                ca_file=settings.prometheus_ca_file,
                user_agent=agent,
            )
            await stack.enter_async_context(prometheus)
        await _serve(settings, client, prometheus, elector, metrics, stopping)


async def _serve(
    settings: ControllerSettings,
    client: KubeClient,
    prometheus: Prometheus | None,
    elector: LeaderElector | None,
    metrics: Metrics,
    stopping: asyncio.Event,
) -> None:
    recorder = EventRecorder(client)
    reconciler = Reconciler(
        client,
        recorder,
        metrics,
        operator_namespace=settings.operator_namespace,
        webhook_configuration=settings.webhook_configuration,
        prometheus=prometheus,
        service_level_seconds=settings.service_level_seconds,
        reports=settings.reports,
        shard=settings.shard,
    )
    synchroniser = Synchroniser(client, reconciler.cache, sweep_seconds=settings.sweep_seconds)
    _sample(metrics, reconciler, synchroniser, recorder)
    metrics.sample(
        "readiness_leader",
        "1 while this replica is the one that writes, 0 while it stands by.",
        (),
        lambda: {(): float(elector is None or elector.is_leader())},
    )

    metrics.sample(
        "readiness_shards",
        "Parts the namespaces are split into, this replica having one of them; 1: it has all.",
        (),
        lambda: {(): settings.shard.total},
    )

    def not_ready() -> str:
        return "" if synchroniser.synced.is_set() else "not every kind has been listed yet"

    app = build_app(metrics, not_ready)
    async with serving(app, settings.listen_host, settings.listen_port) as port:
        logger.info(
            "controller started", api_server=client.host, port=port, shard=str(settings.shard)
        )
        leading = elector.leading if elector else synchroniser.synced
        work = asyncio.create_task(
            _work(client, reconciler, synchroniser, leading, metrics, settings.workers)
        )
        tasks: list[asyncio.Task[None]] = [
            work,
            asyncio.create_task(synchroniser.run()),
            asyncio.create_task(recorder.run()),
            asyncio.create_task(reconciler.enforcement.run()),
            asyncio.create_task(reconciler.service_levels.run()),
            asyncio.create_task(watch_clock(reconciler.clock, reconciler.look_again)),
        ]
        if settings.reports.api != OFF:
            tasks.append(asyncio.create_task(reconciler.reports.run(leading)))
        if settings.compile_policies and settings.shard.index == 0:  # one of all shards
            compiler = PolicyCompiler(client, reconciler.rulebook)
            reconciler.on_rules_changed = compiler.changed
            tasks.append(asyncio.create_task(compiler.run(leading)))
        campaign = asyncio.create_task(_campaign(elector, synchroniser)) if elector else None
        if campaign is not None:
            tasks.append(campaign)
        stop: asyncio.Task[Any] = asyncio.create_task(stopping.wait())
        try:
            # One ending unasked is a bug, or a Lease lost: better no operator than half of one.
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            logger.info("stopping")
            work.cancel()
            await asyncio.wait([work])
            reconciler.announcer.flush()
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await recorder.flush()
            except TimeoutError:
                logger.warning("events left unposted")
            if elector is not None and campaign is not None:
                campaign.cancel()
                await asyncio.wait([campaign])
                await elector.release()
        finally:
            for task in (stop, *tasks):
                task.cancel()
            await asyncio.gather(stop, *tasks, return_exceptions=True)


async def _campaign(elector: LeaderElector, synchroniser: Synchroniser) -> None:
    """Stand for leader once everything is known: one that has yet to list it helps nobody."""
    await synchroniser.synced.wait()
    await elector.run()


async def _work(
    client: KubeClient,
    reconciler: Reconciler,
    synchroniser: Synchroniser,
    leading: asyncio.Event,
    metrics: Metrics,
    workers: int,
) -> None:
    """Bring objects up to date, several at once; starts when everything is known.

    Raises:
        LostLeadershipError: when nothing may be written any more.
    """
    await synchroniser.synced.wait()
    reconciler.kubernetes_version = await _server_version(client)
    freeze()
    metrics.synced.set(1)
    cache = reconciler.cache
    logger.info(
        "synced",
        kubernetes="v{}.{}".format(*reconciler.kubernetes_version),
        workloads=len(cache.workloads),
        policies=len(reconciler.policies),
        unavailable=sorted(cache.unavailable),
    )
    await leading.wait()
    reconciler.begin()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(_worker(reconciler, metrics))
    except ExceptionGroup as errors:  # whatever ended the first of them ends them all
        raise errors.exceptions[0] from None


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
            # Most of what fails while the API server is ill would succeed the moment it is well.
            longest = _ILL_SERVER_SECONDS if error.server_is_ill else LONGEST_RETRY_SECONDS
            delay = queue.retry(key, at_least=error.retry_after, longest=longest)
            _failed(metrics, key, str(error), delay)
        except (asyncio.CancelledError, LostLeadershipError):
            raise
        except Exception:
            logger.exception("bug while bringing an object up to date", object=str(key))
            _failed(metrics, key, "a bug of the operator", queue.retry(key))
        else:
            queue.done(key)
        # Judging is pure computation: without this the feed and the probes would wait.
        await asyncio.sleep(0)


def _failed(metrics: Metrics, key: ObjectRef, reason: str, delay: float) -> None:
    metrics.failures.labels(key.kind).inc()
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
        "readiness_exemption_days_left",
        "Days until the first exemption in force expires, by namespace.",
        ("namespace",),
        reconciler.own_kinds.exemption_days_left,
    )
    metrics.sample(
        "readiness_evidence_days_left",
        "Days until the first evidence that counts expires, by namespace.",
        ("namespace",),
        reconciler.own_kinds.evidence_days_left,
    )
    service_levels = reconciler.service_levels
    metrics.sample(
        "readiness_service_level_queries",
        "Service levels asked of Prometheus, by what came of it.",
        ("outcome",),
        lambda: {(outcome,): number for outcome, number in service_levels.queries.items()},
    )
    metrics.sample(
        "readiness_service_levels",
        "Service levels by state: measured, unknown, waiting to be asked for the first time.",
        ("state",),
        service_levels.counts,
    )
    metrics.sample(
        "readiness_service_level_age_seconds",
        "Time since the service level that was asked longest ago was answered.",
        (),
        lambda: {(): service_levels.age()},
    )
    metrics.sample(
        "readiness_cached_objects",
        "Objects known, by kind.",
        ("kind",),
        lambda: {(kind.kind,): reconciler.cache.count(kind) for kind in kinds.WATCHED},
    )
    metrics.sample(
        "readiness_queue_length",
        "Objects waiting to be brought up to date.",
        (),
        lambda: {(): len(reconciler.queue)},
    )
    metrics.sample(
        "readiness_queue_unfinished",
        "Objects waiting, being brought up to date, or to be tried again after a failure.",
        (),
        lambda: {(): reconciler.queue.unfinished},
    )
    metrics.sample(
        "readiness_feed_restarts",
        "Times the watches were started again as a whole.",
        (),
        lambda: {(): synchroniser.restarts},
    )
    metrics.sample(
        "readiness_reports",
        "Reports in the cluster, and those yet to be written or deleted there.",
        ("state",),
        reconciler.reports.counts,
    )
    metrics.sample(
        "readiness_report_writes",
        "Writes of reports by what came of them.",
        ("outcome",),
        lambda: {(outcome,): number for outcome, number in reconciler.reports.writes.items()},
    )
    metrics.sample(
        "readiness_events",
        "Events by what became of them; waiting: for the verdict to stand, or for their turn.",
        ("outcome",),
        lambda: {
            ("posted",): recorder.posted,
            ("dropped",): recorder.dropped,
            ("waiting",): reconciler.announcer.waiting + recorder.waiting,
        },
    )
