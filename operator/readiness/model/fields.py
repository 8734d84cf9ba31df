"""Typed reads of manifest fields.

A manifest from a file may hold anything anywhere. These functions return the value when it has
the right type, the empty value when the field is absent or null (as the API server reads null),
and raise FieldError, which names the field, otherwise. Nothing is coerced: `"8080"` is not 8080.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from readiness.errors import FieldError

Fields = Mapping[str, Any]

NO_FIELDS: Fields = MappingProxyType({})


def as_mapping(value: object, path: str) -> Fields:
    """Return value as a map; an empty one when it is null."""
    if type(value) is dict:
        return value
    if value is None:
        return NO_FIELDS
    if isinstance(value, Mapping):
        return value
    raise FieldError(path, "a map", value)


def mapping(parent: Fields, key: str, path: str) -> Fields:
    """Return the map at `parent[key]`; an empty one when absent. `path` is the parent's."""
    value = parent.get(key)
    if type(value) is dict:
        return value
    if value is None:
        return NO_FIELDS
    return as_mapping(value, join(path, key))


def optional_mapping(parent: Fields, key: str, path: str) -> Fields | None:
    """Return the map at `parent[key]`, or None when absent: an empty map means something else."""
    if parent.get(key) is None:
        return None
    return mapping(parent, key, path)


def sequence(parent: Fields, key: str, path: str) -> list[Any]:
    """Return the list at `parent[key]`; an empty one when absent."""
    value = parent.get(key)
    if type(value) is list:
        return value
    if value is None:
        return []
    raise FieldError(join(path, key), "a list", value)


def mappings(parent: Fields, key: str, path: str) -> list[tuple[str, Fields]]:
    """Return the maps of the list at `parent[key]`, each with its own path.

    Example: `[("spec.ports[0]", {"port": 80})]`.
    """
    items = sequence(parent, key, path)
    if not items:
        return []
    base = join(path, key)
    return [
        (f"{base}[{index}]", required_mapping(item, f"{base}[{index}]"))
        for index, item in enumerate(items)
    ]


def required_mapping(value: object, path: str) -> Fields:
    """Return value as a map; unlike `as_mapping`, null is an error (a list item can't be null)."""
    if value is None:
        raise FieldError(path, "a map", value)
    return as_mapping(value, path)


def text(parent: Fields, key: str, path: str) -> str:
    """Return the text at `parent[key]`; empty when absent."""
    value = parent.get(key)
    if type(value) is str:
        return value
    if value is None:
        return ""
    raise FieldError(join(path, key), "text", value)


def texts(parent: Fields, key: str, path: str) -> list[str]:
    """Return the list of texts at `parent[key]`; empty when absent.

    Null stands for empty text, as for the API server (encoding/json leaves the zero value).
    """
    items = sequence(parent, key, path)
    for index, item in enumerate(items):
        if type(item) is not str and item is not None:
            raise FieldError(f"{join(path, key)}[{index}]", "text", item)
    return ["" if item is None else item for item in items] if None in items else items


def integer(parent: Fields, key: str, path: str) -> int | None:
    """Return the whole number at `parent[key]`; None when absent."""
    value = parent.get(key)
    if type(value) is int or value is None:
        return value
    raise FieldError(join(path, key), "a whole number", value)


def integers(parent: Fields, key: str, path: str) -> list[int]:
    """Return the list of whole numbers at `parent[key]`; empty when absent."""
    items = sequence(parent, key, path)
    for index, item in enumerate(items):
        if type(item) is not int:
            raise FieldError(f"{join(path, key)}[{index}]", "a whole number", item)
    return items


def boolean(parent: Fields, key: str, path: str) -> bool | None:
    """Return the truth value at `parent[key]`; None when absent."""
    value = parent.get(key)
    if value is None or value is True or value is False:
        return value
    raise FieldError(join(path, key), "true or false", value)


def text_map(parent: Fields, key: str, path: str) -> Mapping[str, str]:
    """Return the map of texts at `parent[key]` (labels, annotations); empty when absent.

    Null stands for empty text, as for the API server: `team:` with nothing behind it is a label.
    """
    values = mapping(parent, key, path)
    nulls = False
    for name, value in values.items():
        if type(value) is not str:
            if value is not None:
                raise FieldError(join(join(path, key), name), "text", value)
            nulls = True
    if nulls:
        return {name: "" if value is None else value for name, value in values.items()}
    return values


def int_or_text(parent: Fields, key: str, path: str) -> int | str | None:
    """Return the IntOrString at `parent[key]`; None when absent."""
    value = parent.get(key)
    if type(value) is int or type(value) is str or value is None:
        return value
    raise FieldError(join(path, key), "a whole number or text", value)


def timestamp(parent: Fields, key: str, path: str) -> datetime | None:
    """Return the RFC 3339 time at `parent[key]`, in UTC; None when absent."""
    value = parent.get(key)
    if value is None:
        return None
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # the latter at the ends of time, in other zones
            pass
    raise FieldError(join(path, key), 'an RFC 3339 time such as "2026-12-01T00:00:00Z"', value)


@lru_cache(maxsize=4096)
def join(path: str, key: str) -> str:
    """Append a key to a field path; keys that hold dots or slashes are put in brackets."""
    if key.replace("-", "").replace("_", "").isalnum():
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'
