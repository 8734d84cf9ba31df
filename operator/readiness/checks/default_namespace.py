"""The workload lives in the namespace `default`.

A manifest without a namespace is not judged: the namespace is chosen when it is applied.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.fields import text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="default-namespace",
    title="Default namespace",
    category=Category.CONFIGURATION,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "Whatever was applied without thinking of a namespace ends up in default, so quotas, "
        "network policies and access rights there can fit nobody, and names collide."
    ),
    remediation="Create a namespace for the application and set metadata.namespace to it.",
    reference=Reference(
        checklist="Environment Management: Environment isolation",
        url="https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail when metadata.namespace is `default`."""
    namespace = text(workload.metadata, "namespace", "metadata")
    if not namespace:
        return Skip("metadata.namespace is not set")
    if namespace != "default":
        return PASS
    message = 'metadata.namespace must name a namespace other than "default"'
    return [Finding(message, "metadata.namespace")]
