"""A credential stands in the manifest.

Fields: value of every env variable, command and args of every init, sidecar and app container.
What counts as one is in _credentials.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._credentials import credential_in, credential_named
from readiness.checks.base import CannotTell, Check, Outcome, Reference, Scope, finding
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import sequence, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="hard-coded-credential",
    title="Hard-coded credential",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "A credential in a manifest is in Git, in the history of the release and open to all who "
        "may read workloads, who are many more than may read Secrets; and it is hard to rotate."
    ),
    remediation=(
        "Put it into a Secret, refer to that with env[].valueFrom.secretKeyRef, in args and "
        "command by $(NAME) of such a variable, or mount it as a file; then rotate it."
    ),
    reference=Reference(
        checklist="Environment Variables: No hardcoded credentials",
        url="https://kubernetes.io/docs/concepts/configuration/secret/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each env variable and each argument that holds a credential, never showing it."""
    findings = []
    for container in workload.containers:
        if container.kind is ContainerKind.EPHEMERAL:
            continue
        for field, name, value in _texts(container):
            if type(value) is not str:
                # A FieldError would show the value, which may be the password.
                return CannotTell(f"{container.path}.{field} must be text")
            if name:
                what = credential_named(name, value)
                message = f"must take {name} from a Secret (valueFrom.secretKeyRef): it is {what}"
            else:
                what = credential_in(value)
                message = f"must not hold {what} in {field}"
            if what is not None:
                findings.append(finding(container, message, field))
    return findings


def _texts(container: Container) -> Iterator[tuple[str, str, Any]]:
    """Yield each text: its field below the container, the name it has or "", and itself."""
    for index, (path, variable) in enumerate(container.env):
        value = variable.get("value")
        if value is not None:
            yield f"env[{index}].value", text(variable, "name", path), value
    for key in ("command", "args"):
        flag = ""
        for index, value in enumerate(sequence(container.fields, key, container.path)):
            field = f"{key}[{index}]"
            yield field, "", f"{flag} {value}" if flag and type(value) is str else value
            flag = value if type(value) is str and _is_flag(value) else ""


def _is_flag(argument: str) -> bool:
    return argument.startswith("-") and "=" not in argument and " " not in argument
