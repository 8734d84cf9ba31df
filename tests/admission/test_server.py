"""The server over real TLS: what it answers to good, bad, late and too many reviews."""

from __future__ import annotations

import asyncio
import errno
import io
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from readiness.admission.certificates import ReloadingCertificate, make_pair
from readiness.admission.reviews import AdmissionRequest, Answer
from readiness.admission.server import AdmissionServer, ServerSettings, _timeout_of
from readiness.errors import ReadinessError
from readiness.telemetry.metrics import Metrics

SETTINGS = ServerSettings(host="127.0.0.1", port=0, drain_seconds=0)
OK = Answer(allowed=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("certs")
    made = make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=datetime.now(UTC))
    for name, content in (
        ("ca.crt", made.ca),
        ("tls.crt", made.certificate),
        ("tls.key", made.key),
    ):
        (directory / name).write_bytes(content)
    return directory


@dataclass
class Webhook:
    """A running server and a client that trusts it."""

    server: AdmissionServer
    metrics: Metrics
    port: int
    trust: ssl.SSLContext
    session: aiohttp.ClientSession
    certificate: ReloadingCertificate
    asked: list[AdmissionRequest] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    not_ready: str = ""

    async def send(
        self, body: Any, path: str = "/validate?timeout=10s", **options: Any
    ) -> tuple[int, str]:
        """Send a body and return the status and the text, of an error its message."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        url = f"https://127.0.0.1:{self.port}{path}"
        method = options.pop("method", "POST")
        async with self.session.request(method, url, data=body, headers=headers) as response:
            text = await response.text()
            return response.status, text if response.ok else error_message(text)

    async def ask(self, **changes: Any) -> dict[str, Any]:
        """Send a review and return the response in it."""
        status, text = await self.send(review(**changes))
        assert status == 200, text
        answer: dict[str, Any] = orjson.loads(text)["response"]
        return answer

    async def raw(self, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send bytes over a connection of their own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust)
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"readiness_admission_{name}", labels)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Give the server turns until a condition holds."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - the server has no event for each condition
                await asyncio.sleep(0)

    def port_is_closed(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == errno.ECONNREFUSED

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def error_message(text: str | bytes) -> str:
    """Return what the API server would pass on of an error."""
    status = orjson.loads(text)
    assert (status["apiVersion"], status["kind"], status["status"]) == ("v1", "Status", "Failure")
    message: str = status["message"]
    return message


def review(uid: str = "u1", **changes: Any) -> bytes:
    request = {
        "uid": uid,
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "web",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "ann"},
        "object": {"metadata": {"name": "web"}},
        **changes,
    }
    return orjson.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    )


async def allow(_: AdmissionRequest) -> Answer:
    return OK


@asynccontextmanager
async def running(
    pair: Path,
    decide: Callable[[AdmissionRequest], Awaitable[Answer]] = allow,
    **changes: Any,
) -> AsyncIterator[Webhook]:
    metrics = Metrics()
    certificate = ReloadingCertificate(pair / "tls.crt", pair / "tls.key", metrics=metrics)

    async def record_and_decide(request: AdmissionRequest) -> Answer:
        webhook.asked.append(request)
        return await decide(request)

    server = AdmissionServer(
        record_and_decide,
        tls=certificate.context,
        not_ready=lambda: webhook.not_ready,
        metrics=metrics,
        settings=replace(SETTINGS, **changes),
    )
    trust = ssl.create_default_context(cafile=str(pair / "ca.crt"))
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with server.running() as port:
            webhook = Webhook(server, metrics, port, trust, session, certificate)
            yield webhook
        await webhook.close()


@pytest.fixture(name="webhook")
async def webhook_fixture(pair: Path) -> AsyncIterator[Webhook]:
    async with running(pair) as started:
        yield started


class Gate:
    """Decides nothing before it is opened."""

    def __init__(self) -> None:
        self.entered = 0
        self._open = asyncio.Event()

    async def decide(self, _: AdmissionRequest) -> Answer:
        self.entered += 1
        await self._open.wait()
        return OK

    def open(self) -> None:
        self._open.set()


async def test_a_review_is_decided_and_answered(pair: Path) -> None:
    async def refuse(_: AdmissionRequest) -> Answer:
        return Answer(allowed=False, code=403, reason="Forbidden", message="no probes")

    async with running(pair, refuse) as webhook:
        status, text = await webhook.send(review(uid="7"))

    assert status == 200
    assert orjson.loads(text)["response"] == {
        "uid": "7",
        "allowed": False,
        "status": {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no probes"},
    }
    assert [(r.uid, r.name, r.user) for r in webhook.asked] == [("7", "web", "ann")]


async def test_a_connection_is_used_again(webhook: Webhook) -> None:
    head = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    body = review()
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    reader, _ = await webhook.raw(request + request)

    for _ in range(2):
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close" not in answer
        await reader.readuntil(b"}}")


@pytest.mark.parametrize("path", ["/", "/validate/", "/validat", "/Validate", "/healthz"])
async def test_a_wrong_path_is_never_allowed(webhook: Webhook, path: str) -> None:
    assert await webhook.send(review(), path) == (
        404,
        f'readiness: there is nothing at "{path}"; POST reviews to /validate',
    )
    assert webhook.asked == []
    assert webhook.metric("rejections_total", reason="path") == 1


@pytest.mark.parametrize(
    ("options", "status", "text", "reason"),
    [
        ({"method": "GET"}, 405, "POST reviews to /validate; GET is not it", "method"),
        ({"method": "PUT"}, 405, "POST reviews to /validate; PUT is not it", "method"),
        (
            {"headers": {"Content-Type": "text/yaml"}},
            415,
            'the content type must be application/json, not "text/yaml"',
            "content_type",
        ),
        (
            {"headers": {"Content-Encoding": "gzip"}},
            415,
            'the content encoding must be none, not "gzip"',
            "content_type",
        ),
        (
            {"path": "/validate?timeout=soon"},
            400,
            'timeout in the query: "soon" is not a duration such as 15m, 1h30m or 90d',
            "malformed",
        ),
        (
            {"body": b"{"},
            400,
            "the body is not JSON: unexpected end of data: line 1 column 2 (char 1)",
            "malformed",
        ),
        (
            {"body": b"[]"},
            400,
            "the body must be an AdmissionReview, a JSON object",
            "malformed",
        ),
        (
            {"body": review(uid="")},
            400,
            'request.uid must be set, not the text ""',
            "malformed",
        ),
    ],
)
async def test_bad_input_is_said_and_counted(
    webhook: Webhook, options: dict[str, Any], status: int, text: str, reason: str
) -> None:
    body = options.get("body", review())
    others = {name: value for name, value in options.items() if name != "body"}

    assert await webhook.send(body, **others) == (status, f"readiness: {text}")

    assert webhook.asked == []
    assert webhook.metric("rejections_total", reason=reason) == 1


async def test_the_method_that_is_allowed_is_named(webhook: Webhook) -> None:
    async with webhook.session.get(f"https://127.0.0.1:{webhook.port}/validate") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("query", "seconds"),
    [("", 9), ("timeout=3s", 2.7), ("a=b&timeout=1m", 27), ("dry=1", 9), ("timeout=0.5s", 0.45)],
)
def test_most_of_the_api_servers_time_is_for_the_verdict(query: str, seconds: float) -> None:
    assert _timeout_of(query) == pytest.approx(seconds)


async def test_a_content_type_may_have_parameters(webhook: Webhook) -> None:
    status, _ = await webhook.send(
        review(), headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )

    assert status == 200


async def test_a_review_of_three_mebibytes_is_decided(webhook: Webhook) -> None:
    annotations = {"large": "x" * (3 * 1024 * 1024)}

    body = io.BytesIO(review(object={"metadata": {"annotations": annotations}}))
    status, _ = await webhook.send(body)

    assert status == 200
    assert webhook.asked[0].object == {"metadata": {"annotations": annotations}}


async def test_a_review_larger_than_the_limit_is_refused_by_its_length(pair: Path) -> None:
    async with running(pair, max_body_bytes=1000) as webhook:
        answer = await webhook.send(b"x" * 1001)

    assert answer == (413, "readiness: the review is larger than 1000 bytes")


async def test_a_review_without_a_length_is_cut_off_at_the_limit(pair: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    async with running(pair, max_body_bytes=1_000_000) as webhook:
        answer = await webhook.send(chunks())

        assert answer == (413, "readiness: the review is larger than 1000000 bytes")
        assert webhook.metric("rejections_total", reason="too_large") == 1


async def test_a_chunked_review_is_read(webhook: Webhook) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        body = review()
        yield body[:50]
        yield body[50:]

    status, _ = await webhook.send(chunks())

    assert status == 200


async def test_nothing_is_decided_before_everything_is_known(webhook: Webhook) -> None:
    webhook.not_ready = "not every kind has been listed yet"
    url = f"https://127.0.0.1:{webhook.port}/validate"
    headers = {"Content-Type": "application/json"}

    async with webhook.session.post(url, data=review(), headers=headers) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
        assert response.headers["Connection"] == "close"
        assert error_message(await response.text()) == (
            "readiness: not ready: not every kind has been listed yet"
        )
    assert webhook.server.not_ready() == "not every kind has been listed yet"
    webhook.not_ready = ""
    assert webhook.server.not_ready() == ""
    assert (await webhook.ask())["allowed"]


async def test_more_reviews_than_may_wait_are_turned_away(pair: Path) -> None:
    gate = Gate()
    async with running(pair, gate.decide, max_in_flight=3) as webhook:
        waiting = [asyncio.create_task(webhook.ask()) for _ in range(3)]
        await webhook.until(lambda: gate.entered == 3)
        assert webhook.metric("in_flight") == 3

        assert await webhook.send(review()) == (
            503,
            "readiness: overloaded: 3 reviews are waiting already",
        )

        gate.open()
        assert [answer["allowed"] for answer in await asyncio.gather(*waiting)] == [True] * 3
        assert (await webhook.ask())["allowed"]
        assert webhook.metric("rejections_total", reason="overloaded") == 1
        assert webhook.metric("in_flight") == 0


async def test_reviews_that_arrive_together_are_counted_before_one_is_decided(pair: Path) -> None:
    """Deciding is pure computation: counting at its start would never count more than one."""
    in_flight = []

    async def decide(_: AdmissionRequest) -> Answer:
        in_flight.append(webhook.metric("in_flight"))
        return OK

    async with running(pair, decide) as webhook:
        body = review()
        head = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        connections = [await webhook.raw(request) for _ in range(2)]
        for reader, _ in connections:  # both are set up now
            await reader.readuntil(b"}}")
        in_flight.clear()
        for _, writer in connections:
            writer.write(request)
        for reader, _ in connections:
            await reader.readuntil(b"}}")

    assert in_flight == [2, 1]


async def test_large_reviews_may_not_fill_the_memory(pair: Path) -> None:
    head = (
        b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 900000\r\n\r\n"
    )
    async with running(pair, max_held_bytes=1_000_000) as webhook:
        first_reader, first = await webhook.raw(head + b"x" * 800_000)
        await webhook.until(lambda: webhook.server._held_bytes == 800_000)

        second_reader, _ = await webhook.raw(head + b"x" * 300_000)

        head, _, body = (await second_reader.readuntil(b"}")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert error_message(body) == "readiness: overloaded: too many large reviews at once"
        first.write(b"x" * 100_000)
        assert (await first_reader.readline()) == b"HTTP/1.1 400 Bad Request\r\n"
        assert webhook.server._held_bytes == 0


async def test_a_review_whose_time_is_over_is_not_decided(webhook: Webhook) -> None:
    assert await webhook.send(review(), "/validate?timeout=0s") == (
        504,
        "readiness: no verdict in the time that the API server gives",
    )
    assert webhook.asked == []
    assert webhook.metric("rejections_total", reason="late") == 1


async def test_a_verdict_that_takes_too_long_is_given_up(pair: Path) -> None:
    gate = Gate()
    async with running(pair, gate.decide) as webhook:
        answer = await webhook.send(review(), "/validate?timeout=0.05s")

        assert answer == (504, "readiness: no verdict in the time that the API server gives")
        assert webhook.metric("in_flight") == 0


async def test_a_body_that_does_not_arrive_in_time_is_given_up(webhook: Webhook) -> None:
    reader, _ = await webhook.raw(
        b"POST /validate?timeout=0.05s HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )

    head, _, body = (await reader.readuntil(b"}")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert error_message(body) == "readiness: the review did not arrive in time"


async def test_a_client_that_leaves_in_the_middle_is_forgotten(webhook: Webhook) -> None:
    _, writer = await webhook.raw(
        b"POST /validate HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await webhook.until(lambda: webhook.metric("in_flight") == 1)

    writer.transport.abort()

    await webhook.until(lambda: webhook.metric("in_flight") == 0)
    assert webhook.metric("rejections_total", reason="aborted") == 1
    assert webhook.asked == []


async def test_what_is_no_http_is_answered_and_not_logged(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (b"\x16\x03\x01 hello\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        reader, _ = await webhook.raw(sent)
        assert await reader.readline() == b"HTTP/1.0 400 Bad Request\r\n"
    assert caplog.records == []


async def test_a_bug_allows_and_is_counted_and_logged_once(pair: Path) -> None:
    async def crash(_: AdmissionRequest) -> Answer:
        raise KeyError("replicas")

    async with running(pair, crash) as webhook:
        with capture_logs() as logs:
            answers = [await webhook.ask(), await webhook.ask(), await webhook.ask(name="other")]

        for answer, name in zip(answers, ("web", "web", "other"), strict=True):
            assert answer == {
                "uid": "u1",
                "allowed": True,
                "warnings": [
                    f"readiness: could not judge Deployment shop/{name} (a bug of the operator)"
                ],
            }
        labels = {"operation": "CREATE", "kind": "Deployment", "verdict": "error"}
        assert webhook.metric("reviews_total", **labels) == 3
    assert [(entry["log_level"], entry["event"], entry["object"]) for entry in logs] == [
        ("error", "bug while judging a review; allowed", "Deployment shop/web"),
        ("error", "bug while judging a review; allowed", "Deployment shop/other"),
    ]
    assert [repr(entry["exc_info"]) for entry in logs] == ["KeyError('replicas')"] * 2


async def test_a_timeout_inside_the_verdict_is_a_bug_like_any_other(pair: Path) -> None:
    async def crash(_: AdmissionRequest) -> Answer:
        raise TimeoutError

    async with running(pair, crash) as webhook:
        assert (await webhook.ask())["allowed"]


async def test_an_answer_that_cannot_be_written_allows(pair: Path) -> None:
    async def broken(_: AdmissionRequest) -> Answer:
        return Answer(allowed=False, code=403, message="\ud800")

    async with running(pair, broken) as webhook:
        with capture_logs() as logs:
            assert (await webhook.ask())["allowed"]
    assert [entry["event"] for entry in logs] == ["bug while judging a review; allowed"]


async def test_bugs_remembered_are_bounded(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readiness.admission.server._REMEMBERED_BUGS", 2)

    async def crash(_: AdmissionRequest) -> Answer:
        raise KeyError

    async with running(pair, crash) as webhook:
        with capture_logs():
            for name in "abcde":
                await webhook.ask(name=name)
        assert len(webhook.server._bugs_logged) <= 2


async def test_verdicts_are_counted_by_kinds_that_are_known(pair: Path) -> None:
    answers = {
        "allowed": OK,
        "warned": Answer(allowed=True, warnings=("w",)),
        "refused": Answer(allowed=False, code=403, warnings=("w",)),
    }

    async def decide(request: AdmissionRequest) -> Answer:
        return answers[request.name]

    def kind(group: str, name: str) -> dict[str, str]:
        return {"group": group, "version": "v1", "kind": name}

    async with running(pair, decide) as webhook:
        await webhook.ask(name="warned")
        await webhook.ask(name="refused", operation="UPDATE")
        await webhook.ask(name="allowed", kind=kind("readiness.dev", "ReadinessPolicy"))
        await webhook.ask(name="allowed", kind=kind("example.com", "Deployment"))
        await webhook.ask(name="allowed", kind=kind("", "Pod"))

        samples = {
            (sample.labels["operation"], sample.labels["kind"], sample.labels["verdict"]): (
                sample.value
            )
            for family in webhook.metrics.registry.collect()
            if family.name == "readiness_admission_reviews"
            for sample in family.samples
        }
        assert webhook.metric("review_seconds_count") == 5
    assert samples == {
        ("CREATE", "Deployment", "warned"): 1,
        ("UPDATE", "Deployment", "refused"): 1,
        ("CREATE", "ReadinessPolicy", "allowed"): 1,
        ("CREATE", "other", "allowed"): 2,
    }


async def test_what_is_in_flight_is_answered_before_the_end(pair: Path) -> None:
    gate = Gate()
    async with asyncio.timeout(20):
        stop = asyncio.Event()
        started: asyncio.Future[Webhook] = asyncio.get_running_loop().create_future()

        async def serve() -> None:
            async with running(pair, gate.decide) as webhook:
                started.set_result(webhook)
                await stop.wait()

        serving = asyncio.create_task(serve())
        webhook = await started
        body = review()
        head = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(body)
        # One is being decided and of the other only the half has arrived when the end begins.
        reader, _ = await webhook.raw(head + body)
        half_reader, half_writer = await webhook.raw(head + body[:20])
        idle_reader, _ = await webhook.raw(b"")
        await webhook.until(lambda: gate.entered == 1 and webhook.metric("in_flight") == 2)

        stop.set()
        await webhook.until(lambda: webhook.server.not_ready() == "stopping")
        await webhook.until(webhook.port_is_closed)
        gate.open()
        answers = [await reader.read()]
        half_writer.write(body[20:])
        answers.append(await half_reader.read())

        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nConnection: close\r\n" in answer
            assert answer.endswith(b'"response":{"uid":"u1","allowed":true}}')
        assert await idle_reader.read() == b""
        await serving


async def test_new_connections_are_welcome_while_endpoints_forget(pair: Path) -> None:
    stop = asyncio.Event()
    async with asyncio.timeout(20):
        started: asyncio.Future[Webhook] = asyncio.get_running_loop().create_future()

        async def serve() -> None:
            async with running(pair, drain_seconds=1.5) as webhook:
                started.set_result(webhook)
                await stop.wait()

        serving = asyncio.create_task(serve())
        webhook = await started
        stop.set()
        await webhook.until(lambda: webhook.server.not_ready() == "stopping")
        body = review()
        reader, _ = await webhook.raw(
            b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )

        answer = await reader.read()

        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        await serving


async def test_no_review_fails_while_the_certificate_changes(pair: Path, tmp_path: Path) -> None:
    """Each review comes over a connection of its own; half of each change is seen, too."""
    names = ("tls.crt", "tls.key", "ca.crt")
    for name in names:
        (tmp_path / name).write_bytes((pair / name).read_bytes())
    made = [
        make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=datetime.now(UTC))
        for _ in range(5)
    ]
    with (tmp_path / "ca.crt").open("ab") as bundle:
        bundle.writelines(each.ca for each in made)
    statuses: list[int] = []

    async def hammer() -> None:
        while not done:
            status, _ = await webhook.send(review(), headers={"Connection": "close"})
            statuses.append(status)

    done = False
    async with running(tmp_path) as webhook, asyncio.TaskGroup() as clients:
        for _ in range(4):
            clients.create_task(hammer())
        for each in made:
            for name, content in (("tls.crt", each.certificate), ("tls.key", each.key)):
                (tmp_path / name).write_bytes(content)
                assert webhook.certificate.reload() == (name == "tls.key")
                statuses.clear()
                await webhook.until(lambda: len(statuses) >= 8)
                assert set(statuses) == {200}
        _, writer = await webhook.raw(b"")
        served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        done = True

    assert ssl.DER_cert_to_PEM_cert(served) == made[-1].certificate.decode()


async def test_an_address_in_use_is_said(pair: Path) -> None:
    async with running(pair) as webhook:
        with pytest.raises(ReadinessError) as raised:
            async with running(pair, port=webhook.port):
                raise AssertionError("it must not start")

    assert str(raised.value) == f"can't listen on 127.0.0.1:{webhook.port}: address already in use"
