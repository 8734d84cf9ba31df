"""Changes in the text of manifests: what is not touched stays as it is, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.gather.roundtrip import manifest_text

Change = tuple[Any, ...]

TANGLED = "the text around it can't be changed without changing something else: do it by hand"
SHARED = "an anchor or alias shares it with another place: change it by hand"
MERGED = "a comes from an anchor (`<<`): change it there by hand"


def edited(text: str, *changes: Change, line: int = 1, name: str = "web") -> str:
    manifests = manifest_text(text)
    patch = [dict(zip(("op", "path", "value"), change, strict=False)) for change in changes]
    return str(manifests.edited(manifests.place(line, name), patch))


def manifest(spec: str, head: str = "kind: X\nmetadata: {name: web}\n") -> str:
    return f"{head}spec:{spec}"


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        pytest.param(
            "\n  a: 1   # c\n  # tail\n",
            [("add", "/spec/b", {"c": [1], "d": {"e": "f"}})],
            "\n  a: 1   # c\n  b:\n    c: [1]\n    d:\n      e: f\n  # tail\n",
            id="a key goes after the last one, before comments",
        ),
        pytest.param(
            "\n  a: 1",
            [("add", "/spec/b", True)],
            "\n  a: 1\n  b: true",
            id="no line break at the end",
        ),
        pytest.param(
            "\n    a: 1\n    m:\n        q: 1\n",
            [("add", "/spec/m/z", {"k": [{"x": 1}, {"w": 2}]})],
            "\n    a: 1\n    m:\n        q: 1\n        z:\n            k:\n            - x: 1\n"
            "            - w: 2\n",
            id="indentation is that of the document",
        ),
        pytest.param(
            "\n  l:\n    - a\n",
            [("add", "/spec/m", [{"x": 1}])],
            "\n  l:\n    - a\n  m:\n    - x: 1\n",
            id="and that of its lists",
        ),
        pytest.param(
            "\n  a:   'x'   # why\n  b: y\n",
            [("replace", "/spec/a", "z"), ("replace", "/spec/b", "yes")],
            "\n  a:   'z'   # why\n  b: \"yes\"\n",
            id="quotes stay, and are set where they must be",
        ),
        pytest.param(
            "\n  a: # why\n  b: ~\n  c: null # k\n",
            [
                ("replace", "/spec/a", {"x": 1}),
                ("replace", "/spec/b", 7),
                ("replace", "/spec/c", 8),
            ],
            "\n  a: # why\n    x: 1\n  b: 7\n  c: 8 # k\n",
            id="values that are null",
        ),
        pytest.param(
            "\n  a:\n", [("replace", "/spec/a", 7)], "\n  a: 7\n", id="a value that is not there"
        ),
        pytest.param(
            "\n  a: {}\n  b: {c: 1}\n  d: []\n",
            [("add", "/spec/a/x", {"k": "z"}), ("add", "/spec/b/d", [2])],
            "\n  a: {x: {k: z}}\n  b: {c: 1, d: [2]}\n  d: []\n",
            id="maps in braces",
        ),
        pytest.param(
            "\n  a: 1 # gone\n  # stays\n  b: 2\n",
            [("remove", "/spec/a")],
            "\n  # stays\n  b: 2\n",
            id="a key goes with its line",
        ),
        pytest.param(
            "\n  b: 2\n  a:\n    x:\n    - 1\n",
            [("remove", "/spec/a")],
            "\n  b: 2\n",
            id="and its value",
        ),
        pytest.param(
            "\n  b: 2\n  a: 1",
            [("remove", "/spec/a")],
            "\n  b: 2",
            id="the last line without a break",
        ),
        pytest.param(
            "\n  l:\n  - a # one\n  # b's\n  - b\n  - c\n",
            [("remove", "/spec/l/1"), ("add", "/spec/l/2", "d")],
            "\n  l:\n  - a # one\n  # b's\n  - c\n  - d\n",
            id="items of a list",
        ),
        pytest.param(
            "\n  l: [a, b, c]\n  m: {x: 1, y: 2}\n",
            [("remove", "/spec/l/2"), ("remove", "/spec/l/0"), ("remove", "/spec/m/x")],
            "\n  l: [b]\n  m: {y: 2}\n",
            id="in brackets",
        ),
        pytest.param(
            "\n  l: [a]\n  m: {x: 1}\n",
            [("remove", "/spec/l/0"), ("remove", "/spec/m/x")],
            "\n  l: []\n  m: {}\n",
            id="the last in brackets",
        ),
        pytest.param(
            "\n  l:\n  - a: 1\n    b: 2\n",
            [("remove", "/spec/l/0/a")],
            "\n  l:\n  - b: 2\n",
            id="the key after the dash",
        ),
        pytest.param(
            "\n  a: |\n    text\n\n  b: >-\n    more\n",
            [("add", "/spec/c", 1), ("replace", "/spec/a", "t")],
            "\n  a: t\n\n  b: >-\n    more\n  c: 1\n",
            id="texts over several lines",
        ),
        pytest.param(
            '\n  a: "🎉é" # 🎉\n',
            [("add", "/spec/b", "é")],
            '\n  a: "🎉é" # 🎉\n  b: "é"\n',
            id="any letters",
        ),
        pytest.param(
            "\n  <<: &b {a: 1}\n  c: 2\n",
            [("replace", "/spec/a", 3)],
            "\n  <<: &b {a: 1}\n  c: 2\n  a: 3\n",
            id="what a merge brings is overridden",
        ),
        pytest.param(
            "\n  l: &l [a]\n  m: *l\n",
            [("add", "/spec/x", 1), ("remove", "/spec/m")],
            "\n  l: &l [a]\n  x: 1\n",
            id="beside anchors",
        ),
    ],
)
def test_changes(before: str, changes: list[Change], after: str) -> None:
    assert edited(manifest(before), *changes) == manifest(after)


@pytest.mark.parametrize(
    ("spec", "change", "reason"),
    [
        ("&s\n  a: 1\nother: *s\n", ("replace", "/spec/a", 2), SHARED),
        ("\n  x: &x {a: 1}\n  z: *x\n", ("replace", "/spec/z/a", 2), SHARED),
        ("\n  <<: &b {a: {c: 1}}\n", ("replace", "/spec/a/c", 2), MERGED),
        ("\n  <<: &b {a: 1}\n", ("remove", "/spec/a"), MERGED),
        ("\n  a: {b: 1, # why\n    c: 2}\n", ("remove", "/spec/a/c"), TANGLED),
        ("\n- a: 1\n  # about b\n  b: 2\n", ("remove", "/spec/0/a"), TANGLED),
        ("\n  a: |+\n    text\n\n", ("add", "/spec/b", 1), TANGLED),
    ],
)
def test_what_can_not_be_done_is_refused(spec: str, change: Change, reason: str) -> None:
    separator = " " if spec.startswith("&") else ""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        edited(manifest(f"{separator}{spec}"), change)

    assert str(caught.value) == reason


def test_line_ends_of_windows_and_all_around_stay() -> None:
    before = (
        "# head\r\n---\r\nkind: X\r\nmetadata: {name: web}\r\nspec:\r\n  a: 1\r\n  b: 2\r\n...\r\n"
    )

    after = edited(before, ("add", "/spec/c", {"d": [1]}), ("remove", "/spec/a"), line=3)

    assert after == before.replace("  a: 1\r\n", "").replace(
        "b: 2\r\n", "b: 2\r\n  c:\r\n    d: [1]\r\n"
    )


def test_json_stays_json() -> None:
    one_line = '{"kind": "X", "metadata": {"name": "web"}, "spec": {"a": [1]}}'
    lines = '{\n  "kind": "X",\n  "metadata": {\n    "name": "web"\n  },\n  "spec": {}\n}\n'

    assert edited(one_line, ("add", "/spec/b", {"c": True})) == one_line.replace(
        "[1]", '[1], "b": {"c": true}'
    )
    assert edited(lines, ("add", "/metadata/labels", {"a": "b"})) == lines.replace(
        '"web"', '"web",\n    "labels": {\n      "a": "b"\n    }'
    )


def test_only_the_document_meant_is_changed() -> None:
    parts = [
        f"kind: X\nmetadata: {{name: {name}}}\nspec: {{a: 1}}\n" for name in ("web", "b", "web")
    ]
    text = "---\n".join(parts)

    after = edited(text, ("replace", "/spec/a", 2), line=9)

    assert after == "---\n".join([*parts[:2], parts[2].replace("1", "2")])


def list_of(*names: str, tail: str = "") -> str:
    items = "".join(
        f"- kind: X\n  metadata: {{name: {name}}}\n  spec: {{a: 1}}\n" for name in names
    )
    return f"kind: List\nitems:\n{items}{tail}"


@pytest.mark.parametrize("tail", ["", "metadata: {}\n", "---\nkind: Y\n", "x: &anchor y\n"])
def test_an_item_of_a_list_is_changed_alone(tail: str) -> None:
    after = edited(list_of("web", "b", "c", tail=tail), ("replace", "/spec/a", 2), line=6, name="b")

    begin, end = list_of("web"), list_of("c", tail=tail).removeprefix("kind: List\nitems:\n")
    assert after == f"{begin}- kind: X\n  metadata: {{name: b}}\n  spec: {{a: 2}}\n{end}"


def test_items_of_a_list_on_one_line_are_told_apart_by_name() -> None:
    items = [f'{{"kind": "X", "metadata": {{"name": "{name}"}}, "a": 1}}' for name in ("web", "b")]
    text = f'{{"kind": "List", "items": [{", ".join(items)}]}}'

    assert edited(text, ("replace", "/a", 2), name="b") == text.replace("1}]", "2}]")


@pytest.mark.parametrize(("line", "name"), [(1, "other"), (2, "web"), (99, "web")])
def test_a_manifest_that_is_not_there_is_refused(line: int, name: str) -> None:
    with pytest.raises(ValueError, match="it can't be told where in the file it stands"):
        edited(manifest("\n  a: 1\n"), ("replace", "/spec/a", 2), line=line, name=name)


def test_broken_yaml_is_refused() -> None:
    with pytest.raises(ValueError, match="a part of the file is not valid YAML"):
        manifest_text("a: [1\n---\nb: 1\n")
