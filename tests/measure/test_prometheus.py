"""Asking for one number: a real Prometheus, and servers that answer as none should."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from readiness.admission.certificates import make_pair
from readiness.errors import Blame, MeasureError, ReadinessError
from readiness.measure.prometheus import Prometheus, parse_url
from tests.polling import eventually
from tools.prometheus import Prometheus as PrometheusServer
from tools.prometheus import PrometheusError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
    """Serve one handler on every path."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield URL(f"http{'s' if tls else ''}://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


def answering(status: int, body: str, **headers: str) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return handle


def found(value: str) -> str:
    result = f'{{"resultType":"scalar","result":[1,"{value}"]}}'
    return f'{{"status":"success","data":{result}}}'


async def failure(url: URL, query: str = "1", *, seconds: float = 10.0) -> MeasureError:
    async with Prometheus(url, timeout=seconds) as prometheus:
        with pytest.raises(MeasureError) as caught:
            await prometheus.number(query)
    return caught.value


# A real one


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("0.25", 0.25),
        ("vector(3)", 3.0),
        ("-1", -1.0),
        ('sum(increase(requests_total{namespace="shop"}[1d]))', pytest.approx(100_000, rel=0.01)),
        (
            'sum(rate(requests_total{code="500"}[12h])) / sum(rate(requests_total[12h]))',
            pytest.approx(0.01, rel=0.01),
        ),
    ],
)
async def test_number(prometheus_url: str, query: str, value: float) -> None:
    async with Prometheus(URL(prometheus_url)) as prometheus:
        assert await prometheus.number(query) == value


@pytest.mark.parametrize(
    ("query", "outcome", "message"),
    [
        ("nothing", "no_data", "no data: the query returns nothing"),
        (
            "0 / 0",
            "not_a_number",
            (
                "the query returns NaN: it divides nothing by nothing, so there is no data in the "
                "window"
            ),
        ),
        ("1 / 0", "not_a_number", "the query returns infinity: it divides something by nothing"),
        (
            "rate(requests_total[12h])",
            "several_series",
            "the query returns several series: it has to be one number, as sum() makes of many",
        ),
        (
            "requests_total[1d]",
            "not_a_number",
            "the query returns a matrix: it has to be one number",
        ),
        ('"text"', "not_a_number", "the query returns a string: it has to be one number"),
        (
            "sum(",
            "bad_query",
            (
                'Prometheus can\'t read the query: invalid parameter "query": 1:5: parse error: '
                "unclosed left parenthesis"
            ),
        ),
    ],
)
async def test_answers_that_are_no_number(
    prometheus_url: str, query: str, outcome: str, message: str
) -> None:
    error = await failure(URL(prometheus_url), query)

    assert (str(error), error.outcome, error.blame) == (message, outcome, Blame.ANSWER)


async def test_query_that_can_not_be_computed(prometheus_url: str) -> None:
    error = await failure(URL(prometheus_url), "requests_total[1d] + on() 1")
    assert (error.outcome, error.blame) == ("bad_query", Blame.ANSWER)

    query = 'label_replace(vector(1), "a", "$1", "b", "(")'
    error = await failure(URL(prometheus_url), query)
    assert (error.outcome, error.blame) == ("bad_query", Blame.QUERY)
    assert str(error).startswith("Prometheus can't compute the query: invalid regular expression")


async def test_tls_by_a_ca_of_ones_own(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    pair, other = (make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=now) for _ in range(2))
    cert, key, ca = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt"
    cert.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    config = f"tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n"
    try:
        real = PrometheusServer("# EOF\n", web_config=config)
    except PrometheusError as error:
        pytest.skip(f"no Prometheus here: {error}")
    with real:
        await asyncio.to_thread(eventually, real.ready, within=30)
        ca.write_bytes(pair.ca)
        async with Prometheus(URL(real.url), ca_file=ca) as prometheus:
            assert await prometheus.number("1") == 1

        ca.write_bytes(other.ca)
        async with Prometheus(URL(real.url), ca_file=ca) as prometheus:
            with pytest.raises(MeasureError) as caught:
                await prometheus.number("1")
            assert str(caught.value) == (
                f"no trusted connection to Prometheus at {real.url}: unable to get local issuer "
                "certificate; --prometheus-ca-file names the certificates to trust"
            )
            assert (caught.value.outcome, caught.value.blame) == ("unreachable", Blame.SERVER)

            # Replaced in place, as a rotated ConfigMap is.
            ca.write_bytes(pair.ca)
            with pytest.raises(MeasureError):
                await prometheus.number("1")
            assert await prometheus.number("1") == 1


