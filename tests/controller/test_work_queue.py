"""The work queue keeps the promises that level-triggered controllers rest on."""

from __future__ import annotations

import asyncio
import random

import pytest

from readiness.controller.work_queue import Lane, WorkQueue


async def take_all(queue: WorkQueue[str]) -> list[str]:
    """Return the keys that wait, in the order they would be worked on."""
    keys = []
    while len(queue):
        key = await queue.get()
        keys.append(key)
        queue.done(key)
    return keys


async def test_a_key_added_twice_comes_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("b")
    queue.add("a")

    assert await take_all(queue) == ["a", "b"]


async def test_lanes_are_served_in_their_order() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("last", Lane.LAST)
    queue.add("bulk-1", Lane.BULK)
    queue.add("bulk-2", Lane.BULK)
    queue.add("urgent")

    assert await take_all(queue) == ["urgent", "bulk-1", "bulk-2", "last"]


async def test_a_key_that_waits_moves_to_an_earlier_lane_and_never_back() -> None:
    """Who changes a workload does not wait until a policy edit has been through all of them."""
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "c"):
        queue.add(key, Lane.BULK)

    queue.add("c")
    queue.add("c", Lane.LAST)

    assert len(queue) == 3
    assert await take_all(queue) == ["c", "a", "b"]
    queue.add("c", Lane.BULK)
    queue.add("d", Lane.BULK)
    assert await take_all(queue) == ["c", "d"]


async def test_a_key_comes_again_in_the_first_lane_it_was_asked_for() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", Lane.LAST)
    key = await queue.get()
    queue.add("a", Lane.BULK)
    queue.add("a", Lane.LAST)
    queue.add("b", Lane.LAST)

    queue.done(key)

    assert await take_all(queue) == ["a", "b"]


async def test_a_key_whose_time_comes_waits_in_its_lane() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("sum", 0, Lane.LAST)
    queue.add("bulk", Lane.BULK)

    assert await queue.get() == "bulk"
    assert await queue.get() == "sum"


async def test_a_key_is_never_worked_on_twice_at_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    key = await queue.get()

    queue.add("a")

    assert len(queue) == 0
    assert not queue.idle
    queue.done(key)
    assert await take_all(queue) == ["a"]
    assert queue.idle


async def test_a_failed_key_comes_back_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    queue: WorkQueue[str] = WorkQueue()
    delays = []
    for _ in range(4):
        queue.add("a")
        delays.append(queue.retry(await queue.get()))

    assert delays == [0.1, 0.2, 0.4, 0.8]


async def test_a_failed_key_comes_back_in_the_lane_it_came_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.0)
    queue: WorkQueue[str] = WorkQueue()
    queue.add("report", Lane.DETAILS)
    queue.add("change")
    for key in [await queue.get(), await queue.get()]:
        queue.retry(key)

    queue.add("bulk", Lane.BULK)

    assert await take_all(queue) == ["change", "bulk", "report"]


async def test_success_forgets_earlier_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.retry(await queue.get())
    queue.done(await queue.get())

    queue.add("a")

    assert queue.retry(await queue.get()) == 0.1


async def test_a_retry_waits_as_long_as_the_server_asks() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")

    assert queue.retry(await queue.get(), at_least=7) == 7


async def test_a_key_with_a_time_comes_when_it_is_due() -> None:
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.get_running_loop()
    started = loop.time()
    queue.add_after("later", 0.2)
    queue.add_after("sooner", 0.05)

    assert len(queue) == 0
    assert [await queue.get(), await queue.get()] == ["sooner", "later"]
    assert loop.time() - started >= 0.19


async def test_the_earlier_of_two_times_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.01)
    queue.add_after("a", 30)

    async with asyncio.timeout(5):
        queue.done(await queue.get())

    assert queue.idle


async def test_a_waiting_worker_wakes_for_a_new_key() -> None:
    queue: WorkQueue[str] = WorkQueue()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)

    queue.add("a")

    async with asyncio.timeout(5):
        assert await worker == "a"


async def test_unfinished_is_what_waits_is_worked_on_or_failed() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "c", "d"):
        queue.add(key)
    queue.done(await queue.get())
    queue.retry(await queue.get())
    await queue.get()
    queue.add("c")

    assert queue.unfinished == 3
    assert len(queue) == 1


async def test_the_delay_grows_no_longer_than_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    queue: WorkQueue[str] = WorkQueue()

    delays = []
    for _ in range(12):
        queue.add("a")
        delays.append(queue.retry(await queue.get(), longest=15))

    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15, 15, 15, 15]
