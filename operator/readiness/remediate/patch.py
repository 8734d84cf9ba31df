"""JSON Patches (RFC 6902) out of the edits of a fix, relative to the workload's manifest.

A patch makes the maps that are missing on the way, changes nothing else, and is empty when the
manifest is as it should be already. Before it goes through an item of a list that has a name it
tests that name: applied to another state of the manifest it fails and does not hit a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from readiness.checks.base import REMOVED, Edit, Fix

Operation: TypeAlias = dict[str, Any]
Key: TypeAlias = str | int

_PART = re.compile(r'(?:^|\.)([^.\[\]]+)|\[(\d+)\]|\["((?:[^"]|"(?!\]))*)"\]')


def keys_of(path: str) -> tuple[Key, ...]:
    """Return the keys of a field path: `spec.containers[0].image` is spec, containers, 0, image.

    Raises:
        ValueError: when it is no field path.
    """
    keys: list[Key] = []
    position = 0
    while position < len(path):
        part = _PART.match(path, position)
        if part is None:
            raise ValueError(f"no field path: {path}")
        keys.append(int(part[2]) if part[2] else part[1] or part[3] or "")
        position = part.end()
    return tuple(keys)


def pointer(keys: Iterable[Key]) -> str:
    """Return a JSON pointer (RFC 6901): `/spec/containers/0/image`."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def keys_of_pointer(text: str) -> list[str]:
    """Return the keys of a JSON pointer, all as text."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def operations(document: Mapping[str, Any], fix: Fix) -> list[Operation]:
    """Return the operations of a fix for a manifest; none when it holds all it should.

    Raises:
        ValueError: when a field on the way is neither a map nor a list, or no such item is there.
    """
    result: list[Operation] = []
    for edit in fix.edits:
        # Each edit has to see what those before it have done.
        state = apply(document, result) if result else document
        for operation in _operations(state, edit):
            if operation["op"] != "test" or operation not in result:
                result.append(operation)
    return result


def apply(document: Mapping[str, Any], patch: Sequence[Operation]) -> dict[str, Any]:
    """Return the manifest with a patch applied; the one given stays as it is.

    Raises:
        ValueError: when the patch does not fit.
    """
    import jsonpatch  # noqa: PLC0415 - only who applies patches has to wait for it

    try:
        patched: dict[str, Any] = jsonpatch.JsonPatch(patch).apply(document)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ValueError(f"the patch does not fit: {error}") from error
    return patched


def shifts_items(fix: Fix) -> bool:
    """Return whether a fix moves items of a list to other places, so that paths no longer hold."""
    return any(edit.value is REMOVED and edit.path.endswith("]") for edit in fix.edits)


def _operations(document: Mapping[str, Any], edit: Edit) -> list[Operation]:
    keys = keys_of(edit.path)
    if edit.value is REMOVED:
        return _removal(document, keys)
    tests: list[Operation] = []
    parent: Any = document
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        child = _child(parent, key, keys[:depth])
        if child is None:
            value = _nested(keys[depth + 1 :], edit.value)
            # The API server takes null for absent; JSON Patch does not.
            there = isinstance(parent, dict) and key in parent
            return [
                *tests,
                {
                    "op": "replace" if there else "add",
                    "path": pointer(keys[: depth + 1]),
                    "value": value,
                },
            ]
        if last:
            if _equal(child, edit.value):
                return []
            return [*tests, {"op": "replace", "path": pointer(keys), "value": edit.value}]
        tests += _test(child, key, keys[: depth + 1])
        parent = child
    raise ValueError(f"no field path: {edit.path}")


def _removal(document: Mapping[str, Any], keys: Sequence[Key]) -> list[Operation]:
    """Return the operations that take a field away, and with it the maps it leaves empty."""
    tests: list[Operation] = []
    parents: list[Any] = [document]
    for depth, key in enumerate(keys[:-1]):
        child = _child(parents[-1], key, keys[:depth])
        if child is None:
            return []
        tests += _test(child, key, keys[: depth + 1])
        parents.append(child)
    if isinstance(parents[-1], dict) and keys[-1] not in parents[-1]:
        return []
    if isinstance(parents[-1], list):
        value = _child(parents[-1], keys[-1], keys[:-1])
        tests.append({"op": "test", "path": pointer(keys), "value": value})
    depth = len(keys)
    while (
        depth > 1
        and isinstance(parents[depth - 1], dict)
        and len(parents[depth - 1]) == 1
        and isinstance(keys[depth - 2], str)
    ):
        depth -= 1
    return [*tests, {"op": "remove", "path": pointer(keys[:depth])}]


def _child(parent: Any, key: Key, path: Sequence[Key]) -> Any:
    if isinstance(parent, dict) and isinstance(key, str):
        return parent.get(key)
    if isinstance(parent, list) and isinstance(key, int) and key <= len(parent):
        return parent[key] if key < len(parent) else None
    raise ValueError(f"{pointer(path)} holds no {key}")


def _test(child: Any, key: Key, path: Sequence[Key]) -> list[Operation]:
    """Return the operation that makes sure a list has the item meant at that place."""
    if isinstance(key, int) and isinstance(child, dict) and isinstance(child.get("name"), str):
        return [{"op": "test", "path": pointer((*path, "name")), "value": child["name"]}]
    return []


def _nested(keys: Sequence[Key], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value} if isinstance(key, str) else [value]
    return value


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: in Python, true equals 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
