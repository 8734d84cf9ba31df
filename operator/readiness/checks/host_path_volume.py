"""A volume is a directory of the node.

Restricted field: spec.volumes[*].hostPath.
Allowed values: unset.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import STANDARDS_URL, PodSecurityParams
from readiness.checks.base import Check, Finding, Outcome, PodSecurity, Reference, Scope
from readiness.model.fields import mappings, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="host-path-volume",
    title="Host path volume",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "A directory of the node holds what other pods and the kubelet wrote there, outlives the "
        "pod, and is another one wherever the pod is scheduled next."
    ),
    remediation=(
        "Use a persistentVolumeClaim for data to keep, an emptyDir for scratch space, and a "
        "configMap, secret or projected volume for what the cluster knows."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications", url=STANDARDS_URL
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each hostPath volume, mounted or not."""
    return [
        Finding(f'volume "{text(volume, "name", path)}" must not be a hostPath', f"{path}.hostPath")
        for path, volume in mappings(workload.pod_spec, "volumes", workload.pod_path)
        if volume.get("hostPath") is not None
    ]
