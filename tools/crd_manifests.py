"""The CustomResourceDefinition of each of our kinds, from its pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from readiness.api import v1alpha1
from readiness.api.vocabulary import GROUP, VERSION

FOLDER = Path("crds")


@dataclass(frozen=True)
class Kind:
    """One of our kinds: what its CustomResourceDefinition says beside the schema.

    Attributes:
        model: its docstring is the description of the kind.
        columns: what `kubectl get` shows: name, JSONPath and, where it is not text, the type.
    """

    model: type[Any]
    spec: type[Any]
    status: type[Any]
    plural: str
    short_name: str
    scope: str
    columns: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """The kind, as manifests name it."""
        return self.model.__name__


def column(name: str, path: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """Return a printer column; `priority=1` keeps it for `kubectl get -o wide`."""
    return {"name": name, "type": kind, "jsonPath": path, **more}


def condition(name: str, field: str = "status") -> str:
    """Return the JSONPath of a field of a condition."""
    return f'.status.conditions[?(@.type=="{name}")].{field}'


AGE = column("Age", ".metadata.creationTimestamp", "date")

KINDS = (
    Kind(
        v1alpha1.ReadinessPolicy,
        v1alpha1.ReadinessPolicySpec,
        v1alpha1.ReadinessPolicyStatus,
        plural="readinesspolicies",
        short_name="rp",
        scope="Cluster",
        columns=(
            column("Enforcement", ".status.enforcement"),
            column("Matched", ".status.workloads.matched", "integer"),
            column("Ready", ".status.workloads.ready", "integer"),
            column("Not Ready", ".status.workloads.notReady", "integer"),
            column("Unknown", ".status.workloads.unknown", "integer", priority=1),
            column("Accepted", condition("Accepted"), priority=1),
            column("Reason", condition("Accepted", "reason"), priority=1),
            AGE,
        ),
    ),
    Kind(
        v1alpha1.ReadinessExemption,
        v1alpha1.ReadinessExemptionSpec,
        v1alpha1.ReadinessExemptionStatus,
        plural="readinessexemptions",
        short_name="rexempt",
        scope="Namespaced",
        columns=(
            column("Active", condition("Active")),
            # As text: kubectl shows a date as its age, and one to come as <invalid>.
            column("Expires", ".spec.expiresAt"),
            column("Findings", ".status.exempted.findings", "integer"),
            column("Unneeded", condition("Unneeded"), priority=1),
            column("Checks", ".spec.checks", priority=1),
            column("Reason", ".spec.reason", priority=1),
            AGE,
        ),
    ),
    Kind(
        v1alpha1.ReadinessEvidence,
        v1alpha1.ReadinessEvidenceSpec,
        v1alpha1.ReadinessEvidenceStatus,
        plural="readinessevidences",
        short_name="revidence",
        scope="Namespaced",
        columns=(
            column("Item", ".spec.item"),
            column("Current", condition("Current")),
            column("Expires", ".spec.expiresAt"),
            column("Workloads", ".status.workloads.served", "integer"),
            column("Attested By", ".spec.attestedBy", priority=1),
            column("Approved By", ".spec.approvedBy", priority=1),
            column("Reason", condition("Current", "reason"), priority=1),
            AGE,
        ),
    ),
)


def crds() -> dict[Path, str]:
    """Return the manifest of each of our kinds."""
    header = (
        "# Generated from operator/readiness/api/v1alpha1.py by tools/generate.py; do not edit.\n"
    )
    return {
        FOLDER / f"{GROUP}_{kind.plural}.yaml": header
        + yaml.dump(crd(kind), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
        for kind in KINDS
    }


class _Dumper(yaml.SafeDumper):
    """Writes what stands in several places in full, without YAML's anchors."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["readiness"],
            },
            "scope": kind.scope,
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": list(kind.columns),
                    "schema": {"openAPIV3Schema": object_schema(kind)},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def object_schema(kind: Kind) -> dict[str, Any]:
    """Return the schema of a whole object of a kind."""
    return {
        "description": one_line(kind.model.__doc__),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind.name}."},
            "metadata": {"type": "object"},
            "spec": structural(kind.spec.model_json_schema()),
            "status": structural(kind.status.model_json_schema(mode="serialization")),
        },
    }


# Keywords of JSON Schema that pydantic writes and a structural schema can't hold or has no use for:
# an unknown field is refused by the API server's own field validation, and the keys of a map can't
# be described at all (apiextensions.k8s.io/v1, JSONSchemaProps).
_DROPPED = frozenset(
    {"$defs", "title", "default", "additionalProperties", "patternProperties", "propertyNames"}
)


_FIRST = ("description", "type", "format", "enum", "required")


def structural(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the structural schema that says what a JSON schema of pydantic says (KEP-1693)."""
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    schema = _flat(schema, definitions)
    result = {key: schema[key] for key in sorted(schema, key=_place) if key not in _DROPPED}
    if "description" in result:
        result["description"] = one_line(result["description"])
    if result.get("type") == "integer":
        result["format"] = "int64"
    if "properties" in result:
        result["properties"] = {
            name: _structural(part, definitions) for name, part in result["properties"].items()
        }
    elif result["type"] == "object" and "x-kubernetes-preserve-unknown-fields" not in result:
        result["additionalProperties"] = _structural(_map_values(schema), definitions)
    if "items" in result:
        result["items"] = _structural(result["items"], definitions)
    return result


def _place(keyword: str) -> tuple[int, str]:
    """Return where a keyword stands: what a reader asks first comes first, nested parts last."""
    if keyword in _FIRST:
        return _FIRST.index(keyword), keyword
    nested = keyword in ("properties", "items")
    return len(_FIRST) + nested, keyword


def _flat(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with references followed and `null` left out; what stands nearest wins.

    A field that may be absent is `X | None` in the models: absent is all that null means there.
    """
    flat = dict(schema)
    if "$ref" in flat:
        target = definitions[flat.pop("$ref").removeprefix("#/$defs/")]
        return _flat({**target, **flat}, definitions)
    if "anyOf" in flat:
        (only,) = (option for option in flat.pop("anyOf") if option != {"type": "null"})
        return _flat({**_flat(only, definitions), **flat}, definitions)
    return flat


def _map_values(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a map's values; pydantic files them under the pattern of its keys."""
    by_pattern = schema.get("patternProperties")
    if by_pattern:
        (values,) = by_pattern.values()
        return dict(values)
    return dict(schema["additionalProperties"])


def one_line(text: str | None) -> str:
    """Return a docstring as one line."""
    return " ".join((text or "").split())
