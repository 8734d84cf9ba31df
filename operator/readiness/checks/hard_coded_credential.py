"""A credential stands in the manifest.

Fields: value of every env variable, command and args of every init, sidecar and app container.
What counts as one is in _credentials.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._credentials import credential_in, credential_named
from readiness.checks.base import Check, Outcome, Reference, Scope, finding
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import text
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
            if name:
                what = credential_named(name, value)
                message = f"must take {name} from a Secret (valueFrom.secretKeyRef): it is {what}"
            else:
                what = credential_in(value)
                message = f"must not hold {what} in {field}"
            if what is not None:
                findings.append(finding(container, message, field))
    return findings


def _texts(container: Container) -> Iterator[tuple[str, str, str]]:
    """Yield each text: its field below the container, the name it has or "", and itself."""
    for index, (path, variable) in enumerate(container.env):
        value = text(variable, "value", path)
        if value:
            yield f"env[{index}].value", text(variable, "name", path), value
    for key, arguments in (("command", container.command), ("args", container.args)):
        flag = ""
        for index, value in enumerate(arguments):
            yield f"{key}[{index}]", "", f"{flag} {value}" if flag else value
            flag = value if _is_flag(value) else ""


def _is_flag(argument: str) -> bool:
    return argument.startswith("-") and "=" not in argument and " " not in argument
