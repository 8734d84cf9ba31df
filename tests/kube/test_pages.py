"""Lists come in pages, none of which takes more memory than the operator has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from readiness.kube import client as kube_client
from readiness.kube import kinds
from readiness.kube.client import KubeClient

CONFIG_MAPS = kinds.COMPANIONS["", "ConfigMap"]


@asynccontextmanager
async def server_with(lengths: list[int]) -> AsyncIterator[tuple[KubeClient, list[int]]]:
    """Yield a client of a server with objects of these lengths, and the limits it is asked for."""
    limits: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        limit, start = int(request.query["limit"]), int(request.query.get("continue", "0"))
        limits.append(limit)
        end = start + limit
        items = [
            {"metadata": {"name": str(n)}, "data": {"key": "x" * lengths[n]}}
            for n in range(start, min(end, len(lengths)))
        ]
        metadata: dict[str, Any] = {"resourceVersion": "7"}
        if end < len(lengths):
            metadata["continue"] = str(end)
        return web.json_response({"metadata": metadata, "items": items})

    app = web.Application()
    app.router.add_get("/api/v1/configmaps", answer)
    async with TestServer(app) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with KubeClient(configuration) as client:
            yield client, limits


async def names(client: KubeClient) -> list[list[str]]:
    return [
        [item["metadata"]["name"] for item in page.items]
        async for page in client.pages(CONFIG_MAPS)
    ]


async def test_small_objects_come_250_at_a_time() -> None:
    async with server_with([10] * 600) as (client, limits):
        pages = await names(client)

    assert limits == [250, 250, 250]
    assert [len(page) for page in pages] == [250, 250, 100]
    assert list(chain.from_iterable(pages)) == [str(n) for n in range(600)]


async def test_a_page_that_is_too_long_is_asked_for_again_in_smaller_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Objects of up to 1.5 MiB, 250 at a time, would be more than the operator may take."""
    monkeypatch.setattr(kube_client, "_PAGE_BYTES", 20_000)
    async with server_with([10] * 250 + [1000] * 40) as (client, limits):
        pages = await names(client)

    assert limits == [250, 250, 62, 15, 15, 15]
    assert list(chain.from_iterable(pages)) == [str(n) for n in range(290)]


async def test_one_object_is_taken_whatever_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_client, "_PAGE_BYTES", 500)
    async with server_with([10, 1000]) as (client, limits):
        pages = await names(client)

    assert limits == [250, 62, 15, 3, 1, 1]
    assert pages == [["0"], ["1"]]
