"""Small pieces of CEL, written as text, in the dialect of Kubernetes 1.30 and newer."""

from __future__ import annotations

import json
from collections.abc import Iterable

from readiness.model.label_selector import LabelSelector, Requirement

# What Python takes for white space, as a set of characters of RE2, whose own \s is ASCII alone.
WHITE = (
    r"\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}"
    r"\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
BLANK = f"^[{WHITE}]*$"


def literal(value: str) -> str:
    """Return a text as CEL writes it: JSON's escapes are CEL's too, as long as these are few."""
    return json.dumps(value, ensure_ascii=False)


def literals(values: Iterable[str]) -> str:
    """Return a list of texts, in their order."""
    return f"[{', '.join(map(literal, values))}]"


def selects(selector: LabelSelector, labels: str) -> str:
    """Return the condition that a label selector selects.

    Args:
        selector: the selector, with at least one requirement.
        labels: CEL of the labels as an optional map, such as `object.metadata.?labels`.
    """
    exact = [Requirement(key, "In", frozenset({value})) for key, value in selector.labels]
    return " && ".join(_meets(one, labels) for one in (*exact, *selector.expressions))


def _meets(requirement: Requirement, labels: str) -> str:
    label = f"{labels}[?{literal(requirement.key)}]"
    values = literals(sorted(requirement.values))
    match requirement.operator:
        case "In":
            return f"({label}.hasValue() && {label}.value() in {values})"
        case "NotIn":
            return f"!({label}.hasValue() && {label}.value() in {values})"
        case "Exists":
            return f"{label}.hasValue()"
        case _:
            return f"!{label}.hasValue()"
