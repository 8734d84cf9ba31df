"""Who is ready and what fails, counted as workloads are judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from readiness.api.vocabulary import Result
from readiness.evaluate.evaluator import Readiness, Report, telling_results
from readiness.model.workload import ObjectRef

# What a metric tells apart: namespace, check id, severity, result. Never a workload.
ResultKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    policies: tuple[str, ...]
    readiness: Readiness
    failing: frozenset[str]
    results: frozenset[ResultKey]


class Scoreboard:
    """Counts over the last report of every workload; updating one costs the size of its report."""

    def __init__(self) -> None:
        self._entries: dict[ObjectRef, _Entry] = {}
        # Workloads of a namespace mostly fail the same checks: what is kept of them is kept once,
        # with the number of workloads it stands for.
        self._shared: dict[_Entry, tuple[_Entry, int]] = {}
        self._readiness: dict[str, Counter[Readiness]] = defaultdict(Counter)
        self._failing: dict[str, Counter[str]] = defaultdict(Counter)
        self.results: Counter[ResultKey] = Counter()
        self.workloads: Counter[tuple[str, Readiness]] = Counter()

    def update(self, report: Report) -> set[str]:
        """Take in a report; return the names of the policies whose counts changed."""
        ref = report.ref
        # Passes and skips are nobody's alert: as metrics they would be tens of thousands of series.
        counted = telling_results(report.results)
        entry = _Entry(
            report.policies,
            report.readiness,
            frozenset(r.check.id for r in counted if r.counts),
            frozenset(
                (ref.namespace, r.check.id, r.severity.value, _word(r.result, exempt=r.exempt))
                for r in counted
            ),
        )
        if self._entries.get(ref) == entry:
            return set()
        changed = self.remove(ref)
        if not entry.policies:
            return changed
        shared, number = self._shared.get(entry, (entry, 0))
        self._shared[shared] = shared, number + 1
        self._entries[ref] = shared
        self._count(ref, entry, 1)
        return changed | set(entry.policies)

    def remove(self, ref: ObjectRef) -> set[str]:
        """Forget a workload; return the names of the policies whose counts changed."""
        old = self._entries.pop(ref, None)
        if old is None:
            return set()
        _, number = self._shared.pop(old)
        if number > 1:
            self._shared[old] = old, number - 1
        self._count(ref, old, -1)
        return set(old.policies)

    def _count(self, ref: ObjectRef, entry: _Entry, step: int) -> None:
        for policy in entry.policies:
            _add(self._readiness[policy], entry.readiness, step)
            for check in entry.failing:
                _add(self._failing[policy], check, step)
        for key in entry.results:
            _add(self.results, key, step)
        _add(self.workloads, (ref.namespace, entry.readiness), step)

    def counts(self, policy: str) -> Counter[Readiness]:
        """Return how many workloads of a policy are ready, not ready, unknown."""
        return self._readiness.get(policy, Counter())

    def failing(self, policy: str, checks: frozenset[str], most: int) -> list[tuple[str, int]]:
        """Return the checks of a policy that fail most workloads, most first, then by id."""
        counts = self._failing.get(policy, Counter())
        ranked = sorted(
            ((check, number) for check, number in counts.items() if check in checks),
            key=lambda item: (-item[1], item[0]),
        )
        return ranked[:most]


def _word(result: Result, *, exempt: bool) -> str:
    return "exempt" if exempt else result.value


def _add(counter: Counter[Any], key: Any, step: int) -> None:
    counter[key] += step
    if not counter[key]:
        del counter[key]
