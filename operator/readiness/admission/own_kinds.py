"""Validates policies, exemptions and evidence at admission: what their schemas cannot say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from readiness.admission.reviews import AdmissionRequest, Answer, fit_warnings
from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks.base import Scope
from readiness.checks.registry import all_checks
from readiness.errors import FieldError, PolicyError
from readiness.evaluate.compiling import compile_evidence, compile_exemption, compile_policy
from readiness.evaluate.evidence import EvidenceParams, evidence_check, item_of
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import Policy
from readiness.model.duration import after
from readiness.model.evidence import Evidence
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef, Workload
from readiness.model.workload_target import WorkloadTarget, concerns
from readiness.watch.cache import ClusterCache
from readiness.watch.rulebook import Rulebook

_ALLOWED = Answer(allowed=True)
# How far a clock may be ahead of ours.
_AHEAD = timedelta(minutes=5)
_MOST_NAMED = 3
# Groups that the API server itself puts people and programs in
# (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
_EVERYBODY = frozenset({"system:authenticated", "system:unauthenticated", "system:serviceaccounts"})


class OwnKindsJudge:
    """Answers reviews of policies, exemptions and evidence."""

    def __init__(
        self,
        cache: ClusterCache,
        rulebook: Rulebook,
        clock: Callable[[], datetime],
    ) -> None:
        self._cache = cache
        self._rulebook = rulebook
        self._clock = clock

    def answer(self, request: AdmissionRequest) -> Answer:
        """Return the answer to the review of a policy, an exemption or evidence.

        An update that does not touch the spec is allowed whatever the spec says: what was stored
        before this operator came must stay editable.
        """
        new, old = request.object, request.old_object
        if request.operation not in ("CREATE", "UPDATE") or request.sub_resource or new is None:
            return _ALLOWED
        if (new.get("metadata") or {}).get("deletionTimestamp"):
            return _ALLOWED
        if old is not None and new.get("spec") == old.get("spec"):
            return _ALLOWED
        try:
            if request.kind.kind == "ReadinessPolicy":
                return self._policy(new)
            if request.kind.kind == "ReadinessEvidence":
                return self._evidence(request, new, old)
            return self._exemption(request, new)
        except PolicyError as error:
            return _invalid(request, str(error))

    def _policy(self, manifest: dict[str, Any]) -> Answer:
        policy = compile_policy(_with_name(manifest))
        return Answer(allowed=True, warnings=fit_warnings(_policy_warnings(policy)))

    def _exemption(self, request: AdmissionRequest, manifest: dict[str, Any]) -> Answer:
        manifest = _with_name(manifest, request.namespace)
        known = {*all_checks(), *self._rulebook.policies.custom_checks}
        asked = (manifest.get("spec") or {}).get("checks")
        unknown = [
            id
            for id in asked or ()
            if isinstance(id, str) and id not in known and item_of(id) is None
        ]
        # Of a check that is not there (yet) a warning is told, so here it counts as known.
        exemption = compile_exemption(manifest, custom_checks=frozenset(unknown) | known)
        workloads = self._workloads_of(exemption.namespace, exemption.targets)
        policies = self._policies_about(exemption.namespace, workloads)
        now = self._clock()
        problems = _too_long(exemption, policies, now) + _not_exemptable(exemption, policies)
        if problems:
            return _invalid(request, "; ".join(problems))
        warnings = [
            f'spec.checks: there is no check "{id}"; `readiness checks` lists the built-in ones'
            for id in unknown
        ]
        warnings += self._unknown_workloads(exemption.namespace, exemption.targets)
        if exemption.expires_at <= now:
            until = rfc3339(exemption.expires_at)
            warnings.append(f"spec.expiresAt: {until} is over, nothing is exempt")
        if workloads:
            warnings += _of_no_effect(exemption, workloads, policies, frozenset(unknown))
            warnings += self._overlaps(exemption, workloads, now)
        return Answer(allowed=True, warnings=fit_warnings(warnings))

    def _evidence(
        self, request: AdmissionRequest, manifest: dict[str, Any], old: dict[str, Any] | None
    ) -> Answer:
        evidence = compile_evidence(_with_name(manifest, request.namespace))
        now = self._clock()
        problems = _attestation_problems(
            request.user, manifest["spec"], None if old is None else old.get("spec") or {}
        )
        if evidence.performed_at > now + _AHEAD:
            problems.append(f"spec.performedAt must not be in the future, it is {rfc3339(now)}")
        if problems:
            return _invalid(request, "; ".join(problems))
        workloads = self._workloads_of(evidence.namespace, evidence.targets)
        warnings = self._unknown_workloads(evidence.namespace, evidence.targets)
        if evidence.expires_at <= now:
            until = rfc3339(evidence.expires_at)
            warnings.append(f"spec.expiresAt: {until} is over, the evidence counts for nothing")
        policies = self._policies_about(evidence.namespace, workloads)
        warnings += _what_policies_ask(evidence, policies)
        return Answer(allowed=True, warnings=fit_warnings(warnings))

    def _workloads_of(self, namespace: str, targets: Iterable[WorkloadTarget]) -> list[Workload]:
        """Return the workloads of a namespace that one of these targets means."""
        targets = list(targets)
        return [
            self._cache.workloads[ref].workload()
            for ref in sorted(self._cache.inventory.workloads_in(namespace))
            if concerns(targets, ref, self._cache.workloads[ref].record.labels)
        ]

    def _policies_about(self, namespace: str, workloads: Iterable[Workload]) -> list[Policy]:
        """Return the policies that an exemption or evidence may be meant for, by name.

        Those about the workloads it names; where it names none that exist, those about its
        namespace.
        """
        policies = self._rulebook.policies
        labels = self._cache.namespace_labels(namespace)
        about = {
            policy.name: policy
            for workload in workloads
            for policy in policies.matching(workload.ref, workload.labels, labels)
        }
        if not about:
            anything = ObjectRef("apps", "Deployment", namespace, "")
            about = {p.name: p for p in policies.matching(anything, {}, labels)}
        return [about[name] for name in sorted(about)]

    def _unknown_workloads(self, namespace: str, targets: Iterable[WorkloadTarget]) -> list[str]:
        names = {(ref.kind, ref.name) for ref in self._cache.inventory.workloads_in(namespace)}
        warnings = []
        for index, target in enumerate(targets):
            if target.name is None:
                continue
            if not any(name == target.name and target.kind in (None, kind) for kind, name in names):
                kind = target.kind or "workload"
                warnings.append(
                    f'spec.workloads[{index}]: there is no {kind} "{target.name}" in namespace '
                    f"{namespace} yet"
                )
        return warnings

    def _overlaps(
        self, exemption: Exemption, workloads: list[Workload], now: datetime
    ) -> list[str]:
        """Say which other exemptions accept the same findings."""
        warnings = []
        others = self._rulebook.exemptions_in(exemption.namespace)
        for other in sorted(others, key=lambda one: one.name):
            if other.name == exemption.name or other.expires_at <= now:
                continue
            checks = exemption.checks & other.checks
            both = [workload for workload in workloads if other.concerns(workload)]
            if checks and both and _same_containers(exemption, other):
                warnings.append(
                    f'spec.checks: "{other.name}" accepts {_some(sorted(checks))} of '
                    f"{_some([f'{w.ref.kind.lower()}/{w.name}' for w in both])} too, until "
                    f"{rfc3339(other.expires_at)}; the later end counts"
                )
        return warnings


def _with_name(manifest: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    """Return a manifest with the name that is still to be made, and its namespace."""
    metadata = manifest.get("metadata") or {}
    name = metadata.get("name") or metadata.get("generateName") or "unnamed"
    return {
        **manifest,
        "metadata": {**metadata, "name": name} | ({"namespace": namespace} if namespace else {}),
    }


def _policy_warnings(policy: Policy) -> list[str]:
    if not policy.settings:
        return ["spec: it asks for no check; set extends, checks, customChecks or evidence"]
    musts = [s for s in policy.settings.values() if s.severity is Severity.MUST]
    if policy.enforcement is Enforcement.STRICT:
        if not musts:
            return ["spec.enforcement: Strict refuses nothing here, no check has severity Must"]
        if all(setting.check.scope is Scope.MEASURED for setting in musts):
            return [
                (
                    "spec.enforcement: Strict refuses nothing here, only service levels have "
                    "severity Must and none is measured at admission"
                )
            ]
    return [
        f'spec.strict.breakGlass.groups: "{group}" lets everybody past who gives a reason'
        for group in sorted(policy.break_glass & _EVERYBODY)
    ]


def _too_long(exemption: Exemption, policies: list[Policy], now: datetime) -> list[str]:
    created = exemption.created or now
    problems = []
    for policy in policies:
        if policy.max_exemption is None:
            continue
        latest = after(created, policy.max_exemption)
        if exemption.expires_at > latest:
            problems.append(
                f"spec.expiresAt must be {rfc3339(latest)} or earlier: "
                f'policy "{policy.name}" limits exemptions'
            )
    return problems


def _not_exemptable(exemption: Exemption, policies: list[Policy]) -> list[str]:
    return [
        f'spec.checks must not hold "{id}": policy "{policy.name}" lets nobody be exempt from it'
        for policy in policies
        for id in sorted(exemption.checks & policy.not_exemptable)
    ]


def _of_no_effect(
    exemption: Exemption,
    workloads: Iterable[Workload],
    policies: Iterable[Policy],
    unknown: frozenset[str],
) -> list[str]:
    """Say what an exemption names that is not there."""
    asked = {id for policy in policies for id in policy.settings}
    not_asked = exemption.checks - asked if asked else frozenset()
    warnings = [
        f'spec.checks: no policy asks for "{id}" here' for id in sorted(not_asked - unknown)
    ]
    there: set[str] = set()
    for workload in workloads:
        with contextlib.suppress(FieldError):  # what is malformed is the checks' to tell
            there |= {container.name for container in workload.containers}
    warnings += [
        f'spec.containers: no workload it is about has a container "{name}"'
        for name in sorted((exemption.containers or frozenset()) - there)
    ]
    return warnings


def _same_containers(one: Exemption, other: Exemption) -> bool:
    """Return whether two exemptions may accept the same finding, as far as containers go."""
    if one.containers is None or other.containers is None:
        return True
    return not one.containers.isdisjoint(other.containers)


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _attestation_problems(user: str, spec: dict[str, Any], old: dict[str, Any] | None) -> list[str]:
    """Return why a user may not say this of who attests and who approves.

    Whoever writes evidence attests it; whoever adds the approval gives it, and nothing else with
    it, so that nobody approves what he has not seen.
    """
    attested_by, approved_by = spec["attestedBy"], spec.get("approvedBy")
    if old is not None and _but_approval(old) == _but_approval(spec):
        if approved_by is None or approved_by == user:
            return []
        return [f'spec.approvedBy must be "{user}", who approves it now, not "{approved_by}"']
    problems = []
    if attested_by != user:
        problems.append(f'spec.attestedBy must be "{user}", who writes it, not "{attested_by}"')
    if approved_by is not None:
        problems.append(
            "spec.approvedBy must be absent here: whoever approves it adds the field, and changes "
            "nothing else"
        )
    return problems


def _but_approval(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "approvedBy"}


def _what_policies_ask(evidence: Evidence, policies: Iterable[Policy]) -> list[str]:
    """Say where a policy makes less of evidence than it says of itself."""
    warnings = []
    for policy in policies:
        setting = policy.settings.get(evidence_check(evidence.item).id)
        if setting is None:
            continue
        params: EvidenceParams = setting.params
        if params.approval_required and not evidence.approved_by:
            warnings.append(
                f'spec.approvedBy: policy "{policy.name}" waits until somebody else adds it'
            )
        if params.max_age is not None:
            end = after(evidence.performed_at, params.max_age)
            if end < evidence.expires_at:
                until = rfc3339(end)
                warnings.append(
                    f'spec.expiresAt: for policy "{policy.name}" it counts until {until} only'
                )
    return warnings


def _invalid(request: AdmissionRequest, problems: str) -> Answer:
    name = request.name or "(unnamed)"
    return Answer(
        allowed=False,
        code=422,
        reason="Invalid",
        message=f"{request.kind.kind} {name} can't be used as written: {problems}",
    )
