"""Where the workloads of a cluster stand, told from the conditions they carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from readiness.api.vocabulary import PRODUCTION_READY
from readiness.checks.registry import all_checks
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef
from readiness.report.conditions import SeenCondition
from readiness.report.messages import indented_json, named_checks, plural
from readiness.report.render_text import Look, printable

_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
# By status of ProductionReady, the worst first; "" where there is no such condition.
_WORDS = {
    "False": ("no", "not ready", _RED),
    "Unknown": ("?", "cannot tell", _YELLOW),
    "": ("-", "without a verdict", _DIM),
    "True": ("yes", "ready", _GREEN),
}
_NARROWEST_NAME = 16  # of less nobody makes out a workload


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one workload stands.

    Attributes:
        ready: status of its condition ProductionReady; "" without one.
        since: when that last changed; None without one.
        met, asked: how many of its other conditions of ours are True, and how many there are.
        failing: what fails: ids of checks, those of Must first, then those of Should.
        must: how many of them are a Must.
        reason: of ProductionReady.
    """

    ref: ObjectRef
    ready: str
    since: datetime | None
    met: int
    asked: int
    failing: tuple[str, ...]
    must: int
    reason: str
    conditions: tuple[SeenCondition, ...]

    @property
    def urgency(self) -> tuple[int, float, ObjectRef]:
        """Sorts the worst first."""
        share = self.met / self.asked if self.asked else 1.0
        return list(_WORDS).index(self.ready), share, self.ref


def standing_of(ref: ObjectRef, conditions: Iterable[SeenCondition], message: str) -> Standing:
    """Return where a workload stands by the conditions of ours that it carries.

    Args:
        ref: names it.
        conditions: those of ours.
        message: of ProductionReady: it names the Must checks that fail.
    """
    conditions = tuple(conditions)
    verdict = next((c for c in conditions if c.type == PRODUCTION_READY), None)
    others = [c for c in conditions if c.type != PRODUCTION_READY]
    reasons = [
        reason for c in others if c.status == "False" for reason in c.reason.split(",") if reason
    ]
    catalogue = {check.reason: check.id for check in all_checks().values()}
    failing: list[str] = []
    must = 0
    named = named_checks(message) if verdict is not None and verdict.status == "False" else ()
    by_reason = {_reason_of(check_id): check_id for check_id in named}
    for reason in reasons:
        if reason in by_reason:
            failing.insert(must, by_reason[reason])
            must += 1
        else:  # a check of a policy's own may be known by its reason alone
            failing.append(catalogue.get(reason, reason))
    return Standing(
        ref=ref,
        ready=verdict.status if verdict is not None else "",
        since=_moment(verdict.last_transition_time) if verdict is not None else None,
        met=sum(c.status == "True" for c in others),
        asked=len(others),
        failing=tuple(failing),
        must=must,
        reason=verdict.reason if verdict is not None else "",
        conditions=conditions,
    )


def _reason_of(check_id: str) -> str:
    return "".join(word.capitalize() for word in check_id.split("-"))


def _moment(text: str) -> datetime | None:
    """Return a time as conditions hold it; None for what is none: others may write them too."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def render_status(
    standings: Iterable[Standing], now: datetime, look: Look, *, namespaces: bool, most: int = 0
) -> str:
    """Return a table of workloads, the worst first, and a line of counts.

    Args:
        standings: of the workloads.
        now: for how long ago things changed.
        look: of the terminal; where it is verbose nothing is cut off.
        namespaces: whether to say which namespace each is in.
        most: how many rows there is room for; 0: any number.
    """
    ordered = sorted(standings, key=lambda standing: standing.urgency)
    shown = ordered[: max(1, most)] if most else ordered
    lines = list(_table(shown, now, look, namespaces=namespaces)) if shown else []
    if len(shown) < len(ordered):
        lines.append(look.paint(f"... and {len(ordered) - len(shown)} more", _DIM))
    counts = Counter(standing.ready for standing in ordered)
    stands = [
        f"{counts[status]} {word}" for status, (_, word, _) in _WORDS.items() if counts[status]
    ]
    total = plural(len(ordered), "workload", "workloads", count=True)
    lines += ["", look.paint(f"{total}: {', '.join(stands)}" if stands else total, _BOLD)]
    return "\n".join(lines) + "\n"


def _table(
    standings: Sequence[Standing], now: datetime, look: Look, *, namespaces: bool
) -> Iterator[str]:
    head = ["NAMESPACE", "WORKLOAD", "READY", "SCORE", "SINCE", "WHAT FAILS"]
    rows = [
        [
            printable(standing.ref.namespace),
            printable(f"{standing.ref.kind.lower()}/{standing.ref.name}"),
            _WORDS[standing.ready][0],
            f"{standing.met}/{standing.asked}" if standing.asked else "-",
            _ago(standing.since, now),
        ]
        for standing in standings
    ]
    first = 0 if namespaces else 1
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(5)]
    fixed = sum(widths[2:]) + 2 * 3
    if not look.verbose:
        # Names give way before numbers do, and leave half of the line to what fails.
        room = max(_NARROWEST_NAME, (look.width - fixed) // 2 - (widths[0] + 2) * (1 - first))
        widths[1] = min(widths[1], room)
    left = look.width - sum(widths[first:]) - 2 * (5 - first)
    cells = [text.ljust(width) for text, width in zip(head, [*widths, 0], strict=True)]
    yield look.paint("  ".join(cells[first:]), _BOLD)
    for standing, row in zip(standings, rows, strict=True):
        texts = [_cut(text, width).ljust(width) for text, width in zip(row, widths, strict=True)]
        texts[2] = look.paint(texts[2], _WORDS[standing.ready][2])
        fails = _fails(standing, None if look.verbose else max(left, _NARROWEST_NAME))
        yield "  ".join([*texts[first:], fails]).rstrip()


def _fails(standing: Standing, width: int | None) -> str:
    """Return what fails: as many checks as there is room for, then how many more there are."""
    if not standing.failing:
        # Why nothing can be told, or that nothing has been said yet.
        return standing.reason if standing.ready == "Unknown" else ""
    names = [printable(name) for name in standing.failing]
    if width is None:
        return ", ".join(names)
    for kept in range(len(names), 0, -1):
        more = f" +{len(names) - kept}" if kept < len(names) else ""
        text = ", ".join(names[:kept]) + more
        if len(text) <= width:
            return text
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return _cut(names[0], width - len(more)) + more


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def _ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was, as kubectl says it: `45s`, `12m`, `7h`, `30d`."""
    if moment is None:
        return "-"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def status_as_json(standings: Iterable[Standing]) -> str:
    """Return one JSON object with the workloads, the worst first."""
    ordered = sorted(standings, key=lambda standing: standing.urgency)
    return indented_json({"workloads": [_as_json(standing) for standing in ordered]})


def _as_json(standing: Standing) -> dict[str, Any]:
    since = standing.since
    return {
        "namespace": standing.ref.namespace,
        "kind": standing.ref.kind,
        "name": standing.ref.name,
        "ready": standing.ready or None,
        "reason": standing.reason or None,
        "since": rfc3339(since) if since is not None else None,
        "score": {"met": standing.met, "of": standing.asked},
        "mustFailing": list(standing.failing[: standing.must]),
        "shouldFailing": list(standing.failing[standing.must :]),
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason} for c in standing.conditions
        ],
    }
