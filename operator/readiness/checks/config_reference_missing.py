"""A ConfigMap, ServiceAccount or claim that the pods need does not exist, or lacks a key.

Without it the containers wait for ever (CreateContainerConfigError, FailedMount), or no pod is
created at all. References marked `optional: true` are fine; so are the ServiceAccount `default` and
the ConfigMap `kube-root-ca.crt`, which every namespace has. Claims that the volumeClaimTemplates of
a StatefulSet provide are fine too.

Secrets are looked at in files only: the operator never reads them. From files, something missing
is only held against the workload when they hold another object of that kind in its namespace; with
none at all those objects evidently come from elsewhere, and the check is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._config_references import ConfigReference, config_references
from readiness.checks._unseen import unseen
from readiness.checks.base import (
    PASS,
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
)
from readiness.model.companion import Companion
from readiness.model.companions import (
    ConfigMap,
    PersistentVolumeClaim,
    Secret,
    ServiceAccount,
)
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

_TYPES: dict[str, type[Companion]] = {
    "ConfigMap": ConfigMap,
    "PersistentVolumeClaim": PersistentVolumeClaim,
    "Secret": Secret,
    "ServiceAccount": ServiceAccount,
}
# Created with every namespace, by the controllers for service accounts and root certificates.
_ALWAYS_THERE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})

CHECK = Check(
    id="config-reference-missing",
    title="Config reference missing",
    category=Category.CONFIGURATION,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.COMPANION,
    rationale=(
        "A pod that refers to something that does not exist never starts: nobody notices while "
        "the old pods run, and the next node failure takes the service down."
    ),
    remediation=(
        "Correct the name or key, create the object in the namespace of the workload, or set "
        "optional: true on the reference if the container can do without."
    ),
    reference=Reference(
        checklist="Environment Variables: Configuration validation",
        url="https://kubernetes.io/docs/concepts/configuration/configmap/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each reference to an object, or a key of a ConfigMap, that does not exist."""
    findings: list[Finding] = []
    cannot_tell: CannotTell | None = None
    elsewhere: set[str] = set()
    judged = False
    for reference in config_references(workload):
        kind = reference.kind
        if reference.optional or (kind, reference.name) in _ALWAYS_THERE:
            continue
        if kind == "Secret" and snapshot.origin is Origin.CLUSTER:
            continue
        judged = True
        companion = snapshot.companion(_TYPES[kind], workload.namespace, reference.name)
        if companion is not None:
            findings.extend(_missing_keys(reference, companion))
        elif unseen(snapshot, kind) is not None:
            cannot_tell = cannot_tell or unseen(snapshot, kind)
        elif snapshot.origin is Origin.FILES and not _any(kind, workload, snapshot):
            elsewhere.add(kind)
        else:
            findings.append(reference.fault(f"an existing {kind}", reference.name, reference.path))
    if findings:
        return findings
    if cannot_tell is not None:
        return cannot_tell
    if elsewhere:
        kinds = " and ".join(f"{kind}s" for kind in sorted(elsewhere))
        return Skip(f"the {kinds} of the namespace are not among the files")
    return PASS if judged else Skip("it names no ConfigMap, Secret, ServiceAccount or claim")


def _any(kind: str, workload: Workload, snapshot: Snapshot) -> bool:
    return any(True for _ in snapshot.companions(_TYPES[kind], workload.namespace))


def _missing_keys(reference: ConfigReference, companion: Companion) -> Iterator[Finding]:
    """Yield a finding for each key that a ConfigMap lacks; env variables read only its texts."""
    if not isinstance(companion, ConfigMap):
        return
    for key, path in reference.keys:
        in_volume = reference.container is None
        if key in companion.keys or (in_volume and key in companion.binary_keys):
            continue
        yield reference.fault(f'an existing key of ConfigMap "{companion.name}"', key, path)
