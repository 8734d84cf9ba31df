"""Lines of fields: by indentation, by the parser, and in templates of charts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from readiness.gather import lines
from readiness.gather.files import read_sources
from readiness.gather.lines import Locator, Rendered
from readiness.gather.roundtrip import manifest_text
from readiness.remediate.patch import keys_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "checks"


def located(text: str, *paths: str, line: int = 1, name: str = "a") -> dict[str, int]:
    return dict(Locator({"-": Rendered(text.encode())}).locate("-", line, name, paths).lines)


BLOCK = """\
# A comment.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: a
  annotations:
    example.com/note: |
      spec:
        replicas: 1
spec:
  "replicas": 3

  template:
    spec:
      containers:
      - name: app   # first
        image: x
        args: [a, b]
        command:
          - sh
          -   -c
      - name: b
        env:
          -
            name: C
      securityContext: {}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("metadata.name", 5),
        ('metadata.annotations["example.com/note"]', 7),
        ("spec", 10),
        ("spec.replicas", 11),
        ("spec.template.spec.containers", 15),
        ("spec.template.spec.containers[0]", 16),
        ("spec.template.spec.containers[0].name", 16),
        ("spec.template.spec.containers[0].image", 17),
        ("spec.template.spec.containers[0].command[1]", 21),
        ("spec.template.spec.containers[1].env[0].name", 25),
        ("spec.template.spec.securityContext", 26),
        # Of what is absent, the nearest parent.
        ("spec.template.spec.containers[0].resources.limits.memory", 16),
        ("spec.template.spec.containers[2].image", 15),
        ("spec.template.spec.securityContext.runAsNonRoot", 26),
        ("spec.template.metadata.labels", 13),
        ("spec.replicas.x", 11),
        ("status.conditions", 2),
    ],
)
def test_fields_in_block_style(path: str, line: int) -> None:
    assert located(BLOCK, path, line=2) == {path: line}


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ('{"spec": {\n "x": 1,\n "y": [{"z": 1},\n {"z": 2}]}}', "spec.y[1].z", 4),
        ('{"spec": {\n "x": 1}}', "spec.y.z", 1),
        ("spec: {a: 1,\n b: 2}\n", "spec.b", 2),
        ("spec: &s\n  a: 1\n  b: 2\n", "spec.b", 3),
        ("x: &s\n  a: 1\nspec: *s\n", "spec.a", 2),
        ("x: &s\n  a: 1\nspec:\n  <<: *s\n  b: 1\n", "spec.a", 3),
        ('spec:\n  a: "one\ntwo: three"\n  b: 1\n', "spec.b", 4),
        ("spec: !!map\n  b: 1\n", "spec.b", 2),
        ("? spec\n: b: 1\n", "spec.b", 2),
        ("spec:\n  a: [1,\n2]\n  b: 1\n", "spec.b", 4),
        ("spec:\n  a: [1, {c: d}\n  ]\n  b: 1\n", "spec.b", 4),
        ("spec:\n  a: {c: {d: e}\n  , x: 1}\n  b: 1\n", "spec.a.x", 3),
    ],
)
def test_fields_that_need_the_parser(text: str, path: str, line: int) -> None:
    text = text.replace("{", '{"metadata": {"name": "a"},\n', 1) if text[0] == "{" else HEAD + text

    assert located(text, path) == {path: line + 1}


HEAD = "metadata: {name: a}\n"


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all that is in a document, and of some that is not."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key.isalnum():
                yield from paths_of(child, f"{path}.{key}" if path else key)
        yield f"{path}.missing.field" if path else "missing"
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from paths_of(child, f"{path}[{index}]")
        yield f"{path}[{len(value)}]"
    if path:
        yield path


def test_indentation_and_parser_agree() -> None:
    """On every field of many fixtures; what indentation can't tell, it must not guess."""
    compared = 0
    for file in sorted(FIXTURES.glob("*/fail/*.yaml")):
        text = file.read_text(encoding="utf-8")
        source = read_sources([str(file)], BytesIO()).documents[0]
        known = lines._Text(text).indented(source.line)
        if known is None:
            continue
        parts = manifest_text(text)
        place = parts.place(source.line, source.document["metadata"]["name"])
        paths = list(paths_of(source.document))
        parsed = parts.lines(place, map(keys_of, paths))
        assert [lines._nearest(path, known, source.line) for path in paths] == parsed, file
        compared += 1

    assert compared > 100


