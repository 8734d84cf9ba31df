"""All items of the checklist, and what each of them is answered by in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from readiness.checklist import (
    configuration,
    database,
    deployment,
    documentation,
    launch,
    observability,
    operations,
    performance,
    risks,
    security,
    testing,
)
from readiness.checklist.base import Item, Stage

SECTIONS = (
    security.SECTION,
    database.SECTION,
    performance.SECTION,
    observability.SECTION,
    configuration.SECTION,
    testing.SECTION,
    deployment.SECTION,
    documentation.SECTION,
    operations.SECTION,
    launch.SECTION,
    risks.SECTION,
)
ITEMS: Mapping[str, Item] = MappingProxyType(
    {item.id: item for section in SECTIONS for item in section.items}
)
EVIDENCE_ITEMS: Mapping[str, Item] = MappingProxyType(
    {id: item for id, item in ITEMS.items() if item.evidence}
)
"""What evidence may answer. For an item answered by others it is given for those."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What an item is answered by, once the items that answer it are followed.

    Attributes:
        checks: ids of checks.
        service_levels: names of service levels.
        evidence: ids of the items that a person has to answer for.
    """

    checks: tuple[str, ...]
    service_levels: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kinds of answer it takes, such as `checks+evidence`."""
        kinds = {
            "checks": self.checks,
            "serviceLevels": self.service_levels,
            "evidence": self.evidence,
        }
        return "+".join(kind for kind, answers in kinds.items() if answers)


KINDS_OF_ANSWER = (
    "checks",
    "serviceLevels",
    "checks+serviceLevels",
    "checks+evidence",
    "serviceLevels+evidence",
    "checks+serviceLevels+evidence",
    "evidence",
)


@cache
def answers_to(item_id: str) -> Answers:
    """Return what answers an item, through other items too; each answer once, in their order.

    Raises:
        KeyError: when there is no such item.
    """
    item = ITEMS[item_id]
    through = [answers_to(id) for id in item.items]
    return Answers(
        _once([*item.checks, *(id for answers in through for id in answers.checks)]),
        _once([*item.service_levels, *(s for answers in through for s in answers.service_levels)]),
        _once([*([item.id] * item.evidence), *(e for a in through for e in a.evidence)]),
    )


def items_until(stage: Stage) -> list[Item]:
    """Return what has to hold by a stage, what had to before it included, in order."""
    return [item for item in ITEMS.values() if item.stage <= stage]


def count_by_answer(items: Iterable[Item]) -> dict[str, int]:
    """Return how many items there are of each kind of answer, those without any left out."""
    counts = Counter(answers_to(item.id).kind for item in items)
    return {kind: counts[kind] for kind in KINDS_OF_ANSWER if counts[kind]}


def count_by_section(items: Iterable[Item]) -> dict[str, int]:
    """Return how many of the items each section holds, by id, those without any left out."""
    wanted = {item.id for item in items}
    counts = {s.id: sum(item.id in wanted for item in s.items) for s in SECTIONS}
    return {id: number for id, number in counts.items() if number}


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
