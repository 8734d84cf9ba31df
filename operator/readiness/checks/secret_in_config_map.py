"""A ConfigMap that the workload uses holds a credential.

Looked at are the texts of every ConfigMap that env variables or volumes refer to, whole and line by
line (`password: ...`, `db.password = ...`); what counts as a credential is in _credentials.py. From
a cluster the values are only known when the operator was allowed to keep them.
"""

from __future__ import annotations

import re
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._config_references import config_references
from readiness.checks._credentials import credential_named
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.companions import ConfigMap
from readiness.model.fields import join
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

# `name: value` of YAML and `name = value` of TOML, INI and properties.
_SETTING = re.compile(
    r"""^[ \t]*(?:-[ \t]+)?["']?([A-Za-z_][\w.-]*)["']?[ \t]*[:=][ \t]*(\S.*)$""", re.MULTILINE
)

CHECK = Check(
    id="secret-in-config-map",
    title="Secret in ConfigMap",
    category=Category.CONFIGURATION,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "ConfigMaps are not encrypted at rest, are shown by every tool and may be read by all who "
        "may look at the namespace; whoever reads the credential in one can use it."
    ),
    remediation=(
        "Move the value to a Secret, refer to it with secretKeyRef or a secret volume, and rotate "
        "the credential: it has been readable."
    ),
    reference=Reference(
        checklist="Environment Variables: All secrets in environment variables",
        url="https://kubernetes.io/docs/concepts/configuration/secret/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each text of a ConfigMap in use that holds a credential, never showing it."""
    paths: dict[str, str] = {}
    for reference in config_references(workload):
        if reference.kind == "ConfigMap":
            paths.setdefault(reference.name, reference.path)
    if not paths:
        return Skip("it uses no ConfigMap")
    findings = []
    unread = False
    for name, path in paths.items():
        config_map = snapshot.companion(ConfigMap, workload.namespace, name)
        if config_map is None or config_map.data is None:
            unread = True
            continue
        for key, value in config_map.data.items():
            what = _credential(key, value)
            if what is not None:
                field = join("data", key)
                message = f'ConfigMap "{name}" must not hold {what} in {field}: a Secret must'
                findings.append(Finding(message, path))
    if findings or not unread:
        return findings
    if snapshot.origin is Origin.FILES:
        return Skip("a ConfigMap it uses is not among the files")
    return Skip("the values of its ConfigMaps are not read")


def _credential(key: str, value: str) -> str | None:
    """Return what a text is, or holds, when it is a credential."""
    what = credential_named(key, value)
    if what is not None:
        return what
    for name, setting in _SETTING.findall(value):
        what = credential_named(name, setting.rstrip(" \t,").strip("\"'"))
        if what is not None:
            return what
    return None
