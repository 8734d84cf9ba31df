"""Turns readiness policies into ValidatingAdmissionPolicies (KEP-3488, v1 since Kubernetes 1.30).

One ReadinessPolicy becomes one ValidatingAdmissionPolicy and its binding. It has a single
validation, since the API server tells of the first one alone that fails; its message names all that
is wrong. It refuses what the webhook refuses, or less, and never more: what CEL can't say exactly,
and what a date or an exemption decides, is left to the webhook and told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from readiness.admission_policies.cel import BLANK, literal, literals, selects
from readiness.admission_policies.twins import TWINS, WITHOUT_TWIN, Subject, Version, version_of
from readiness.api.vocabulary import (
    ALWAYS_EXCLUDED_NAMESPACES,
    BREAK_GLASS_ANNOTATION,
    FIELD_MANAGER,
    GROUP,
    Enforcement,
    Severity,
)
from readiness.checks.base import Scope
from readiness.checks.registry import all_checks
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import CheckSetting, Policy
from readiness.model.label_selector import LabelSelector
from readiness.model.moment import rfc3339
from readiness.model.workload import WATCHED_KINDS
from readiness.model.workload_target import WorkloadTarget

API_VERSION = "admissionregistration.k8s.io/v1"
POLICY_ANNOTATION = f"{GROUP}/policy"

_LONGEST_NAME = 253
_NAMESPACE_NAME = "kubernetes.io/metadata.name"  # the API server sets this label on each namespace
# The API server drops a message of more than 5 KiB (MaxEvaluatedMessageExpressionSizeBytes in
# k8s.io/apiserver/pkg/apis/cel); more than a screen nobody reads.
_LONGEST_MESSAGE = 2000
_LONGEST_GROUPS = 500

_NOW = Subject("object", "variables.pod", "variables.containers", "variables.longRunning")
_BEFORE = Subject(
    "oldObject",
    "variables.podBefore",
    "variables.containersBefore",
    "variables.longRunningBefore",
)


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """What became of one ReadinessPolicy.

    Attributes:
        policy: its name.
        manifests: the ValidatingAdmissionPolicy and its binding; none when nothing is refused.
        checks: ids of the checks that the API server enforces by them, in the order of the
            catalogue.
        left_out: what it does not enforce, each with the reason: the ids of Must checks, exemptions
            as `ReadinessExemption NAMESPACE/NAME`, and "" for the policy as a whole.
        next_change: when time alone changes the manifests next; None when it won't.
    """

    policy: str
    manifests: tuple[dict[str, Any], ...]
    checks: tuple[str, ...]
    left_out: dict[str, str]
    next_change: datetime | None


def compile_policies(
    policies: Iterable[Policy],
    exemptions: Sequence[Exemption],
    now: datetime,
    kubernetes_version: Version,
    operator_namespace: str = "",
) -> list[CompiledPolicy]:
    """Return what becomes of policies, sorted by name.

    Args:
        policies: the policies; each is compiled by itself, whatever the others ask for.
        exemptions: what they accept, in the whole cluster: as long as an exemption is in force, the
            findings it accepts are not refused. CEL has no clock, so its end takes another
            compilation.
        now: decides which enforceFrom has come and which exemption has ended.
        kubernetes_version: major and minor version of the Pod Security Standards to judge by where
            a policy names none.
        operator_namespace: left out as kube-system is; empty when there is none.
    """
    return [
        _Compiler(policy, exemptions, now, kubernetes_version, operator_namespace).compile()
        for policy in sorted(policies, key=lambda policy: policy.name)
    ]


@dataclass(frozen=True, slots=True)
class _Enforced:
    """One check that the API server enforces: its findings are the value of a variable."""

    check_id: str
    demand: str
    faults: str
    faults_before: str

    @property
    def variable(self) -> str:
        first, *rest = self.check_id.split("-")
        return first + "".join(word.capitalize() for word in rest)

    @property
    def finding(self) -> str:
        """CEL of the sentence about it, empty when it found nothing."""
        found = f"variables.{self.variable}"
        sentence = literal(f" {self.demand} ({self.check_id})")
        return f"{found}.size() == 0 ? '' : {found}.join(', ') + {sentence}"


class _Compiler:
    """Compiles one policy."""

    def __init__(
        self,
        policy: Policy,
        exemptions: Sequence[Exemption],
        now: datetime,
        kubernetes_version: Version,
        operator_namespace: str,
    ) -> None:
        self._policy = policy
        self._exemptions = sorted(exemptions, key=lambda e: (e.namespace, e.name))
        self._now = now
        self._kubernetes_version = kubernetes_version
        self._operator_namespace = operator_namespace
        self._left_out: dict[str, str] = {}
        self._moments: list[datetime] = []

    def compile(self) -> CompiledPolicy:
        enforced = self._enforced() if self._is_strict() else []
        if not enforced and not self._left_out:
            self._left_out[""] = "it has no Must check"
        manifests = (self._admission_policy(enforced), self._binding()) if enforced else ()
        return CompiledPolicy(
            policy=self._policy.name,
            manifests=manifests,
            checks=tuple(one.check_id for one in enforced),
            left_out=self._left_out,
            next_change=min(self._moments, default=None),
        )

    def _is_strict(self) -> bool:
        policy = self._policy
        if policy.enforcement is not Enforcement.STRICT:
            self._left_out[""] = f"its enforcement is {policy.enforcement}: only Strict refuses"
        elif policy.enforcement_at(self._now) is not Enforcement.STRICT:
            assert policy.enforce_from is not None  # noqa: S101 - or else it would be Strict
            self._moments.append(policy.enforce_from)
            self._left_out[""] = _not_before(policy.enforce_from)
        return not self._left_out

    def _enforced(self) -> list[_Enforced]:
        found = []
        settings = self._policy.settings
        for check_id in (*all_checks(), *sorted(self._policy.custom_checks)):
            setting = settings.get(check_id)
            if setting is None or setting.severity is not Severity.MUST:
                continue
            one = self._compile_check(check_id, setting)
            if isinstance(one, str):
                self._left_out[check_id] = one
            elif self._policy.refuses(check_id, self._now):
                found.append(replace(one, faults=self._without_exempt(check_id, one.faults)))
            else:
                assert setting.enforce_from is not None  # noqa: S101 - nothing else is missing
                self._moments.append(setting.enforce_from)
                self._left_out[check_id] = _not_before(setting.enforce_from)
        return found

    def _compile_check(self, check_id: str, setting: CheckSetting) -> _Enforced | str:
        """Return a check in CEL, or why there is none."""
        if setting.check.scope is Scope.MEASURED:
            return "it is measured, and no measurement refuses a manifest"
        if check_id in self._policy.custom_checks:
            return "of checks of the policy's own an error must not refuse, as it would here"
        if setting.check.scope is Scope.COMPANION:
            return "it looks at other objects than the workload, and CEL sees no others"
        twin = TWINS.get(check_id)
        if twin is None:
            return WITHOUT_TWIN[check_id]
        version = version_of(setting.params, self._kubernetes_version)
        faults = twin.faults(_NOW, setting.params, version)
        if faults is None:
            return "with its parameters there is nothing to find"
        faults_before = twin.faults(_BEFORE, setting.params, version)
        assert faults_before is not None  # noqa: S101 - it depends on the parameters alone
        return _Enforced(check_id, twin.demand(setting.params), faults, faults_before)

    def _without_exempt(self, check_id: str, faults: str) -> str:
        """Return the faults less those that an exemption accepts."""
        if check_id in self._policy.not_exemptable:
            return faults
        for exemption in self._exemptions:
            end = exemption.ends(self._policy.max_exemption)
            if check_id not in exemption.checks or end <= self._now:
                continue
            self._moments.append(end)
            self._left_out[f"ReadinessExemption {exemption.namespace}/{exemption.name}"] = (
                f"what it accepts is not refused until {rfc3339(end)}: compile again then"
            )
            concerned = _concerns(exemption)
            if exemption.containers is None:
                faults = f"({concerned} ? [] : {faults})"
            else:
                accepted = literals(f'container "{name}"' for name in sorted(exemption.containers))
                faults = f"({faults}).filter(fault, !({concerned} && fault in {accepted}))"
        return faults

    def _metadata(self) -> dict[str, Any]:
        name = f"readiness-{self._policy.name}"
        if len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(name.encode()).hexdigest()[:8]
            name = f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{digest}"
        return {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER},
            "annotations": {POLICY_ANNOTATION: self._policy.name},
        }

    def _binding(self) -> dict[str, Any]:
        metadata = self._metadata()
        return {
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": metadata["name"], "validationActions": ["Deny"]},
        }

    def _admission_policy(self, enforced: Sequence[_Enforced]) -> dict[str, Any]:
        refuses = f'ReadinessPolicy "{self._policy.name}"'
        findings = f"{literal(f'{refuses}: ')} + variables.findings.join('; ')"
        message = (
            f"[{findings}].map(text, text.size() <= {_LONGEST_MESSAGE} ? text : "
            f"text.substring(0, {_LONGEST_MESSAGE}) + ' ...')[0]"
        )
        if self._policy.break_glass:
            groups = ", ".join(sorted(self._policy.break_glass))
            if len(groups) > _LONGEST_GROUPS:
                groups = "the groups in spec.strict.breakGlass of the policy"
            way_out = (
                f". In an emergency members of {groups} may set the annotation "
                f"{BREAK_GLASS_ANNOTATION} to the reason."
            )
            message += f" + {literal(way_out)}"
        return {
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": self._metadata(),
            "spec": {
                # An error can only come from a workload so huge that it takes more than the API
                # server's cost limits: let through, that would be a way around the policy.
                "failurePolicy": "Fail",
                "matchConstraints": self._match_constraints(),
                "matchConditions": self._match_conditions(),
                "variables": [*self._variables(enforced)],
                "validations": [
                    {
                        "expression": "variables.findings.size() == 0",
                        "message": f"{refuses} refuses it",
                        "messageExpression": message,
                        "reason": "Forbidden",
                    }
                ],
            },
        }

    def _match_constraints(self) -> dict[str, Any]:
        kinds = self._policy.kinds
        resources = [f"{kind.lower()}s" for kind in WATCHED_KINDS if kinds is None or kind in kinds]
        return {
            "matchPolicy": "Equivalent",
            "namespaceSelector": self._namespace_selector(),
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": resources,
                    "scope": "Namespaced",
                }
            ],
        }

    def _namespace_selector(self) -> dict[str, Any]:
        policy = self._policy
        excluded = {*ALWAYS_EXCLUDED_NAMESPACES, self._operator_namespace} - {""}
        excluded = (excluded - policy.include_namespaces) | policy.exclude_namespaces
        selector = _manifest(policy.namespace_selector or LabelSelector())
        if excluded:
            selector.setdefault("matchExpressions", []).append(
                {"key": _NAMESPACE_NAME, "operator": "NotIn", "values": sorted(excluded)}
            )
        return selector

    def _match_conditions(self) -> list[dict[str, str]]:
        policy = self._policy
        conditions = {
            "spec-changes": "oldObject == null || object.spec != oldObject.spec",
            "not-being-deleted": "!has(object.metadata.deletionTimestamp)",
        }
        # An objectSelector would select by the labels before an update too.
        if policy.workload_selector is not None and not policy.workload_selector.empty:
            selected = selects(policy.workload_selector, "object.metadata.?labels")
            conditions["workload-selected"] = selected
        if policy.break_glass:
            annotation = literal(BREAK_GLASS_ANNOTATION)
            groups = literals(sorted(policy.break_glass))
            # `kubectl rollout undo` takes the annotations of the old ReplicaSet, so the reason for
            # this rollback stands on the old object only.
            conditions["glass-not-broken"] = (
                f"![object, oldObject].exists(one, one != null && "
                f'!one.metadata.?annotations[?{annotation}].orValue("").matches({literal(BLANK)})) '
                f"|| !request.userInfo.?groups.orValue([]).exists(group, group in {groups})"
            )
        return [{"name": name, "expression": text} for name, text in conditions.items()]

    def _variables(self, enforced: Sequence[_Enforced]) -> Iterator[dict[str, str]]:
        """Yield the variables; the API server evaluates each when it is first asked for."""
        yield from _views(_NOW)
        if not self._policy.denies_existing:
            yield from _views(_BEFORE)
        for one in enforced:
            if self._policy.denies_existing:
                yield {"name": one.variable, "expression": one.faults}
                continue
            before = f"{one.variable}Before"
            yield {"name": before, "expression": f"oldObject == null ? [] : {one.faults_before}"}
            new = f"({one.faults}).filter(fault, !(fault in variables.{before}))"
            yield {"name": one.variable, "expression": new}
        sentences = ",\n".join(f"  {one.finding}" for one in enforced)
        listed = f"[\n{sentences}\n].filter(sentence, sentence != '')"
        yield {"name": "findings", "expression": listed}


def _not_before(enforce_from: datetime) -> str:
    return f"it is enforced from {rfc3339(enforce_from)} on: compile it again then"


def _views(subject: Subject) -> Iterator[dict[str, str]]:
    """Yield the variables that hold the parts of a workload."""
    pod, containers, long_running = (
        name.removeprefix("variables.")
        for name in (subject.pod, subject.containers, subject.long_running)
    )
    init = f"{subject.pod}.?initContainers.orValue([])"
    app = f"{subject.pod}.containers"
    sidecars = f"{init}.filter(c, c.?restartPolicy.orValue('') == 'Always')"
    yield {"name": pod, "expression": f"{subject.object}.spec.template.spec"}
    yield {"name": containers, "expression": f"{init} + {app}"}
    yield {"name": long_running, "expression": f"{sidecars} + {app}"}


def _concerns(exemption: Exemption) -> str:
    """Return the condition that an exemption is about the workload."""
    targets = " || ".join(f"({_targets(target)})" for target in exemption.targets)
    return f"object.metadata.namespace == {literal(exemption.namespace)} && ({targets})"


def _targets(target: WorkloadTarget) -> str:
    conditions = []
    if target.kind is not None:
        conditions.append(f"request.kind.kind == {literal(target.kind)}")
    if target.name is not None:
        conditions.append(f"object.metadata.name == {literal(target.name)}")
    elif target.selector is not None and not target.selector.empty:
        conditions.append(selects(target.selector, "object.metadata.?labels"))
    return " && ".join(conditions) or "true"


def _manifest(selector: LabelSelector) -> dict[str, Any]:
    """Return a selector as manifests have it."""
    found: dict[str, Any] = {}
    if selector.labels:
        found["matchLabels"] = dict(sorted(selector.labels))
    if selector.expressions:
        found["matchExpressions"] = [
            {
                "key": one.key,
                "operator": one.operator,
                **({"values": sorted(one.values)} if one.values else {}),
            }
            for one in selector.expressions
        ]
    return found
