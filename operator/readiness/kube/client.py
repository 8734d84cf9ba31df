"""One HTTP client for the Kubernetes API.

The `kubernetes` package supplies configuration (kubeconfig with its plugins, service account
tokens that are read again as they rotate) and TLS. Its typed models are not used: parsing a
Deployment into them costs six times the CPU of plain JSON (measured: 214 µs against 36 µs).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, urlencode
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
import yaml
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from aiolimiter import AsyncLimiter
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME
from yarl import URL

from readiness.errors import ClusterError, ConflictError, ForbiddenError, NotFoundError

JSON = "application/json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_PAGE = 250
# An object may take 1.5 MiB: a page of such would take more memory than the operator has. Decoded,
# a page takes some three times its length.
_PAGE_BYTES = 16 * 2**20
_TIMEOUT_SECONDS = 30.0
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"  # stores nothing
_CONNECTIONS = 32
_WAYS = "give --kubeconfig FILE, set KUBECONFIG, or run inside a cluster"

# What the package raises for a file that is no kubeconfig, and for a context without a user.
NO_KUBECONFIG = (yaml.YAMLError, AttributeError, KeyError, TypeError)
# The last one: the file with the token is empty, or not there, at the moment.
_UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError, kubernetes_config.ConfigException)


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One REST resource of the API: where it is served and how its kind is called."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The resource as RBAC messages name it: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, of an object, or of its subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `resource_version` is that of the whole list."""

    items: list[dict[str, Any]]
    resource_version: int


class Observer(Protocol):
    """Is told of every finished call, for metrics."""

    def api_call(self, method: str, status: int, seconds: float) -> None:
        """Count one call; status 0 means there was no answer."""


class _Unobserved:
    def api_call(self, method: str, status: int, seconds: float) -> None:
        pass


def find_kubeconfig(kubeconfig: str | None) -> str | None:
    """Return the kubeconfig to use, files parted as in KUBECONFIG; None: the cluster it runs in.

    It is the one given, else what KUBECONFIG names, else ~/.kube/config.

    Raises:
        ClusterError: when it is not there, and this is no pod.
    """
    by_environment = os.environ.get("KUBECONFIG")
    paths = kubeconfig or by_environment or "~/.kube/config"
    if any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        return paths
    if not kubeconfig and not by_environment and os.environ.get(SERVICE_HOST_ENV_NAME):
        return None
    named = "" if kubeconfig or not by_environment else " (KUBECONFIG)"
    raise ClusterError(f"no kubeconfig at {paths}{named}; {_WAYS}")


