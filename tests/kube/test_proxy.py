"""The way to the API server leads over the proxy that the kubeconfig or the environment names."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from kubernetes.aio import client as kubernetes_client

from readiness.errors import ClusterError
from readiness.kube.client import KubeClient

API_SERVER = "https://api.example.com:6443"


class Proxy:
    """Takes note of what it is asked for, and refuses.

    Attributes:
        address: host and port.
        asked: the first line of each request, with user and password where there are any.
    """

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[tuple[str, str]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Refuse one request."""
        first, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        found = dict(line.split(": ", 1) for line in headers if line)
        _, _, encoded = found.get("Proxy-Authorization", "").partition(" ")
        self.asked.append((first, base64.b64decode(encoded).decode()))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found = Proxy()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    found.address = f"{host}:{port}"
    async with server:
        yield found


async def call(configuration: kubernetes_client.Configuration) -> str:
    """Return what a call says that can't succeed."""
    async with KubeClient(configuration) as client:
        with pytest.raises(ClusterError) as caught:
            await client.call("GET", "/version")
    return str(caught.value)


async def test_that_of_the_environment(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:secret@{proxy.address}")

    message = await call(kubernetes_client.Configuration(host=API_SERVER))

    assert proxy.asked == [("CONNECT api.example.com:6443 HTTP/1.1", "ann:secret")]
    assert message == (
        f"cannot reach the API server at {API_SERVER}: the proxy answered 502 Bad Gateway"
    )


async def test_that_of_the_kubeconfig_comes_first(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    configuration = kubernetes_client.Configuration(host=API_SERVER)
    configuration.proxy = f"http://{proxy.address}"

    await call(configuration)

    assert proxy.asked == [("CONNECT api.example.com:6443 HTTP/1.1", "")]


async def test_none_where_the_environment_says_so(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    message = await call(kubernetes_client.Configuration(host="https://127.0.0.1:9"))

    assert proxy.asked == []
    assert "Cannot connect to host 127.0.0.1:9" in message
