"""Which policies apply to a workload, and what they ask for together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from readiness.api.vocabulary import ALWAYS_EXCLUDED_NAMESPACES, Category, Enforcement, Severity
from readiness.checks.base import Check, Scope
from readiness.checks.registry import all_checks
from readiness.evaluate.profiles import profile
from readiness.model.label_selector import LabelSelector
from readiness.model.workload import ObjectRef

DEFAULT_GRACE_PERIOD = timedelta(minutes=10)

_ENFORCEMENT_RANK = {Enforcement.AUDIT: 0, Enforcement.WARN: 1, Enforcement.STRICT: 2}


class CheckSetting(Struct, frozen=True):
    """What one policy asks of one check.

    Attributes:
        params: an instance of the check's params class, None when it takes none.
        enforce_from: until then the check is reported and not enforced.
    """

    check: Check
    severity: Severity
    params: Any
    enforce_from: datetime | None = None


class Policy(Struct, frozen=True):
    """A policy that can be used: everything in it is parsed and checked.

    Attributes:
        settings: what it asks of each check, by check id; checks that are Off are left out.
        kinds: kinds of workloads it is about; None means all.
        grace_period: how long a workload may wait for its companions under Strict.
        max_exemption: longest time an exemption may last; None means any.
        custom_checks: which of the settings are about checks of the policy's own: customChecks
            and serviceLevels.
        evidence: which of the settings are about items that a person has to answer for.
        denies_existing: whether Strict refuses an update for what was wrong before it too.
        break_glass: groups whose members may get a workload past Strict.
    """

    name: str
    settings: Mapping[str, CheckSetting]
    enforcement: Enforcement = Enforcement.AUDIT
    enforce_from: datetime | None = None
    namespace_selector: LabelSelector | None = None
    exclude_namespaces: frozenset[str] = frozenset()
    include_namespaces: frozenset[str] = frozenset()
    workload_selector: LabelSelector | None = None
    kinds: frozenset[str] | None = None
    grace_period: timedelta = DEFAULT_GRACE_PERIOD
    max_exemption: timedelta | None = None
    not_exemptable: frozenset[str] = frozenset()
    custom_checks: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    denies_existing: bool = False
    break_glass: frozenset[str] = frozenset()

    def refuses(self, check_id: str, now: datetime) -> bool:
        """Return whether a finding of a check is refused at admission: a Must, enforced by now."""
        setting = self.settings.get(check_id)
        return (
            setting is not None
            and setting.check.scope is not Scope.MEASURED
            and setting.severity is Severity.MUST
            and self.enforcement_at(now) is Enforcement.STRICT
            and (setting.enforce_from is None or now >= setting.enforce_from)
        )

    def enforcement_at(self, now: datetime) -> Enforcement:
        """Return the enforcement in force: before enforceFrom, Strict acts as Warn."""
        if self.enforcement is not Enforcement.STRICT or self.enforce_from is None:
            return self.enforcement
        return Enforcement.STRICT if now >= self.enforce_from else Enforcement.WARN


def profile_policy(name: str) -> Policy:
    """Return the policy that is just a profile, as `--policy standard` names it.

    Raises:
        KeyError: when there is no such profile.
    """
    checks = all_checks()
    return Policy(
        name=name,
        settings={
            id: CheckSetting(checks[id], severity, checks[id].default_params)
            for id, severity in profile(name).items()
        },
    )


def matches(
    policy: Policy,
    ref: ObjectRef,
    labels: Mapping[str, str],
    namespace_labels: Mapping[str, str] | None,
    operator_namespace: str,
) -> bool:
    """Return whether a policy is about a workload.

    Args:
        policy: the policy.
        ref: names the workload.
        labels: the workload's own labels.
        namespace_labels: labels of its namespace; None when they can't be known (offline, when
            the Namespace is not among the files): then the selector counts as matching.
        operator_namespace: the operator's own namespace; empty when there is none.
    """
    namespace = ref.namespace
    if namespace in policy.exclude_namespaces:
        return False
    if (
        namespace in ALWAYS_EXCLUDED_NAMESPACES or namespace == operator_namespace
    ) and namespace not in policy.include_namespaces:
        return False
    if policy.kinds is not None and ref.kind not in policy.kinds:
        return False
    if (
        policy.namespace_selector is not None
        and namespace_labels is not None
        and not policy.namespace_selector.matches(namespace_labels)
    ):
        return False
    return policy.workload_selector is None or policy.workload_selector.matches(labels)


class Variant(Struct, frozen=True):
    """One way a check is asked for: all policies that ask with the same parameters together.

    Attributes:
        policy: the policy that asks with the strictest severity, first by name.
        refused_by: policies that refuse findings at admission: those that ask for this very thing
            as a Must under Strict.
    """

    params: Any
    severity: Severity
    policy: str
    refused_by: tuple[Policy, ...] = ()


class EffectiveCheck(Struct, frozen=True):
    """What all matching policies together ask of one check.

    Attributes:
        severity: the strictest any policy asks for.
        variants: what is asked, strictest first: what is refused at admission, then by severity.
            Each is evaluated, the worst outcome counts, of equally bad ones the first.
        exemptable: whether exemptions may silence its findings.
        grace_period: how long a workload may wait for companions; zero when none may.
    """

    check: Check
    severity: Severity
    variants: tuple[Variant, ...]
    exemptable: bool
    grace_period: timedelta


@dataclasses.dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What all policies that match a workload ask for together, at one moment.

    Attributes:
        policies: names of the policies, sorted.
        enforcement: the strictest in force.
        max_exemption: the shortest limit on exemptions; None means no limit.
        measured: the service levels to measure: parameters of the checks of scope MEASURED.
        next_change: when enforceFrom of one of them comes next; None when all have come.
        prepared: by kind of workload, what the evaluator has made of it, once for all workloads.
    """

    policies: tuple[str, ...]
    checks: tuple[EffectiveCheck, ...]
    enforcement: Enforcement
    max_exemption: timedelta | None
    next_change: datetime | None
    measured: tuple[Any, ...] = ()
    prepared: dict[str, Any] = dataclasses.field(
        init=False, default_factory=dict, compare=False, repr=False
    )


