"""Where a workload stands: each state, how they add up, and who can provide what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from readiness.api.vocabulary import Result, Severity
from readiness.checklist.base import Stage
from readiness.checklist.catalogue import EVIDENCE_ITEMS, ITEMS
from readiness.checklist.service_levels import SERVICE_LEVELS
from readiness.checklist.standing import (
    AnswerKind,
    Given,
    Part,
    Provider,
    Standing,
    State,
    evidence_given,
    standing,
)
from readiness.checks.registry import all_checks
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.evaluate.evidence import evidence_check
from readiness.model.evidence import Evidence, EvidenceIndex
from readiness.model.workload import ObjectRef, Workload
from readiness.model.workload_target import WorkloadTarget
from tests.support import NOW

REF = ObjectRef("apps", "Deployment", "shop", "web")
LATER = datetime(2999, 1, 1, tzinfo=UTC)


def result(id: str, result: Result, message: str = "", **more: Any) -> CheckResult:
    check = all_checks()[id]
    severity = check.severity or Severity.SHOULD
    return CheckResult(check, severity, result, "standard", message)._replace(**more)


def report(*results: CheckResult) -> Report:
    return Report(REF, ("standard",), results)


def part(id: str, state: State, message: str = "", provider: Provider | None = None) -> Part:
    severity = all_checks()[id].severity
    return Part(AnswerKind.CHECK, id, state, message, severity, provider)


ALL_PASS = report(*(result(id, Result.PASS) for id in all_checks()))
ALL_GIVEN = {id: Given(State.MET) for id in EVIDENCE_ITEMS}
ALL_GOOD = {level.name: Given(State.MET, "measured 1") for level in SERVICE_LEVELS}


def test_everything_is_met_when_all_is_there() -> None:
    full = standing(ALL_PASS, ALL_GIVEN, ALL_GOOD)

    assert full.counts == {State.MET: 235}
    assert (full.ref, full.policies, full.stage) == (REF, ("standard",), Stage.LIVE)
    assert list(full.items) == list(ITEMS)


def test_without_evidence_and_measurements_nothing_that_needs_them_is_met() -> None:
    bare = standing(ALL_PASS)

    assert bare.counts == {State.MET: 30, State.AWAITING_EVIDENCE: 138, State.UNKNOWN: 67}


def test_nothing_is_met_where_no_policy_applies() -> None:
    none = standing(Report(REF, (), ()))

    assert none.counts[State.MET] == 0
    assert none.items["cors-origins-restricted"].parts == (
        Part(
            AnswerKind.CHECK,
            "cors-wildcard",
            State.UNKNOWN,
            "no policy asks for this check",
            provider=Provider.PLATFORM_TEAM,
        ),
    )


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (
            result("cors-wildcard", Result.PASS),
            part("cors-wildcard", State.MET),
        ),
        (
            result("cors-wildcard", Result.SKIP, "no route"),
            part("cors-wildcard", State.NOT_APPLICABLE, "no route"),
        ),
        (
            result("cors-wildcard", Result.FAIL, "must name origins"),
            part("cors-wildcard", State.MISSING, "must name origins", Provider.DEVELOPER),
        ),
        (
            result("cors-wildcard", Result.SKIP, "accepted", exempt=True),
            part("cors-wildcard", State.WAIVED, "accepted"),
        ),
        (
            result("cors-wildcard", Result.WARN, "counts later", waits_until=LATER),
            part("cors-wildcard", State.UNKNOWN, "counts later", Provider.DEVELOPER),
        ),
        (
            result("cors-wildcard", Result.ERROR, "not allowed to list ingresses"),
            part(
                "cors-wildcard",
                State.UNKNOWN,
                "not allowed to list ingresses",
                Provider.PLATFORM_TEAM,
            ),
        ),
    ],
    ids=lambda value: value.state if isinstance(value, Part) else "",
)
def test_result_of_a_check_decides(outcome: CheckResult, expected: Part) -> None:
    item = standing(report(outcome)).items["cors-origins-restricted"]

    assert item.parts == (expected,)
    assert item.state is expected.state


@pytest.mark.parametrize(
    ("id", "item", "outcome", "provider"),
    [
        ("resource-quota-missing", "quota-set", {}, Provider.PLATFORM_TEAM),
        (
            "database-connection-unencrypted",
            "database-connection-encrypted",
            {},
            Provider.DEVELOPER,
        ),
        (
            "hard-coded-credential",
            "credentials-not-hard-coded",
            {"result": Result.ERROR},
            Provider.DEVELOPER,
        ),
        (
            "hard-coded-credential",
            "credentials-not-hard-coded",
            {"result": Result.ERROR, "crashed": True},
            Provider.PLATFORM_TEAM,
        ),
    ],
)
def test_who_can_provide_it(
    id: str, item: str, outcome: dict[str, Any], provider: Provider
) -> None:
    """Quotas, rights and bugs are not for developers to mend; malformed fields are."""
    found = standing(report(result(id, Result.FAIL)._replace(**outcome)))

    assert found.items[item].providers == [provider]


def test_every_finding_of_a_check_is_told() -> None:
    found = standing(
        report(
            result("cors-wildcard", Result.FAIL, "one"),
            result("cors-wildcard", Result.FAIL, "two"),
        )
    )

    messages = [part.message for part in found.items["cors-origins-restricted"].parts]
    assert messages == ["one", "two"]


def test_finding_of_any_severity_leaves_an_item_unmet() -> None:
    found = standing(report(result("request-size-unlimited", Result.WARN, "must be limited")))

    assert found.items["request-size-limited"].state is State.MISSING
    assert found.items["request-size-limited"].parts[0].severity is Severity.NICE


def test_of_the_checks_of_an_item_those_count_that_a_policy_asks_for() -> None:
    """`secrets-outside-code` names two."""
    one = standing(report(result("secret-in-config-map", Result.PASS)))

    assert one.items["secrets-outside-code"].parts == (part("secret-in-config-map", State.MET),)
    assert one.items["credentials-not-hard-coded"].state is State.UNKNOWN


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ((Result.PASS, Result.PASS), State.MET),
        ((Result.PASS, Result.SKIP), State.MET),
        ((Result.SKIP, Result.SKIP), State.NOT_APPLICABLE),
        ((Result.PASS, Result.ERROR), State.UNKNOWN),
        ((Result.SKIP, Result.ERROR), State.UNKNOWN),
        ((Result.ERROR, Result.FAIL), State.MISSING),
        ((Result.PASS, Result.FAIL), State.MISSING),
    ],
)
def test_worst_answer_decides(results: tuple[Result, Result], state: State) -> None:
    ids = ("secret-in-config-map", "hard-coded-credential")
    outcomes = [result(id, outcome) for id, outcome in zip(ids, results, strict=True)]

    assert standing(report(*outcomes)).items["secrets-outside-code"].state is state
    assert standing(report(*outcomes[::-1])).items["secrets-outside-code"].state is state


def test_what_is_waived_is_not_met() -> None:
    waived = result("hard-coded-credential", Result.SKIP, exempt=True)

    both = standing(report(waived, result("secret-in-config-map", Result.PASS)))
    assert both.items["secrets-outside-code"].state is State.WAIVED
    worse = standing(report(waived, result("secret-in-config-map", Result.ERROR)))
    assert worse.items["secrets-outside-code"].state is State.UNKNOWN


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {},
            Part(
                AnswerKind.EVIDENCE,
                "team-trained",
                State.AWAITING_EVIDENCE,
                provider=Provider.PERSON,
            ),
        ),
        (
            {"team-trained": Given(State.MET, "by ann")},
            Part(AnswerKind.EVIDENCE, "team-trained", State.MET, "by ann"),
        ),
        (
            {"team-trained": Given(State.MISSING, "expired on 2026-11-01")},
            Part(
                AnswerKind.EVIDENCE,
                "team-trained",
                State.MISSING,
                "expired on 2026-11-01",
                provider=Provider.PERSON,
            ),
        ),
        (
            {"team-trained": Given(State.NOT_APPLICABLE, "nobody is on call")},
            Part(AnswerKind.EVIDENCE, "team-trained", State.NOT_APPLICABLE, "nobody is on call"),
        ),
    ],
)
def test_evidence_decides(given: dict[str, Given], expected: Part) -> None:
    item = standing(report(), evidence=given).items["team-trained"]

    assert item.parts == (expected,)
    assert item.state is expected.state


@pytest.mark.parametrize(
    ("given", "state", "message", "provider"),
    [
        ({}, State.UNKNOWN, "not measured", Provider.PLATFORM_TEAM),
        ({"error-rate": Given(State.MET, "0.01 %")}, State.MET, "0.01 %", None),
        (
            {"error-rate": Given(State.MISSING, "3 %")},
            State.MISSING,
            "3 %",
            Provider.DEVELOPER,
        ),
        (
            {"error-rate": Given(State.UNKNOWN, "no data")},
            State.UNKNOWN,
            "no data",
            Provider.PLATFORM_TEAM,
        ),
    ],
)
def test_measurement_decides(
    given: dict[str, Given], state: State, message: str, provider: Provider | None
) -> None:
    item = standing(report(), service_levels=given).items["errors-measured"]

    assert item.parts == (
        Part(AnswerKind.SERVICE_LEVEL, "error-rate", state, message, provider=provider),
    )
    assert item.state is state


def test_all_kinds_of_answer_are_needed() -> None:
    """`dashboards-active` takes a check and evidence."""
    scraped = report(result("metrics-not-scraped", Result.PASS))

    def state(given: dict[str, Given], what: Report = scraped) -> State:
        return standing(what, given).items["dashboards-active"].state

    assert state({}) is State.AWAITING_EVIDENCE
    assert state({"dashboards-active": Given(State.MET)}) is State.MET
    assert (
        state(
            {"dashboards-active": Given(State.MET)},
            report(result("metrics-not-scraped", Result.WARN)),
        )
        is State.MISSING
    )
    assert (
        state({}, report(result("metrics-not-scraped", Result.SKIP))) is State.AWAITING_EVIDENCE
    ), "a check that does not apply excuses nobody from evidence"


def test_evidence_for_one_item_answers_those_that_build_on_it() -> None:
    given = standing(report(), {"load-testing-performed": Given(State.MET)})

    assert given.items["load-test-done"].state is State.MET
    assert given.items["load-tested"].parts == (
        Part(AnswerKind.ITEM, "load-testing-performed", State.MET, "A load test was run"),
    )
    assert given.items["performance-tests-done"].state is State.AWAITING_EVIDENCE
    assert standing(report()).items["load-test-done"].providers == []


def test_a_section_is_done_when_the_last_of_its_items_is() -> None:
    but_one = {id: given for id, given in ALL_GIVEN.items() if id != "oauth-pkce-used"}

    assert (
        standing(ALL_PASS, but_one, ALL_GOOD).items["all-security-answered"].state
        is State.AWAITING_EVIDENCE
    )


def test_later_stages_are_left_out() -> None:
    early = standing(ALL_PASS, ALL_GIVEN, ALL_GOOD, Stage.PRE_LAUNCH)

    assert len(early.items) == 218
    assert {item.item.stage for item in early.items.values()} == {Stage.PRE_LAUNCH}
    assert group_titles(early, "launch") == ["One week before"]
    assert group_titles(early, "risks") == [
        "Must be fixed before production",
        "Should be fixed before production",
    ]


def group_titles(found: Standing, section_id: str) -> list[str]:
    return [
        title
        for section, groups in found.sections()
        if section.id == section_id
        for title, _ in groups
    ]


class TestEvidenceGiven:
    """What evidence says where a policy asks for it, and where none does."""

    ITEM = "load-testing-performed"
    WORKLOAD = Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": "malformed"}}},
        }
    )

    def given(
        self, *outcomes: CheckResult, digests: tuple[tuple[str, str], ...] = (), days: int = 1
    ) -> dict[str, Given]:
        index = EvidenceIndex()
        if days:
            expires = NOW + timedelta(days=days)
            target = (WorkloadTarget(None, "web", None),)
            began = NOW - timedelta(days=9)
            one = Evidence("shop", "e", self.ITEM, target, began, expires, "ann", "", digests)
            index.put(one)
        return evidence_given(self.WORKLOAD, report(*outcomes), index, NOW)

    def outcome(self, result: Result, message: str = "", *, exempt: bool = False) -> CheckResult:
        check = evidence_check(self.ITEM)
        return CheckResult(check, Severity.MUST, result, "p", message, exempt=exempt)

    def test_where_no_policy_asks_what_has_not_expired_counts(self) -> None:
        assert self.given() == {
            self.ITEM: Given(State.MET, "attested by ann, counts until 2026-11-25T09:00:00Z")
        }
        lost = 'ReadinessEvidence "e" must be renewed: it expired at 2026-11-23T09:00:00Z'
        assert self.given(days=-1) == {self.ITEM: Given(State.MISSING, lost)}
        assert self.given(days=0) == {}

    def test_images_that_cannot_be_read_can_not_be_told(self) -> None:
        given = self.given(digests=(("app", "sha256:1"),))

        assert given[self.ITEM].state is State.UNKNOWN

    @pytest.mark.parametrize(
        ("result", "exempt", "state"),
        [
            (Result.FAIL, False, State.MISSING),
            (Result.SKIP, True, State.WAIVED),
            (Result.ERROR, False, State.UNKNOWN),
        ],
    )
    def test_where_a_policy_asks_it_decides(
        self, result: Result, state: State, *, exempt: bool
    ) -> None:
        outcome = self.outcome(result, "too old", exempt=exempt)

        assert self.given(outcome) == {self.ITEM: Given(state, "too old")}

    def test_what_nobody_gave_is_awaited_unless_it_is_waived(self) -> None:
        assert self.given(self.outcome(Result.FAIL, "missing"), days=0) == {}
        waived = self.outcome(Result.SKIP, "waived", exempt=True)
        assert self.given(waived, days=0) == {self.ITEM: Given(State.WAIVED, "waived")}
