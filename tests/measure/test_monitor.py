"""The schedule: who is asked when, what goes on counting, who has to be judged again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from readiness.errors import Blame, MeasureError
from readiness.evaluate.service_levels import ServiceLevel, question_about
from readiness.measure import monitor
from readiness.measure.monitor import ServiceLevelMonitor
from readiness.model.measurement import LevelQuery, Measurement
from readiness.model.workload import ObjectRef
from tests.support import NOW

WEB = ObjectRef("apps", "Deployment", "shop", "web")
API = ObjectRef("apps", "Deployment", "shop", "api")
ERRORS = ServiceLevel("error-rate", LevelQuery("errors $workload", "", "7d"), "LessThan", "0.001")
COUNTED = ServiceLevel(
    "error-rate", LevelQuery("errors $workload", "all $workload", "7d"), "LessThan", "0.001", 10
)
NODES = ServiceLevel("node-health", LevelQuery("nodes", "", "1h"), "GreaterThan", "0.9")

AWAY = MeasureError("can't reach it", "unreachable", Blame.SERVER)
SLOW = MeasureError("too slow", "timeout", Blame.QUERY)
NO_DATA = MeasureError("no data", "no_data")
SOON = 0.02  # seconds: the interval of most of these tests
NEVER = 3600.0

Answer = float | Exception


class Source:
    """Answers as a test wants; counts what it is asked and how much at once."""

    def __init__(self, answer: Callable[[str], Answer] | Answer) -> None:
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.hold: asyncio.Event | None = None

    async def number(self, query: str) -> float:
        self.asked[query] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.hold.wait() if self.hold else asyncio.sleep(0))
        finally:
            self.at_once -= 1
        answer = self.answer(query) if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return answer


class Watched:
    """A monitor that runs, and what it says has to be judged again."""

    def __init__(self, source: Source | None, interval: float) -> None:
        self.told: asyncio.Queue[set[ObjectRef]] = asyncio.Queue()
        self.monitor = ServiceLevelMonitor(
            source, self.told.put_nowait, interval=interval, clock=lambda: NOW
        )

    async def next(self) -> set[ObjectRef]:
        async with asyncio.timeout(5):
            return await self.told.get()

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not check():  # noqa: ASYNC110 - what is watched tells nobody of everything
                await asyncio.sleep(0.001)

    def latest(self, level: ServiceLevel, ref: ObjectRef = WEB) -> Measurement | None:
        return self.monitor.latest(question_about(level.query, ref))


@asynccontextmanager
async def watching(source: Source | None, interval: float = NEVER) -> AsyncIterator[Watched]:
    watched = Watched(source, interval)
    task = asyncio.create_task(watched.monitor.run())
    try:
        yield watched
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other quickly."""
    monkeypatch.setattr(monitor, "_FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(monitor, "_LONGEST_RETRY_SECONDS", 0.02)


async def test_new_question_is_asked_at_once_and_told() -> None:
    async with watching(Source(0.5)) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        assert watched.latest(ERRORS) is None
        assert NEVER - 1 < watched.monitor.patience(WEB) <= NEVER

        assert await watched.next() == {WEB}
        assert watched.latest(ERRORS) == Measurement(value=0.5, at=NOW)
        assert watched.monitor.patience(WEB) == 0
        assert watched.monitor.queries == {"answered": 1}
        assert watched.monitor.counts() == {("measured",): 1}


async def test_first_verdict_waits_for_a_minute_at_least() -> None:
    unasked = Watched(Source(0.5), SOON).monitor
    unasked.want(WEB, (ERRORS,))

    assert 59 < unasked.patience(WEB) <= 60
    assert unasked.patience(API) == 0


async def test_samples_are_counted_too() -> None:
    source = Source(lambda query: 12.0 if query == "all web" else 0.5)
    async with watching(source) as watched:
        watched.monitor.want(WEB, (COUNTED,))
        await watched.next()

        assert watched.latest(COUNTED) == Measurement(value=0.5, samples=12.0, at=NOW)
        assert source.asked == {"all web": 1, "errors web": 1}


async def test_no_samples_are_none_rather_than_a_problem() -> None:
    source = Source(lambda query: NO_DATA if query == "all web" else 0.5)
    async with watching(source) as watched:
        watched.monitor.want(WEB, (COUNTED,))
        await watched.next()

        assert watched.latest(COUNTED) == Measurement(value=0.5, samples=0.0, at=NOW)


async def test_it_is_asked_again_and_only_another_verdict_is_told() -> None:
    source = Source(0.00042)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        await watched.next()
        source.answer = 0.00043
        await watched.until(lambda: watched.latest(ERRORS) == Measurement(value=0.00043, at=NOW))
        assert watched.told.empty()

        source.answer = 0.0042
        assert await watched.next() == {WEB}
        source.answer = 0.00421
        await watched.until(lambda: watched.latest(ERRORS) == Measurement(value=0.00421, at=NOW))
        assert watched.told.empty()


async def test_workloads_share_a_question_that_tells_them_nothing_apart() -> None:
    source = Source(0.5)
    async with watching(source) as watched:
        watched.monitor.want(WEB, (NODES, ERRORS))
        watched.monitor.want(API, (NODES,))
        told = await watched.next() | await watched.next()

        assert told == {WEB, API}
        assert source.asked == {"nodes": 1, "errors web": 1}
        assert watched.latest(NODES, API) == Measurement(value=0.5, at=NOW)


async def test_what_nobody_wants_any_more_is_forgotten() -> None:
    source = Source(0.5)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (NODES, ERRORS))
        watched.monitor.want(API, (NODES,))
        await watched.until(lambda: source.asked["errors web"] > 1)
        watched.monitor.want(WEB, (NODES,))
        watched.monitor.want(API, ())
        asked = source.asked["errors web"]
        nodes = source.asked["nodes"]
        await watched.until(lambda: source.asked["nodes"] > nodes + 3)
        assert source.asked["errors web"] <= asked + 1  # it may have been under way
        assert watched.monitor.counts() == {("measured",): 1}

        watched.monitor.want(WEB, ())
        assert watched.monitor.counts() == {}
        assert watched.monitor.age() == 0
    assert watched.monitor._levels == {}


