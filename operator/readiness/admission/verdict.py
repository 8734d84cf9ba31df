"""The verdict on a workload at admission: what is refused, what is only told.

Pure: it is given what the policies' checks say of the workload as it will be and as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Scope
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.evaluate.policy import Policy

_INDEX = re.compile(r"\[\d+\]")
_CONTAINER = re.compile(r".*?[cC]ontainers\[\d+\]\.?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of each finding.

    Attributes:
        refused: findings that refuse the request.
        refused_by: the policies that refuse, by name.
        told: findings to warn about.
        existing: ids of checks among `told` that would refuse, had the workload not failed before.
        waiting: findings that companions may still mend.
        exempt: findings that exemptions accept.
    """

    refused: tuple[CheckResult, ...]
    refused_by: tuple[Policy, ...]
    told: tuple[CheckResult, ...]
    existing: frozenset[str]
    waiting: tuple[CheckResult, ...]
    exempt: tuple[CheckResult, ...]

    @property
    def break_glass(self) -> frozenset[str]:
        """Groups whose members may get it past every policy that refuses."""
        groups = [policy.break_glass for policy in self.refused_by]
        return frozenset.intersection(*groups) if groups else frozenset()

    def lets_through(self, groups: Collection[str]) -> bool:
        """Return whether every policy that refuses names one of these groups for emergencies."""
        return all(not policy.break_glass.isdisjoint(groups) for policy in self.refused_by)


def decide(
    report: Report,
    before: Callable[[Collection[str]], Iterable[CheckResult]] | None,
    *,
    template_changed: bool,
) -> Verdict:
    """Sort the findings about a workload.

    Args:
        report: what the policies that speak at admission say of it as it will be.
        before: returns what the checks with these ids say of it as it was; None when it is new.
        template_changed: whether the pod template is another than before, or new.
    """
    refused: list[CheckResult] = []
    told: list[CheckResult] = []
    waiting: list[CheckResult] = []
    exempt: list[CheckResult] = []
    for result in report.results:
        if result.result is Result.PASS:  # most of them
            continue
        if result.exempt:
            exempt.append(result)
        elif result.result not in (Result.FAIL, Result.WARN):
            continue
        elif result.check.scope is Scope.COMPANION:
            # Companions come after their workload: nothing is refused for want of them before
            # their time is up, and afterwards only what makes new pods.
            if before is None or result.waits_until is not None:
                waiting.append(result)
            elif _refusable(result) and template_changed:
                refused.append(result)
            else:
                told.append(result)
        elif _refusable(result):
            refused.append(result)
        else:
            told.append(result)
    existing: frozenset[str] = frozenset()
    if before is not None:
        refused, spared = _spare_existing(refused, before)
        told += spared
        existing = frozenset(result.check.id for result in spared)
    policies = {policy.name: policy for result in refused for policy in result.refused_by}
    return Verdict(
        refused=tuple(refused),
        refused_by=tuple(policies[name] for name in sorted(policies)),
        told=tuple(told),
        existing=existing,
        waiting=tuple(waiting),
        exempt=tuple(exempt),
    )


def _refusable(result: CheckResult) -> bool:
    return result.severity is Severity.MUST and bool(result.refused_by)


def _spare_existing(
    refused: list[CheckResult], before: Callable[[Collection[str]], Iterable[CheckResult]]
) -> tuple[list[CheckResult], list[CheckResult]]:
    """Return the findings that still refuse, and those the workload had before.

    A finding about companions refuses either way: the workload has had its time to get them.
    """
    ids = {result.check.id for result in refused if result.check.scope is Scope.INTRINSIC}
    if not ids:
        return refused, []
    had = Counter(_identity(result) for result in before(ids) if _is_finding(result))
    still: list[CheckResult] = []
    spared: list[CheckResult] = []
    for result in refused:
        identity = _identity(result)
        if result.check.scope is Scope.INTRINSIC and had[identity] > 0:
            had[identity] -= 1
            denying = tuple(policy for policy in result.refused_by if policy.denies_existing)
            if denying:
                still.append(result._replace(refused_by=denying))
            else:
                spared.append(result)
        else:
            still.append(result)
    return still, spared


def _is_finding(result: CheckResult) -> bool:
    return result.exempt or result.result in (Result.FAIL, Result.WARN)


def _identity(result: CheckResult) -> tuple[str, str, str]:
    """Return what makes a finding the same as one before.

    The field within the container: another mutable tag, or two replicas for one, is not worse. For
    an element of a list, which has no name of its own and moves when others come, what the message
    says of it: another added capability is a new finding.
    """
    field = result.path
    if result.container:
        field = _CONTAINER.sub("", field, count=1)
    if _INDEX.search(field):
        field = result.message
    return result.check.id, result.container, field
