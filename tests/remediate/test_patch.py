"""JSON Patches out of edits: parents made, preconditions tested, nothing done twice."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.checks.base import REMOVED, Edit, Fix, Safety
from readiness.remediate.patch import (
    apply,
    keys_of,
    keys_of_pointer,
    operations,
    pointer,
    shifts_items,
)


def fix(*edits: tuple[str, Any]) -> Fix:
    return Fix(tuple(Edit(path, value) for path, value in edits), Safety.SAFE, "because")


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("spec", ("spec",)),
        ("spec.containers[0].image", ("spec", "containers", 0, "image")),
        ('metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c")),
        ('metadata.labels["app"].x-y_z', ("metadata", "labels", "app", "x-y_z")),
        ("a[12][3]", ("a", 12, 3)),
    ],
)
def test_keys_of_a_field_path(path: str, keys: tuple[str | int, ...]) -> None:
    assert keys_of(path) == keys


@pytest.mark.parametrize("path", ["spec[", "spec.", "spec[x]", "[0", "spec]"])
def test_what_is_no_field_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no field path"):
        keys_of(path)


def test_pointers_escape_what_they_must() -> None:
    assert pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"
    assert keys_of_pointer("/a~1b/0/c~0d") == ["a/b", "0", "c~d"]


@pytest.mark.parametrize(
    ("document", "edits", "expected"),
    [
        pytest.param(
            {},
            [("spec.a.b", 1)],
            [("add", "/spec", {"a": {"b": 1}})],
            id="missing parents are made",
        ),
        pytest.param(
            {"spec": None}, [("spec.a", 1)], [("replace", "/spec", {"a": 1})], id="null is replaced"
        ),
        pytest.param({"spec": {"a": 1}}, [("spec.a", 1)], [], id="what is right already"),
        pytest.param(
            {"spec": {"a": 1}},
            [("spec.a", True)],
            [("replace", "/spec/a", True)],
            id="1 is not true",
        ),
        pytest.param(
            {"spec": {"a": 1}}, [("spec.a", 2)], [("replace", "/spec/a", 2)], id="another value"
        ),
        pytest.param(
            {},
            [("spec.a", 1), ("spec.b", 2)],
            [("add", "/spec", {"a": 1}), ("add", "/spec/b", 2)],
            id="a later edit sees the earlier",
        ),
        pytest.param(
            {"c": [{"name": "x"}]},
            [("c[0].a", 1), ("c[0].b", 2)],
            [("test", "/c/0/name", "x"), ("add", "/c/0/a", 1), ("add", "/c/0/b", 2)],
            id="items are tested for their names, once",
        ),
        pytest.param(
            {"c": [{}]}, [("c[0].a", 1)], [("add", "/c/0/a", 1)], id="items without a name"
        ),
        pytest.param({"c": ["x"]}, [("c[1]", "y")], [("add", "/c/1", "y")], id="appended"),
        pytest.param({}, [("c[0]", "y")], [("add", "/c", ["y"])], id="a list is made"),
        pytest.param(
            {"s": {"a": 1, "b": 2}}, [("s.a", REMOVED)], [("remove", "/s/a")], id="removed"
        ),
        pytest.param(
            {"x": 1, "s": {"t": {"a": 1}}},
            [("s.t.a", REMOVED)],
            [("remove", "/s")],
            id="with the maps it leaves empty",
        ),
        pytest.param(
            {"c": [{"a": 1}]},
            [("c[0].a", REMOVED)],
            [("remove", "/c/0/a")],
            id="but never an item of a list",
        ),
        pytest.param({"s": {"b": 2}}, [("s.a", REMOVED)], [], id="removed already"),
        pytest.param({}, [("s.t.a", REMOVED)], [], id="removed with its parents"),
        pytest.param(
            {"l": ["x", "y"]},
            [("l[1]", REMOVED)],
            [("test", "/l/1", "y"), ("remove", "/l/1")],
            id="an item of a list",
        ),
    ],
)
def test_operations(
    document: dict[str, Any], edits: list[tuple[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    patch = operations(document, fix(*edits))

    assert patch == [
        dict(zip(("op", "path", "value"), operation, strict=False)) for operation in expected
    ]
    patched = apply(document, patch)
    if not shifts_items(fix(*edits)):
        assert operations(patched, fix(*edits)) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"a": "text"}, "a.b"),
        ({"a": {}}, "a[0]"),
        ({"a": []}, "a[1]"),
        ({"a": [1]}, "a.b"),
        ({}, ""),
    ],
)
def test_a_path_that_does_not_fit_is_refused(document: dict[str, Any], path: str) -> None:
    with pytest.raises(ValueError, match=r"holds no|no field path"):
        operations(document, fix((path, 1)))


def test_applying_leaves_the_given_manifest_alone() -> None:
    document = {"spec": {"a": [1]}}

    patched = apply(document, [{"op": "add", "path": "/spec/a/1", "value": 2}])

    assert (document, patched) == ({"spec": {"a": [1]}}, {"spec": {"a": [1, 2]}})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/c/0/name", "value": "other"},
        {"op": "remove", "path": "/x"},
        {"op": "add", "path": "/x/y", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the patch does not fit"):
        apply({"c": [{"name": "app"}]}, [operation])


def test_only_removed_items_shift_others() -> None:
    assert shifts_items(fix(("a", 1), ("l[0]", REMOVED)))
    assert not shifts_items(fix(("l[0]", 1), ("l[0].a", REMOVED)))