async def test_only_a_few_are_under_way_at_once() -> None:
    source = Source(0.5)
    source.hold = asyncio.Event()
    refs = [WEB._replace(name=f"web-{number}") for number in range(50)]
    async with watching(source) as watched:
        for ref in refs:
            watched.monitor.want(ref, (ERRORS,))
        await watched.until(lambda: source.at_once == 4)
        source.hold.set()
        await watched.until(lambda: watched.monitor.counts() == {("measured",): 50})

    assert source.most_at_once == 4


async def test_what_came_all_at_once_is_spread_over_the_interval() -> None:
    refs = [WEB._replace(name=f"web-{number}") for number in range(400)]
    async with watching(Source(0.5), 100.0) as watched:
        for ref in refs:
            watched.monitor.want(ref, (ERRORS,))
        await watched.until(lambda: watched.monitor.counts() == {("measured",): 400})
        entries = watched.monitor._entries.values()
        waits = sorted(entry.due - (entry.answered or 0) for entry in entries)

    assert 20 <= waits[0] < 30
    assert 90 < waits[-1] <= 100
    assert 50 < waits[200] < 70


# Without a usable answer


async def test_answer_that_is_no_number_counts_at_once() -> None:
    source = Source(0.0)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        await watched.next()
        source.answer = NO_DATA
        assert await watched.next() == {WEB}
        assert watched.latest(ERRORS) == Measurement("no data", value=0.0, at=NOW)
        assert watched.monitor.counts() == {("unknown",): 1}

        source.answer = 0.0
        assert await watched.next() == {WEB}
        assert watched.latest(ERRORS) == Measurement(value=0.0, at=NOW)


async def test_value_goes_on_counting_while_nobody_can_be_asked_for_a_moment() -> None:
    source = Source(0.0)
    async with watching(source, 10.0) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        watched.monitor.want(API, (ERRORS,))
        await watched.next()
        await watched.next()
        source.answer = AWAY
        watched.monitor.want(WEB._replace(name="new"), (ERRORS,))
        assert await watched.next() == {WEB._replace(name="new")}
        await watched.until(lambda: watched.monitor.queries["unreachable"] > 5)

        assert watched.latest(ERRORS) == Measurement(value=0.0, at=NOW)
        assert watched.told.empty()


async def test_value_that_is_too_old_counts_no_more_but_is_told() -> None:
    source = Source(0.0)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        watched.monitor.want(API, (ERRORS,))
        await watched.next()
        await watched.next()
        source.answer = AWAY
        told = await watched.next()
        if told != {WEB, API}:
            told |= await watched.next()

        assert told == {WEB, API}
        assert watched.latest(ERRORS) == Measurement("can't reach it", value=0.0, at=NOW)


async def test_value_of_long_ago_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_TOLD_SECONDS", 0.1)
    source = Source(0.0)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        await watched.next()
        source.answer = AWAY
        await watched.until(lambda: watched.latest(ERRORS) == Measurement("can't reach it"))


