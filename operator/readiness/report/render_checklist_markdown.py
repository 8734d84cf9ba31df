"""The checklist as Markdown, for wikis, pull requests and our own documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from readiness.checklist.base import Item, Section, Stage
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
from readiness.report.render_text import printable

_MARKS = {
    State.MET: "✅",
    State.MISSING: "❌",
    State.UNKNOWN: "❔",
    State.AWAITING_EVIDENCE: "📝",
    State.WAIVED: "🔕",
    State.NOT_APPLICABLE: "⚪",
}
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#&~"})


def code(name: str) -> str:
    """Return a name as code."""
    return f"`{name}`"


def catalogue_markdown(stage: Stage, check: Callable[[str], str] = code) -> str:
    """Return the items that have to hold by a stage, a table for each group.

    Args:
        stage: leave out what has to hold later.
        check: how to write the id of a check, such as a link to its page.
    """
    items = items_until(stage)
    wanted = {item.id for item in items}
    parts = [
        "# Production readiness checklist",
        f"{items_in_words(len(items), stage)}.",
        table(
            ("answered by", "items"),
            [(KINDS_IN_WORDS[kind], str(n)) for kind, n in count_by_answer(items).items()],
        ),
        *(
            part
            for section in SECTIONS
            for part in catalogue_section(section, wanted, check, level=2)
        ),
    ]
    return "\n\n".join(parts) + "\n"


def catalogue_section(
    section: Section, wanted: set[str], check: Callable[[str], str], *, level: int
) -> Iterator[str]:
    """Yield the heading of a section and a table for each of its groups."""
    number = sum(item.id in wanted for item in section.items)
    if not number:
        return
    yield f"{'#' * level} {section.title}"
    yield f"{plural(number, 'item', 'items', count=True)}."
    for group in section.groups:
        rows = [_catalogue_row(item, check) for item in group.items if item.id in wanted]
        if rows:
            yield f"{'#' * (level + 1)} {group.title}"
            yield table(("item", "severity", "due", "what has to hold", "answered by"), rows)


def _catalogue_row(item: Item, check: Callable[[str], str]) -> tuple[str, ...]:
    answers = []
    for label, names in answers_in_words(item):
        written = check if label in ("check", "checks") else code
        answers.append(f"{label} {', '.join(map(written, names))}".strip())
    return (
        f"{item.title}<br>{code(item.id)}",
        str(item.severity),
        item.stage.id,
        escaped(item.text),
        "; ".join(answers),
    )


def standings_markdown(standings: Sequence[Located]) -> str:
    """Return where each workload stands, a list for each section."""
    parts = ["# Production readiness"]
    for located in standings:
        parts += _workload(located)
    return "\n\n".join(parts) + "\n"


def _workload(located: Located) -> Iterator[str]:
    standing = located.standing
    yield f"## {escaped(located.name)}"
    policies = ", ".join(escaped(policy) for policy in standing.policies) or "none"
    facts = [f"{plural(len(standing.policies), 'policy', 'policies')}: {policies}"]
    if located.file:
        facts.insert(0, escaped(f"{located.file}:{located.line}"))
    number = len(standing.items)
    facts.append(f"{items_in_words(number, standing.stage)}: {states_in_words(standing.counts)}")
    facts += [
        f"{number} {plural(number, 'waits', 'wait')} for {provider}"
        for provider, number in providers_in_words(standing)
    ]
    yield "\n".join(f"- {fact}" for fact in facts)
    yield " · ".join(f"{_MARKS[s]} {s.label}" for s in STATES if standing.counts[s])
    for section, groups in standing.sections():
        met, applicable = progress([item for _, items in groups for item in items])
        yield f"### {section.title}: {met} of {applicable} met"
        for title, items in groups:
            yield f"#### {title}"
            yield "\n".join(line for item in items for line in _item(item))


def _item(standing: ItemStanding) -> Iterator[str]:
    item = standing.item
    yield f"- {_MARKS[standing.state]} **{item.title}** ({item.severity}) {code(item.id)}"
    for note in notes(standing):
        who = f" *{note.provider}*" if note.provider else ""
        yield f"  - {escaped(note.text)}{who}"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return printable(text).translate(_SPECIAL)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table."""
    lines = [head, ("--",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
