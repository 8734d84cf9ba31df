"""The HTTPS server that the API server asks: reads reviews, has them decided, answers in time.

A verdict is given only for a review that was understood. Everything else is an error of HTTP, and
the failurePolicy of the webhook decides what becomes of the request: neither a typing error in a
path nor a bug may ever allow or refuse anything by accident.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import structlog
from aiohttp import web
from prometheus_client import Counter, Histogram

from readiness.admission.reviews import (
    AdmissionRequest,
    Answer,
    encode_error,
    encode_review,
    fit_warnings,
    parse_review,
)
from readiness.errors import ReadinessError, ReviewError
from readiness.kube.kinds import EVIDENCE, EXEMPTIONS, POLICIES, WORKLOADS
from readiness.model.duration import parse_duration
from readiness.telemetry.metrics import Metrics

logger = structlog.get_logger(__name__)

PATH = "/validate"

_JSON = "application/json"
# Of timeoutSeconds of a webhook, see k8s.io/api/admissionregistration/v1.
_DEFAULT_TIMEOUT = 10.0
_LONGEST_TIMEOUT = 30.0
# The rest is for the way: an error that comes in time says more than the API server's own.
_OUR_SHARE = 0.9
# client-go sends a review again after a 5xx with Retry-After, while its own time lasts
# (k8s.io/client-go, rest/with_retry.go).
_RETRY_AFTER = {"Retry-After": "1"}
# Longer than the 90 seconds the API server keeps an idle connection: it shall be the one to close,
# for it does not repeat a review that met a closing connection.
_KEEPALIVE_SECONDS = 120.0
_BACKLOG = 1024
_REMEMBERED_BUGS = 1000
_KINDS = {(kind.group, kind.kind) for kind in (*WORKLOADS.values(), POLICIES, EXEMPTIONS, EVIDENCE)}
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# aiohttp logs a stack trace for each request that is no HTTP: whoever reaches the port could fill
# the log. What goes wrong in here is logged in here.
_SILENT = logging.getLogger(f"{__name__}.http")
_SILENT.disabled = True

Decide = Callable[[AdmissionRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What can be set of the server.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        max_body_bytes: of one review. etcd holds objects of up to 1.5 MiB; a review carries two,
            and JSON escapes may double them.
        max_held_bytes: of all reviews being read, so that nobody can exhaust the memory.
        max_in_flight: reviews received and not answered. Deciding is pure computation, one after
            the other, so this is the length of the queue: half a second at 1,000 reviews a second.
        drain_seconds: how long it goes on accepting when told to stop; the endpoints of its
            Service need a moment to forget it.
    """

    host: str = "0.0.0.0"  # noqa: S104 - the API server comes from outside the pod
    port: int = 9443
    max_body_bytes: int = 8 * 1024 * 1024
    max_held_bytes: int = 64 * 1024 * 1024
    max_in_flight: int = 512
    drain_seconds: float = 5.0