async def test_while_the_server_is_away_only_one_asks_at_a_time() -> None:
    source = Source(AWAY)
    refs = [WEB._replace(name=f"web-{number}") for number in range(20)]
    async with watching(source, SOON) as watched:
        for ref in refs:
            watched.monitor.want(ref, (ERRORS,))
        told = await watched.next()
        assert told == set(refs), "no other has to find out by itself"
        watched.monitor.want(API, (ERRORS,))
        assert watched.latest(ERRORS, API) == Measurement("can't reach it")
        assert watched.monitor.patience(API) == 0
        watched.monitor.want(API, ())

        await watched.until(lambda: source.at_once == 0)
        source.hold = asyncio.Event()
        await watched.until(lambda: source.at_once > 0)
        for _ in range(50):  # whoever else may ask does so now
            await asyncio.sleep(0)
        assert source.at_once == 1

        source.answer = 0.5
        source.hold.set()
        await watched.until(lambda: watched.monitor.counts() == {("measured",): 20})
    assert len(source.asked) == 20


async def test_pauses_grow_while_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_FIRST_RETRY_SECONDS", 1.0)
    monkeypatch.setattr(monitor, "_LONGEST_RETRY_SECONDS", 60.0)
    away = Watched(Source(AWAY), NEVER).monitor
    pauses = []
    for _ in range(9):
        away._server_failed(AWAY)
        pauses.append(away._ask_again - time.monotonic())

    expected = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses == [pytest.approx(seconds, rel=0.21, abs=0.1) for seconds in expected]


async def test_problem_of_the_same_sort_keeps_its_words() -> None:
    """They end up in conditions, which must not be written anew with every attempt."""
    source = Source(AWAY)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        await watched.next()
        source.answer = MeasureError("reset by peer", "unreachable", Blame.SERVER)
        seen = watched.monitor.queries["unreachable"]
        await watched.until(lambda: watched.monitor.queries["unreachable"] > seen + 3)
        assert watched.latest(ERRORS) == Measurement("can't reach it")
        assert watched.told.empty()

        for text in ("duplicate series a", "duplicate series b"):
            source.answer = MeasureError(text, "bad_query")
            source.asked.clear()
            await watched.until(lambda: source.asked["errors web"] > 3)
        assert await watched.next() == {WEB}
        assert watched.latest(ERRORS) == Measurement("duplicate series a")
        assert watched.told.empty()

        source.answer = MeasureError("401", "unauthorized", Blame.SERVER)
        assert await watched.next() == {WEB}
        assert watched.latest(ERRORS) == Measurement("401")


async def test_query_without_an_answer_leaves_the_others_alone() -> None:
    source = Source(lambda query: SLOW if query == "errors web" else 0.5)
    async with watching(source, SOON) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        watched.monitor.want(API, (ERRORS,))
        await watched.until(lambda: source.asked["errors web"] > 10)

        assert watched.latest(ERRORS) == Measurement("too slow")
        assert watched.latest(ERRORS, API) == Measurement(value=0.5, at=NOW)


async def test_server_that_answers_nothing_is_away() -> None:
    refs = [WEB._replace(name=f"web-{number}") for number in range(100)]
    source = Source(SLOW)
    async with watching(source, NEVER) as watched:
        for ref in refs:
            watched.monitor.want(ref, (ERRORS,))
        await watched.until(lambda: watched.monitor.counts() == {("unknown",): 100})

        assert sum(source.asked.values()) < 20


async def test_bug_hurts_one_question_alone() -> None:
    source = Source(lambda query: ZeroDivisionError("oops") if query == "errors web" else 0.5)
    async with watching(source) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        watched.monitor.want(API, (ERRORS,))
        assert await watched.next() | await watched.next() == {WEB, API}

        assert watched.latest(ERRORS) == Measurement(
            "a bug of the operator: ZeroDivisionError: oops"
        )
        assert watched.latest(ERRORS, API) == Measurement(value=0.5, at=NOW)


async def test_without_a_prometheus_that_is_what_it_says() -> None:
    async with watching(None) as watched:
        watched.monitor.want(WEB, (ERRORS,))

        assert watched.latest(ERRORS) == Measurement(
            "no Prometheus to ask: start the controller with --prometheus-url"
        )
        assert watched.monitor.patience(WEB) == 0


async def test_there_is_a_limit_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "MOST_QUESTIONS", 1)
    async with watching(Source(0.5)) as watched:
        watched.monitor.want(WEB, (ERRORS,))
        watched.monitor.want(API, (ERRORS,))
        await watched.next()

        assert watched.latest(ERRORS) == Measurement(value=0.5, at=NOW)
        assert watched.latest(ERRORS, API) == Measurement(
            "more than 100,000 service levels are to be measured"
        )
        assert watched.monitor.patience(API) == 0
        watched.monitor.want(API, ())
