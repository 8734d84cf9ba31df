"""The one function that decides: policy, workload and snapshot in, report out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import CannotTell, Check, Finding, Fix, Outcome, Rule, Skip
from readiness.errors import FieldError
from readiness.evaluate.exemptions import Exemption, exemptions_of
from readiness.evaluate.policy import EffectiveCheck, EffectivePolicy, Policy, Variant
from readiness.model.duration import after
from readiness.model.moment import rfc3339
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
        exempted_by: name of that exemption.
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
    exempted_by: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is a finding that counts now: neither exempt nor within a grace period."""
        return self.result in (Result.FAIL, Result.WARN) and self.waits_until is None


class Report(Struct, frozen=True):
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


def telling_results(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Return the results that say more than that a check passes or does not apply.

    They are a tenth of all; what is asked about each of them is not asked of the others.
    """
    return [
        r
        for r in results
        if r.exempt or (r.result is not Result.PASS and r.result is not Result.SKIP)
    ]


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
    # What happens 80 times for each workload is written out here, without a call (profiled).
    for step in _steps(policy, workload.kind.kind):
        asked = step.asked[0]
        if len(step.asked) == 1:
            try:
                outcome = asked.rule(workload, snapshot, asked.params)
            except Exception as error:  # noqa: BLE001 - a bug in one check must not stop the others
                outcome = _failed(error)
        else:
            asked, outcome = _worst(workload, snapshot, step.asked)
        if not outcome:
            results.append(asked.passed)
        elif isinstance(outcome, _NO_FINDINGS):
            results.append(_without_finding(asked, outcome))
        else:
            waits_until = _grace_ends(workload, snapshot, step.effective)
            found = [
                _judge(finding, snapshot, policy, step.effective, asked, applicable, waits_until)
                for finding in outcome
            ]
            results += found
            moments += [r.waits_until for r in found if r.waits_until is not None]
    moments += snapshot.moments[noted:]
    return Report(workload.ref, policy.policies, tuple(results), min(moments, default=None))


_NO_FINDINGS = (Skip, CannotTell)


class _Asked(Struct, frozen=True, eq=False):
    """One way a check is asked for, ready to be run on workloads of one kind.

    Attributes:
        passed: the result when it passes, the same object for all workloads.
    """

    rule: Rule
    params: Any
    variant: Variant
    passed: CheckResult


class _Step(Struct, frozen=True, eq=False):
    """A check of a policy, ready to be run on workloads of one kind."""

    effective: EffectiveCheck
    asked: tuple[_Asked, ...]


def _steps(policy: EffectivePolicy, kind: str) -> Sequence[_Step]:
    """Return the checks of a policy, made ready once for all workloads of a kind."""
    steps: Sequence[_Step] | None = policy.prepared.get(kind)
    if steps is None:
        steps = policy.prepared[kind] = tuple(_step(effective, kind) for effective in policy.checks)
    return steps


def _step(effective: EffectiveCheck, kind: str) -> _Step:
    check = effective.check
    rule = check.rule_for(kind)
    asked = tuple(
        _Asked(
            rule,
            variant.params,
            variant,
            CheckResult(check, effective.severity, Result.PASS, variant.policy),
        )
        for variant in effective.variants
    )
    return _Step(effective, asked)


def _failed(error: Exception) -> CannotTell:
    """Return what it means that a check raised an error: the manifest is at fault, or the check."""
    if isinstance(error, FieldError):
        return CannotTell(str(error))
    return CannotTell(f"the check crashed: {type(error).__name__}: {error}", crashed=True)


def _without_finding(asked: _Asked, outcome: Skip | CannotTell) -> CheckResult:
    """Return the result of a check that does not apply or could not look."""
    if isinstance(outcome, Skip):
        return _skipped(asked, outcome.reason)
    return asked.passed._replace(
        result=Result.ERROR, message=outcome.reason, crashed=outcome.crashed
    )


@lru_cache(maxsize=4096)
def _skipped(asked: _Asked, reason: str) -> CheckResult:
    """Return the result of a check that does not apply, the same object for all workloads.

    Four results of five are passes and skips: of 1,000 workloads they took 10 MB (measured).
    """
    return asked.passed._replace(result=Result.SKIP, message=reason)


def _judge(  # noqa: PLR0913, PLR0917 - one call, in the loop above
    finding: Finding,
    snapshot: Snapshot,
    policy: EffectivePolicy,
    effective: EffectiveCheck,
    asked: _Asked,
    exemptions: Sequence[Exemption],
    waits_until: datetime | None,
) -> CheckResult:
    """Return what becomes of a finding: it counts, waits for companions, or is exempt."""
    found = CheckResult(
        effective.check,
        effective.severity,
        Result.FAIL if effective.severity is Severity.MUST else Result.WARN,
        asked.variant.policy,
        finding.message,
        finding.path,
        finding.container,
        fix=finding.fix,
        refused_by=asked.variant.refused_by,
    )
    if exemptions:
        exemption = _exemption(finding, snapshot, policy, effective, exemptions)
        if exemption is not None:
            return _exempt(found, exemption, policy)
    return found if waits_until is None else _waiting(found, waits_until)


def _worst(
    workload: Workload, snapshot: Snapshot, all_asked: Sequence[_Asked]
) -> tuple[_Asked, Outcome]:
    """Return the worst outcome over all parameters asked for, and who asked.

    Findings are worse than not being able to tell, which is worse than skipping; passing is best.
    """
    worst: tuple[int, _Asked, Outcome] | None = None
    for asked in all_asked:
        try:
            outcome = asked.rule(workload, snapshot, asked.params)
        except Exception as error:  # noqa: BLE001 - a bug in one check must not stop the others
            outcome = _failed(error)
        match outcome:
            case Skip():
                rank = 1
            case CannotTell():
                rank = 2
            case _:
                rank = 3 if outcome else 0
        if worst is None or rank > worst[0]:
            worst = (rank, asked, outcome)
    assert worst is not None  # noqa: S101 - a check in a policy has at least one variant
    return worst[1], worst[2]


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
    until = rfc3339(exemption.ends(policy.max_exemption))
    accepted = f'exempt until {until} by ReadinessExemption "{exemption.name}": {exemption.reason}'
    return found._replace(
        result=Result.SKIP,
        message=f"{found.message} ({accepted})",
        exempt=True,
        exempted_by=exemption.name,
    )


def _waiting(found: CheckResult, until: datetime) -> CheckResult:
    message = f"{found.message} (counts from {rfc3339(until)} on)"
    return found._replace(result=Result.WARN, message=message, waits_until=until)