def combine(policies: Iterable[Policy], now: datetime) -> EffectivePolicy:
    """Merge the policies that match a workload: for each check the strictest wins."""
    ordered = sorted(policies, key=lambda policy: policy.name)
    effective = []
    for id, check in _asked_for(ordered).items():
        asking = [policy for policy in ordered if id in policy.settings]
        if asking:
            effective.append(_combine_check(id, check, asking, now))
    enforcements = [policy.enforcement_at(now) for policy in ordered]
    limits = [p.max_exemption for p in ordered if p.max_exemption is not None]
    dates = [p.enforce_from for p in ordered]
    dates += [s.enforce_from for p in ordered for s in p.settings.values()]
    upcoming = [date for date in dates if date is not None and date > now]
    return EffectivePolicy(
        policies=tuple(policy.name for policy in ordered),
        checks=tuple(effective),
        enforcement=max(enforcements, key=_ENFORCEMENT_RANK.__getitem__, default=Enforcement.AUDIT),
        max_exemption=min(limits, default=None),
        next_change=min(upcoming, default=None),
        measured=tuple(
            variant.params
            for one in effective
            if one.check.scope is Scope.MEASURED
            for variant in one.variants
        ),
    )


def _asked_for(policies: list[Policy]) -> Mapping[str, Check]:
    """Return all checks that policies may ask for: the catalogue, custom checks, evidence.

    Of custom checks with one id the first policy by name says what category it is of.
    """
    catalogue = all_checks()
    further: dict[str, Check] = {}
    for policy in policies:
        for id in policy.custom_checks | policy.evidence:
            further.setdefault(id, policy.settings[id].check)
    if not further:
        return catalogue
    categories = list(Category)
    checks = [*catalogue.values(), *further.values()]
    checks.sort(key=lambda check: (categories.index(check.category), check.id))
    return {check.id: check for check in checks}


def _combine_check(id: str, check: Check, asking: list[Policy], now: datetime) -> EffectiveCheck:
    variants: list[Variant] = []
    by_severity = sorted(asking, key=lambda policy: policy.settings[id].severity, reverse=True)
    for policy in by_severity:
        setting = policy.settings[id]
        refused_by = (policy,) if policy.refuses(id, now) else ()
        for index, variant in enumerate(variants):
            if variant.params == setting.params:
                variants[index] = replace(variant, refused_by=variant.refused_by + refused_by)
                break
        else:
            variants.append(Variant(setting.params, setting.severity, policy.name, refused_by))
    severity = variants[0].severity
    variants.sort(key=lambda variant: not variant.refused_by)
    grace_period = timedelta(0)
    if check.scope is Scope.COMPANION:
        strict = [
            policy.grace_period
            for policy in asking
            if policy.enforcement_at(now) is Enforcement.STRICT
        ]
        grace_period = min(strict, default=timedelta(0))
    return EffectiveCheck(
        check=check,
        severity=severity,
        variants=tuple(variants),
        exemptable=not any(id in policy.not_exemptable for policy in asking),
        grace_period=grace_period,
    )


class PolicySet(Struct):
    """All policies in use, and what they ask of a workload.

    Attributes:
        operator_namespace: never judged unless a policy includes it by name.
    """

    operator_namespace: str = ""
    _policies: dict[str, Policy] = field(default_factory=dict)
    _combined: dict[tuple[str, ...], EffectivePolicy] = field(default_factory=dict)

    def put(self, policy: Policy) -> None:
        """Add a policy, or replace the one of its name."""
        self._policies[policy.name] = policy
        self._combined.clear()

    def remove(self, name: str) -> None:
        """Forget a policy; an unknown name is no error."""
        self._policies.pop(name, None)
        self._combined.clear()

    @property
    def custom_checks(self) -> frozenset[str]:
        """Ids of all custom checks of these policies."""
        return frozenset().union(*(policy.custom_checks for policy in self._policies.values()))

    def get(self, name: str) -> Policy | None:
        """Return a policy by name."""
        return self._policies.get(name)

    def __iter__(self) -> Any:
        return iter(self._policies.values())

    def __len__(self) -> int:
        return len(self._policies)

    def applies(
        self,
        policy: Policy,
        ref: ObjectRef,
        labels: Mapping[str, str],
        namespace_labels: Mapping[str, str] | None,
    ) -> bool:
        """Return whether a policy, in this set or not, is about a workload."""
        return matches(policy, ref, labels, namespace_labels, self.operator_namespace)

    def matching(
        self,
        ref: ObjectRef,
        labels: Mapping[str, str],
        namespace_labels: Mapping[str, str] | None,
    ) -> list[Policy]:
        """Return the policies that are about a workload."""
        return [
            policy
            for policy in self._policies.values()
            if self.applies(policy, ref, labels, namespace_labels)
        ]

    def effective(self, policies: list[Policy], now: datetime) -> EffectivePolicy:
        """Return what these policies ask for together; remembered until one of them changes."""
        key = tuple(sorted(policy.name for policy in policies))
        combined = self._combined.get(key)
        if combined is None or (combined.next_change is not None and now >= combined.next_change):
            combined = combine(policies, now)
            self._combined[key] = combined
        return combined
