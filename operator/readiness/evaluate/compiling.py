"""Turns manifests of our kinds into policies, exemptions and evidence that can be used.

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
from readiness.api.vocabulary import STAGE_LABEL, Enforcement, Severity
from readiness.checklist.base import Stage
from readiness.checklist.catalogue import EVIDENCE_ITEMS, ITEMS, answers_to
from readiness.checks._pod_security import PodSecurityParams
from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.errors import FieldError, PolicyError
from readiness.evaluate.evidence import EvidenceParams, evidence_check, item_of
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.mistakes import describe_mistakes
from readiness.evaluate.policy import DEFAULT_GRACE_PERIOD, CheckSetting, Policy
from readiness.evaluate.profiles import profile
from readiness.evaluate.service_levels import (
    CHECK_PREFIX,
    ServiceLevel,
    mistakes_in,
    service_level_check,
)
from readiness.model.duration import parse_duration
from readiness.model.evidence import Evidence
from readiness.model.label_selector import LabelSelector, Requirement, parse_label_selector
from readiness.model.measurement import LevelQuery
from readiness.model.workload_target import WorkloadTarget

M = TypeVar("M", bound=BaseModel)

_MOST_NAMED = 5

_STAGES = tuple(stage.id for stage in Stage)


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
            UnknownCheck, DuplicateCheck, InvalidParams, InvalidExpression, UnknownItem,
            DuplicateItem, InvalidQuery.
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
    levels = _service_level_settings(spec.service_levels or (), problems)
    evidence = _evidence_settings(spec.evidence or (), problems)
    own_ids = frozenset(check.id for check in spec.custom_checks or ()) | levels.keys()
    _require_known(not_exemptable, "spec.exemptions.notExemptable", problems, own_ids)
    problems.raise_if_any()
    return Policy(
        name=manifest.metadata.name,
        settings=settings | custom | levels | evidence,
        enforcement=spec.enforcement or Enforcement.AUDIT,
        enforce_from=spec.enforce_from,
        namespace_selector=namespace_selector,
        exclude_namespaces=frozenset(match.exclude_namespaces or ()),
        include_namespaces=frozenset(match.include_namespaces or ()),
        workload_selector=_from_stage(workload_selector, match.from_stage),
        kinds=frozenset(match.kinds) if match.kinds else None,
        # The schema lets nothing pass that is no duration.
        grace_period=parse_duration(strict.grace_period)
        if strict.grace_period
        else DEFAULT_GRACE_PERIOD,
        max_exemption=parse_duration(rules.max_duration) if rules.max_duration else None,
        not_exemptable=frozenset(not_exemptable),
        custom_checks=frozenset(custom) | levels.keys(),
        evidence=frozenset(evidence),
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
    targets = _targets(spec.workloads, problems)
    _require_known(spec.checks, "spec.checks", problems, custom_checks)
    problems.raise_if_any()
    return Exemption(
        namespace=manifest.metadata.namespace or default_namespace,
        name=manifest.metadata.name,
        targets=targets,
        containers=frozenset(spec.containers) if spec.containers else None,
        checks=frozenset(spec.checks),
        reason=spec.reason,
        expires_at=spec.expires_at,
        created=manifest.metadata.creationTimestamp,
    )


def compile_evidence(document: Mapping[str, Any], default_namespace: str = "default") -> Evidence:
    """Return the evidence a ReadinessEvidence manifest describes.

    Args:
        document: the manifest.
        default_namespace: where it lives when it does not say.

    Raises:
        PolicyError: names every field at fault. Its reason is one of InvalidSpec, InvalidSelector,
            UnknownItem.
    """
    manifest = _validate(v1alpha1.ReadinessEvidence, document)
    spec = manifest.spec
    problems = _Problems()
    targets = _targets(spec.workloads, problems)
    _require_item(spec.item, "spec.item", problems)
    # The API server knows the next two as well; files have not been through it.
    if spec.expires_at <= spec.performed_at:
        problems.add("InvalidSpec", "spec.expiresAt must be after performedAt")
    if spec.approved_by == spec.attested_by:
        problems.add("InvalidSpec", "spec.approvedBy must be somebody other than attestedBy")
    digests: dict[str, str] = {}
    for index, image in enumerate(spec.image_digests or ()):
        if image.container in digests:
            path = f"spec.imageDigests[{index}].container"
            problems.add("InvalidSpec", f'{path}: "{image.container}" stands here twice')
        digests[image.container] = image.digest
    problems.raise_if_any()
    return Evidence(
        namespace=manifest.metadata.namespace or default_namespace,
        name=manifest.metadata.name,
        item=spec.item,
        targets=targets,
        performed_at=spec.performed_at,
        expires_at=spec.expires_at,
        attested_by=spec.attested_by,
        approved_by=spec.approved_by or "",
        digests=tuple(digests.items()),
    )


def _targets(
    given: Sequence[v1alpha1.TargetedWorkloads], problems: _Problems
) -> tuple[WorkloadTarget, ...]:
    targets = []
    for index, target in enumerate(given):
        path = f"spec.workloads[{index}]"
        if (target.name is None) == (target.selector is None):
            problems.add("InvalidSpec", f"{path} must set exactly one of name and selector")
        targets.append(
            WorkloadTarget(
                target.kind, target.name, _selector(target.selector, f"{path}.selector", problems)
            )
        )
    return tuple(targets)


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


def _from_stage(selector: LabelSelector | None, stage: str | None) -> LabelSelector | None:
    """Return a selector that leaves out workloads which have not come as far as a stage.

    NotIn also matches objects without the label: leaving it out lightens nothing.
    """
    earlier = _STAGES[: _STAGES.index(stage)] if stage else ()
    if not earlier:
        return selector
    selector = selector or LabelSelector()
    too_early = Requirement(STAGE_LABEL, "NotIn", frozenset(earlier))
    return LabelSelector(selector.labels, (*selector.expressions, too_early))


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
        if custom.id in all_checks() or item_of(custom.id) is not None:
            problems.add("DuplicateCheck", f'{path}.id: "{custom.id}" is a built-in check')
        elif custom.id.startswith(CHECK_PREFIX):
            problems.add(
                "DuplicateCheck",
                f"{path}.id: ids that begin with {CHECK_PREFIX} are those of service levels",
            )
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


def _service_level_settings(
    demands: Sequence[v1alpha1.ServiceLevelDemand], problems: _Problems
) -> dict[str, CheckSetting]:
    """Return what the policy asks of the checks that stand for service levels."""
    settings: dict[str, CheckSetting] = {}
    for index, demand in enumerate(demands):
        path = f"spec.serviceLevels[{index}]"
        check = service_level_check(demand.name)
        if check.id in settings:
            problems.add("DuplicateCheck", f'{path}.name: "{demand.name}" stands here twice')
        # The API server knows this as well; files have not been through it.
        if (demand.min_samples is None) != (demand.samples_query is None):
            problems.add("InvalidSpec", f"{path} must set minSamples and samplesQuery together")
        if not parse_duration(demand.window):
            problems.add("InvalidSpec", f"{path}.window must be longer than {demand.window}")
        samples_query = demand.samples_query or ""
        for field, template in (("query", demand.query), ("samplesQuery", samples_query)):
            for mistake in mistakes_in(template):
                problems.add("InvalidQuery", f"{path}.{field}: {mistake}")
        level = ServiceLevel(
            demand.name,
            LevelQuery(demand.query, samples_query, demand.window),
            demand.objective.operator,
            demand.objective.value,
            demand.min_samples,
        )
        settings[check.id] = CheckSetting(check, Severity(demand.severity), level)
    return settings


def _evidence_settings(
    demands: Sequence[v1alpha1.EvidenceDemand], problems: _Problems
) -> dict[str, CheckSetting]:
    """Return what the policy asks of the checks that stand for evidence."""
    settings: dict[str, CheckSetting] = {}
    for index, demand in enumerate(demands):
        path = f"spec.evidence[{index}]"
        if not _require_item(demand.item, f"{path}.item", problems):
            continue
        check = evidence_check(demand.item)
        if check.id in settings:
            problems.add("DuplicateItem", f'{path}.item: "{demand.item}" stands here twice')
        max_age = parse_duration(demand.max_age) if demand.max_age else None
        if max_age is not None and not max_age:
            problems.add(
                "InvalidSpec",
                f"{path}.maxAge must be longer than {demand.max_age}: no evidence would ever count",
            )
        params = EvidenceParams(max_age, bool(demand.approval_required))
        settings[check.id] = CheckSetting(check, Severity(demand.severity), params)
    return settings


def _require_item(id: str, path: str, problems: _Problems) -> bool:
    """Return whether evidence may answer an item; else the problem is noted."""
    if id in EVIDENCE_ITEMS:
        return True
    if id in ITEMS:
        problems.add("UnknownItem", f'{path}: "{id}" is not for a person to attest; {_asked(id)}')
        return False
    close = difflib.get_close_matches(id, EVIDENCE_ITEMS, n=1)
    hint = f', did you mean "{close[0]}"?' if close else "; `readiness checklist` lists them"
    problems.add("UnknownItem", f'{path}: the checklist has no item "{id}"{hint}')
    return False


def _asked(item: str) -> str:
    """Say what answers an item that no evidence is given for."""
    answers = answers_to(item)
    if answers.evidence:  # asked for elsewhere, so that nobody is asked twice
        return f"give evidence for {_some(answers.evidence)}"
    return f"it is answered by {_some((*answers.checks, *answers.service_levels))}"


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_NAMED
    shown = ", ".join(ids[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


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
    # Half a surrogate pair stands for no character: it becomes U+FFFD, as in the API server.
    text = json.dumps(given, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return validator.validate_json(text.decode("utf-16", "replace"), strict=True)


@dataclass(frozen=True)
class _NoParams:
    """Parameters of a check that takes none."""


def _require_known(
    ids: Sequence[str], path: str, problems: _Problems, custom_checks: Collection[str]
) -> None:
    for index, id in enumerate(ids):
        if id not in all_checks() and id not in custom_checks and item_of(id) is None:
            problems.add("UnknownCheck", _unknown(f"{path}[{index}]", id))


def _unknown(path: str, id: str) -> str:
    if item_of(id) is not None:
        return f"{path}: {id} is asked for by an entry of spec.evidence"
    close = difflib.get_close_matches(id, all_checks(), n=1)
    hint = f', did you mean "{close[0]}"?' if close else "; `readiness checks` lists them"
    return f'{path}: there is no check "{id}"{hint}'
