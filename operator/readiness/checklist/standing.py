"""Where a workload stands on the checklist: what holds, what is missing and who can provide it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from readiness.api.vocabulary import Result, Severity
from readiness.checklist.base import Item, Section, Stage
from readiness.checklist.catalogue import EVIDENCE_ITEMS, ITEMS, SECTIONS
from readiness.checks.base import Scope
from readiness.errors import FieldError
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.evaluate.evidence import EvidenceParams, best, item_of
from readiness.evaluate.service_levels import CHECK_PREFIX
from readiness.model.evidence import Evidence, EvidenceIndex
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef, Workload
from readiness.model.workload_target import readable_labels


class State(StrEnum):
    """How it is with an item, or with one of its answers; the worst first.

    An item is as good as the worst of its answers. What does not apply counts for nothing beside
    an answer that does, and what an exemption waives is not met.
    """

    MISSING = "missing"
    UNKNOWN = "unknown"
    AWAITING_EVIDENCE = "awaiting-evidence"
    WAIVED = "waived"
    MET = "met"
    NOT_APPLICABLE = "not-applicable"

    @property
    def label(self) -> str:
        """The state in words."""
        return self.value.replace("-", " ")

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self in _OPEN


_OPEN = frozenset({State.MISSING, State.UNKNOWN, State.AWAITING_EVIDENCE})
_RANK = {state: rank for rank, state in enumerate(State)}


class AnswerKind(StrEnum):
    """In which way an item is answered."""

    CHECK = "check"
    SERVICE_LEVEL = "serviceLevel"
    EVIDENCE = "evidence"
    ITEM = "item"


class Provider(StrEnum):
    """Who can provide what is missing."""

    DEVELOPER = "developer"
    PLATFORM_TEAM = "platform team"
    PERSON = "person with evidence"


# What they ask for only an administrator can make: quotas are kept from those they bound, and
# StorageClasses belong to the cluster.
_PLATFORM_CHECKS = frozenset({"resource-quota-missing", "storage-not-encrypted"})


@dataclass(frozen=True, slots=True)
class Given:
    """What evidence or a measurement says.

    Attributes:
        state: MET, MISSING (expired, refused, objective missed), UNKNOWN (no data) or
            NOT_APPLICABLE.
        message: why, in words; may be empty where it is met.
    """

    state: State
    message: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One answer to an item, or one finding of a check that answers it.

    Attributes:
        kind: what answers.
        name: id of the check or item, name of the service level.
        message: what is missing, or why it is as it is; empty where there is nothing to say.
        severity: how much the policy makes of a check; None for other answers.
        provider: who can provide what is missing; None where nothing is, and for an item answered
            by another, which says it itself.
    """

    kind: AnswerKind
    name: str
    state: State
    message: str = ""
    severity: Severity | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class ItemStanding:
    """How it is with one item.

    Attributes:
        parts: the answers, in the order the item names them.
    """

    item: Item
    state: State
    parts: tuple[Part, ...]

    @property
    def providers(self) -> list[Provider]:
        """Who can provide what is missing, each once."""
        return [p for p in Provider if any(part.provider is p for part in self.parts)]


@dataclass(frozen=True)
class Standing:
    """Where a workload stands on all items up to a stage.

    Attributes:
        policies: names of the policies it was judged by, sorted.
        stage: the stage asked for.
        items: by id, in the order of the checklist.
    """

    ref: ObjectRef
    policies: tuple[str, ...]
    stage: Stage
    items: Mapping[str, ItemStanding]

    @cached_property
    def counts(self) -> Counter[State]:
        """How many items are in each state."""
        return count_states(self.items.values())

    def sections(self) -> Iterator[tuple[Section, list[tuple[str, list[ItemStanding]]]]]:
        """Yield each section with the groups that hold items, by title."""
        for section in SECTIONS:
            groups = [
                (group.title, [self.items[i.id] for i in group.items if i.id in self.items])
                for group in section.groups
            ]
            groups = [(title, items) for title, items in groups if items]
            if groups:
                yield section, groups


def count_states(items: Iterable[ItemStanding]) -> Counter[State]:
    """Return how many items are in each state."""
    return Counter(item.state for item in items)


def standing(
    report: Report,
    evidence: Mapping[str, Given] = MappingProxyType({}),
    service_levels: Mapping[str, Given] = MappingProxyType({}),
    stage: Stage = Stage.LIVE,
) -> Standing:
    """Say where a workload stands.

    Args:
        report: what its policies' checks say of it.
        evidence: what evidence for it says, by the id of the item; what is left out is awaited.
        service_levels: what was measured, by name; of what is left out the report may say it, else
            it is not measured.
        stage: leave out what has to hold later.
    """
    sources = _Sources(report, evidence, service_levels)
    items = {item.id: sources.stand(item) for item in ITEMS.values() if item.stage <= stage}
    return Standing(report.ref, report.policies, stage, MappingProxyType(items))


