"""Keeps what was measured: asks on a schedule, never when somebody wants to know.

Each question is asked when it is new and then once an interval, spread over it. A few are under way
at once. When the server is at fault nobody is asked until it answers again: one question at a time
finds out, with growing pauses.

A value counts until it is two intervals old: a server that restarts changes no verdict. It is told
for a day beside the reason why there is no newer one.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from readiness.errors import Blame, MeasureError
from readiness.evaluate.service_levels import ServiceLevel, fill_in, judge, question_about
from readiness.model.measurement import Measurement, Question
from readiness.model.workload import ObjectRef

logger = structlog.get_logger(__name__)

DEFAULT_INTERVAL = 300.0
MOST_QUESTIONS = 100_000

_AT_ONCE = 4
_INTERVALS_VALID = 2.0
_TOLD_SECONDS = 86_400.0
# How long the first verdict on a workload waits for its first measurement, or an interval when that
# is longer: after a restart everything has to be measured, and no condition may change for it.
_PATIENCE_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0
# As many without an answer in between: it is not the queries.
_TIMEOUTS_IN_A_ROW = 2 * _AT_ONCE

_NOWHERE = Measurement("no Prometheus to ask: start the controller with --prometheus-url")
_TOO_MANY = Measurement(f"more than {MOST_QUESTIONS:,} service levels are to be measured")


class Source(Protocol):
    """Where numbers come from."""

    async def number(self, query: str) -> float:
        """Return the value of a query, or raise MeasureError."""


@dataclass(slots=True, eq=False)
class _Entry:
    """What is known of one question.

    Attributes:
        due: when it is to be asked next. All times are of the monotonic clock.
        wanted_since: when it was asked for first.
        asked_by: the workloads it is asked for, with the service levels it decides.
        outcome: what the problem of the measurement is, in one word.
        answered: when there was an answer last, be it that there are no data.
        measured: when there was a value last.
        failures: times in a row it got no answer.
        dropped: whether nobody asks for it any more.
    """

    question: Question
    due: float
    wanted_since: float
    asked_by: dict[ObjectRef, tuple[ServiceLevel, ...]] = field(default_factory=dict)
    measurement: Measurement | None = None
    outcome: str = ""
    answered: float | None = None
    measured: float | None = None
    failures: int = 0
    dropped: bool = False


class ServiceLevelMonitor:
    """Measures the service levels that are wanted.

    Args:
        source: where to ask; None for nowhere, then every question has that answer.
        interval: seconds between two measurements of the same.
        on_change: called with workloads whose verdict another measurement may have changed.
        clock: the time of day.

    Attributes:
        queries: questions asked, by what came of them.
    """

    def __init__(
        self,
        source: Source | None,
        on_change: Callable[[set[ObjectRef]], None],
        *,
        interval: float = DEFAULT_INTERVAL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._on_change = on_change
        self._interval = interval
        self._clock = clock
        self._entries: dict[Question, _Entry] = {}
        self._levels: dict[ObjectRef, tuple[ServiceLevel, ...]] = {}
        self._due: list[tuple[float, int, _Entry]] = []
        self._sequence = 0
        self._changed = asyncio.Event()
        self._asking = 0
        self._timeouts = 0
        self._down: MeasureError | None = None
        self._attempts = 0
        self._ask_again = 0.0
        self.queries: Counter[str] = Counter()

    # What is wanted, and what is known of it.

    def want(self, ref: ObjectRef, levels: tuple[ServiceLevel, ...]) -> None:
        """Measure these service levels of a workload from now on, and no others of it."""
        before = self._levels.get(ref, ())
        if levels == before:
            return
        asked: dict[Question, tuple[ServiceLevel, ...]] = {}
        for level in levels:
            question = question_about(level.query, ref)
            asked[question] = (*asked.get(question, ()), level)
        for question in {question_about(level.query, ref) for level in before} - asked.keys():
            self._forget(question, ref)
        for question, by in asked.items():
            entry = self._entries.get(question) or self._add(question)
            if entry is not None:
                entry.asked_by[ref] = by
        if levels:
            self._levels[ref] = levels
        else:
            del self._levels[ref]

    def latest(self, question: Question) -> Measurement | None:
        """Return what came of a question last; None when it is still to be asked."""
        if self._source is None:
            return _NOWHERE
        entry = self._entries.get(question)
        return _TOO_MANY if entry is None else entry.measurement

    def patience(self, ref: ObjectRef) -> float:
        """Return how many seconds a first verdict on a workload may wait to be measured.

        0 when everything has been measured, or for too long not.
        """
        started = [
            entry.wanted_since
            for level in self._levels.get(ref, ())
            if (entry := self._entries.get(question_about(level.query, ref))) is not None
            and entry.measurement is None
        ]
        if not started or self._source is None:
            return 0.0
        patience = max(_PATIENCE_SECONDS, self._interval)
        return max(0.0, max(started) + patience - time.monotonic())

    def age(self) -> float:
        """Return how many seconds ago the oldest of the answers that count came; 0 without any."""
        answered = [e.answered for e in self._entries.values() if e.answered is not None]
        return time.monotonic() - min(answered) if answered else 0.0

    def counts(self) -> Mapping[tuple[str, ...], float]:
        """Return how many questions have a value, no usable one, or are still to be asked."""
        return Counter(
            ("waiting" if m is None else "unknown" if m.problem else "measured",)
            for m in (entry.measurement for entry in self._entries.values())
        )

    def _add(self, question: Question) -> _Entry | None:
        if self._source is None or len(self._entries) >= MOST_QUESTIONS:
            return None
        now = time.monotonic()
        entry = self._entries[question] = _Entry(question, now, now)
        if self._down is not None:
            self._note_problem(entry, self._down)
        self._schedule(entry, now)
        return entry

    def _forget(self, question: Question, ref: ObjectRef) -> None:
        entry = self._entries.get(question)
        if entry is None:
            return
        entry.asked_by.pop(ref, None)
        if not entry.asked_by:
            entry.dropped = True
            del self._entries[question]

    # Asking.

    async def run(self) -> None:
        """Ask whatever is due, for ever."""
        if self._source is None:
            await asyncio.Event().wait()
            return
        free = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                entry = await self._next()
                self._asking += 1
                group.create_task(self._ask(self._source, entry, free))

    async def _next(self) -> _Entry:
        """Wait until a question is due and may be asked."""
        while True:
            self._changed.clear()
            while self._due and (self._due[0][2].dropped or self._due[0][0] != self._due[0][2].due):
                heapq.heappop(self._due)
            seconds = None
            if self._due and not (self._down is not None and self._asking):
                seconds = max(self._due[0][0], self._ask_again) - time.monotonic()
                if seconds <= 0:
                    return heapq.heappop(self._due)[2]
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _ask(self, source: Source, entry: _Entry, free: asyncio.Semaphore) -> None:
        question = entry.question
        samples = None
        try:
            if question.query.samples_query:
                samples = await _count(source, fill_in(question.query.samples_query, question))
            value = await source.number(fill_in(question.query.query, question))
        except MeasureError as error:
            self._failed(entry, error)
        except Exception as error:
            logger.exception("bug while measuring", workload=question.workload)
            text = f"a bug of the operator: {type(error).__name__}: {error}"
            self._failed(entry, MeasureError(text, "bug", Blame.QUERY))
        else:
            self._measured(entry, value, samples)
        finally:
            self._asking -= 1
            free.release()
            self._changed.set()

    def _measured(self, entry: _Entry, value: float, samples: float | None) -> None:
        self._answered(entry, "answered")
        entry.measured = entry.answered
        new = Measurement(value=value, samples=samples, at=self._clock())
        self._tell(self._set(entry, new, ""))

    def _failed(self, entry: _Entry, error: MeasureError) -> None:
        now = time.monotonic()
        if error.blame is Blame.ANSWER:
            self._answered(entry, error.outcome)
            self._tell(self._note_problem(entry, error))
            return
        self.queries[error.outcome] += 1
        if error.outcome == "timeout":
            self._timeouts += 1
        if error.blame is Blame.SERVER or self._timeouts >= _TIMEOUTS_IN_A_ROW:
            self._server_failed(error)
            # Behind all that are overdue, so that not always the same one is tried.
            self._schedule(entry, self._ask_again)
            return
        entry.failures += 1
        pause = min(self._interval, _FIRST_RETRY_SECONDS * 2 ** min(entry.failures, 16))
        self._schedule(entry, now + pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
        self._tell(self._note_problem(entry, error))

    def _answered(self, entry: _Entry, outcome: str) -> None:
        """Take note that the server does its work, and ask again in an interval."""
        # What came all at once is spread over the interval the first time it is asked again.
        least, most = (0.2, 1.0) if entry.answered is None else (0.9, 1.1)
        entry.answered = time.monotonic()
        entry.failures = 0
        share = random.uniform(least, most)  # noqa: S311 - jitter, no secret
        self._schedule(entry, entry.answered + self._interval * share)
        self.queries[outcome] += 1
        self._timeouts = 0
        if self._down is not None:
            logger.info("Prometheus answers again")
            self._down = None
            self._attempts = 0
            self._ask_again = 0.0

    def _server_failed(self, error: MeasureError) -> None:
        """Ask nobody for a while; what is too old to count is no longer known."""
        if self._down is None or self._down.outcome != error.outcome:
            logger.warning("Prometheus can't be asked", reason=str(error))
            self._down = error
        pause = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(self._attempts, 16))
        self._attempts += 1
        pause *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
        self._ask_again = time.monotonic() + pause
        touched: set[ObjectRef] = set()
        for entry in self._entries.values():
            touched |= self._note_problem(entry, self._down)
        self._tell(touched)

    def _note_problem(self, entry: _Entry, error: MeasureError) -> set[ObjectRef]:
        """Take note of why there is no value; return whose verdict that may change.

        Without an answer the one before goes on counting until it is too old. A problem of the
        same sort as before keeps its words: they end up in conditions.
        """
        now = time.monotonic()
        if (
            error.blame is not Blame.ANSWER
            and entry.answered is not None
            and now < entry.answered + self._interval * _INTERVALS_VALID
        ):
            return set()
        old = entry.measurement or Measurement()
        problem = old.problem if entry.outcome == error.outcome else str(error)
        if entry.measured is None or now > entry.measured + _TOLD_SECONDS:
            new = Measurement(problem)
        else:
            new = Measurement(problem, value=old.value, at=old.at)
        return self._set(entry, new, error.outcome)

    def _set(self, entry: _Entry, new: Measurement, outcome: str) -> set[ObjectRef]:
        """Remember a measurement; return the workloads whose verdict it may change."""
        old, entry.measurement, entry.outcome = entry.measurement, new, outcome
        if old is not None:
            levels = {level for by in entry.asked_by.values() for level in by}
            if all(judge(level, old) == judge(level, new) for level in levels):
                return set()
        return set(entry.asked_by)

    def _tell(self, refs: set[ObjectRef]) -> None:
        if refs:
            self._on_change(refs)

    def _schedule(self, entry: _Entry, due: float) -> None:
        entry.due = due
        self._sequence += 1
        heapq.heappush(self._due, (due, self._sequence, entry))
        self._changed.set()


async def _count(source: Source, query: str) -> float:
    """Return how many samples there are: none where there is no data."""
    try:
        return await source.number(query)
    except MeasureError as error:
        if error.outcome == "no_data":
            return 0.0
        raise