# What no Prometheus answers


@pytest.mark.parametrize(
    ("status", "body", "outcome", "message"),
    [
        (
            200,
            "<!doctype html><title>Log in</title>",
            "not_prometheus",
            (
                "{url} answers with HTML (200) instead of a measurement; --prometheus-url must be "
                "the address of Prometheus itself"
            ),
        ),
        (
            404,
            "404 page not found",
            "not_prometheus",
            (
                "{url} answers with something else (404) instead of a measurement; "
                "--prometheus-url must be the address of Prometheus itself"
            ),
        ),
        (
            200,
            "[1, 2]",
            "not_prometheus",
            (
                "{url} answers with something else (200) instead of a measurement; "
                "--prometheus-url must be the address of Prometheus itself"
            ),
        ),
        (
            200,
            '{"status": "success", "data": {"resultType": "vector", "result": [{"value": 1}]}}',
            "not_prometheus",
            "Prometheus answers in a form that is not known",
        ),
        (
            401,
            "Unauthorized",
            "unauthorized",
            (
                "Prometheus at {url} lets us ask nothing: 401 Unauthorized; see "
                "--prometheus-token-file"
            ),
        ),
        (
            403,
            '{"status": "error", "errorType": "forbidden"}',
            "unauthorized",
            "Prometheus at {url} lets us ask nothing: 403 Forbidden; see --prometheus-token-file",
        ),
        (
            429,
            "slow down",
            "unavailable",
            "Prometheus at {url} is asked too much: 429 Too Many Requests",
        ),
        (
            503,
            "Service Unavailable",
            "unavailable",
            "Prometheus at {url} is unavailable: 503 Service Unavailable",
        ),
    ],
)
async def test_server_at_fault(status: int, body: str, outcome: str, message: str) -> None:
    async with server(answering(status, body)) as url:
        error = await failure(url)

    expected = (message.format(url=url), outcome, Blame.SERVER)
    assert (str(error), error.outcome, error.blame) == expected