def evidence_given(
    workload: Workload, report: Report, evidence: EvidenceIndex, now: datetime
) -> dict[str, Given]:
    """Return what evidence for a workload says, by the id of the item.

    Where a policy asks for an item it decides what counts; elsewhere whatever has not expired does.
    """
    labels = readable_labels(workload)
    asked = {item_of(result.check.id): result for result in report.results}
    answers = {}
    for id in EVIDENCE_ITEMS:
        given = evidence.about(workload.ref, labels, id)
        result = asked.get(id)
        if result is not None and result.result is not Result.PASS:
            if given or result.exempt or result.result is Result.ERROR:
                answers[id] = Given(_state_of(result), result.message)
        elif given:
            answers[id] = _own_word(given, workload, now)
    return answers


def _own_word(given: Sequence[Evidence], workload: Workload, now: datetime) -> Given:
    try:
        found = best(given, workload, EvidenceParams(), now)
    except FieldError as error:
        return Given(State.UNKNOWN, str(error))
    assert found is not None  # noqa: S101 - there is evidence
    evidence, problem = found
    if problem:
        return Given(State.MISSING, problem)
    until = rfc3339(evidence.expires_at)
    return Given(State.MET, f"attested by {evidence.attested_by}, counts until {until}")


class _Sources:
    """Answers items from a report, evidence and measurements, each item once."""

    def __init__(
        self,
        report: Report,
        evidence: Mapping[str, Given],
        service_levels: Mapping[str, Given],
    ) -> None:
        self._results: dict[str, list[CheckResult]] = defaultdict(list)
        for result in report.results:
            self._results[result.check.id].append(result)
        self._evidence = evidence
        self._service_levels = service_levels
        self._done: dict[str, ItemStanding] = {}

    def stand(self, item: Item) -> ItemStanding:
        done = self._done.get(item.id)
        if done is None:
            parts = tuple(self._parts(item))
            state = min((part.state for part in parts), key=_RANK.__getitem__)
            done = self._done[item.id] = ItemStanding(item, state, parts)
        return done

    def _parts(self, item: Item) -> Iterator[Part]:
        yield from self._checks(item.checks)
        for name in item.service_levels:
            yield self._service_level(name)
        if item.evidence:
            yield self._own_evidence(item)
        for id in item.items:
            other = self.stand(ITEMS[id])
            yield Part(AnswerKind.ITEM, id, other.state, other.item.title)

    def _checks(self, ids: Sequence[str]) -> Iterator[Part]:
        """Yield what the checks say that some policy asks for; say so when none does."""
        asked_for = [id for id in ids if id in self._results]
        for id in asked_for:
            for result in self._results[id]:
                yield _part_of(result)
        if not asked_for:
            for id in ids:
                yield Part(
                    AnswerKind.CHECK,
                    id,
                    State.UNKNOWN,
                    "no policy asks for this check",
                    provider=Provider.PLATFORM_TEAM,
                )

    def _service_level(self, name: str) -> Part:
        given = self._service_levels.get(name) or self._measured(name)
        provider = {
            State.MISSING: Provider.DEVELOPER,
            State.UNKNOWN: Provider.PLATFORM_TEAM,
        }.get(given.state)
        return Part(AnswerKind.SERVICE_LEVEL, name, given.state, given.message, provider=provider)

    def _measured(self, name: str) -> Given:
        """Return what the check of a service level says, where a policy asks for it."""
        for result in self._results.get(f"{CHECK_PREFIX}{name}", ()):
            if result.result is not Result.SKIP or result.exempt:
                return Given(_state_of(result), result.message)
        return Given(State.UNKNOWN, "not measured")

    def _own_evidence(self, item: Item) -> Part:
        given = self._evidence.get(item.id, Given(State.AWAITING_EVIDENCE))
        provider = Provider.PERSON if given.state.is_open else None
        return Part(AnswerKind.EVIDENCE, item.id, given.state, given.message, provider=provider)


def _part_of(result: CheckResult) -> Part:
    state = _state_of(result)
    provider = None
    check = result.check
    if state is State.MISSING:
        platform = check.id in _PLATFORM_CHECKS
        provider = Provider.PLATFORM_TEAM if platform else Provider.DEVELOPER
    elif result.result is Result.ERROR:
        # A malformed field hurts a check that looks at the workload alone; others lack a right.
        own = check.scope is Scope.INTRINSIC and not result.crashed
        provider = Provider.DEVELOPER if own else Provider.PLATFORM_TEAM
    elif state is State.UNKNOWN:
        provider = Provider.DEVELOPER
    return Part(AnswerKind.CHECK, check.id, state, result.message, result.severity, provider)


def _state_of(result: CheckResult) -> State:
    if result.counts:
        return State.MISSING
    if result.result is Result.ERROR or result.waits_until is not None:
        return State.UNKNOWN
    if result.exempt:
        return State.WAIVED
    return State.NOT_APPLICABLE if result.result is Result.SKIP else State.MET
