"""Decides which fixes of one workload to apply: those asked for that make nothing else worse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from readiness.api.vocabulary import Result
from readiness.checks.base import Fix, Safety
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.remediate.patch import Operation, apply, operations, shifts_items

T = TypeVar("T")

Judge: TypeAlias = Callable[[Mapping[str, Any]], Report]

_MOST_ROUNDS = 100  # a fix that only moves its finding elsewhere must not keep us for ever


_FOR_UNSAFE, _BY_HAND, _WITHOUT_FIX = "for --unsafe", "to do by hand", "without a fix"
KINDS_OF_LEFT = (_FOR_UNSAFE, _BY_HAND, _WITHOUT_FIX)


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that stays.

    Attributes:
        kind: one of KINDS_OF_LEFT.
        reason: why it stays; empty when there is no fix for it.
    """

    result: CheckResult
    kind: str
    reason: str = ""


@dataclass(slots=True)
class Plan(Generic[T]):
    """What is to become of one workload.

    Attributes:
        document: its manifest with the fixes applied.
        text: the text it stands in, likewise.
        report: what the checks say of it then.
        fixed: findings that are gone, each with the patch that was applied.
    """

    document: Mapping[str, Any]
    text: T
    report: Report
    fixed: list[tuple[CheckResult, list[Operation]]] = field(default_factory=list)


_Key: TypeAlias = tuple[str, str, str]


class Planner(Generic[T]):
    """Applies fixes to the manifest of one workload and to the text it stands in.

    Args:
        judge: says what the checks find in a state of the manifest.
        edit: makes the changes of a patch in the text; raises ValueError, with the reason, when it
            can't.
        unsafe: whether to apply fixes that need thought.
        checks: ids of the checks to apply the fixes of; None: of all.
    """

    def __init__(
        self,
        judge: Judge,
        edit: Callable[[T, list[Operation]], T],
        *,
        unsafe: bool = False,
        checks: Collection[str] | None = None,
    ) -> None:
        self._judge = judge
        self._edit = edit
        self._unsafe = unsafe
        self._checks = checks
        self._refused: dict[_Key, str] = {}

    def plan(self, document: Mapping[str, Any], text: T) -> Plan[T]:
        """Return what becomes of a workload; where fixes make others possible, with those too."""
        plan = Plan(document, text, self._judge(document))
        for _ in range(_MOST_ROUNDS):
            batch = self._candidates(plan.report)
            if not batch:
                break
            following = self._apply(plan, batch)
            if following is None and len(batch) > 1:
                # One of them makes something worse: find out which, from the first on.
                following = self._apply(plan, batch[:1])
                batch = batch[:1]
            if following is not None:
                plan = following
        return plan

    def left(self, report: Report) -> list[Left]:
        """Return the findings of a report that stay, after `plan` has done what it could."""
        return [
            self._left(result)
            for result in report.results
            if result.counts and (self._checks is None or result.check.id in self._checks)
        ]

    def _candidates(self, report: Report) -> list[CheckResult]:
        """Return findings to fix at once: one that moves items of a list is fixed alone."""
        found: list[CheckResult] = []
        for result in report.results:
            if not self._wants(result) or result.fix is None:
                continue
            if shifts_items(result.fix):
                if not found:
                    return [result]
                continue
            found.append(result)
        return found

    def _wants(self, result: CheckResult) -> bool:
        return (
            result.counts
            and result.fix is not None
            and (self._checks is None or result.check.id in self._checks)
            and self._allows(result.fix)
            and _key(result) not in self._refused
        )

    def _allows(self, fix: Fix) -> bool:
        return fix.safety is Safety.SAFE or (fix.safety is Safety.UNSAFE and self._unsafe)

    def _apply(self, plan: Plan[T], batch: list[CheckResult]) -> Plan[T] | None:
        """Return the plan with some fixes more, None when they make a check fail that passed.

        What can't be made, or does not help, is remembered; a single fix that does harm too.
        """
        document, text = plan.document, plan.text
        made: list[tuple[CheckResult, list[Operation]]] = []
        for result in batch:
            assert result.fix is not None  # noqa: S101 - _candidates looked
            try:
                patch = operations(document, result.fix)
                changed = apply(document, patch) if patch else document
                text = self._edit(text, patch) if patch else text
            except ValueError as error:
                self._refused[_key(result)] = str(error)
                continue
            document = changed
            made.append((result, patch))
        if not made:
            return plan
        report = self._judge(document)
        broken = _broken(plan.report, report)
        if broken:
            if len(made) == 1:
                self._refused[_key(made[0][0])] = f"its fix would make {', '.join(broken)} fail"
            return None
        still = {_key(result) for result in report.results if result.counts}
        for result, _ in made:
            if _key(result) in still:  # asked for again, it would change nothing
                self._refused[_key(result)] = "its fix alone is not enough"
        fixed = [(result, patch) for result, patch in made if _key(result) not in still]
        return Plan(document, text, report, plan.fixed + fixed)

    def _left(self, result: CheckResult) -> Left:
        refused = self._refused.get(_key(result))
        if refused is not None:
            return Left(result, _BY_HAND, f"by hand: {refused}")
        if result.fix is None:
            return Left(result, _WITHOUT_FIX)
        if result.fix.safety is Safety.UNSAFE and not self._unsafe:
            return Left(result, _FOR_UNSAFE, f"for --unsafe: {result.fix.explanation}")
        return Left(result, _BY_HAND, f"by hand: {result.fix.explanation}")


def _key(result: CheckResult) -> _Key:
    return result.check.id, result.path, result.message


def _broken(before: Report, after: Report) -> list[str]:
    """Return the checks that passed and do so no longer."""
    passed = {result.check.id for result in before.results if result.result is Result.PASS}
    bad = {
        result.check.id
        for result in after.results
        if result.counts or result.result is Result.ERROR
    }
    return sorted(passed & bad)
