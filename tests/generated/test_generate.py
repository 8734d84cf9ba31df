"""How files are derived, and how a difference is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from tools import check_pages, crd_manifests, generate


class Inner(BaseModel):
    """Inner docs,
    on two lines.
    """

    number: int = Field(ge=0, description="A number.")


class Outer(BaseModel):
    """Outer docs."""

    maybe: Inner | None = Field(default=None, description="Its own docs win.")
    plain: Inner | None = None
    listed: list[Inner] | None = Field(
        default=None, max_length=3, json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    mapped: dict[Annotated[str, Field(pattern="^a+$")], Annotated[str, Field(max_length=5)]]
    free: dict[str, Any] = Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    choice: Literal["a", "b"] = "a"


INNER = {
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": {"description": "A number.", "type": "integer", "format": "int64", "minimum": 0}
    },
}


def test_schema_of_a_model_is_structural() -> None:
    assert crd_manifests.structural(Outer.model_json_schema()) == {
        "description": "Outer docs.",
        "type": "object",
        "required": ["mapped", "free"],
        "properties": {
            "maybe": {"description": "Its own docs win.", **INNER},
            "plain": {"description": "Inner docs, on two lines.", **INNER},
            "listed": {
                "type": "array",
                "maxItems": 3,
                "x-kubernetes-list-type": "atomic",
                "items": {"description": "Inner docs, on two lines.", **INNER},
            },
            "mapped": {
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": 5},
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "choice": {"type": "string", "enum": ["a", "b"]},
        },
    }


def test_what_a_reader_asks_first_stands_first() -> None:
    schema = crd_manifests.structural(Outer.model_json_schema())

    assert list(schema) == ["description", "type", "required", "properties"]
    assert list(schema["properties"]["listed"]) == [
        "type",
        "maxItems",
        "x-kubernetes-list-type",
        "items",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, "2"),
        (1.5, "1.5"),
        (True, "true"),
        ("15m", "15m"),
        ("", "''"),
        ((), "[]"),
        (("a", "b"), "[a, b]"),
        ({"minimum": 3}, "{minimum: 3}"),
    ],
)
def test_values_are_shown_as_a_policy_writes_them(value: object, expected: str) -> None:
    assert expected == check_pages.flow(value)


@dataclass(frozen=True)
class Tree:
    """A repository with one generated file, `crds/a.yaml`."""

    root: Path

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text(encoding="utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tree:
    monkeypatch.setattr(generate, "GENERATORS", (lambda: {Path("crds/a.yaml"): "one\ntwo\n"},))
    return Tree(tmp_path)


Captured = pytest.CaptureFixture[str]


def test_files_are_written_and_what_is_left_over_removed(tree: Tree, capsys: Captured) -> None:
    tree.write("docs/checks/gone.md", "# Gone\n")
    tree.write("docs/concepts.md", "by hand\n")

    assert generate.main([], tree.root) == 0

    assert tree.files() == {"crds/a.yaml": "one\ntwo\n", "docs/concepts.md": "by hand\n"}
    assert capsys.readouterr().out == "wrote crds/a.yaml\nremoved docs/checks/gone.md\n"


def test_nothing_is_written_when_all_is_up_to_date(tree: Tree, capsys: Captured) -> None:
    tree.write("crds/a.yaml", "one\ntwo\n")

    assert generate.main([], tree.root) == 0
    assert generate.main(["--check"], tree.root) == 0
    assert capsys.readouterr() == ("", "")


def test_check_prints_the_difference_and_writes_nothing(tree: Tree, capsys: Captured) -> None:
    tree.write("crds/a.yaml", "one\n2\n")
    tree.write("crds/b.yaml", "gone\n")
    before = tree.files()

    assert generate.main(["--check"], tree.root) == 1

    assert before == tree.files()
    assert capsys.readouterr() == (
        (
            "--- a/crds/a.yaml\n+++ b/crds/a.yaml\n@@ -1,2 +1,2 @@\n one\n-2\n+two\n"
            "--- a/crds/b.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
        ),
        "generated files are out of date: run `python tools/generate.py`\n",
    )


def test_check_shows_a_missing_file_as_new(tree: Tree, capsys: Captured) -> None:
    assert generate.main(["--check"], tree.root) == 1
    assert capsys.readouterr().out == (
        "--- /dev/null\n+++ b/crds/a.yaml\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    )