async def load_configuration(
    kubeconfig: str | None = None, context: str | None = None
) -> kubernetes_client.Configuration:
    """Return how to reach the cluster that `find_kubeconfig` finds.

    Raises:
        ClusterError: says in one line what is missing and how to supply it.
    """
    configuration = kubernetes_client.Configuration()
    found = find_kubeconfig(kubeconfig)
    try:
        # Not by its load_config: given a file, even None, that one never looks for a cluster
        # around it, and without one it warns.
        if found is None:
            kubernetes_config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        else:
            await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=found, context=context, client_configuration=configuration
            )
    except NO_KUBECONFIG:
        reason = f"{found} is no complete kubeconfig"
    except (kubernetes_config.ConfigException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
    else:
        return configuration
    raise ClusterError(f"no usable cluster configuration: {reason}; {_WAYS}")


class KubeClient:
    """Calls the API server; an async context manager.

    Every call that changes something passes a rate limit of `qps` calls a second with bursts of
    `burst`; `qps` 0 lifts it. Where there is a `write_guard` it also asks that one, at the last
    moment before it is sent: it returns how many seconds the call may take, or raises.
    """

    def __init__(
        self,
        configuration: kubernetes_client.Configuration,
        *,
        qps: float = 0,
        burst: int = 1,
        observer: Observer | None = None,
        user_agent: str = "readiness-operator",
        write_guard: Callable[[], float] | None = None,
    ) -> None:
        self.configuration = configuration
        # Of the package's transport only the TLS set-up is used: it wraps every call in more.
        self._ssl_context = RESTClientObject(configuration).ssl_context
        self._session: aiohttp.ClientSession | None = None
        self._limiter = AsyncLimiter(burst, burst / qps) if qps > 0 else None
        self._observer = observer or _Unobserved()
        self._headers = {"Accept": JSON, "User-Agent": user_agent}
        self._write_guard = write_guard or (lambda: _TIMEOUT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @property
    def host(self) -> str:
        """Address of the API server."""
        return str(self.configuration.host)

    async def call(  # noqa: PLR0913 - the parts of an HTTP call
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        decode: bool = True,
        at_most: int = 0,
    ) -> Any:
        """Return the answer to one call: decoded from JSON unless told otherwise.

        Raises:
            TooLongError: when the answer has more than `at_most` bytes; 0 takes any length.
            ClusterError: or one of its kinds, when there is no good answer.
            LostLeadershipError: when the write guard says so.
        """
        writes = _writes(method, path)
        if writes and self._limiter is not None:
            await self._limiter.acquire()
        url = self.host + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, "Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        started = time.monotonic()
        status = 0
        try:
            response = await self._request(
                method, url, headers, body, writes=writes, at_most=at_most
            )
            status = response.status
            payload = response.data
            retry_after = response.headers.get("Retry-After", "")
        finally:
            self._observer.api_call(method, status, time.monotonic() - started)
        if status >= 300:
            raise _error(status, payload, retry_after, f"{method} {path}")
        if at_most and len(payload) > at_most:
            raise TooLongError
        return orjson.loads(payload) if payload and decode else payload

    async def _request(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Any,
        *,
        writes: bool,
        at_most: int,
    ) -> _Answer:
        if self._session is None:
            self._session = self._new_session(limit=_CONNECTIONS)
        seconds = min(_TIMEOUT_SECONDS, self._write_guard()) if writes else _TIMEOUT_SECONDS
        try:
            async with self._session.request(
                method,
                url,
                headers={**headers, **await self._authorization()},
                data=None if body is None else orjson.dumps(body),
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                data = await _read(response, at_most) if at_most else await response.read()
                return _Answer(response.status, response.headers, data)
        except _UNREACHABLE as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, aiohttp.ClientHttpProxyError):  # its own text holds the password
                reason = f"the proxy answered {error.status} {error.message}"
            raise ClusterError(f"cannot reach the API server at {self.host}: {reason}") from None

    async def _authorization(self) -> dict[str, str]:
        """Return the header with the token of the moment; none where certificates authenticate."""
        token = await self.configuration.get_api_key_with_prefix(
            "BearerToken", alias="authorization"
        )
        return {"Authorization": token} if token else {}

    def _new_session(self, *, limit: int, **options: Any) -> aiohttp.ClientSession:
        connector = _GuardedConnector(self._write_guard, limit=limit, ssl=self._ssl_context)
        return aiohttp.ClientSession(
            connector=connector,
            proxy=_proxy(self.configuration),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            **options,
        )

    async def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """Return a session of its own with our credentials, for use in another event loop.

        Its token is that of the moment; whoever uses it asks for a new one in time.
        """
        headers = {**self._headers, **await self._authorization()}
        return self._new_session(limit=0, headers=headers, middlewares=middlewares)

    async def server_version(self) -> tuple[int, int]:
        """Return the server's major and minor version.

        Raises:
            ClusterError: when it does not answer, or not with a version.
        """
        version = await self.call("GET", "/version")
        try:
            return int(version["major"]), int(str(version["minor"]).rstrip("+"))
        except (KeyError, TypeError, ValueError):
            raise ClusterError(
                f"{self.host}/version is not answered by a Kubernetes API server"
            ) from None

    async def check_ready(self) -> None:
        """Make sure that the API server is ready: one that starts denies and misses what it has.

        Raises:
            ClusterError: when it is not, or can't be reached.
        """
        try:
            await self.call("GET", "/readyz", decode=False)
        except ForbiddenError:
            return  # some clusters tell nobody

    async def pages(
        self,
        kind: ResourceKind,
        *,
        namespace: str = "",
        selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        """Yield all objects of a kind, page by page; all pages show the same moment.

        Args:
            kind: the kind to list.
            namespace: the only one to look in; empty for all.
            selector: a label selector; empty for all objects.
            metadata_only: whether to leave out everything but their metadata.

        Raises:
            ClusterError: status 410 when the list grew too old between two pages: start again.
        """
        query = {"limit": str(_PAGE), **({"labelSelector": selector} if selector else {})}
        accept = _METADATA_ONLY if metadata_only else JSON
        path = kind.path(namespace)
        resource_version = 0
        while True:
            limit = int(query["limit"])
            try:
                answer = await self.call(
                    "GET",
                    path,
                    query=query,
                    accept=accept,
                    at_most=_PAGE_BYTES if limit > 1 else 0,
                )
            except TooLongError:
                query["limit"] = str(max(1, limit // 4))
                continue
            metadata = answer.get("metadata") or {}
            resource_version = resource_version or int(metadata.get("resourceVersion") or 0)
            yield Page(answer.get("items") or [], resource_version)
            token = metadata.get("continue")
            if not token:
                return
            query["continue"] = token

    async def may(self, verb: str, kind: ResourceKind, subresource: str = "") -> bool:
        """Return whether we hold a right in all namespaces (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
        if subresource:
            attributes["subresource"] = subresource
        answer = await self.call(
            "POST",
            _ACCESS_REVIEWS,
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
        )
        return bool(answer["status"].get("allowed"))

    async def apply_status(
        self, kind: ResourceKind, namespace: str, name: str, body: Mapping[str, Any], manager: str
    ) -> dict[str, Any]:
        """Server-side apply a body to the status subresource; return the object as stored.

        Only what this manager applied before and leaves out now is removed (KEP-555).
        """
        answer: dict[str, Any] = await self.call(
            "PATCH",
            kind.path(namespace, name, "status"),
            query={"fieldManager": manager, "force": "true"},
            body=body,
            content_type=APPLY,
        )
        return answer


class _GuardedConnector(aiohttp.TCPConnector):
    """Asks the write guard once more when a call has its connection and is about to be sent.

    To have one takes time, longer still in a process that was paused meanwhile.
    """

    def __init__(self, write_guard: Callable[[], float], **options: Any) -> None:
        super().__init__(**options)
        self._write_guard = write_guard

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp calls it
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if _writes(req.method, req.url.path):
            try:
                self._write_guard()
            except BaseException:
                connection.close()
                raise
        return connection


def _proxy(configuration: kubernetes_client.Configuration) -> str | None:
    """Return the proxy on the way to the API server.

    It is that of the kubeconfig, else that of the environment (HTTPS_PROXY, NO_PROXY). aiohttp
    could look there by itself (trust_env), but then it reads ~/.netrc before every call, in another
    thread: a fifth of what the controller did at its start (profiled).
    """
    if configuration.proxy:
        return str(configuration.proxy)
    host = URL(configuration.host)
    if proxy_bypass(host.host or ""):
        return None
    return getproxies().get(host.scheme)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes


class TooLongError(Exception):
    """An answer is longer than what was asked for."""


async def _read(response: aiohttp.ClientResponse, at_most: int) -> bytes:
    """Return the body; of one that is longer only so much that this shows."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > at_most:
            break
    return bytes(body)


def _writes(method: str, path: str) -> bool:
    return method != "GET" and path != _ACCESS_REVIEWS


def _error(status: int, payload: bytes, retry_after: str, call: str) -> ClusterError:
    """Return the error for an answer of 300 and over, with the server's own words."""
    try:
        message = str(orjson.loads(payload).get("message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        message = payload[:200].decode(errors="replace").strip()
    text = f"{call}: {status} {message}".rstrip()
    kinds = {401: ForbiddenError, 403: ForbiddenError, 404: NotFoundError, 409: ConflictError}
    seconds = float(retry_after) if retry_after.isdigit() else 0
    return kinds.get(status, ClusterError)(text, status=status, retry_after=seconds)


async def backoff(attempt: int, *, longest: float = 30.0) -> None:
    """Wait before another attempt, the first being 0: 0.25 s, doubled each time."""
    await asyncio.sleep(min(longest, 0.25 * 2 ** min(attempt, 10)))
