"""What evidence has to be to count for a workload, and until when it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from readiness.api.vocabulary import Category, Result, Severity
from readiness.checklist.catalogue import EVIDENCE_ITEMS
from readiness.checks.base import Scope
from readiness.evaluate.evaluator import Report, evaluate
from readiness.evaluate.evidence import (
    EvidenceParams,
    best,
    evidence_check,
    image_problem,
    item_of,
)
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import CheckSetting, Policy, combine
from readiness.model.evidence import Evidence, EvidenceIndex
from readiness.model.inventory import Inventory
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload
from readiness.model.workload_target import WorkloadTarget
from tests.support import NOW

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
ITEM = "load-testing-performed"
CHECK = f"evidence-{ITEM}"
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def evidence(name: str = "load-test", **changes: Any) -> Evidence:
    """Return evidence about web of namespace shop, done yesterday and good until tomorrow."""
    fields: dict[str, Any] = {
        "namespace": "shop",
        "name": name,
        "item": ITEM,
        "targets": (WorkloadTarget(None, "web", None),),
        "performed_at": NOW - DAY,
        "expires_at": NOW + DAY,
        "attested_by": "ann",
        **changes,
    }
    return Evidence(**fields)


def workload(image: str = "shop/web:1", *, created: datetime | None = None) -> Workload:
    metadata: dict[str, Any] = {"name": "web", "namespace": "shop"}
    if created is not None:
        metadata["creationTimestamp"] = created.isoformat()
    containers = [{"name": "app", "image": image}]
    return Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"template": {"spec": {"containers": containers}}},
        }
    )


def policy(
    name: str = "production", *, severity: Severity = Severity.MUST, **params: Any
) -> Policy:
    setting = CheckSetting(evidence_check(ITEM), severity, EvidenceParams(**params))
    return Policy(name=name, settings={CHECK: setting}, evidence=frozenset({CHECK}))


def judged(
    *given: Evidence,
    policies: tuple[Policy, ...] = (),
    of: Workload | None = None,
    now: datetime = NOW,
    exemptions: tuple[Exemption, ...] = (),
    unavailable: dict[str, str] | None = None,
) -> Report:
    index = EvidenceIndex()
    for one in given:
        index.put(one)
    snapshot = Snapshot(
        Inventory(), now, Origin.CLUSTER, unavailable=unavailable or {}, evidence=index
    )
    return evaluate(of or workload(), snapshot, combine(policies or (policy(),), now), exemptions)


def said(report: Report) -> list[tuple[str, str]]:
    return [(str(result.result), result.message) for result in report.results]


def test_each_item_that_a_person_answers_has_a_check_of_its_own() -> None:
    checks = [evidence_check(id) for id in EVIDENCE_ITEMS]

    assert [item_of(check.id) for check in checks] == list(EVIDENCE_ITEMS)
    assert {(check.category, check.scope) for check in checks} == {
        (Category.EVIDENCE, Scope.COMPANION)
    }
    assert evidence_check(ITEM) is evidence_check(ITEM)
    assert evidence_check(ITEM).reason == "EvidenceLoadTestingPerformed"
    assert all(len(check.id) <= 100 for check in checks)


@pytest.mark.parametrize(
    "id", [ITEM, "evidence-", "evidence-no-such-item", "evidence-cors-origins"]
)
def test_other_ids_stand_for_no_item(id: str) -> None:
    assert item_of(id) is None


def test_without_evidence_the_item_is_named() -> None:
    assert said(judged()) == [
        (
            "fail",
            "a ReadinessEvidence must answer load-testing-performed: A load test was run",
        )
    ]
    assert judged().next_change is None
    assert [(r.path, r.container) for r in judged().results] == [("metadata.name", "")]


def test_current_evidence_passes_until_the_second_it_expires() -> None:
    given = evidence(expires_at=NOW + HOUR)

    assert said(judged(given)) == [("pass", "")]
    assert judged(given).next_change == NOW + HOUR
    assert said(judged(given, now=NOW + HOUR - SECOND)) == [("pass", "")]
    expired = judged(given, now=NOW + HOUR)
    assert said(expired) == [
        (
            "fail",
            'ReadinessEvidence "load-test" must be renewed: it expired at 2026-11-24T10:00:00Z',
        )
    ]
    assert expired.next_change is None


def test_what_is_still_to_be_done_does_not_count_yet() -> None:
    given = evidence(performed_at=NOW + HOUR)

    assert said(judged(given)) == [
        (
            "fail",
            (
                'ReadinessEvidence "load-test" must tell of what has been done: performedAt, '
                "2026-11-24T10:00:00Z, is still to come"
            ),
        )
    ]
    assert judged(given).next_change == NOW + HOUR
    assert said(judged(given, now=NOW + HOUR)) == [("pass", "")]


def test_a_policy_may_let_it_count_for_a_shorter_time() -> None:
    given = evidence(performed_at=NOW - 3 * HOUR)
    limited = (policy(max_age=4 * HOUR),)

    assert said(judged(given, policies=limited)) == [("pass", "")]
    assert judged(given, policies=limited).next_change == NOW + HOUR
    assert said(judged(given, policies=limited, now=NOW + HOUR)) == [
        (
            "fail",
            (
                'ReadinessEvidence "load-test" must be renewed: what it tells of was done at '
                "2026-11-24T06:00:00Z, too long ago for the policy since 2026-11-24T10:00:00Z"
            ),
        )
    ]


@pytest.mark.parametrize("approved_by", ["", "ann"])
def test_a_policy_may_ask_for_the_approval_of_somebody_else(approved_by: str) -> None:
    approval = (policy(approval_required=True),)
    given = evidence(approved_by=approved_by)

    assert said(judged(given)) == [("pass", "")]
    assert said(judged(given, policies=approval)) == [
        (
            "fail",
            (
                'ReadinessEvidence "load-test" must be approved by somebody other than ann: '
                "set spec.approvedBy"
            ),
        )
    ]
    assert said(judged(evidence(approved_by="bob"), policies=approval)) == [("pass", "")]


@pytest.mark.parametrize(
    ("digests", "image", "problem"),
    [
        ((), "shop/web:1", ""),
        ((("app", ONE),), f"shop/web@{ONE}", ""),
        ((("app", ONE),), f"shop/web:1@{ONE}", ""),
        (
            (("app", ONE),),
            f"shop/web@{TWO}",
            (
                'ReadinessEvidence "load-test" must be given again for the image of container '
                f'"app": it is bound to {ONE}, not {TWO}'
            ),
        ),
        (
            (("app", ONE),),
            "shop/web:1",
            (
                'container "app" must name its image by the digest that ReadinessEvidence '
                f'"load-test" is bound to, {ONE}'
            ),
        ),
        (
            (("app", ONE), ("proxy", TWO)),
            f"shop/web@{ONE}",
            'ReadinessEvidence "load-test" is bound to container "proxy", which must be there',
        ),
    ],
)
def test_evidence_may_be_bound_to_images(
    digests: tuple[tuple[str, str], ...], image: str, problem: str
) -> None:
    given = evidence(digests=digests)

    assert image_problem(given, workload(image)) == problem
    assert said(judged(given, of=workload(image))) == [
        ("fail", problem) if problem else ("pass", "")
    ]


def test_images_that_cannot_be_read_can_not_be_told() -> None:
    malformed = Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": 3}}},
        }
    )

    (result,) = judged(evidence(digests=(("app", ONE),)), of=malformed).results
    assert result.result is Result.ERROR
    # What is bound to no image does not look at them.
    assert said(judged(evidence(), of=malformed)) == [("pass", "")]


def test_of_several_the_one_that_counts_decides_and_else_the_one_that_lasts_longest() -> None:
    good = evidence("good")
    long_lost = evidence("a", expires_at=NOW - DAY)
    lost = evidence("b", expires_at=NOW - HOUR)
    later = evidence("c", expires_at=NOW + 9 * DAY, performed_at=NOW + HOUR)

    assert best([], workload(), EvidenceParams(), NOW) is None
    assert best([later, good, lost], workload(), EvidenceParams(), NOW) == (good, "")
    found = best([lost, long_lost], workload(), EvidenceParams(), NOW)
    assert found is not None
    assert found[0] is lost
    assert said(judged(lost, good, later)) == [("pass", "")]
    assert judged(lost, good, later).next_change == NOW + HOUR


def test_two_policies_ask_for_the_worst_of_what_they_ask_for() -> None:
    lenient = policy("a", severity=Severity.SHOULD)
    strict = policy("b", severity=Severity.NICE, approval_required=True)

    (result,) = judged(evidence(), policies=(lenient, strict)).results
    assert (result.severity, result.result, result.policy) == (Severity.SHOULD, Result.WARN, "b")


def test_an_exemption_by_the_id_of_the_check_accepts_it() -> None:
    waived = Exemption(
        namespace="shop",
        name="waived",
        targets=(WorkloadTarget(None, "web", None),),
        containers=None,
        checks=frozenset({CHECK}),
        reason="internal tool",
        expires_at=NOW + HOUR,
        created=NOW,
    )

    (result,) = judged(exemptions=(waived,)).results
    assert (result.result, result.exempt, result.exempted_by) == (Result.SKIP, True, "waived")


def test_where_evidence_cannot_be_looked_at_nothing_is_said_to_be_missing() -> None:
    reason = "not allowed to list readinessevidences.readiness.dev"

    assert said(judged(unavailable={"ReadinessEvidence": reason})) == [("error", reason)]
