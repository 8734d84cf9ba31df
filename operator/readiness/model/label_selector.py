"""Label selectors, matched as the API server matches them.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go (LabelSelectorAsSelector). `matchLabels`
and `matchExpressions` are ANDed; `NotIn` also matches objects without the key. What an absent or an
empty selector means differs per API and is decided by whoever reads it, never here: a parsed
selector without requirements matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from readiness.errors import FieldError
from readiness.model.fields import Fields, join, mappings, text, text_map, texts

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_LONGEST_NAME = 63
_LONGEST_PREFIX = 253


class Requirement(Struct, frozen=True):
    """One `matchExpressions` entry."""

    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet this requirement."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


class LabelSelector(Struct, frozen=True):
    """A parsed selector; the empty one matches everything."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[Requirement, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no requirement at all."""
        return not self.labels and not self.expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels is selected."""
        for key, value in self.labels:
            if labels.get(key) != value:
                return False
        return all(requirement.matches(labels) for requirement in self.expressions)


def parse_label_selector(selector: Fields, path: str) -> LabelSelector:
    """Read a `metav1.LabelSelector`.

    Raises:
        FieldError: names the field that the API server would refuse.
    """
    labels = []
    for key, value in text_map(selector, "matchLabels", path).items():
        _require_key(key, f"{path}.matchLabels")
        _require_value(value, join(f"{path}.matchLabels", key))
        labels.append((key, value))
    expressions = []
    for item_path, item in mappings(selector, "matchExpressions", path):
        key = text(item, "key", item_path)
        _require_key(key, f"{item_path}.key")
        operator = text(item, "operator", item_path)
        values = texts(item, "values", item_path)
        if operator not in _OPERATORS:
            raise FieldError(f"{item_path}.operator", f"one of {', '.join(_OPERATORS)}", operator)
        if operator in ("In", "NotIn"):
            if not values:
                raise FieldError(f"{item_path}.values", f"set for {operator}", None)
            for index, value in enumerate(values):
                _require_value(value, f"{item_path}.values[{index}]")
        elif values:
            raise FieldError(f"{item_path}.values", f"absent for {operator}", values)
        expressions.append(Requirement(key, operator, frozenset(values)))
    return LabelSelector(tuple(labels), tuple(expressions))


def from_equality_map(selector: Mapping[str, str]) -> LabelSelector:
    """Return the selector of a Service or ReplicationController: a plain map of labels."""
    return LabelSelector(tuple(selector.items()))


def _require_key(key: str, path: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if (
        len(name) > _LONGEST_NAME
        or not _NAME.fullmatch(name)
        or (slash and (len(prefix) > _LONGEST_PREFIX or not _PREFIX.fullmatch(prefix)))
    ):
        raise FieldError(path, "a label key", key)


def _require_value(value: str, path: str) -> None:
    if value and (len(value) > _LONGEST_NAME or not _NAME.fullmatch(value)):
        raise FieldError(path, "a label value", value)
