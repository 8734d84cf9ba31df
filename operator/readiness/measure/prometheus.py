"""Asks Prometheus for one number (https://prometheus.io/docs/prometheus/latest/querying/api/).

Thanos, Mimir and VictoriaMetrics answer the same call.
"""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import structlog
from yarl import URL

from readiness.errors import Blame, MeasureError, ReadinessError

logger = structlog.get_logger(__name__)

_LARGEST_ANSWER = 1024 * 1024
_LONGEST_QUOTE = 200
_AT_FAULT = "--prometheus-url must be the address of Prometheus itself"


def parse_url(text: str) -> URL:
    """Return the address of a Prometheus, which may have a path.

    Raises:
        ValueError: when it is none; the text says what is wrong with it.
    """
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(f'"{text}" is no URL') from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f'"{text}" is no URL such as https://prometheus.monitoring.svc:9090')
    if url.user or url.password:
        raise ValueError(
            "a URL with credentials shows them in every list of processes: put a token into a file"
        )
    if url.query_string or url.fragment:
        raise ValueError(f'"{text}" must end with its path, without ? and #')
    return url


class Prometheus:
    """A Prometheus server; an async context manager.

    Args:
        url: its address, without /api.
        token_file: holds a bearer token; read again for every call, as it is replaced in time.
        ca_file: PEM certificates to trust in the place of the system's; read again when the server
            shows a certificate that is not trusted.
        timeout: seconds for a call.
        user_agent: how to call ourselves.

    Raises:
        ReadinessError: when one of the files can't be used.
    """

    def __init__(
        self,
        url: URL,
        *,
        token_file: Path | None = None,
        ca_file: Path | None = None,
        timeout: float = 10.0,
        user_agent: str = "readiness-operator",
    ) -> None:
        self.url = url
        self._endpoint = url / "api" / "v1" / "query"
        self._token_file = token_file
        self._ca_file = ca_file
        self._timeout = timeout
        self._headers = {"Accept": "application/json", "User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None
        self._tls = self._trust()
        self._authorization()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._disconnect()

    async def number(self, query: str) -> float:
        """Return the value of a query, a finite number.

        Raises:
            MeasureError: when there is no such value; says why and who is to blame.
        """
        status, payload = await self._ask(query)
        try:
            answer = orjson.loads(payload)
            ok = answer["status"] == "success"
        except (orjson.JSONDecodeError, TypeError, KeyError):
            raise self._no_answer_of_prometheus(status, payload) from None
        return _value(answer) if ok else self._refuse(status, answer)

    async def _ask(self, query: str) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls), trust_env=True
            )
        try:
            headers = {**self._headers, **self._authorization()}
        except ReadinessError as error:
            raise MeasureError(str(error), "unauthorized", Blame.SERVER) from None
        try:
            async with self._session.post(
                self._endpoint,
                data={"query": query, "timeout": f"{self._timeout:g}s"},
                headers=headers,
                # A token must go nowhere else, and a login page is no answer.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
            ) as response:
                payload = await _read(response)
                self._refuse_status(response.status, response.headers)
                return response.status, payload
        except TimeoutError:
            raise MeasureError(
                f"Prometheus at {self.url} did not answer within {self._timeout:g} s",
                "timeout",
                Blame.QUERY,
            ) from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            await self._disconnect()
            self._tls = self._trust()
            raise MeasureError(
                f"no trusted connection to Prometheus at {self.url}: {_tls_reason(error)}; "
                "--prometheus-ca-file names the certificates to trust",
                "unreachable",
                Blame.SERVER,
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise MeasureError(
                f"can't reach Prometheus at {self.url}: {_reason(error)}",
                "unreachable",
                Blame.SERVER,
            ) from None

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            # OpenSSL's own errors have numbers of their own.
            ours = not isinstance(error, ssl.SSLError)
            reason = os.strerror(error.errno or 0).lower() if ours else "it holds none"
            raise ReadinessError(
                f"can't use the certificates in {self._ca_file}: {reason}"
            ) from None

    def _authorization(self) -> dict[str, str]:
        """Return the header with the token of the moment; none without a file."""
        if self._token_file is None:
            return {}
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise ReadinessError(f"can't read the token in {self._token_file}: {reason}") from None
        except UnicodeDecodeError:
            raise ReadinessError(f"{self._token_file} holds no token, but other bytes") from None
        if not token or not token.isprintable():
            raise ReadinessError(f"{self._token_file} must hold one line, the token")
        return {"Authorization": f"Bearer {token}"}

    def _refuse_status(self, status: int, headers: Mapping[str, str]) -> None:
        """Raise MeasureError for a status that only the server as a whole can be to blame for."""
        if status in (401, 403):
            way = "--prometheus-token-file" if self._token_file is None else "the token's rights"
            raise MeasureError(
                f"Prometheus at {self.url} lets us ask nothing: {_status(status)}; see {way}",
                "unauthorized",
                Blame.SERVER,
            )
        if 300 <= status < 400:
            target = headers.get("Location", "").partition("?")[0][:_LONGEST_QUOTE]
            raise MeasureError(
                f"{self.url} sends us on to {target or 'nowhere'} ({status}); {_AT_FAULT}",
                "not_prometheus",
                Blame.SERVER,
            )
        if status == 429:
            raise MeasureError(
                f"Prometheus at {self.url} is asked too much: {_status(status)}",
                "unavailable",
                Blame.SERVER,
            )

    def _no_answer_of_prometheus(self, status: int, payload: bytes) -> MeasureError:
        """Return the error for a body that is no answer of the API."""
        if status >= 500:
            text = f"Prometheus at {self.url} is unavailable: {_status(status)}"
            return MeasureError(text, "unavailable", Blame.SERVER)
        what = "HTML" if payload.lstrip()[:1] == b"<" else "something else"
        text = f"{self.url} answers with {what} ({status}) instead of a measurement; {_AT_FAULT}"
        return MeasureError(text, "not_prometheus", Blame.SERVER)

    def _refuse(self, status: int, answer: Mapping[str, Any]) -> float:
        """Raise MeasureError for an error that Prometheus itself tells."""
        message = str(answer.get("error") or answer.get("errorType") or status)[:_LONGEST_QUOTE]
        if answer.get("errorType") == "bad_data" or status == 400:
            raise MeasureError(f"Prometheus can't read the query: {message}", "bad_query")
        if answer.get("errorType") == "execution":
            # It may be the query, or a Prometheus that is shutting down ("block is closing").
            text = f"Prometheus can't compute the query: {message}"
            raise MeasureError(text, "bad_query", Blame.QUERY)
        if answer.get("errorType") == "timeout":
            text = f"Prometheus at {self.url} did not compute the query within {self._timeout:g} s"
            raise MeasureError(text, "timeout", Blame.QUERY)
        text = f"Prometheus at {self.url} failed: {message}"
        raise MeasureError(text, "unavailable", Blame.QUERY)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, which may not be huge.

    Raises:
        MeasureError: when it is.
    """
    payload = bytearray()
    async for chunk in response.content.iter_any():
        payload += chunk
        if len(payload) > _LARGEST_ANSWER:
            raise MeasureError(
                f"the answer to the query is larger than {_LARGEST_ANSWER // 1024} KiB: it has to "
                "be one number, as sum() makes of many",
                "several_series",
            )
    return bytes(payload)


def _value(answer: Mapping[str, Any]) -> float:
    """Return the one number in an answer.

    Raises:
        MeasureError: when there is none or there are several.
    """
    try:
        data = answer["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            text = result[1]
        elif kind != "vector":
            raise MeasureError(
                f"the query returns a {kind}: it has to be one number", "not_a_number"
            )
        elif not result:
            raise MeasureError("no data: the query returns nothing", "no_data")
        elif len(result) > 1:
            raise MeasureError(
                "the query returns several series: it has to be one number, as sum() makes of many",
                "several_series",
            )
        elif "value" not in result[0]:
            raise MeasureError(
                "the query returns a histogram: it has to be one number, as histogram_quantile() "
                "makes of it",
                "not_a_number",
            )
        else:
            text = result[0]["value"][1]
        value = float(text)
    except (LookupError, TypeError, ValueError):
        raise MeasureError(
            "Prometheus answers in a form that is not known", "not_prometheus", Blame.SERVER
        ) from None
    if math.isnan(value):
        raise MeasureError(
            "the query returns NaN: it divides nothing by nothing, so there is no data in the "
            "window",
            "not_a_number",
        )
    if math.isinf(value):
        raise MeasureError(
            "the query returns infinity: it divides something by nothing", "not_a_number"
        )
    return value


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _tls_reason(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    verify = getattr(cause, "verify_message", "")
    return str(verify or getattr(cause, "reason", "") or type(cause).__name__).lower()


def _reason(error: Exception) -> str:
    """Return why a connection failed, in the words of the system."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "it closed the connection"
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return str(cause) or type(cause).__name__
