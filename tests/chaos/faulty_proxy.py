"""An HTTPS proxy before the API server that answers wrongly when told to."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web

from readiness.admission.certificates import make_pair

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Fault:
    """What the proxy does with requests.

    Attributes:
        status: answers with this status and asks nobody; 0: passes on.
        retry_after: seconds it then asks the client to wait.
        delay: seconds before each answer.
        lose_answers: passes writes on and breaks the connection in the place of the answer.
        cut: breaks every connection.
    """

    status: int = 0
    retry_after: int = 0
    delay: float = 0
    lose_answers: bool = False
    cut: bool = False


NO_FAULT = Fault()


class FaultyProxy:
    """Ends TLS with a certificate of its own and speaks to the API server as the client does."""

    def __init__(self, kubeconfig: Path, scratch: Path) -> None:
        self._config = yaml.safe_load(kubeconfig.read_text())
        self._cluster = self._config["clusters"][0]["cluster"]
        self._scratch = scratch
        self._target: str = self._cluster["server"]
        self._trust = ssl.create_default_context(cafile=self._cluster["certificate-authority"])
        self._fault = NO_FAULT
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.Transport] = set()
        self.kubeconfig = scratch / "kubeconfig-through-proxy"

    def __enter__(self) -> Self:
        self._thread.start()
        self._await(self._start())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.set(Fault(cut=True))
        self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def set(self, fault: Fault) -> None:
        """Do this from now on; what is under way, watches for example, is broken off."""
        self._fault = fault

        async def break_off() -> None:
            for transport in list(self._open):
                transport.abort()

        self._await(break_off())

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _start(self) -> None:
        now = datetime.now(UTC)
        pair = make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=now)
        files = {name: self._scratch / name for name in ("proxy.crt", "proxy.key", "proxy-ca.crt")}
        files["proxy.crt"].write_bytes(pair.certificate)
        files["proxy.key"].write_bytes(pair.key)
        files["proxy-ca.crt"].write_bytes(pair.ca)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files["proxy.crt"], files["proxy.key"])
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self._cluster["server"] = f"https://127.0.0.1:{port}"
        self._cluster["certificate-authority"] = str(files["proxy-ca.crt"])
        self.kubeconfig.write_text(yaml.safe_dump(self._config))

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._open.add(transport)
        try:
            return await self._answer(request, transport.abort)
        except (aiohttp.ClientError, OSError):
            transport.abort()
            return web.Response(status=502)
        finally:
            self._open.discard(transport)

    async def _answer(
        self, request: web.Request, break_off: Callable[[], None]
    ) -> web.StreamResponse:
        fault = self._fault
        if fault.cut:
            raise ConnectionResetError
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.status:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
            body = {"kind": "Status", "message": "a fault on purpose", "code": fault.status}
            return web.json_response(body, status=fault.status, headers=headers)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            self._target + request.raw_path,
            headers=headers,
            data=await request.read() or None,
            skip_auto_headers=["Content-Type"],
        ) as upstream:
            if fault.lose_answers and request.method == "PATCH":
                await upstream.read()
                break_off()
            answer = web.StreamResponse(
                status=upstream.status,
                headers={k: v for k, v in upstream.headers.items() if k.lower() not in _HOP_BY_HOP},
            )
            await answer.prepare(request)
            async for chunk in upstream.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer
