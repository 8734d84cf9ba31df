"""The webhook process: its own cache of the cluster, two servers, started and drained."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from readiness import __version__
from readiness.admission.certificates import ReloadingCertificate
from readiness.admission.own_kinds import OwnKindsJudge
from readiness.admission.reviews import AdmissionRequest, Answer, fit_warnings
from readiness.admission.server import AdmissionServer, ServerSettings
from readiness.admission.workloads import WorkloadJudge
from readiness.api.vocabulary import GROUP
from readiness.errors import ClusterError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind, backoff, load_configuration
from readiness.model.companions import Namespace
from readiness.model.workload import WATCHED_KINDS, ObjectRef
from readiness.publish.events import EventRecorder
from readiness.telemetry.http_server import build_app, serving
from readiness.telemetry.metrics import Metrics
from readiness.watch.cache import ClusterCache
from readiness.watch.memory import freeze
from readiness.watch.rulebook import Rulebook
from readiness.watch.sync import Synchroniser

logger = structlog.get_logger(__name__)

_FLUSH_SECONDS = 2.0
# How long a namespace made just now may take to be seen. The watch takes some milliseconds, which
# is more than a program takes from the namespace to the workload in it.
_NAMESPACE_SECONDS = 0.5
_POLL_SECONDS = 0.005
_OWN_KINDS = frozenset(kind.kind for kind in (kinds.POLICIES, kinds.EXEMPTIONS, kinds.EVIDENCE))


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What `readiness run --role webhook` can be told.

    Attributes:
        tls_cert_file, tls_key_file: the pair it serves; read again when it changes.
        kubeconfig, context: how to reach the cluster; None: as kubectl would, or in the cluster.
        operator_namespace: never judged unless a policy includes it by name.
        pod_name: how this replica calls itself to the API server.
        listen_host, listen_port: where health and metrics are served, without TLS.
        server: where and how reviews are answered.
        sweep_seconds: how often everything is listed again.
    """

    tls_cert_file: Path
    tls_key_file: Path
    kubeconfig: str | None = None
    context: str | None = None
    operator_namespace: str = ""
    pod_name: str = ""
    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and scrapes come from outside the pod
    listen_port: int = 8080
    server: ServerSettings = field(default_factory=ServerSettings)
    sweep_seconds: float = 300.0


