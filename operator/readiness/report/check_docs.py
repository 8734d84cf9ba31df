"""What there is to say about a check, from its own metadata: profiles, parameters, scope."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from readiness.checks.base import ALL_KINDS, Check, Scope
from readiness.evaluate.profiles import PROFILES, severity_in

SCOPES: Mapping[Scope, str] = {
    Scope.INTRINSIC: "the workload alone; Strict policies refuse it at admission",
    Scope.COMPANION: "other objects or live state too; it never refuses a new workload",
    Scope.MEASURED: "what was measured; it never refuses",
}

_ATTRIBUTES = re.compile(r"^ *Attributes:\n(?P<body>.*)", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"(\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter a policy may set for a check.

    Attributes:
        type: in the words of a manifest, with its limits: `whole number, at least 1`.
        default: as in a manifest.
        description: one or two sentences.
    """

    name: str
    type: str
    default: Any
    description: str


def parameters_of(check: Check) -> list[Parameter]:
    """Return the parameters of a check, as the docstring of their class describes them."""
    if check.params is None:
        return []
    types = typing.get_type_hints(check.params, include_extras=True)
    descriptions = _descriptions(check.params.__doc__ or "")
    return [
        Parameter(
            field.name,
            _type_name(types[field.name]),
            _plain(getattr(check.default_params, field.name)),
            descriptions.get(field.name, ""),
        )
        for field in fields(check.params)
    ]


def severities_of(check: Check) -> dict[str, str | None]:
    """Return the severity a check has in each profile, None where the profile lacks it."""
    found = {}
    for name in PROFILES:
        if name != "none":
            severity = severity_in(name, check)
            found[name] = None if severity is None else severity.value
    return found


def kinds_of(check: Check) -> str:
    """Return the kinds a check applies to, in words."""
    return "all that run pods" if check.kinds == ALL_KINDS else ", ".join(check.kinds)


def _type_name(hint: Any) -> str:
    """Return a type in the words of a manifest, with its limits (`checks._limits`)."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        type_, *limits = typing.get_args(hint)
        return ", ".join([_type_name(type_), *(limit.words for limit in limits)])
    if origin in (tuple, list, frozenset, set):
        return f"list of {_type_name(typing.get_args(hint)[0])}"
    if origin in (dict, Mapping):
        return f"map of {_type_name(typing.get_args(hint)[1])}"
    if origin is typing.Literal:
        return " or ".join(str(value) for value in typing.get_args(hint))
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(
        hint, "value"
    )


def _plain(value: Any) -> Any:
    """Return a default as a manifest holds it."""
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _descriptions(docstring: str) -> dict[str, str]:
    """Return what the section `Attributes:` of a docstring says, by name."""
    section = _ATTRIBUTES.search(docstring)
    if section is None:
        return {}
    lines = [line for line in section["body"].splitlines() if line.strip()]
    indentation = _indentation(lines[0])
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if _indentation(line) < indentation:
            break
        if _indentation(line) == indentation:
            match = _ATTRIBUTE.fullmatch(line.strip())
            if match is None:
                break
            name = match[1]
            found[name] = [match[2]]
        elif name:
            found[name].append(line.strip())
    return {name: _sentence(" ".join(parts)) for name, parts in found.items()}


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
