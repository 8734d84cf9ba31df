"""The conditions a report puts on its workload.

Conventions: sig-architecture/api-conventions.md. `kubectl describe` shows type, status and reason
of a Deployment's conditions, not the message, so the reason carries the news.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from readiness.api import reasons
from readiness.api.vocabulary import GROUP, PRODUCTION_READY, Category, Result, Severity
from readiness.evaluate.evaluator import CheckResult, Readiness, Report, telling_results
from readiness.model.moment import rfc3339
from readiness.report.messages import list_findings, plural

# metav1.Condition: reason at most 1,024 characters, message at most 32,768.
_LONGEST_REASON = 1024
_LONGEST_MESSAGE = 4096
_MOST_POLICIES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ConditionState:
    """One condition without its times."""

    type: str
    status: str
    reason: str
    message: str


class SeenCondition(NamedTuple):
    """A condition as an object carries it.

    The message is kept as its hash in this process: all that is asked of it is whether it is still
    the same. With 3,000 workloads that is a few MiB less (`make bench`: 171 instead of 177).
    """

    type: str
    status: str
    reason: str
    message_hash: int
    last_transition_time: str


def is_ours(condition_type: str) -> bool:
    """Return whether a condition is one of this operator's."""
    return condition_type.startswith(f"{GROUP}/")


def agree(current: Sequence[SeenCondition], wanted: Sequence[ConditionState]) -> bool:
    """Return whether an object carries just the conditions wanted; times do not count."""
    return {(c.type, c.status, c.reason, c.message_hash) for c in current} == {
        (c.type, c.status, c.reason, hash(c.message)) for c in wanted
    }


def conditions_of(report: Report) -> list[ConditionState]:
    """Return the conditions a workload should carry: none when no policy applies to it.

    ProductionReady first, then one per category the policies ask for, in their order.
    """
    if not report.policies:
        return []
    by_category: dict[Category, list[CheckResult]] = {}
    for result in report.results:
        by_category.setdefault(result.check.category, []).append(result)
    return [
        _production_ready(report),
        *(_category(c, by_category[c]) for c in Category if c in by_category),
    ]


def _production_ready(report: Report) -> ConditionState:
    telling = telling_results(report.results)
    must = [r for r in telling if r.severity is Severity.MUST]
    match report.readiness:
        case Readiness.NOT_READY:
            failing = [r for r in must if r.result is Result.FAIL]
            count = len({r.check.id for r in failing})
            asking = _policies({r.policy: None for r in failing})
            message = (
                f"{plural(count, 'Must check', 'Must checks', count=True)} of {asking} "
                f"{plural(count, 'fails', 'fail')}: "
            )
            return ConditionState(
                PRODUCTION_READY,
                "False",
                reasons.MUST_CHECKS_FAILING,
                message + list_findings(failing, _LONGEST_MESSAGE - len(message)),
            )
        case Readiness.UNKNOWN:
            return _unknown(PRODUCTION_READY, must)
    passed = len(
        {
            r.check.id
            for r in report.results
            if r.result is Result.PASS and r.severity is Severity.MUST
        }
    )
    message = f"{plural(passed, 'Must check passes', 'Must checks pass', count=True)}"
    exempt = sorted({r.check.id for r in must if r.exempt})
    if exempt:
        message += f", {len(exempt)} exempt ({', '.join(exempt)})"
    warnings = {r.check.id for r in telling if r.result is Result.WARN and r.counts}
    if warnings:
        message += (
            f"; {plural(len(warnings), 'other check warns', 'other checks warn', count=True)}"
        )
    reason = reasons.MUST_CHECKS_PASS_OR_EXEMPT if exempt else reasons.ALL_MUST_CHECKS_PASS
    return ConditionState(
        PRODUCTION_READY,
        "True",
        reason,
        f"{message}; {_policies(report.policies)}"[:_LONGEST_MESSAGE],
    )


def _category(category: Category, results: Sequence[CheckResult]) -> ConditionState:
    condition_type = category.condition_type
    telling = telling_results(results)
    if telling:
        told = _told(condition_type, telling)
        if told is not None:
            return told
    passed = {r.check.id for r in results if r.result is Result.PASS}
    if passed:
        message = plural(len(passed), "check passes", "checks pass", count=True)
        return ConditionState(condition_type, "True", reasons.ALL_CHECKS_PASS, message)
    if telling:  # checks of severity Nice that can't tell
        return _unknown(condition_type, telling)
    skipped = {f"{r.check.id}: {r.message}": None for r in results}
    return ConditionState(
        condition_type, "True", reasons.NOT_APPLICABLE, "; ".join(skipped)[:_LONGEST_MESSAGE]
    )


def _told(condition_type: str, telling: Sequence[CheckResult]) -> ConditionState | None:
    """Return the condition that findings, exemptions and errors make, None when they make none."""
    serious = [r for r in telling if r.severity is not Severity.NICE]
    failing = [r for r in serious if r.counts]
    if failing:
        return ConditionState(
            condition_type, "False", join_reasons(failing), list_findings(failing, _LONGEST_MESSAGE)
        )
    if any(r.result is Result.ERROR or r.waits_until is not None for r in serious):
        return _unknown(condition_type, serious)
    exempt = [r for r in telling if r.exempt]
    if exempt:
        return ConditionState(
            condition_type,
            "True",
            reasons.EXEMPTIONS_APPLY,
            list_findings(exempt, _LONGEST_MESSAGE),
        )
    advice = [r for r in telling if r.counts]
    if advice:
        return ConditionState(
            condition_type,
            "True",
            reasons.ONLY_NICE_TO_HAVE,
            list_findings(advice, _LONGEST_MESSAGE),
        )
    return None


def _policies(names: Collection[str]) -> str:
    """Return policies by name: `policy standard`, `policies a, b`."""
    shown = list(names)[:_MOST_POLICIES_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{plural(len(names), 'policy', 'policies')} {', '.join(shown)}{more}"


def _unknown(condition_type: str, results: Iterable[CheckResult]) -> ConditionState:
    """Return the condition for what can't be told: a check can't look, or companions may come."""
    results = list(results)
    errors = [r for r in results if r.result is Result.ERROR]
    if errors:
        return ConditionState(
            condition_type,
            "Unknown",
            reasons.CHECKS_CANNOT_TELL,
            list_findings(errors, _LONGEST_MESSAGE),
        )
    waiting = [r for r in results if r.waits_until is not None]
    until: datetime = min(r.waits_until for r in waiting if r.waits_until is not None)
    message = f"until {rfc3339(until)}: "
    return ConditionState(
        condition_type,
        "Unknown",
        reasons.WAITING_FOR_COMPANIONS,
        message + list_findings(waiting, _LONGEST_MESSAGE - len(message)),
    )


def join_reasons(results: Iterable[CheckResult]) -> str:
    """Return the failing checks in CamelCase, joined by commas, within the API's limit."""
    reasons_in_order = list(dict.fromkeys(r.check.reason for r in results))
    joined = ",".join(reasons_in_order)
    while len(joined) > _LONGEST_REASON:
        reasons_in_order.pop()
        joined = ",".join([*reasons_in_order, "AndMore"])
    return joined