def test_items_of_a_list_and_later_documents() -> None:
    text = (
        "kind: List\nitems:\n- metadata: {name: a}\n  spec:\n    x: 1\n"
        "- metadata: {name: b}\n  spec:\n    x: 2\n---\nmetadata: {name: c}\nspec:\n  y: 3\n"
    )

    assert located(text, "spec.x", line=3, name="a") == {"spec.x": 5}
    assert located(text, "spec.y", line=3, name="a") == {"spec.y": 4}
    assert located(text, "spec.x", line=6, name="b") == {"spec.x": 8}
    assert located(text, "spec.y", line=10, name="c") == {"spec.y": 12}
    assert located(text, "spec.z", line=10, name="c") == {"spec.z": 11}


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    text = "\ufeffmetadata:\r\n  name: a\r\nspec:\r\n  x: 1\r\n"

    assert located(text, "spec.x", "spec.y") == {"spec.x": 4, "spec.y": 3}


def test_without_its_text_a_manifest_is_known_by_its_first_line(tmp_path: Path) -> None:
    found = Locator({}).locate(str(tmp_path / "gone.yaml"), 7, "a", ["spec"])

    assert (found.line, found.lines) == (7, {})


def test_a_pipe_is_not_read_a_second_time(tmp_path: Path) -> None:
    """Nobody writes to it any more: the reader would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert Locator({}).locate(str(pipe), 1, "a", ["spec"]).lines == {}


def test_broken_texts_give_no_lines() -> None:
    assert located("metadata: {name: a}\nspec: {\n", "spec.a") == {}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    templates = tmp_path / "web" / "templates"
    templates.mkdir(parents=True)
    (templates / "app.yaml").write_text(
        "{{- if .Values.on }}\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata:\n"
        "  name: {{ .Release.Name }}\n"
        "spec:\n"
        "  template:\n"
        "    spec:\n"
        "      containers:\n"
        "      - name: app\n"
        "        image: {{ .Values.image }}\n"
        "{{- end }}\n"
    )
    return tmp_path / "web"


RENDERED = (
    "---\n# Source: web/templates/app.yaml\nkind: Deployment\nmetadata:\n  name: r\n"
    "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: x\n"
)


def test_fields_of_a_rendered_chart_are_found_in_its_template(chart: Path) -> None:
    locator = Locator({"helm": Rendered(RENDERED.encode(), str(chart))})
    container = "spec.template.spec.containers[0]"
    found = locator.locate(
        "helm",
        3,
        "r",
        [f"{container}.image", f"{container}.resources.limits", "spec.template.spec.x", "status"],
    )

    assert (found.file, found.line, found.template) == (f"{chart}/templates/app.yaml", 3, "")
    assert found.lines == {
        f"{container}.image": 11,
        f"{container}.resources.limits": 9,
        "spec.template.spec.x": 7,  # spec stands there twice
        "status": 1,
    }


def test_a_chart_in_the_chart_may_be_packed(chart: Path) -> None:
    text = RENDERED.replace("web/templates", "web/charts/db/templates")
    found = Locator({"helm": Rendered(text.encode(), str(chart))}).locate("helm", 3, "r", ["spec"])

    assert (found.file, found.line) == (f"{chart}/charts/db/templates/app.yaml", 1)


def test_what_helm_rendered_elsewhere_names_its_template() -> None:
    found = Locator({"-": Rendered(RENDERED.encode())}).locate("-", 3, "r", ["spec"])

    assert (found.file, found.line, found.lines) == ("-", 3, {"spec": 6})
    assert found.template == "web/templates/app.yaml"


def test_other_comments_are_no_source() -> None:
    text = "---\n# Source: a/b.yaml\nkind: A\n---\n# Written by hand.\nkind: B\n"
    locator = Locator({"-": Rendered(text.encode())})

    assert locator.locate("-", 3, "", []).template == "a/b.yaml"
    assert locator.locate("-", 6, "", []).template == ""
