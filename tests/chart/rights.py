"""What roles and bindings grant, right by right."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from tests.chart.support import Documents, named, of_kind


class Right(NamedTuple):
    """One thing that may be done; without a namespace in all of them, without a name to all."""

    namespace: str
    group: str
    resource: str
    name: str
    verb: str


def rights(documents: Documents, account: str) -> set[Right]:
    """Return what the bindings among some manifests grant a ServiceAccount."""
    granted: set[Right] = set()
    for binding in documents:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        if account not in {subject["name"] for subject in binding["subjects"]}:
            continue
        reference = binding["roleRef"]
        role = named(documents, reference["kind"], reference["name"])
        namespace = binding["metadata"].get("namespace", "")
        for rule in rules(documents, role):
            granted |= spelled_out(rule, namespace)
    return granted


def rules(documents: Documents, role: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a role, and those that Kubernetes would aggregate into it."""
    found = list(role.get("rules") or [])
    for selector in role.get("aggregationRule", {}).get("clusterRoleSelectors", []):
        for other in of_kind(documents, "ClusterRole"):
            if selector["matchLabels"].items() <= other["metadata"].get("labels", {}).items():
                found += other["rules"]
    return found


def spelled_out(rule: dict[str, Any], namespace: str) -> set[Right]:
    return {
        Right(namespace, *parts)
        for parts in itertools.product(
            rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]), rule["verbs"]
        )
    }
