"""Turns manifests of our kinds into policies and exemptions that can be used.

Whatever the schema of the CRD cannot say is checked here, and all mistakes are told at once.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, with_config

from readiness.api import v1alpha1
from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks._pod_security import PodSecurityParams
from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.errors import FieldError, PolicyError
from readiness.evaluate.exemptions import Exemption, ExemptionTarget
from readiness.evaluate.mistakes import describe_mistakes
from readiness.evaluate.policy import DEFAULT_GRACE_PERIOD, CheckSetting, Policy
from readiness.evaluate.profiles import profile
from readiness.model.duration import parse_duration
from readiness.model.label_selector import LabelSelector, parse_label_selector

M = TypeVar("M", bound=BaseModel)


class _Problems:
    """Collects what is wrong; the first reason names the kind of mistake."""

    def __init__(self) -> None:
        self.reason = ""
        self.messages: list[str] = []

    def add(self, reason: str, message: str) -> None:
        self.reason = self.reason or reason
        self.messages.append(message)

    def raise_if_any(self) -> None:
        if self.messages:
            raise PolicyError(self.reason, "; ".join(self.messages))


def compile_policy(document: Mapping[str, Any]) -> Policy:
    """Return the policy a ReadinessPolicy manifest describes.

    Raises:
        PolicyError: names every field at fault. Its reason is one of InvalidSpec, InvalidSelector,
            UnknownCheck, DuplicateCheck, InvalidParams, InvalidExpression.
    """
    manifest = _validate(v1alpha1.ReadinessPolicy, document)
    spec = manifest.spec
    match = spec.match or v1alpha1.Match()
    strict = spec.strict or v1alpha1.Strict()
    rules = spec.exemptions or v1alpha1.ExemptionRules()
    not_exemptable = rules.not_exemptable or ()
    problems = _Problems()
    namespace_selector = _selector(
        match.namespace_selector, "spec.match.namespaceSelector", problems
    )
    workload_selector = _selector(match.workload_selector, "spec.match.workloadSelector", problems)
    settings = _settings(spec, problems)
    custom = _custom_settings(spec.custom_checks or (), manifest.metadata.name, problems)
    own_ids = frozenset(check.id for check in spec.custom_checks or ())
    _require_known(not_exemptable, "spec.exemptions.notExemptable", problems, own_ids)
    problems.raise_if_any()
    return Policy(
        name=manifest.metadata.name,
        settings=settings | custom,
        enforcement=spec.enforcement or Enforcement.AUDIT,
        enforce_from=spec.enforce_from,
        namespace_selector=namespace_selector,
        exclude_namespaces=frozenset(match.exclude_namespaces or ()),
        include_namespaces=frozenset(match.include_namespaces or ()),
        workload_selector=workload_selector,
        kinds=frozenset(match.kinds) if match.kinds else None,
        # The schema lets nothing pass that is no duration.
        grace_period=parse_duration(strict.grace_period)
        if strict.grace_period
        else DEFAULT_GRACE_PERIOD,
        max_exemption=parse_duration(rules.max_duration) if rules.max_duration else None,
        not_exemptable=frozenset(not_exemptable),
        custom_checks=frozenset(custom),
        denies_existing=strict.existing_violations == "Deny",
        break_glass=frozenset(strict.break_glass.groups if strict.break_glass else ()),
    )


def compile_exemption(
    document: Mapping[str, Any],
    default_namespace: str = "default",
    custom_checks: Collection[str] = (),
) -> Exemption:
    """Return the exemption a ReadinessExemption manifest describes.

    Args:
        document: the manifest.
        default_namespace: where it lives when it does not say.
        custom_checks: ids of the custom checks of the policies there are.

    Raises:
        PolicyError: names every field at fault. Its reason is one of InvalidSpec, InvalidSelector,
            UnknownCheck.
    """
    manifest = _validate(v1alpha1.ReadinessExemption, document)
    spec = manifest.spec
    problems = _Problems()
    targets = []
    for index, target in enumerate(spec.workloads):
        path = f"spec.workloads[{index}]"
        if (target.name is None) == (target.selector is None):
            problems.add("InvalidSpec", f"{path} must set exactly one of name and selector")
        targets.append(
            ExemptionTarget(
                target.kind, target.name, _selector(target.selector, f"{path}.selector", problems)
            )
        )
    _require_known(spec.checks, "spec.checks", problems, custom_checks)
    problems.raise_if_any()
    return Exemption(
        namespace=manifest.metadata.namespace or default_namespace,
        name=manifest.metadata.name,
        targets=tuple(targets),
        containers=frozenset(spec.containers) if spec.containers else None,
        checks=frozenset(spec.checks),
        reason=spec.reason,
        expires_at=spec.expires_at,
        created=manifest.metadata.creationTimestamp,
    )


def _validate(model: type[M], document: Mapping[str, Any]) -> M:
    try:
        # Only the spelling of manifests: `enforce_from` is no field of theirs.
        return model.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise PolicyError("InvalidSpec", "; ".join(describe_mistakes(error))) from None


def _selector(
    selector: v1alpha1.LabelSelector | None, path: str, problems: _Problems
) -> LabelSelector | None:
    if selector is None:
        return None
    try:
        return parse_label_selector(selector.model_dump(by_alias=True), path)
    except FieldError as error:
        problems.add("InvalidSelector", str(error))
        return None


def _settings(spec: v1alpha1.ReadinessPolicySpec, problems: _Problems) -> dict[str, CheckSetting]:
    """Return what the policy asks of each check: the profile it extends, changed by its checks."""
    checks = all_checks()
    settings = {
        id: CheckSetting(checks[id], severity, _params(checks[id], spec, {}))
        for id, severity in profile(spec.extends or "none").items()
    }
    seen: set[str] = set()
    for index, setting in enumerate(spec.checks or ()):
        path = f"spec.checks[{index}]"
        if setting.id in seen:
            problems.add("DuplicateCheck", f'{path}.id: "{setting.id}" stands here twice')
        seen.add(setting.id)
        check = checks.get(setting.id)
        if check is None:
            problems.add("UnknownCheck", _unknown(f"{path}.id", setting.id))
            continue
        try:
            params = _params(check, spec, setting.params or {})
        except ValidationError as error:
            for mistake in describe_mistakes(error, f"{path}.params"):
                problems.add("InvalidParams", mistake)
            continue
        if setting.severity == "Off":
            settings.pop(check.id, None)
            continue
        severity = _severity(setting, check, settings.get(check.id))
        if severity is None:
            problems.add("InvalidSpec", f'{path}.severity must be set: "{check.id}" has no default')
            continue
        settings[check.id] = CheckSetting(check, severity, params, setting.enforce_from)
    return settings


def _custom_settings(
    custom_checks: Sequence[v1alpha1.CustomCheck], policy: str, problems: _Problems
) -> dict[str, CheckSetting]:
    """Return what the policy asks of its own checks."""
    if not custom_checks:
        return {}
    # Policies without any do not wait for the CEL library.
    from readiness.evaluate.custom_checks import ExpressionError, custom_check  # noqa: PLC0415

    settings: dict[str, CheckSetting] = {}
    seen: set[str] = set()
    for index, custom in enumerate(custom_checks):
        path = f"spec.customChecks[{index}]"
        if custom.id in all_checks():
            problems.add("DuplicateCheck", f'{path}.id: "{custom.id}" is a built-in check')
        elif custom.id in seen:
            problems.add("DuplicateCheck", f'{path}.id: "{custom.id}" stands here twice')
        seen.add(custom.id)
        try:
            check, params = custom_check(custom, policy)
        except ExpressionError as error:
            problems.add("InvalidExpression", f"{path}.expression: {error}")
            continue
        settings[check.id] = CheckSetting(check, Severity(custom.severity), params)
    return settings


def _severity(
    setting: v1alpha1.CheckSetting, check: Check, inherited: CheckSetting | None
) -> Severity | None:
    if setting.severity is not None:
        return Severity(setting.severity)
    return inherited.severity if inherited is not None else check.severity


def _params(check: Check, spec: v1alpha1.ReadinessPolicySpec, given: Mapping[str, Any]) -> Any:
    """Return the parameters of a check: those given, else the policy's, else the defaults.

    Raises:
        ValidationError: when a parameter is unknown or its value is not allowed.
    """
    if check.params is PodSecurityParams and spec.pod_security_version is not None:
        given = {"version": spec.pod_security_version, **given}
    if not given:
        return check.default_params
    params: type[Any] = check.params or _NoParams
    validator = TypeAdapter(with_config(ConfigDict(extra="forbid"))(params))
    # As JSON, since only there strict (nothing is coerced, "3" is not 3) lets a list be a tuple.
    return validator.validate_json(json.dumps(given), strict=True)


@dataclass(frozen=True)
class _NoParams:
    """Parameters of a check that takes none."""


def _require_known(
    ids: Sequence[str], path: str, problems: _Problems, custom_checks: Collection[str]
) -> None:
    for index, id in enumerate(ids):
        if id not in all_checks() and id not in custom_checks:
            problems.add("UnknownCheck", _unknown(f"{path}[{index}]", id))


def _unknown(path: str, id: str) -> str:
    close = difflib.get_close_matches(id, all_checks(), n=1)
    hint = f', did you mean "{close[0]}"?' if close else "; `readiness checks` lists them"
    return f'{path}: there is no check "{id}"{hint}'
