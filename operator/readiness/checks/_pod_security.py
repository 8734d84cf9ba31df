"""What the checks of the Pod Security Standards share.

They judge as the Pod Security admission plugin does, of the policy version asked for, v1.25 and
newer. They visit init, sidecar, app and ephemeral containers. What one check reports no other one
repeats, so that one exemption is enough for one thing; the checks of a level together come to the
verdict of the plugin.
Source: k8s.io/pod-security-admission/policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from readiness.checks._limits import Meets
from readiness.checks.base import (
    Finding,
    Fix,
    Outcome,
    Skip,
    finding,
)
from readiness.model.containers import Container
from readiness.model.fields import Fields, boolean, mapping, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

STANDARDS_URL = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"

# From this version on a user namespace of its own (KEP-127) excuses some of what a pod does.
_USER_NAMESPACES_SINCE = (1, 35)

_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")

_ON_WINDOWS = Skip("the pod runs on Windows")
IN_USER_NAMESPACE = Skip("hostUsers: false gives the pod a user namespace of its own")


def is_kubernetes_version(version: str) -> bool:
    """Return whether a text is empty or a version such as `v1.34`."""
    return not version or _VERSION.fullmatch(version) is not None


@dataclass(frozen=True, slots=True)
class PodSecurityParams:
    """Parameters of the checks of the Pod Security Standards.

    Attributes:
        version: Kubernetes version of the Pod Security Standards to judge by, such as v1.34;
            empty: the version of the cluster, or the target version offline.
    """

    version: Annotated[str, Meets(is_kubernetes_version, "a version such as v1.34")] = ""


def policy_version(params: PodSecurityParams, snapshot: Snapshot) -> tuple[int, int]:
    """Return the major and minor version of the standards to judge by."""
    return _parsed(params.version) if params.version else snapshot.kubernetes_version


@cache
def _parsed(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")
    return int(major), int(minor)


def excused_by_user_namespace(
    workload: Workload, snapshot: Snapshot, params: PodSecurityParams
) -> bool:
    """Return whether the pod has a user namespace, and the version heeds that."""
    return (
        boolean(workload.pod_spec, "hostUsers", workload.pod_path) is False
        and policy_version(params, snapshot) >= _USER_NAMESPACES_SINCE
    )


def unless_windows(workload: Workload, findings: Sequence[Finding] = ()) -> Outcome:
    """Return the findings of a rule about Linux; without any, a Windows pod is skipped.

    The API server refuses a pod with `spec.os.name: windows` that sets a field of Linux
    (validateWindows in k8s.io/kubernetes/pkg/apis/core/validation).
    """
    if not findings and workload.runs_on_windows:
        return _ON_WINDOWS
    return findings


def security_contexts(workload: Workload) -> Iterator[tuple[Fields, str, Container | None]]:
    """Yield the securityContext of the pod, then those of its containers; unset ones are empty.

    Each comes with its field path and its container, None for the pod's.
    """
    yield workload.pod_security_context, workload.pod_security_context_path, None
    for container in workload.containers:
        yield container.security_context, container.security_context_path, container


def context_finding(
    workload: Workload,
    container: Container | None,
    message: str,
    field_path: str,
    *,
    fix: Fix | None = None,
) -> Finding:
    """Return a finding about a securityContext: a container's, or the pod's when it is None."""
    if container is None:
        return pod_finding(workload, message, f"securityContext.{field_path}", fix=fix)
    return finding(container, message, f"securityContext.{field_path}", fix=fix)


def pod_finding(
    workload: Workload, message: str, field_path: str, *, fix: Fix | None = None
) -> Finding:
    """Return a finding about the pod as a whole; `pod` goes before the message."""
    return Finding(f"pod {message}", f"{workload.pod_path}.{field_path}", fix=fix)


def profile_type(context: Fields, path: str, key: str) -> str | None:
    """Return the type of the seccomp or AppArmor profile a securityContext sets.

    None when it sets none; empty when it sets one without a type, which is no profile at all.
    """
    if context.get(key) is None:
        return None
    return text(mapping(context, key, path), "type", f"{path}.{key}")
