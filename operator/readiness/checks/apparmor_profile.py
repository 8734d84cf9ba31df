"""A pod or container switches its AppArmor profile off.

Restricted fields: securityContext.appArmorProfile.type of the pod and of every container (GA
1.31), and the annotations container.apparmor.security.beta.kubernetes.io/* of the pod before it.
Allowed values: RuntimeDefault, Localhost, unset; runtime/default, localhost/*, empty.
"""

from __future__ import annotations

from readiness.api.vocabulary import Category, Severity
from readiness.checks._pod_security import (
    PodSecurityParams,
    context_finding,
    profile_type,
    security_contexts,
    unless_windows,
)
from readiness.checks.base import (
    Check,
    Finding,
    Outcome,
    PodSecurity,
    Reference,
    Scope,
    unsafe,
)
from readiness.model.fields import join
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="apparmor-profile",
    title="AppArmor profile",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    pod_security=(PodSecurity.BASELINE,),
    scope=Scope.INTRINSIC,
    params=PodSecurityParams,
    rationale=(
        "The default profile keeps a container from mounting file systems and from writing to "
        "/proc and /sys; unconfined it may."
    ),
    remediation=(
        "Remove the profile, for the default one, or set "
        "securityContext.appArmorProfile.type: RuntimeDefault, or Localhost with a profile of "
        "your own; remove the annotation that came before the field."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/tutorials/security/apparmor/",
    ),
)

_ALLOWED = (None, "RuntimeDefault", "Localhost")
_PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_FIELD = "appArmorProfile.type"
_EXPLANATION = "what the runtime's default profile denies, such as mounting, fails"


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: PodSecurityParams) -> Outcome:
    """Fail for each profile and each annotation outside the lists, for they may both be there."""
    findings = []
    for context, path, owner in security_contexts(workload):
        profile = profile_type(context, path, "appArmorProfile")
        if profile not in _ALLOWED:
            message = _message(_FIELD, profile or "")
            fix = unsafe(f"{path}.{_FIELD}", "RuntimeDefault", _EXPLANATION)
            findings.append(context_finding(workload, owner, message, _FIELD, fix=fix))
    for name, value in sorted(workload.template_annotations.items()):
        if name.startswith(_PREFIX) and not _allowed_annotation(value):
            message = f'pod must set the annotation {name} to runtime/default, not "{value}"'
            path = join(f"{workload.template_metadata_path}.annotations", name)
            fix = unsafe(path, "runtime/default", _EXPLANATION)
            findings.append(Finding(message, path, fix=fix))
    return unless_windows(workload, findings)


def _message(field: str, profile: str) -> str:
    return f'must set securityContext.{field} to RuntimeDefault or Localhost, not "{profile}"'


def _allowed_annotation(value: str) -> bool:
    return value in ("", "runtime/default") or value.startswith("localhost/")
