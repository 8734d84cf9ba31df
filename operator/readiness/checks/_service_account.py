"""The ServiceAccount a pod runs as."""

from __future__ import annotations

from readiness.model.fields import text
from readiness.model.workload import Workload

DEFAULT = "default"


def service_account_name(workload: Workload) -> str:
    """Return its name; `serviceAccount` is the old name of the field, heeded when alone.

    Source: k8s.io/kubernetes/pkg/apis/core/v1/conversion.go (Convert_v1_PodSpec_To_core_PodSpec).
    """
    spec, path = workload.pod_spec, workload.pod_path
    return text(spec, "serviceAccountName", path) or text(spec, "serviceAccount", path) or DEFAULT
