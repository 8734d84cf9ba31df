"""The feed ends when Kopf does, and stops when told to."""

from __future__ import annotations

import asyncio
import gc

import kopf
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from readiness.kube import kinds
from readiness.kube.client import KubeClient
from readiness.watch.feed import Feed, NoMemories, WatchEvent, tuned_settings


def feed_of(client: KubeClient) -> Feed:
    delivered: list[WatchEvent] = []
    return Feed(
        client,
        [kinds.POLICIES],
        scan_definitions=True,
        deliver=delivered.extend,
        listed=lambda kind: None,
        scanned=lambda: None,
    )


def nobody() -> KubeClient:
    """Return a client of an address where nothing listens: port 1 is reserved."""
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:1"
    return KubeClient(configuration)


async def test_a_feed_whose_api_server_is_away_ends_by_itself() -> None:
    """Kopf gives up after some seconds; the supervisor must hear of it to start another."""
    async with nobody() as client:
        feed = feed_of(client)
        feed.start()

        async with asyncio.timeout(60):
            await feed.ended.wait()
        await feed.stop()
    gc.collect()  # a connection left open would be complained of here


async def test_a_feed_stops_when_told_to() -> None:
    async with nobody() as client:
        feed = feed_of(client)
        feed.start()

        async with asyncio.timeout(30):
            await feed.stop()
            await feed.ended.wait()


def test_kopf_leaves_no_trace_and_waits_for_nobody() -> None:
    settings = tuned_settings(scan_definitions=True)

    assert settings.persistence.finalizer == "readiness.dev/unused"
    assert settings.persistence.diffbase_storage.build(body=kopf.Body({})) == {}
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    assert settings.watching.server_timeout == 600
    assert isinstance(settings.watching.server_timeout, int)


async def test_kopf_remembers_nothing_of_the_objects_it_passes_on() -> None:
    memories = NoMemories()
    body = {"metadata": {"uid": "u"}}

    first = await memories.recall(body, noticed_by_listing=True)
    second = await memories.recall(body)

    assert (first.noticed_by_listing, second.noticed_by_listing) == (True, False)
    assert list(memories.iter_all_memories()) == []


async def test_kopf_lists_nothing_and_watches_everything() -> None:
    """What there is the operator lists by itself; the list only says where the watch begins."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, dict(request.query)))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with KubeClient(configuration) as client:
            session = (await feed_of(client)._session()).aiohttp_session
            path = kinds.POLICIES.path()
            for url in (f"{path}?limit=250", f"{path}?watch=true&resourceVersion=7", "/apis"):
                async with session.get(f"{configuration.host}{url}"):
                    pass
            await session.close()

    assert asked == [
        (path, {"limit": "250", "fieldSelector": f"metadata.name={'x' * 254}"}),
        (path, {"watch": "true", "resourceVersion": "7"}),
        ("/apis", {}),
    ]
