"""A volume is of a type that reaches past the cluster's own storage interfaces.

Restricted field: spec.volumes[*].
Allowed values: the types below. A hostPath is the finding of host-path-volume.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams
from readiness.checks._wording import quoted
from readiness.checks.base import Check, Finding, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import mappings, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="restricted-volume-types",
    title="Restricted volume types",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.SHOULD,
    pod_security=(PodSecurity.RESTRICTED,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "Volume types such as nfs or iscsi let the author of a pod reach storage that no "
        "administrator handed out; most of the others have been removed from Kubernetes."
    ),
    remediation=(
        "Have the platform team provide the storage through a PersistentVolume or a CSI driver "
        "and mount it as a persistentVolumeClaim."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)

# Source: k8s.io/pod-security-admission/policy/check_restrictedVolumes.go.
_ALLOWED = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_NOT_JUDGED = frozenset({"name", "hostPath"})


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each volume of another type; one of no type is an emptyDir (core/v1 defaults)."""
    findings = []
    for path, volume in mappings(workload.pod_spec, "volumes", workload.pod_path):
        types = [
            key for key, value in volume.items() if value is not None and key not in _NOT_JUDGED
        ]
        if not types or not _ALLOWED.isdisjoint(types):
            continue
        name = text(volume, "name", path)
        findings.append(
            Finding(f'volume "{name}" must not be of type {quoted(types)}', f"{path}.{types[0]}")
        )
    return findings
