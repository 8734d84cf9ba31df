"""The checklist as text, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from readiness.checklist.base import Stage
from readiness.checklist.catalogue import SECTIONS, count_by_answer, items_until
from readiness.checklist.standing import ItemStanding, State
from readiness.report.checklist_words import (
    KINDS_IN_WORDS,
    STATES,
    Located,
    answers_in_words,
    items_in_words,
    notes,
    progress,
    providers_in_words,
    states_in_words,
)
from readiness.report.messages import plural
from readiness.report.render_text import SEVERITY_COLOR, Look, printable

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_SEVERITY_WIDTH = len("Should")

_MARKS = {
    State.MET: ("✓", "+", _GREEN),
    State.MISSING: ("✗", "x", _RED),
    State.UNKNOWN: ("?", "?", _YELLOW),
    State.AWAITING_EVIDENCE: ("…", ".", _CYAN),
    State.WAIVED: ("~", "~", _DIM),
    State.NOT_APPLICABLE: ("-", "-", _DIM),
}
_COLUMNS = {
    State.MET: "MET",
    State.MISSING: "MISSING",
    State.UNKNOWN: "UNKNOWN",
    State.AWAITING_EVIDENCE: "EVIDENCE",
    State.WAIVED: "WAIVED",
    State.NOT_APPLICABLE: "N/A",
}


def catalogue_text(stage: Stage, look: Look) -> str:
    """Return the items that have to hold by a stage, each with how it is answered."""
    lines: list[str] = []
    wanted = {item.id for item in items_until(stage)}
    for section in SECTIONS:
        groups = [
            (group.title, [item for item in group.items if item.id in wanted])
            for group in section.groups
        ]
        number = sum(len(items) for _, items in groups)
        if not number:
            continue
        if lines:
            lines.append("")
        lines.append(_heading(section.title, plural(number, "item", "items", count=True), look))
        for title, items in groups:
            if items:
                lines.append(f"  {title}")
            for item in items:
                severity = look.paint(
                    str(item.severity).ljust(_SEVERITY_WIDTH), SEVERITY_COLOR[item.severity]
                )
                start = f"    {severity}  "
                lines += _titled(start, 12, item.title, item.id, look)
                answers = "; ".join(
                    f"{label} {', '.join(names)}" if names else label
                    for label, names in answers_in_words(item)
                )
                lines += [look.paint(line, _DIM) for line in look.wrap(answers, " " * 12)]
    lines += ["", *_catalogue_summary(stage, look)]
    return "\n".join(lines) + "\n"


def _catalogue_summary(stage: Stage, look: Look) -> Iterator[str]:
    items = items_until(stage)
    yield look.paint(f"{items_in_words(len(items), stage)}, answered by", _BOLD)
    for kind, number in count_by_answer(items).items():
        yield f"{number:>5}  {KINDS_IN_WORDS[kind]}"


def standings_text(standings: Sequence[Located], look: Look) -> str:
    """Return where one workload stands item by item, or several in a table."""
    lines = _table(standings, look) if len(standings) > 1 else _in_full(standings[0], look)
    return "\n".join(lines) + "\n"


def _table(standings: Sequence[Located], look: Look) -> Iterator[str]:
    """Yield the counts of each workload; its name comes last, so that it may be long."""
    states = [s for s in STATES if any(located.standing.counts[s] for located in standings)]
    yield look.paint("".join(f"{_COLUMNS[state]} " for state in states) + " WORKLOAD", _BOLD)
    for located in standings:
        cells = ""
        for state in states:
            number = located.standing.counts[state]
            cell = f"{number:>{len(_COLUMNS[state])}}"
            cells += (look.paint(cell, _MARKS[state][2]) if number else cell) + " "
        yield f"{cells} " + printable(located.name)
    number = len(standings[0].standing.items)
    yield ""
    items = items_in_words(number, standings[0].standing.stage)
    yield look.paint(f"{len(standings)} workloads, each held against {items}", _BOLD)
    yield "`--workload NAMESPACE/KIND/NAME` shows one of them item by item"


def _in_full(located: Located, look: Look) -> Iterator[str]:
    standing = located.standing
    name = look.paint(printable(located.name), _BOLD)
    place = look.paint(printable(f"{located.file}:{located.line}"), _DIM) if located.file else ""
    yield f"{name}  {place}".rstrip()
    yield from look.wrap(_judged_by(located), "  ", first="")
    legend = [f"{_mark(state, look)} {state.label}" for state in STATES if standing.counts[state]]
    yield "  ".join(legend)
    for section, groups in standing.sections():
        yield ""
        items = [item for _, group in groups for item in group]
        met, applicable = progress(items)
        yield _heading(section.title, f"{met} of {applicable} met", look)
        for title, group in groups:
            yield f"  {title}"
            for item in group:
                yield from _item(item, look)
    yield ""
    yield from _summary(located, look)


def _judged_by(located: Located) -> str:
    policies = located.standing.policies
    if not policies:
        return "no policy applies, so no check was asked for"
    return f"{plural(len(policies), 'policy', 'policies')} {printable(', '.join(policies))}"


def _item(standing: ItemStanding, look: Look) -> Iterator[str]:
    item = standing.item
    severity = str(item.severity).ljust(_SEVERITY_WIDTH)
    color = SEVERITY_COLOR[item.severity] if standing.state.is_open else _DIM
    start = f"    {_mark(standing.state, look)} {look.paint(severity, color)}  "
    yield from _titled(start, 14, item.title, item.id, look)
    for note in notes(standing):
        who = f" [{note.provider}]" if note.provider else ""
        yield from look.wrap(printable(note.text) + who, " " * 16, first=" " * 14)


def _titled(start: str, width: int, title: str, id: str, look: Look) -> Iterator[str]:
    """Yield a title with its id behind it, or below it where the line is too short."""
    lines = look.wrap(title, " " * width)
    last = lines[-1]
    lines[0] = start + lines[0].strip()
    if len(last) + 2 + len(id) <= look.width:
        lines[-1] += f"  {look.paint(id, _DIM)}"
    else:
        lines.append(" " * width + look.paint(id, _DIM))
    yield from lines


def _mark(state: State, look: Look) -> str:
    sign, plain, color = _MARKS[state]
    return look.paint(plain if look.plain_marks else sign, color)


def _heading(title: str, right: str, look: Look) -> str:
    gap = " " * max(2, min(look.width, 80) - len(title) - len(right))
    return f"{look.paint(title, _BOLD)}{gap}{right}"


def _summary(located: Located, look: Look) -> Iterator[str]:
    standing = located.standing
    number = len(standing.items)
    text = f"{items_in_words(number, standing.stage)}: {states_in_words(standing.counts)}"
    lines = look.wrap(text, "  ", first="")
    yield look.paint(lines[0], _BOLD)
    yield from lines[1:]
    for provider, waiting in providers_in_words(standing):
        yield f"{waiting:>5}  {plural(waiting, 'waits', 'wait')} for {provider}"