async def test_redirect_is_not_followed() -> None:
    """A token must go nowhere else."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/login?state=4f3e")

    async with server(handle) as url:
        error = await failure(url)

    assert asked == ["/api/v1/query"]
    assert str(error) == (
        f"{url} sends us on to /login (302); --prometheus-url must be the address of Prometheus "
        "itself"
    )
    assert (error.outcome, error.blame) == ("not_prometheus", Blame.SERVER)


@pytest.mark.parametrize(
    ("error_type", "outcome", "message"),
    [
        ("timeout", "timeout", "Prometheus at {url} did not compute the query within 10 s"),
        ("internal", "unavailable", "Prometheus at {url} failed: out of memory"),
        # What one that is shutting down answers: it changes no verdict yet.
        ("execution", "bad_query", "Prometheus can't compute the query: out of memory"),
    ],
)
async def test_query_at_fault(error_type: str, outcome: str, message: str) -> None:
    body = f'{{"status": "error", "errorType": "{error_type}", "error": "out of memory"}}'
    async with server(answering(503, body)) as url:
        error = await failure(url)

    expected = (message.format(url=url), outcome, Blame.QUERY)
    assert (str(error), error.outcome, error.blame) == expected


async def test_histogram_is_no_number() -> None:
    result = '[{"metric": {}, "histogram": [1, {"count": "2"}]}]'
    body = f'{{"status": "success", "data": {{"resultType": "vector", "result": {result}}}}}'
    async with server(answering(200, body)) as url:
        error = await failure(url)

    assert str(error).startswith("the query returns a histogram: it has to be one number")
    assert error.blame is Blame.ANSWER


async def test_huge_answer_is_not_read_to_its_end() -> None:
    sent = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    async with server(handle) as url:
        error = await failure(url)

    assert str(error) == (
        "the answer to the query is larger than 1024 KiB: it has to be one number, as sum() makes "
        "of many"
    )
    assert sent < 60_000_000


async def test_slow_answer() -> None:
    async def handle(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with server(handle) as url:
        error = await failure(url, seconds=0.1)

    expected = (f"Prometheus at {url} did not answer within 0.1 s", "timeout", Blame.QUERY)
    assert (str(error), error.outcome, error.blame) == expected


async def test_nobody_there() -> None:
    async with server(answering(200, found("1"))) as url:
        pass
    error = await failure(url)

    expected = (f"can't reach Prometheus at {url}: connection refused", "unreachable")
    assert ((str(error), error.outcome), error.blame) == (expected, Blame.SERVER)


async def test_connection_that_is_closed() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with server(handle) as url:
        error = await failure(url)

    assert str(error) == f"can't reach Prometheus at {url}: it closed the connection"
    assert error.blame is Blame.SERVER


# How it is asked


async def test_address_may_have_a_path() -> None:
    asked: list[tuple[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append((request.path, str((await request.post())["query"])))
        return web.Response(text=found("1"))

    async with server(handle) as url, Prometheus(url / "tenant") as prometheus:
        await prometheus.number('up{job="a+b"}')

    assert asked == [("/tenant/api/v1/query", 'up{job="a+b"}')]


async def test_token_is_read_again_for_every_call(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")

    async def handle(request: web.Request) -> web.Response:
        right = request.headers.get("Authorization") == f"Bearer {token.read_text().strip()}"
        return web.Response(text=found("1"), status=200 if right else 401)

    async with server(handle) as url, Prometheus(url, token_file=token) as prometheus:
        assert await prometheus.number("1") == 1
        token.write_text("second\n")
        assert await prometheus.number("1") == 1
        token.unlink()
        with pytest.raises(MeasureError) as caught:
            await prometheus.number("1")
        assert str(caught.value) == f"can't read the token in {token}: no such file or directory"
        assert (caught.value.outcome, caught.value.blame) == ("unauthorized", Blame.SERVER)
        token.write_text("third\n")
        assert await prometheus.number("1") == 1


async def test_refused_token_is_named_by_its_rights(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    async with (
        server(answering(403, "")) as url,
        Prometheus(url, token_file=token) as prometheus,
    ):
        with pytest.raises(MeasureError, match=r"403 Forbidden; see the token's rights$"):
            await prometheus.number("1")


# Files and addresses that can't be used


def test_token_file_that_is_none(tmp_path: Path) -> None:
    url = URL("https://prometheus.example.com")
    token = tmp_path / "token"
    with pytest.raises(ReadinessError, match=r"can.t read the token in .*: no such file"):
        Prometheus(url, token_file=token)
    token.write_text("")
    with pytest.raises(ReadinessError, match="must hold one line, the token"):
        Prometheus(url, token_file=token)
    token.write_text("two\nlines")
    with pytest.raises(ReadinessError, match="must hold one line, the token"):
        Prometheus(url, token_file=token)
    token.write_bytes(b"\xff\xfe")
    with pytest.raises(ReadinessError, match="holds no token, but other bytes"):
        Prometheus(url, token_file=token)


def test_ca_file_that_is_none(tmp_path: Path) -> None:
    url = URL("https://prometheus.example.com")
    ca = tmp_path / "ca.crt"
    with pytest.raises(ReadinessError) as caught:
        Prometheus(url, ca_file=ca)
    assert str(caught.value) == (f"can't use the certificates in {ca}: no such file or directory")
    ca.write_text("no certificate")
    with pytest.raises(ReadinessError) as caught:
        Prometheus(url, ca_file=ca)
    assert str(caught.value) == f"can't use the certificates in {ca}: it holds none"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prometheus:9090", "is no URL such as https://prometheus.monitoring.svc:9090"),
        ("ftp://prometheus", "is no URL such as https://prometheus.monitoring.svc:9090"),
        ("https://", "is no URL"),
        ("https://[::1", "is no URL"),
        ("https://me:secret@prometheus", "put a token into a file"),
        ("https://prometheus/?dedup=true", "must end with its path, without ? and #"),
    ],
)
def test_address_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_url(text)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_address_with_port_and_path() -> None:
    assert parse_url("http://thanos.example.com:9090/eu") == URL(
        "http://thanos.example.com:9090/eu"
    )
