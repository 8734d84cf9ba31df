"""The feed ends when Kopf does, and stops when told to."""

from __future__ import annotations

import asyncio
import gc

import kopf
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from readiness.kube import kinds
from readiness.kube.client import KubeClient, load_configuration
from readiness.watch.feed import Feed, NoMemories, WatchEvent, tuned_settings
from tools.control_plane import ControlPlane

CONFIG_MAPS = kinds.COMPANIONS["", "ConfigMap"]


def feed_of(client: KubeClient, known: int = 0) -> Feed:
    delivered: list[WatchEvent] = []
    return Feed(
        client,
        [kinds.POLICIES],
        scan_definitions=True,
        known={kinds.POLICIES: known} if known else {},
        deliver=delivered.extend,
        begun=lambda kind: None,
        missed=lambda kind: None,
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


async def asked_by_kopf(
    known: int, *urls: str, forgotten: bool = False
) -> tuple[list[tuple[str, dict[str, str]]], list[str]]:
    """Return what reaches the API server, and how watches were said to begin."""
    asked: list[tuple[str, dict[str, str]]] = []
    told: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, dict(request.query)))
        gone = forgotten and "resourceVersionMatch" in request.query
        return web.json_response({}, status=410 if gone else 200)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with KubeClient(configuration) as client:
            feed = feed_of(client, known)
            feed.begun = lambda kind: told.append("begun")
            feed.missed = lambda kind: told.append("missed")
            feed._loop = asyncio.get_running_loop()
            session = (await feed._session()).aiohttp_session
            for url in urls:
                async with session.get(f"{configuration.host}{url}") as response:
                    assert response.status == 200
            await session.close()
    return asked, told


PATH = kinds.POLICIES.path()
NOTHING = {"limit": "250", "fieldSelector": f"metadata.name={'x' * 254}"}
EXACTLY = {"resourceVersion": "7", "resourceVersionMatch": "Exact"}


async def test_kopf_lists_nothing_and_watches_everything() -> None:
    """What there is the operator lists by itself; the list only says where the watch begins."""
    watch = f"{PATH}?watch=true&resourceVersion=7"

    asked, told = await asked_by_kopf(0, f"{PATH}?limit=250", watch, "/apis")

    assert asked == [
        (PATH, NOTHING),
        (PATH, {"watch": "true", "resourceVersion": "7"}),
        ("/apis", {}),
    ]
    assert told == ["begun", "missed"]


async def test_the_first_watch_goes_on_from_the_operators_own_list() -> None:
    """Then nothing has to be listed a second time; a later one began after a break."""
    asked, told = await asked_by_kopf(7, f"{PATH}?limit=250", f"{PATH}?limit=250")

    assert asked == [(PATH, NOTHING | EXACTLY), (PATH, NOTHING)]
    assert told == ["begun", "begun", "missed"]


async def test_a_moment_that_etcd_has_forgotten_is_left() -> None:
    asked, told = await asked_by_kopf(7, f"{PATH}?limit=250", forgotten=True)

    assert asked == [(PATH, NOTHING | EXACTLY), (PATH, NOTHING)]
    assert told == ["begun", "missed"]


async def test_what_happens_between_the_list_and_the_watch_is_seen(
    control_plane: ControlPlane, namespace: str
) -> None:
    """The watch begins at the moment of the list, whatever came since."""

    def create(name: str) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        assert control_plane.request("POST", path, body).status == 201

    told: list[str] = []
    seen: dict[str, str | None] = {}
    delivered = asyncio.Event()

    def deliver(events: list[WatchEvent]) -> None:
        for event in events:
            if event.manifest["metadata"]["namespace"] == namespace:
                seen[event.manifest["metadata"]["name"]] = event.type
                delivered.set()

    create("before")
    configuration = await load_configuration(str(control_plane.kubeconfig))
    async with KubeClient(configuration) as client:
        version = [page.resource_version async for page in client.pages(CONFIG_MAPS)][-1]
        create("between")
        feed = Feed(
            client,
            [CONFIG_MAPS],
            scan_definitions=True,
            known={CONFIG_MAPS: version},
            deliver=deliver,
            begun=lambda kind: told.append("begun"),
            missed=lambda kind: told.append("missed"),
            scanned=lambda: None,
        )
        feed.start()
        async with asyncio.timeout(30):
            await delivered.wait()
        await feed.stop()

    assert (seen, told) == ({"between": "ADDED"}, ["begun"])
