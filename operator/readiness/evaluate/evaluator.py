"""The one function that decides: policy, workload and snapshot in, report out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import CannotTell, Check, Finding, Fix, Outcome, Skip
from readiness.errors import FieldError
from readiness.evaluate.exemptions import Exemption, exemptions_of
from readiness.evaluate.policy import EffectiveCheck, EffectivePolicy, Policy, Variant
from readiness.model.duration import after
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import ObjectRef, Workload


class Readiness(Enum):
    """Where a workload stands."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"


class CheckResult(NamedTuple):
    """One result: a check that passed, was skipped or could not look, or one of its findings.

    Attributes:
        message: the finding, the reason of a skip or error; empty for a pass.
        path: the field; empty where there is none.
        container: name of the container; empty where it is about the workload.
        exempt: whether an exemption silences the finding (the result is then skip).
        policy: the policy that asks for the check.
        waits_until: end of the grace period that turned a failure into a warning; else None.
        crashed: whether the check itself failed, a bug of it.
        fix: what makes the finding go away; None where that is not certain.
        refused_by: policies that refuse the finding at admission.
    """

    check: Check
    severity: Severity
    result: Result
    policy: str
    message: str = ""
    path: str = ""
    container: str = ""
    exempt: bool = False
    waits_until: datetime | None = None
    crashed: bool = False
    fix: Fix | None = None
    refused_by: tuple[Policy, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is a finding that counts now: neither exempt nor within a grace period."""
        return self.result in (Result.FAIL, Result.WARN) and self.waits_until is None


@dataclass(frozen=True, slots=True)
class Report:
    """What the policies' checks say of one workload.

    Attributes:
        policies: names of the policies that apply, sorted; empty when none does.
        results: in the order of categories and check ids.
        next_change: when time alone may change the report next; None when it can't.
    """

    ref: ObjectRef
    policies: tuple[str, ...]
    results: tuple[CheckResult, ...]
    next_change: datetime | None = None

    @property
    def readiness(self) -> Readiness:
        """Whether the workload is ready for production: decided by Must checks alone."""
        unknown = False
        for result in self.results:
            if result.result is Result.FAIL:
                return Readiness.NOT_READY
            if result.severity is Severity.MUST and (
                result.result is Result.ERROR or result.waits_until is not None
            ):
                unknown = True
        return Readiness.UNKNOWN if unknown else Readiness.READY


def evaluate(
    workload: Workload,
    snapshot: Snapshot,
    policy: EffectivePolicy,
    exemptions: Iterable[Exemption] = (),
) -> Report:
    """Judge one workload by all policies that match it.

    A check that crashes gives an `error` result for itself and stops no other.
    """
    moments = [] if policy.next_change is None else [policy.next_change]
    applicable = exemptions_of(workload, exemptions)
    moments += [end for e in applicable if (end := e.ends(policy.max_exemption)) > snapshot.now]
    results: list[CheckResult] = []
    noted = len(snapshot.moments)
    for effective in policy.checks:
        variant, outcome = _worst(workload, snapshot, effective)
        check, severity = effective.check, effective.severity
        if isinstance(outcome, Skip):
            result = CheckResult(check, severity, Result.SKIP, variant.policy, outcome.reason)
        elif isinstance(outcome, CannotTell):
            result = CheckResult(
                check,
                severity,
                Result.ERROR,
                variant.policy,
                outcome.reason,
                crashed=outcome.crashed,
            )
        elif not outcome:
            result = CheckResult(check, severity, Result.PASS, variant.policy)
        else:
            waits_until = _grace_ends(workload, snapshot, effective)
            results += [
                _judge(finding, snapshot, policy, effective, variant, applicable, waits_until)
                for finding in outcome
            ]
            continue
        results.append(result)
    moments += snapshot.moments[noted:]
    moments += {r.waits_until for r in results if r.waits_until is not None}
    return Report(workload.ref, policy.policies, tuple(results), min(moments, default=None))


def _judge(  # noqa: PLR0913, PLR0917 - one call, in the loop above
    finding: Finding,
    snapshot: Snapshot,
    policy: EffectivePolicy,
    effective: EffectiveCheck,
    variant: Variant,
    exemptions: Sequence[Exemption],
    waits_until: datetime | None,
) -> CheckResult:
    """Return what becomes of a finding: it counts, waits for companions, or is exempt."""
    found = CheckResult(
        effective.check,
        effective.severity,
        Result.FAIL if effective.severity is Severity.MUST else Result.WARN,
        variant.policy,
        finding.message,
        finding.path,
        finding.container,
        fix=finding.fix,
        refused_by=variant.refused_by,
    )
    exemption = _exemption(finding, snapshot, policy, effective, exemptions)
    if exemption is not None:
        return _exempt(found, exemption, policy)
    return found if waits_until is None else _waiting(found, waits_until)


def _worst(
    workload: Workload, snapshot: Snapshot, effective: EffectiveCheck
) -> tuple[Variant, Outcome]:
    """Return the worst outcome over all parameters asked for, and who asked.

    Findings are worse than not being able to tell, which is worse than skipping; passing is best.
    """
    if len(effective.variants) == 1:
        only = effective.variants[0]
        return only, _run(effective.check, workload, snapshot, only)
    worst: tuple[int, Variant, Outcome] | None = None
    for variant in effective.variants:
        outcome = _run(effective.check, workload, snapshot, variant)
        match outcome:
            case Skip():
                rank = 1
            case CannotTell():
                rank = 2
            case _:
                rank = 3 if outcome else 0
        if worst is None or rank > worst[0]:
            worst = (rank, variant, outcome)
    assert worst is not None  # noqa: S101 - a check in a policy has at least one variant
    return worst[1], worst[2]


def _run(check: Check, workload: Workload, snapshot: Snapshot, variant: Variant) -> Outcome:
    try:
        return check.run(workload, snapshot, variant.params)
    except FieldError as error:
        return CannotTell(str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one check must not stop the others
        return CannotTell(f"the check crashed: {type(error).__name__}: {error}", crashed=True)


def _grace_ends(
    workload: Workload, snapshot: Snapshot, effective: EffectiveCheck
) -> datetime | None:
    """Return when the workload must have its companions, None when that is over or never was."""
    if not effective.grace_period or snapshot.origin is Origin.FILES:
        return None
    try:
        created = workload.created
    except FieldError:
        return None
    if created is None:
        return None
    end = after(created, effective.grace_period)
    return end if snapshot.now < end else None


def _exemption(
    finding: Finding,
    snapshot: Snapshot,
    policy: EffectivePolicy,
    effective: EffectiveCheck,
    exemptions: Sequence[Exemption],
) -> Exemption | None:
    """Return the exemption in force that accepts a finding."""
    if not effective.exemptable:
        return None
    for exemption in exemptions:
        if exemption.covers(
            effective.check.id, finding.container
        ) and snapshot.now < exemption.ends(policy.max_exemption):
            return exemption
    return None


def _exempt(found: CheckResult, exemption: Exemption, policy: EffectivePolicy) -> CheckResult:
    until = moment(exemption.ends(policy.max_exemption))
    accepted = f'exempt until {until} by ReadinessExemption "{exemption.name}": {exemption.reason}'
    return found._replace(result=Result.SKIP, message=f"{found.message} ({accepted})", exempt=True)


def _waiting(found: CheckResult, until: datetime) -> CheckResult:
    message = f"{found.message} (counts from {moment(until)} on)"
    return found._replace(result=Result.WARN, message=message, waits_until=until)


def moment(time: datetime) -> str:
    """Return a time as the API server writes it: `2026-12-01T00:00:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
