"""A StorageClass says that the volumes of the workload are not encrypted.

Restricted: parameters `encrypted: "false"` (EBS, Ceph RBD, Longhorn, Alibaba Cloud, Scaleway),
`secure: "false"` (Portworx) or `<driver>/luks-encrypted: "false"` (Linode). A class that does not
say leaves it to the driver and is not judged.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._claims import Claim, ephemeral_claims, persistent_claims
from readiness.checks._unseen import unseen
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.data_protection import StorageClass
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_PARAMETERS = ("encrypted", "secure")
_LUKS = "/luks-encrypted"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

CHECK = Check(
    id="storage-not-encrypted",
    title="Storage not encrypted",
    category=Category.DATA,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "Whoever gets at the disk, a snapshot of it or a discarded drive reads the data of an "
        "unencrypted volume."
    ),
    remediation=(
        'Use a StorageClass with encryption on, such as parameters.encrypted: "true" of the EBS '
        "driver; existing volumes have to be copied."
    ),
    reference=Reference(
        checklist="Encryption: Data at rest encryption",
        url="https://kubernetes.io/docs/concepts/storage/storage-classes/#parameters",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each claim whose StorageClass switches encryption off."""
    claims = [*persistent_claims(workload, snapshot), *ephemeral_claims(workload)]
    if not claims:
        return Skip("it has no claims")
    classes = [(claim, _class_of(claim, snapshot)) for claim in claims]
    if all(storage_class is None for _, storage_class in classes):
        return unseen(snapshot, "StorageClass") or Skip("the StorageClass of its claims is unknown")
    found = []
    for claim, storage_class in classes:
        if storage_class is None:
            continue
        parameter = _switched_off(storage_class)
        if parameter:
            message = (
                f'claim "{claim.name}" must have a StorageClass with encryption: '
                f'"{storage_class.name}" sets parameters.{parameter} to "false"'
            )
            found.append(Finding(message, claim.path))
    return found


def _class_of(claim: Claim, snapshot: Snapshot) -> StorageClass | None:
    """Return the class of a claim; None when it has none or it can't be seen."""
    if claim.storage_class is not None:
        return snapshot.companion(StorageClass, "", claim.storage_class)
    if claim.labels is None:  # the claim itself can't be seen
        return None
    # Of several defaults the newest counts, and of those the first by name:
    # k8s.io/kubernetes/pkg/volume/util/storageclass.go (GetDefaultClass).
    defaults = sorted(
        (c for c in snapshot.companions(StorageClass, "") if c.default), key=lambda c: c.name
    )
    return max(defaults, key=lambda c: c.created or _LONG_AGO, default=None)


def _switched_off(storage_class: StorageClass) -> str:
    """Return the name of the parameter that says encryption is off; empty if none does."""
    for name, value in storage_class.parameters.items():
        # Drivers read names of parameters in any case.
        known = name.lower() in _PARAMETERS or name.endswith(_LUKS)
        if known and value.lower() == "false":
            return name
    return ""
