"""The checks that stand for evidence: one for each item of the checklist a person answers for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from readiness.api.vocabulary import Category
from readiness.checklist.catalogue import EVIDENCE_ITEMS
from readiness.checks.base import PASS, CannotTell, Check, Finding, Outcome, Reference, Scope
from readiness.model.duration import after
from readiness.model.evidence import Evidence
from readiness.model.image import parse_image
from readiness.model.moment import rfc3339
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload
from readiness.model.workload_target import readable_labels

CHECK_PREFIX = "evidence-"
KIND = "ReadinessEvidence"


@dataclass(frozen=True, slots=True)
class EvidenceParams:
    """What a policy asks of the evidence for an item.

    Attributes:
        max_age: how long after performedAt it counts at most; None: until its own expiry.
        approval_required: whether somebody other than its author has to approve it.
    """

    max_age: timedelta | None = None
    approval_required: bool = False


def item_of(check_id: str) -> str | None:
    """Return the item that a check stands for, None when it is no check of evidence."""
    item = check_id.removeprefix(CHECK_PREFIX)
    return item if item != check_id and item in EVIDENCE_ITEMS else None


@cache
def evidence_check(item_id: str) -> Check:
    """Return the check that stands for an item of the checklist.

    Raises:
        KeyError: when no item that evidence may answer has this id.
    """
    item = EVIDENCE_ITEMS[item_id]
    check = Check(
        id=f"{CHECK_PREFIX}{item.id}",
        title=f"Evidence missing: {item.title}",
        category=Category.EVIDENCE,
        severity=None,
        # Like a companion it comes after the workload it is about.
        scope=Scope.COMPANION,
        rationale=item.text,
        remediation=(
            f"Have a person who knows create a ReadinessEvidence with item: {item.id} in the "
            "namespace of the workload, and renew it before it expires."
        ),
        reference=Reference(
            checklist=item.title,
            url="https://sre.google/sre-book/launch-checklist/",
        ),
    )

    @check.rule
    def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
        """Fail when no evidence for the item counts now; say what is wrong with the best there."""
        if KIND in snapshot.unavailable:
            return CannotTell(snapshot.unavailable[KIND])
        given = snapshot.evidence.about(workload.ref, readable_labels(workload), item.id)
        snapshot.moments.extend(_changes(given, params, snapshot.now))
        found = best(given, workload, params, snapshot.now)
        if found is None:
            message = f"a ReadinessEvidence must answer {item.id}: {item.title}"
        elif found[1]:
            message = found[1]
        else:
            return PASS
        return [Finding(message, "metadata.name")]

    return check


def evidence_checks() -> dict[str, Check]:
    """Return every check that stands for evidence, by id."""
    return {check.id: check for check in map(evidence_check, EVIDENCE_ITEMS)}


def best(
    given: Iterable[Evidence], workload: Workload, params: EvidenceParams, now: datetime
) -> tuple[Evidence, str] | None:
    """Return the evidence that counts longest, or else lasts longest, and what is wrong with it.

    "" says that it counts; None that there is no evidence.

    Raises:
        FieldError: when evidence is bound to images and those of the workload can't be read.
    """
    judged = [(e, problem(e, workload, params, now)) for e in given]
    return max(judged, key=lambda one: (not one[1], one[0].expires_at, one[0].name), default=None)


def problem(evidence: Evidence, workload: Workload, params: EvidenceParams, now: datetime) -> str:
    """Return why evidence does not count for a workload now; "" when it does.

    Raises:
        FieldError: when it is bound to images and those of the workload can't be read.
    """
    title = f'{KIND} "{evidence.name}"'
    if now >= evidence.expires_at:
        return f"{title} must be renewed: it expired at {rfc3339(evidence.expires_at)}"
    if now < evidence.performed_at:
        return (
            f"{title} must tell of what has been done: performedAt, "
            f"{rfc3339(evidence.performed_at)}, is still to come"
        )
    if params.max_age is not None and now >= after(evidence.performed_at, params.max_age):
        limit = rfc3339(after(evidence.performed_at, params.max_age))
        return (
            f"{title} must be renewed: what it tells of was done at "
            f"{rfc3339(evidence.performed_at)}, too long ago for the policy since {limit}"
        )
    if params.approval_required and evidence.approved_by in ("", evidence.attested_by):
        return (
            f"{title} must be approved by somebody other than {evidence.attested_by}: "
            "set spec.approvedBy"
        )
    return image_problem(evidence, workload)


def image_problem(evidence: Evidence, workload: Workload) -> str:
    """Return how a workload runs other images than evidence is bound to; "" when it does not.

    Raises:
        FieldError: when the containers of the workload can't be read.
    """
    if not evidence.digests:
        return ""
    images = {container.name: container.image for container in workload.containers}
    title = f'{KIND} "{evidence.name}"'
    for container, digest in evidence.digests:
        if container not in images:
            return f'{title} is bound to container "{container}", which must be there'
        used = parse_image(images[container]).digest
        if not used:
            return (
                f'container "{container}" must name its image by the digest that {title} is bound '
                f"to, {digest}"
            )
        if used != digest:
            return (
                f'{title} must be given again for the image of container "{container}": it is '
                f"bound to {digest}, not {used}"
            )
    return ""


def _changes(given: list[Evidence], params: EvidenceParams, now: datetime) -> list[datetime]:
    """Return when what evidence says changes by time alone."""
    moments: list[datetime] = []
    for evidence in given:
        moments += [evidence.performed_at, evidence.expires_at]
        if params.max_age is not None:
            moments.append(after(evidence.performed_at, params.max_age))
    return [time for time in moments if time > now]