class Judges:
    """Gives each review to the judge of its kind, and keeps what they judge by.

    Attributes:
        cache: the cluster as known.
        rulebook: the policies, exemptions and evidence in force.
        workloads: judges workloads.
    """

    def __init__(
        self,
        recorder: EventRecorder,
        metrics: Metrics,
        *,
        operator_namespace: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.rulebook = Rulebook(operator_namespace)
        self.cache = ClusterCache(_nobody_waits, self._put_own)
        self.workloads = WorkloadJudge(self.cache, self.rulebook, recorder, metrics, clock)
        self._own_kinds = OwnKindsJudge(self.cache, self.rulebook, clock)

    def _put_own(
        self, kind: ResourceKind, namespace: str, name: str, manifest: dict[str, Any] | None
    ) -> None:
        self.rulebook.put(kind, namespace, name, manifest)

    async def answer(self, request: AdmissionRequest) -> Answer:
        """Return the answer to a review; kinds that nobody judges are allowed, with a warning."""
        group, _, kind = request.kind
        if group == "apps" and kind in WATCHED_KINDS:
            await self._namespace_seen(request.namespace)
            return self.workloads.answer(request)
        if group == GROUP and kind in _OWN_KINDS:
            return self._own_kinds.answer(request)
        name = f"{kind}.{group}" if group else kind
        return Answer(allowed=True, warnings=fit_warnings([f"readiness does not judge {name}"]))

    async def _namespace_seen(self, name: str) -> None:
        """Wait a moment for a namespace: without its labels no policy would select it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _NAMESPACE_SECONDS
        while (  # noqa: ASYNC110 - an event for each name would outlive what waits for it
            self.cache.inventory.companion(Namespace, "", name) is None
            and "Namespace" not in self.cache.unavailable
            and any(p.namespace_selector is not None for p in self.rulebook.policies)
            and loop.time() < deadline
        ):
            await asyncio.sleep(_POLL_SECONDS)


def _nobody_waits(_: set[ObjectRef]) -> None:
    """Do nothing about touched workloads: reviews are judged when they come."""


async def run_webhook(settings: WebhookSettings) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    Raises:
        ReadinessError: when it can't start: no configuration, no certificate, an address in use.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    metrics = Metrics()
    certificate = ReloadingCertificate(
        settings.tls_cert_file, settings.tls_key_file, metrics=metrics
    )
    configuration = await load_configuration(settings.kubeconfig, settings.context)
    client = KubeClient(
        configuration,
        observer=metrics,
        user_agent=f"readiness-operator/{__version__} ({settings.pod_name})",
    )
    async with client:
        await _serve(settings, client, certificate, metrics, stopping)


async def _serve(
    settings: WebhookSettings,
    client: KubeClient,
    certificate: ReloadingCertificate,
    metrics: Metrics,
    stopping: asyncio.Event,
) -> None:
    recorder = EventRecorder(client)
    judges = Judges(recorder, metrics, operator_namespace=settings.operator_namespace)
    synchroniser = Synchroniser(client, judges.cache, sweep_seconds=settings.sweep_seconds)
    _sample(metrics, judges, synchroniser)

    def not_ready() -> str:
        return "" if synchroniser.synced.is_set() else "not every kind has been listed yet"

    server = AdmissionServer(
        judges.answer,
        tls=certificate.context,
        not_ready=not_ready,
        metrics=metrics,
        settings=settings.server,
    )
    lasting = [
        asyncio.create_task(synchroniser.run()),
        asyncio.create_task(certificate.run()),
        asyncio.create_task(recorder.run()),
    ]
    tasks: list[asyncio.Task[Any]] = [
        *lasting,
        asyncio.create_task(_note_synced(client, judges, synchroniser, metrics)),
    ]
    stop = asyncio.create_task(stopping.wait())
    app = build_app(metrics, server.not_ready)
    try:
        async with (
            serving(app, settings.listen_host, settings.listen_port) as health_port,
            server.running() as port,
        ):
            logger.info(
                "webhook started", api_server=client.host, port=health_port, webhook_port=port
            )
            # One ending unasked is a bug: a webhook that goes blind or loses its certificate.
            await asyncio.wait([stop, *lasting], return_when=asyncio.FIRST_COMPLETED)
            for task in lasting:
                if task.done():
                    task.result()
            logger.info("stopping")
        await _flush(recorder)
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.gather(stop, *tasks, return_exceptions=True)


async def _flush(recorder: EventRecorder) -> None:
    """Post what the last reviews had to tell."""
    try:
        async with asyncio.timeout(_FLUSH_SECONDS):
            await recorder.flush()
    except TimeoutError:
        logger.warning("events left unposted")


async def _note_synced(
    client: KubeClient, judges: Judges, synchroniser: Synchroniser, metrics: Metrics
) -> None:
    """Learn the version of the API server and say once that everything is known."""
    attempt = 0
    while True:
        try:
            version = await client.server_version()
        except ClusterError as error:
            logger.warning("waiting for the API server", reason=str(error))
            await backoff(attempt)
            attempt += 1
        else:
            break
    judges.workloads.kubernetes_version = version
    await synchroniser.synced.wait()
    freeze()
    metrics.synced.set(1)
    logger.info(
        "synced",
        kubernetes="v{}.{}".format(*version),
        workloads=len(judges.cache.workloads),
        policies=len(judges.rulebook.policies),
        unavailable=sorted(judges.cache.unavailable),
    )


def _sample(metrics: Metrics, judges: Judges, synchroniser: Synchroniser) -> None:
    """Expose what is counted elsewhere."""
    metrics.sample(
        "readiness_cached_objects",
        "Objects known, by kind.",
        ("kind",),
        lambda: {(kind.kind,): judges.cache.count(kind) for kind in kinds.WATCHED},
    )
    metrics.sample(
        "readiness_cache_age_seconds",
        "Time since what is known of the cluster was last known to be true.",
        (),
        lambda: {(): time.monotonic() - synchroniser.confirmed},
    )
    metrics.sample(
        "readiness_feed_restarts",
        "Times the watches were started again as a whole.",
        (),
        lambda: {(): synchroniser.restarts},
    )
