"""The feed ends when Kopf does, and stops when told to."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import aiohttp
import kopf
from kubernetes.aio.client import Configuration
from multidict import CIMultiDict
from yarl import URL

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


async def test_the_next_page_of_a_list_waits_until_the_last_ones_are_delivered() -> None:
    async with nobody() as client:
        feed = feed_of(client)
        session = (await feed._session()).aiohttp_session
        before_request = session.trace_configs[0].on_request_start
        before_request.freeze()
        feed._events.extend([WatchEvent(kinds.POLICIES, None, {})] * 251)
        first, next_page = (
            aiohttp.TraceRequestStartParams("GET", URL(f"http://nobody/{query}"), CIMultiDict())
            for query in ("", "?continue=token")
        )

        await before_request.send(session, SimpleNamespace(), first)
        waits = asyncio.ensure_future(before_request.send(session, SimpleNamespace(), next_page))
        await asyncio.wait([waits], timeout=0.1)
        assert not waits.done()
        feed._events.pop()
        async with asyncio.timeout(5):
            await waits
        await session.close()
