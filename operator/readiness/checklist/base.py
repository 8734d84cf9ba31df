"""What an item of the checklist is, and in which ways it can be answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import total_ordering

from readiness.api.vocabulary import Severity


@total_ordering
class Stage(Enum):
    """By when an item has to hold; each stage includes those before it.

    Ordered: `Stage.PRE_LAUNCH < Stage.LAUNCH < Stage.LIVE`.

    Attributes:
        id: the name used on the command line and in the label `readiness.dev/stage`.
        title: for people.
    """

    def __init__(self, id: str, title: str) -> None:
        self.id = id
        self.title = title

    PRE_LAUNCH = ("pre-launch", "one week before launch")
    LAUNCH = ("launch", "on the day of launch")
    LIVE = ("live", "one week after launch")

    def __lt__(self, other: Stage) -> bool:
        stages = list(Stage)
        return stages.index(self) < stages.index(other)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist.

    It is answered by checks, by service levels, by evidence or by other items; where it names
    several, all of them are needed.

    Attributes:
        id: in kebab case, for ever.
        title: the item as a statement that holds or does not.
        text: what has to hold, so that a person can attest it.
        severity: see `docs/checklist.md` on how it is derived.
        checks: ids of checks; of these, the ones that a policy asks for.
        service_levels: names of service levels.
        evidence: whether a person has to answer for it.
        items: ids of items that answer this one, so that nobody is asked twice.
        stage: by when it has to hold.
        cited_as: what `Reference.checklist` of the checks for it says; empty without such a check.
    """

    id: str
    title: str
    text: str
    severity: Severity
    checks: tuple[str, ...] = ()
    service_levels: tuple[str, ...] = ()
    evidence: bool = False
    items: tuple[str, ...] = ()
    stage: Stage = Stage.PRE_LAUNCH
    cited_as: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Items that belong together, under a heading of their own."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the checklist."""

    id: str
    title: str
    groups: tuple[Group, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """All its items, in order."""
        return tuple(item for group in self.groups for item in group.items)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of all its items, in order."""
        return tuple(item.id for item in self.items)
