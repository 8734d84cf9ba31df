"""What all forms of the checklist say alike: how items are answered, and how far a workload is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from readiness.checklist.base import Item, Stage
from readiness.checklist.catalogue import SECTIONS
from readiness.checklist.standing import (
    AnswerKind,
    ItemStanding,
    Part,
    Provider,
    Standing,
    State,
    count_states,
)
from readiness.report.messages import plural

KINDS_IN_WORDS = {
    "checks": "checks",
    "serviceLevels": "service levels",
    "checks+serviceLevels": "checks and service levels",
    "checks+evidence": "checks and evidence",
    "serviceLevels+evidence": "service levels and evidence",
    "checks+serviceLevels+evidence": "checks, service levels and evidence",
    "evidence": "evidence",
}
# In the order a reader wants them: what is there, then what is to do, then what is left aside.
STATES = (
    State.MET,
    State.MISSING,
    State.UNKNOWN,
    State.AWAITING_EVIDENCE,
    State.WAIVED,
    State.NOT_APPLICABLE,
)


@dataclass(frozen=True, slots=True)
class Located:
    """Where a workload stands, and the place it was read from.

    Attributes:
        file: name of the file; empty for one in a cluster.
        line: line of the file; 0 for one in a cluster.
    """

    standing: Standing
    file: str = ""
    line: int = 0

    @property
    def name(self) -> str:
        """The workload as the command line names it: `shop/deployment/web`."""
        ref = self.standing.ref
        return f"{ref.namespace}/{ref.kind.lower()}/{ref.name}"


def answers_in_words(item: Item) -> list[tuple[str, tuple[str, ...]]]:
    """Return what an item is answered by: each kind in words, with names of that kind."""
    found: list[tuple[str, tuple[str, ...]]] = []
    if item.checks:
        found.append((plural(len(item.checks), "check", "checks"), item.checks))
    if item.service_levels:
        label = plural(len(item.service_levels), "service level", "service levels")
        found.append((label, item.service_levels))
    if item.evidence:
        found.append(("evidence", ()))
    whole = next((section for section in SECTIONS if section.item_ids == item.items), None)
    if whole is not None:
        found.append((f"all items of {whole.title}", ()))
    elif item.items:
        found.append((plural(len(item.items), "item", "items"), item.items))
    return found


def states_in_words(counts: Counter[State]) -> str:
    """Return how many items are in each state: `3 met, 1 missing`."""
    return ", ".join(f"{counts[state]} {state.label}" for state in STATES if counts[state])


def progress(items: Collection[ItemStanding]) -> tuple[int, int]:
    """Return how many items are met, and how many apply."""
    counts = count_states(items)
    return counts[State.MET], len(items) - counts[State.NOT_APPLICABLE]


@dataclass(frozen=True, slots=True)
class Note:
    """One line on an item: what is missing, or why it is as it is.

    Attributes:
        provider: who can provide it; None where nothing is missing or another item says so.
        item: id of the item that says more; empty where there is none.
    """

    state: State
    text: str
    provider: Provider | None = None
    item: str = ""


_MOST_ITEMS = 8  # more of them are counted: a whole section would be said twice


def notes(standing: ItemStanding) -> list[Note]:
    """Return what there is to say of an item: all that is open or waived.

    For an item that lacks nothing but evidence of its own, the state says it.
    """
    parts = [part for part in standing.parts if part.state.is_open or part.state is State.WAIVED]
    if [(part.kind, part.message) for part in parts] == [(AnswerKind.EVIDENCE, "")]:
        return []
    items = [part for part in parts if part.kind is AnswerKind.ITEM]
    if len(items) <= _MOST_ITEMS:
        return [_note(part) for part in parts]
    counts = states_in_words(Counter(part.state for part in items))
    total = sum(part.kind is AnswerKind.ITEM for part in standing.parts)
    text = f"of {plural(total, 'item', 'items', count=True)}: {counts}"
    others = [_note(part) for part in parts if part.kind is not AnswerKind.ITEM]
    return [*others, Note(standing.state, text)]


def _note(part: Part) -> Note:
    return Note(
        part.state,
        part_in_words(part),
        part.provider,
        part.name if part.kind is AnswerKind.ITEM else "",
    )


def part_in_words(part: Part) -> str:
    """Return what an answer says, and whence that is known."""
    match part.kind:
        case AnswerKind.CHECK:
            source = part.name if part.severity is None else f"{part.name}, {part.severity}"
            return f"{part.message} ({source})"
        case AnswerKind.SERVICE_LEVEL:
            return f"service level {part.name}: {part.message or part.state.label}"
        case AnswerKind.EVIDENCE:
            return f"{part.state.label}: {part.message}" if part.message else part.state.label
        case AnswerKind.ITEM:
            return f"{part.state.label}: {part.message} ({part.name})"


def providers_in_words(standing: Standing) -> list[tuple[str, int]]:
    """Return who can provide what is missing, with the number of items that wait for them."""
    counts = Counter(provider for item in standing.items.values() for provider in item.providers)
    words = {
        Provider.DEVELOPER: "the developer",
        Provider.PLATFORM_TEAM: "the platform team",
        Provider.PERSON: "a person with evidence",
    }
    return [(words[provider], counts[provider]) for provider in Provider if counts[provider]]


def items_in_words(number: int, stage: Stage) -> str:
    """Return how many items there are, and by when they have to hold: `235 items`."""
    items = plural(number, "item", "items", count=True)
    return items if stage is Stage.LIVE else f"{items} due {stage.title}"
