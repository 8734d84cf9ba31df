"""The quick reader of the block style never differs from the YAML library: it answers or passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from readiness.gather.block_style import field_lines, read_block
from readiness.gather.yaml_values import MalformedError, parse_yaml

ROOT = Path(__file__).resolve().parent.parent.parent
MANIFESTS = [
    path
    for folder in ("examples", "policies", "crds", "tests/fixtures")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
]


def by_library(text: str) -> list[object] | None:
    """Return what the YAML library reads, None when it refuses the text."""
    try:
        return [(m.value, m.line) for m in parse_yaml(text)]
    except (MalformedError, yaml.YAMLError):
        return None


def read(text: str) -> object:
    """Return value and line as the quick reader has them, None when it passes."""
    manifest = read_block(text.split("\n"), 1)
    return None if manifest is None else (manifest.value, manifest.line)


def test_every_manifest_is_read_as_the_library_reads_it() -> None:
    """Of the documents there are, both read the same; the quick one passes on some."""
    answered = documents = 0
    for path in MANIFESTS:
        for text in re.split(r"^(?=---$)", path.read_text(), flags=re.MULTILINE):
            found = read(text)
            documents += 1
            if found is not None:
                answered += 1
                assert [found] == by_library(text), f"{path}: {text}"
    assert documents > 1000
    assert answered > 100  # most fixtures have braces somewhere


KEYS = ["a", "b", "c.d/e-f", "on", "y", "1", "null", "'q'", '"q"', "<<", "-", "? k", "a b", ""]
VALUES = [
    *("", "x", "x y", "x  y", "x #c", "x#c", "x # c: d", "#c", "x: y", "x:y", "x:", ":x"),
    *("http://h:80/p", "'q'", "'q' ", "'q'x", "'it''s'", '"q"', '"q" #c', '"q', '"\\n"'),
    *("'a: b'", '"a # b"', "''", "1", "-1", "+1", "0644", "0o17", "0x1F", "1_000", "1e3"),
    *(".5", "1.0", ".inf", "-.inf", ".nan", "true", "on", "No", "~", "null", "-", "- x"),
    *("--", "-x", "---", "...", "=", "?", "? x", "!", "!!str 1", "&a x", "*a", "|", ">"),
    *("|-", "%x", "@x", "`x`", ",", "[", "]", "[]", "[ ]", "{}", "{ }", "{a: b}", "[a]"),
    *("[a, b]", "[ a , b ]", "[a b]", "[on]", "[a,]", "[1]", "[a", "a]", "a, b", "a{b}"),
    *("2026-01-02", "\xe9", "'\xe9'", "x #\xe9", "\t", "x\ty", "x\t", "'\t'", "x\r", "\x85"),
    *("'\u2028'", "x #\xa0", "\ufeff", "\U0001f642"),
]
LINES = st.builds(
    lambda indentation, dash, key, colon, value, end: (
        " " * indentation + dash + key + colon + value + end
    ),
    st.integers(0, 5),
    st.sampled_from(["", "", "", "- ", "-  ", "-", "- - "]),
    st.sampled_from(KEYS),
    st.sampled_from([": ", ": ", ":", ":  ", " : ", ""]),
    st.sampled_from(VALUES),
    st.sampled_from(["", "", " ", " #", "#"]),
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(LINES, max_size=6))
@example(["a:", "- b: 1", "  c: 2", "- d", "e: f"])
@example(["a: x", "  y"])
@example(["a: x", "  y: z"])
@example(["a:", "    b: c", "  d: e"])
@example(["a:", "  - b", "- c"])
@example(["a:", "- b:", "  - c", "  d:", "  - e"])
@example(["a: 1", "a: 2"])
@example(["--- #c", "a: 1"])
@example(["a: 1", "..."])
@example(["- a"])
@example([" a: b"])
def test_whatever_is_answered_is_what_the_library_says(lines: list[str]) -> None:
    """Of lines put together at random nothing is read that the library refuses or reads else."""
    text = "\n".join(lines)
    found = read(text)
    if found is not None:
        assert [found] == by_library(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b # c", {"a": "b"}),
        ("a:\n- b: 0644\n  c: on\n- d", {"a": [{"b": 420, "c": True}, "d"]}),
        ("a:\n  b:\n  c: 'on'\n\n# x\nd: [e, f]", {"a": {"b": None, "c": "on"}, "d": ["e", "f"]}),
        ("a:\n  - b:\n    - c\n    d: {}\n", {"a": [{"b": ["c"], "d": {}}]}),
    ],
)
def test_the_block_style_is_read(text: str, value: object) -> None:
    """What is written plainly needs no library."""
    assert read(text) == (value, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "# only", "- a", " a: b", "a: &b c", "a: |\n  b", "a: 'b", "a: b\n  c", "a: 1\na: 2"),
        *("on: 1", "a: .inf", "a: b\n...", "a:\n\tb: c", "a: {b: c}", "a: b\r", "a: !!str b", "{}"),
    ],
)
def test_the_rest_is_left_to_the_library(text: str) -> None:
    """What may mean something else, and what is wrong, is not answered."""
    assert read(text) is None


def test_collections_of_equal_lines_are_not_one() -> None:
    """What a line means is remembered; a list on it must be a new one each time."""
    first, second = (read_block(["a: []", "b: {}"], 1) for _ in range(2))
    assert first is not None
    assert second is not None
    first.value["a"].append(1)
    first.value["b"]["c"] = 1
    assert second.value == {"a": [], "b": {}}


def test_lines_of_fields() -> None:
    """Each field and each item is found by its path as findings write it."""
    text = 'a:\n  b.c/d: 1\n# x\ne:\n- f: 1\n  g:\n  - h\n- i: "j"\nk: l'
    assert field_lines(text.split("\n"), 10) == {
        "a": 10,
        'a["b.c/d"]': 11,
        "e": 13,
        "e[0]": 14,
        "e[0].f": 14,
        "e[0].g": 15,
        "e[0].g[0]": 16,
        "e[1]": 17,
        "e[1].i": 17,
        "k": 18,
    }


@pytest.mark.parametrize("text", ["- a: b", "a: |\n  b", "a:\n   b: c\n  d: e", "a: b\n  c"])
def test_lines_of_fields_only_a_parser_can_tell(text: str) -> None:
    """Where a line alone does not say what it is there is no answer."""
    assert field_lines(text.split("\n"), 1) is None


def test_a_check_of_plain_manifests_imports_nothing_heavy(tmp_path: Path) -> None:
    """Start-up is most of what a small file costs: these are 15 to 500 ms each."""
    file = tmp_path / "web.yaml"
    file.write_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers: []\n")
    program = (
        "import sys\nfrom readiness.cli.main import main\n"
        f"sys.argv = ['readiness', 'check', {str(file)!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'aiohttp', 'annotated_types', 'asyncio', 'kopf', 'kubernetes', 'multiprocessing',"
        " 'pydantic', 'structlog', 'yaml'}\n"
        "print('imported:', sorted(heavy & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "imported: []"
