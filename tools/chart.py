"""What of the Helm chart is derived: CRDs, policies, the schema of its values and its README.

helm-docs and helm-schema do the last two as well, but as Go programs: `make lint` would need Go for
what is little more than walking one YAML file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools import crd_manifests

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("charts/readiness-operator")
CRDS = FOLDER / "templates" / "crds"
POLICIES = FOLDER / "files" / "policies"

_MARKER = "<!-- values -->"
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class ValuesError(ValueError):
    """values.yaml can't be the source of schema and README; the text names the line."""


@dataclass(frozen=True)
class Value:
    """One value of the chart.

    Attributes:
        path: its keys, from the top.
        text: its comment on one line; empty for a group of values.
        schema: what `# @schema` says of it.
        default: what values.yaml sets.
    """

    path: tuple[str, ...]
    text: str
    schema: Mapping[str, Any]
    default: Any

    @property
    def is_group(self) -> bool:
        """Whether it only holds other values, which have comments of their own."""
        return not self.text


def files() -> dict[Path, str]:
    """Return every generated file of the chart.

    Raises:
        ValuesError: when a value lacks its comment, or a comment can't be read.
    """
    found = list(values((ROOT / FOLDER / "values.yaml").read_text(encoding="utf-8")))
    readme = (ROOT / FOLDER / "README.md.in").read_text(encoding="utf-8")
    # policies.install knows no others.
    policies = [ROOT / "policies" / f"{name}.yaml" for name in ("baseline", "standard", "strict")]
    return {
        **{CRDS / path.name: template(text) for path, text in crd_manifests.crds().items()},
        **{POLICIES / path.name: path.read_text(encoding="utf-8") for path in policies},
        FOLDER / "values.schema.json": json.dumps(schema(found), indent=2) + "\n",
        FOLDER / "README.md": readme.replace(_MARKER, table(found)),
    }


def template(crd: str) -> str:
    """Return the manifest of a CRD as a template, with the switches crds.install and crds.keep.

    Helm never upgrades what lies in a chart's folder crds/.
    """
    # Go's templates would take a description that mentions them for one.
    crd = crd.replace("{{", '{{ "{{" }}')
    head = "metadata:\n  name:"
    if crd.count(f"\n{head}") != 1:
        raise ValuesError("a CRD must have just one metadata.name at its top")
    labelled = """metadata:
  labels:
{{ include "readiness.labels" . | indent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
  name:"""
    return f"{{{{- if .Values.crds.install }}}}\n{crd.replace(head, labelled, 1)}{{{{- end }}}}\n"


def values(text: str) -> Iterator[Value]:
    """Yield all values of a values.yaml in their order, groups before what they hold.

    Raises:
        ValuesError: naming the line.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValuesError("values.yaml: a mapping expected")
    yield from _walk(root, yaml.safe_load(text), text.splitlines(), ())


def _walk(
    node: yaml.MappingNode, defaults: Mapping[str, Any], lines: list[str], path: tuple[str, ...]
) -> Iterator[Value]:
    for key, value in node.value:
        line = key.start_mark.line
        words, extra = _comment(lines, line)
        here = (*path, key.value)
        holds = isinstance(value, yaml.MappingNode) and not value.flow_style
        if words and words.split()[0].rstrip(":") != key.value:
            raise ValuesError(
                f"values.yaml:{line + 1}: the comment of {'.'.join(here)} must begin with its name"
            )
        if not (words or holds):
            raise ValuesError(f"values.yaml:{line + 1}: {'.'.join(here)} has no comment")
        # A group with a comment is shown as one value: what it holds explains itself.
        yield Value(here, words, extra, defaults[key.value])
        if holds and _described(value, lines):
            yield from _walk(value, defaults[key.value], lines, here)


def _described(node: yaml.MappingNode, lines: list[str]) -> bool:
    """Tell whether what a mapping holds has comments of its own."""
    return any(
        _comment(lines, key.start_mark.line)[0] or isinstance(value, yaml.MappingNode)
        for key, value in node.value
        if not (isinstance(value, yaml.MappingNode) and value.flow_style)
    )


def _comment(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    """Return the words and the `@schema` of the comment that ends just above a line."""
    words: list[str] = []
    extra: dict[str, Any] = {}
    for number in range(line - 1, -1, -1):
        match = re.fullmatch(r" *# ?(.*)", lines[number])
        if match is None:
            break
        said = match[1]
        if not said.startswith("@schema "):
            words.insert(0, said)
            continue
        try:
            extra = yaml.safe_load(said.removeprefix("@schema "))
        except yaml.YAMLError as error:
            raise ValuesError(f"values.yaml:{number + 1}: @schema: {error}") from None
        if not isinstance(extra, dict):
            raise ValuesError(f"values.yaml:{number + 1}: @schema: a mapping expected")
    return " ".join(words), extra


def schema(found: list[Value]) -> dict[str, Any]:
    """Return the JSON schema of the values: what is not in values.yaml is refused."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        # Helm hands it to every chart that is a part of another.
        "properties": {"global": {"type": "object"}},
    }
    parents: dict[tuple[str, ...], dict[str, Any]] = {(): root}
    groups = {value.path[:-1] for value in found}
    for value in found:
        part: dict[str, Any] = {"description": value.text} if value.text else {}
        part["type"] = _TYPES[type(value.default)]
        part |= value.schema
        if value.path in groups:
            part |= {"additionalProperties": False, "properties": {}}
            parents[value.path] = part
        parents[value.path[:-1]]["properties"][value.path[-1]] = part
    return root


def table(found: list[Value]) -> str:
    """Return the values as a table in Markdown."""
    groups = {value.path[:-1] for value in found}
    rows = ["| value | default | what for |", "|--|--|--|"]
    for value in found:
        if value.is_group:
            continue
        default = "" if value.path in groups else f"`{json.dumps(value.default)}`"
        text = value.text.replace("|", "\\|").replace("<", "&lt;")
        allowed = value.schema.get("enum")
        if allowed:
            text += f" One of {', '.join(f'`{word}`' for word in allowed)}."
        rows.append(f"| `{'.'.join(value.path)}` | {default} | {text} |")
    return "\n".join(rows)