class AdmissionServer:
    """Answers POST /validate over TLS; health and metrics are served elsewhere, without TLS."""

    def __init__(
        self,
        decide: Decide,
        *,
        tls: ssl.SSLContext,
        not_ready: Callable[[], str],
        metrics: Metrics,
        settings: ServerSettings | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            decide: gives the verdict. What it raises is a bug: allowed, with a warning, counted.
            tls: of a ReloadingCertificate.
            not_ready: says why no verdict can be given yet, "" when it can.
            metrics: where the metrics of the server are added.
            settings: None: the defaults.
        """
        self._decide = decide
        self._tls = tls
        self._not_ready = not_ready
        self._settings = settings or ServerSettings()
        self._stopping = False
        self._in_flight = 0
        self._held_bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._bugs_logged: set[tuple[str, type[Exception]]] = set()
        self._reviews = Counter(
            "readiness_admission_reviews",
            "Reviews answered, by operation, kind and verdict (allowed, warned, refused, error).",
            ["operation", "kind", "verdict"],
            registry=metrics.registry,
        )
        self._rejections = Counter(
            "readiness_admission_rejections",
            "Requests answered with an error of HTTP instead of a verdict, by reason.",
            ["reason"],
            registry=metrics.registry,
        )
        self._seconds = Histogram(
            "readiness_admission_review_seconds",
            "Time from the arrival of a review to its answer.",
            buckets=_BUCKETS,
            registry=metrics.registry,
        )
        metrics.sample(
            "readiness_admission_in_flight",
            "Reviews received and not yet answered.",
            (),
            lambda: {(): self._in_flight},
        )

    def not_ready(self) -> str:
        """Return why no new review should be sent here, "" when they are welcome."""
        return "stopping" if self._stopping else self._not_ready()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Serve while the block runs; yields the port. Leaving it drains the server.

        First `not_ready` says so and connections are closed with their next answer, while new ones
        are still accepted; then the port is closed, and what is in flight is answered.

        Raises:
            ReadinessError: when the address can't be bound.
        """
        settings = self._settings
        http = web.Server(
            self._handle,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            auto_decompress=False,
        )
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                http, settings.host, settings.port, ssl=self._tls, backlog=_BACKLOG
            )
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise ReadinessError(
                f"can't listen on {settings.host}:{settings.port}: {reason}"
            ) from None
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            self._stopping = True
            await asyncio.sleep(settings.drain_seconds)
            listener.close()
            # Bounded: every review has a deadline. aiohttp stops reading from a connection it was
            # told to close, so a review that is still arriving must come first.
            await self._idle.wait()
            http.pre_shutdown()
            await http.shutdown(timeout=1.0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        response: web.Response
        try:
            response = web.Response(body=await self._answer(request), content_type=_JSON)
        except ReviewError as error:
            self._rejections.labels(error.reason).inc()
            body = encode_error(error)
            response = web.Response(status=error.status, body=body, content_type=_JSON)
            if error.status == 503:
                response.headers.update(_RETRY_AFTER)
                response.force_close()  # over a new connection another replica may be reached
            elif error.status == 405:
                response.headers["Allow"] = "POST"
        if self._stopping:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> bytes:
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        _check_head(request)
        if reason := self._not_ready():
            raise ReviewError(503, "not_ready", f"not ready: {reason}")
        if self._in_flight >= self._settings.max_in_flight:
            raise ReviewError(
                503, "overloaded", f"overloaded: {self._in_flight} reviews are waiting already"
            )
        deadline = arrived + _timeout_of(request.query_string)
        self._in_flight += 1
        self._idle.clear()
        try:
            body = await self._read(request, deadline)
            # Lets whatever arrived at the same time be counted before anything is decided.
            await asyncio.sleep(0)
            if loop.time() >= deadline:
                raise _late()
            answer = await self._review(parse_review(body), deadline)
            self._seconds.observe(loop.time() - arrived)
            return answer
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def _read(self, request: web.BaseRequest, deadline: float) -> bytes | bytearray:
        limit = self._settings.max_body_bytes
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        content = request.content
        if content.is_eof():  # a small review arrives with its head
            return content.read_nowait()
        body = bytearray()
        try:
            async with asyncio.timeout_at(deadline):
                while chunk := await content.readany():
                    body += chunk
                    self._held_bytes += len(chunk)
                    if len(body) > limit:
                        raise _too_large(limit)
                    if self._held_bytes > self._settings.max_held_bytes:
                        raise ReviewError(
                            503, "overloaded", "overloaded: too many large reviews at once"
                        )
        except TimeoutError:
            raise ReviewError(504, "late", "the review did not arrive in time") from None
        except (ConnectionError, web.RequestPayloadError) as error:
            raise ReviewError(400, "aborted", f"the body did not arrive whole: {error}") from None
        finally:
            self._held_bytes -= len(body)
        return body

    async def _review(self, review: AdmissionRequest, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline) as limit:
                answer = await self._decide(review)
            body = encode_review(review.uid, answer)
        except Exception as bug:  # noqa: BLE001 - a bug of ours must not keep anybody from working
            if limit.expired():
                raise _late() from None
            self._log_once(review, bug)
            verdict = "error"
            warning = f"readiness: could not judge {review} (a bug of the operator)"
            body = encode_review(review.uid, Answer(allowed=True, warnings=fit_warnings([warning])))
        else:
            verdict = (
                "refused" if not answer.allowed else "warned" if answer.warnings else "allowed"
            )
        known = (review.kind.group, review.kind.kind) in _KINDS
        kind = review.kind.kind if known else "other"
        self._reviews.labels(review.operation, kind, verdict).inc()
        return body

    def _log_once(self, review: AdmissionRequest, bug: Exception) -> None:
        key = (str(review), type(bug))
        if key in self._bugs_logged:
            return
        if len(self._bugs_logged) >= _REMEMBERED_BUGS:
            self._bugs_logged.clear()
        self._bugs_logged.add(key)
        logger.error(
            "bug while judging a review; allowed",
            object=str(review),
            operation=review.operation,
            exc_info=bug,
        )


def _check_head(request: web.BaseRequest) -> None:
    """Raise ReviewError unless the request can hold a review."""
    if request.path != PATH:
        raise ReviewError(
            404, "path", f'there is nothing at "{request.path[:100]}"; POST reviews to {PATH}'
        )
    if request.method != "POST":
        raise ReviewError(405, "method", f"POST reviews to {PATH}; {request.method[:20]} is not it")
    content_type = request.headers.get("Content-Type", "")
    if content_type != _JSON and content_type.partition(";")[0].strip().lower() != _JSON:
        raise ReviewError(
            415, "content_type", f'the content type must be {_JSON}, not "{content_type[:100]}"'
        )
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise ReviewError(
            415, "content_type", f'the content encoding must be none, not "{encoding[:100]}"'
        )


@lru_cache(maxsize=64)
def _timeout_of(query_string: str) -> float:
    """Return the seconds there are for a review: the API server sends `timeout=3s` in the query."""
    timeout = _DEFAULT_TIMEOUT
    for parameter in query_string.split("&"):
        name, _, value = parameter.partition("=")
        if name == "timeout":
            try:
                timeout = min(parse_duration(value).total_seconds(), _LONGEST_TIMEOUT)
            except ValueError as error:
                raise ReviewError(400, "malformed", f"timeout in the query: {error}") from None
    return timeout * _OUR_SHARE


def _too_large(limit: int) -> ReviewError:
    return ReviewError(413, "too_large", f"the review is larger than {limit} bytes")


def _late() -> ReviewError:
    return ReviewError(504, "late", "no verdict in the time that the API server gives")
