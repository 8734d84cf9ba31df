"""Lists of one kind come one after the other, however often they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from readiness.kube import kinds
from readiness.kube.client import Page, ResourceKind
from readiness.kube.kinds import WORKLOADS
from readiness.watch.cache import ClusterCache
from readiness.watch.sync import Synchroniser

DEPLOYMENTS = WORKLOADS["Deployment"]


class SlowServer:
    """Answers a list when told to, and counts."""

    def __init__(self) -> None:
        self.lists = 0
        self.side_by_side = 0
        self._open = 0
        self.answer = asyncio.Event()

    async def may(self, verb: str, kind: ResourceKind) -> bool:
        return True

    async def pages(self, kind: ResourceKind) -> AsyncIterator[Page]:
        self.lists += 1
        self._open += 1
        self.side_by_side = max(self.side_by_side, self._open)
        await self.answer.wait()
        yield Page([], 1)
        self._open -= 1


def synchroniser(server: Any) -> Synchroniser:
    cache = ClusterCache(lambda refs: None, lambda *_: None)
    return Synchroniser(server, cache, sweep_seconds=3600)


async def test_two_lists_of_a_kind_are_never_under_way_at_once() -> None:
    """The second would make the first forget what was deleted since it began."""
    server = SlowServer()
    sync = synchroniser(server)
    sweeps = [asyncio.create_task(sync.sweep(DEPLOYMENTS)) for _ in range(3)]
    await asyncio.sleep(0)
    server.answer.set()

    await asyncio.gather(*sweeps)

    assert (server.lists, server.side_by_side) == (3, 1)


async def test_other_kinds_need_not_wait() -> None:
    server = SlowServer()
    sync = synchroniser(server)
    first = asyncio.create_task(sync.sweep(DEPLOYMENTS))
    second = asyncio.create_task(sync.sweep(kinds.WORKLOADS["StatefulSet"]))
    await asyncio.wait([first, second], timeout=0.05)
    server.answer.set()

    await asyncio.gather(first, second)

    assert server.side_by_side == 2


async def test_pages_that_come_slowly_ask_for_one_list_more_and_not_for_one_each() -> None:
    """Each page that Kopf reads asks for a list; with 40 pages there were 40 of 10,000 objects."""
    server = SlowServer()
    sync = synchroniser(server)
    running = asyncio.create_task(sync.sweep(DEPLOYMENTS))
    await asyncio.wait([running], timeout=0.05)
    for _ in range(40):
        sync._start_sweep(DEPLOYMENTS)
    server.answer.set()

    await asyncio.gather(running, *sync._sweeps)

    assert (server.lists, server.side_by_side) == (2, 1)
