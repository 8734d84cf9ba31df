"""Sentences about findings."""

from __future__ import annotations

from collections.abc import Iterable

from readiness.api.vocabulary import Result
from readiness.evaluate.evaluator import CheckResult, Report


def plural(number: int, one: str, many: str, *, count: bool = False) -> str:
    """Return the word for that number of things, with the number before it when asked."""
    word = one if number == 1 else many
    return f"{number} {word}" if count else word


def list_findings(results: Iterable[CheckResult], limit: int) -> str:
    """Return findings as one text, each with the id of its check, at most `limit` characters.

    Findings that do not fit are counted: `... and 3 more`.
    """
    parts = [f"{result.message} ({result.check.id})" for result in results]
    text = "; ".join(parts)
    if len(text) <= limit:
        return text
    kept: list[str] = []
    length = 0
    reserve = len("; ... and 9999 more")
    for part in parts:
        if length + len(part) + 2 > limit - reserve:
            break
        kept.append(part)
        length += len(part) + 2
    left = f"... and {len(parts) - len(kept)} more"
    return "; ".join([*kept, left]) if kept else text[: limit - 3] + "..."


def not_ready_event(report: Report, limit: int) -> str:
    """Return what the event NotProductionReady says: what fails, then what to do about it."""
    failing = [r for r in report.results if r.result is Result.FAIL]
    checks = list({r.check.id: r.check for r in failing}.values())
    head = f"{plural(len(checks), 'Must check fails', 'Must checks fail', count=True)}: "
    advice = ""
    for check in checks:
        line = f" To fix {check.id}: {check.remediation}"
        if len(advice) + len(line) > limit // 2:
            break
        advice += line
    return head + list_findings(failing, limit - len(head) - len(advice) - 1) + "." + advice


def ready_event(report: Report) -> str:
    """Return what the event ProductionReady says."""
    passed = len({r.check.id for r in report.results if r.result is Result.PASS})
    return (
        f"no Must check fails, {plural(passed, 'check passes', 'checks pass', count=True)} "
        f"({plural(len(report.policies), 'policy', 'policies')} {', '.join(report.policies)})"
    )
