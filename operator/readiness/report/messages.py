"""Sentences about findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from readiness.api.vocabulary import Result
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.evaluate.exemptions import Exemption
from readiness.model.evidence import Evidence
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef


def plural(number: int, one: str, many: str, *, count: bool = False) -> str:
    """Return the word for that number of things, with the number before it when asked."""
    word = one if number == 1 else many
    return f"{number} {word}" if count else word


def workload_title(ref: ObjectRef) -> str:
    """Name a workload as kubectl does, with its namespace: `deployment/web (shop)`."""
    return f"{ref.kind.lower()}/{ref.name} ({ref.namespace})"


def indented_json(document: Any) -> str:
    """Return a document as JSON for people and programs; the standard library takes ten times."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


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


_NAMED = re.compile(r"\(([a-z0-9]+(?:-[a-z0-9]+)*)\)(?=; |$)")


def named_checks(text: str) -> list[str]:
    """Return the ids of the checks whose findings `list_findings` put into a text."""
    return list(dict.fromkeys(_NAMED.findall(text)))


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


def exemption_expiring(exemption: Exemption, end: datetime) -> str:
    """Return what the event ExemptionExpiring says on a workload."""
    checks = sorted(exemption.checks)
    word = plural(len(checks), "finding of", "findings of")
    return (
        f'ReadinessExemption "{exemption.name}" ends at {rfc3339(end)}: mend the {word} '
        f"{', '.join(checks)} by then; they count again"
    )


def evidence_expiring(evidence: Evidence) -> str:
    """Return what the event EvidenceExpiring says."""
    return (
        f'ReadinessEvidence "{evidence.name}" for {evidence.item} expires at '
        f"{rfc3339(evidence.expires_at)}: renew it by then"
    )
