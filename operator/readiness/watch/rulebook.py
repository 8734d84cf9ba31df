"""The policies, exemptions and evidence of a cluster, in force as they come and go.

The controller and the webhook each keep one, fed by the same cache, so that both judge by the same
rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import structlog

from readiness.api.vocabulary import GROUP
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_evidence, compile_exemption, compile_policy
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import Policy, PolicySet
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.evidence import Evidence, EvidenceIndex
from readiness.model.workload import ObjectRef

logger = structlog.get_logger(__name__)


def policy_key(name: str) -> ObjectRef:
    """Return the name of a policy as an object."""
    return ObjectRef(GROUP, "ReadinessPolicy", "", name)


def exemption_key(namespace: str, name: str) -> ObjectRef:
    """Return the name of an exemption as an object."""
    return ObjectRef(GROUP, "ReadinessExemption", namespace, name)


def evidence_key(namespace: str, name: str) -> ObjectRef:
    """Return the name of evidence as an object."""
    return ObjectRef(GROUP, "ReadinessEvidence", namespace, name)


class Rulebook:
    """Policies, exemptions and evidence by the manifests seen last.

    Attributes:
        policies: those in force. A policy that can no longer be used stays in force as it was
            accepted last: a typing error must not drop all findings.
        policy_errors: by name, why the newest version of a policy can't be used.
        exemption_errors, evidence_errors: why one of these can't be used.
        evidence: what people attested.
        manifests: of every policy, exemption and evidence, as seen last.
        on_policy: called with the policy before and after (None: none in force) when it changed.
        on_exemption: called with the namespace in which the exemptions in force changed.
        on_evidence: called with evidence before and after (None: none that counts) when it changed.
    """

    def __init__(
        self,
        operator_namespace: str,
        on_policy: Callable[[Policy | None, Policy | None], None] = lambda _, __: None,
        on_exemption: Callable[[str], None] = lambda _: None,
        on_evidence: Callable[[Evidence | None, Evidence | None], None] = lambda _, __: None,
    ) -> None:
        self.policies = PolicySet(operator_namespace)
        self.policy_errors: dict[str, PolicyError] = {}
        self.exemption_errors: dict[ObjectRef, PolicyError] = {}
        self.evidence = EvidenceIndex()
        self.evidence_errors: dict[ObjectRef, PolicyError] = {}
        self.manifests: dict[ObjectRef, dict[str, Any]] = {}
        self.on_policy = on_policy
        self.on_exemption = on_exemption
        self.on_evidence = on_evidence
        self._exemptions: dict[str, dict[str, Exemption]] = {}

    def exemptions_in(self, namespace: str) -> Collection[Exemption]:
        """Return the exemptions of a namespace, expired ones included."""
        return self._exemptions.get(namespace, {}).values()

    def exemptions(self) -> Iterator[Exemption]:
        """Yield every exemption, expired ones included."""
        for of_namespace in self._exemptions.values():
            yield from of_namespace.values()

    def exemption(self, key: ObjectRef) -> Exemption | None:
        """Return one exemption, None when it is unknown or can't be used."""
        return self._exemptions.get(key.namespace, {}).get(key.name)

    def put(
        self, kind: ResourceKind, namespace: str, name: str, manifest: dict[str, Any] | None
    ) -> ObjectRef:
        """Take in a policy, an exemption or evidence as seen now, None for one that is gone."""
        if kind == kinds.POLICIES:
            self._put_policy(name, manifest)
            return policy_key(name)
        if kind == kinds.EVIDENCE:
            key = evidence_key(namespace, name)
            self._put_evidence(key, manifest)
            return key
        key = exemption_key(namespace, name)
        self._put_exemption(key, manifest)
        return key

    def _put_policy(self, name: str, manifest: dict[str, Any] | None) -> None:
        key = policy_key(name)
        old = self.policies.get(name)
        if manifest is None:
            self.manifests.pop(key, None)
            self.policy_errors.pop(name, None)
            self.policies.remove(name)
            logger.info("policy deleted", policy=name)
            self._policy_changed(old, None)
            return
        if self._only_status_changed(key, manifest):
            return
        self.policy_errors.pop(name, None)
        try:
            new = compile_policy(manifest)
        except PolicyError as error:
            self.policy_errors[name] = error
            logger.warning(
                "policy not accepted", policy=name, reason=error.reason, message=str(error)
            )
            return
        if new == old:
            return
        self.policies.put(new)
        logger.info("policy accepted", policy=name, checks=len(new.settings))
        self._policy_changed(old, new)

    def _policy_changed(self, old: Policy | None, new: Policy | None) -> None:
        self.on_policy(old, new)
        before, after = (p.custom_checks if p else frozenset() for p in (old, new))
        if before != after:
            # Exemptions may name custom checks that came or went.
            for key, manifest in self._exemption_manifests():
                self._compile_exemption(key, manifest)

    def _exemption_manifests(self) -> Iterator[tuple[ObjectRef, dict[str, Any]]]:
        for key, manifest in list(self.manifests.items()):
            if key.kind == "ReadinessExemption":
                yield key, manifest

    def _put_exemption(self, key: ObjectRef, manifest: dict[str, Any] | None) -> None:
        if manifest is None:
            self.manifests.pop(key, None)
        elif self._only_status_changed(key, manifest):
            return
        self._compile_exemption(key, manifest)

    def _compile_exemption(self, key: ObjectRef, manifest: dict[str, Any] | None) -> None:
        """Put an exemption in force as it is now."""
        of_namespace = self._exemptions.setdefault(key.namespace, {})
        old = of_namespace.pop(key.name, None)
        self.exemption_errors.pop(key, None)
        new = None
        if manifest is not None:
            try:
                new = compile_exemption(manifest, custom_checks=self.policies.custom_checks)
            except PolicyError as error:
                self.exemption_errors[key] = error
            else:
                of_namespace[key.name] = new
        if not of_namespace:
            del self._exemptions[key.namespace]
        if new != old:
            self.on_exemption(key.namespace)

    def _put_evidence(self, key: ObjectRef, manifest: dict[str, Any] | None) -> None:
        if manifest is None:
            self.manifests.pop(key, None)
        elif self._only_status_changed(key, manifest):
            return
        old = self.evidence.get(key.namespace, key.name)
        self.evidence_errors.pop(key, None)
        new = None
        if manifest is not None:
            try:
                new = compile_evidence(manifest)
            except PolicyError as error:
                self.evidence_errors[key] = error
        if new == old:
            return
        if new is None:
            self.evidence.remove(key.namespace, key.name)
        else:
            self.evidence.put(new)
        self.on_evidence(old, new)

    def _only_status_changed(self, key: ObjectRef, manifest: dict[str, Any]) -> bool:
        """Take in a manifest; return whether it says what the one before did."""
        before = self.manifests.get(key)
        self.manifests[key] = manifest
        return before is not None and all(
            before["metadata"].get(field) == manifest["metadata"].get(field)
            for field in ("uid", "generation")
        )
