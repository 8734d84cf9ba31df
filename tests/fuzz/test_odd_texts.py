"""Whatever a file holds, it is read or refused with file and line, and the command says so."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from readiness.cli.main import cli
from readiness.gather.files import Sources, read_sources
from tests.fuzz.odd_manifests import Document, cases, corpus, odd_manifests
from tests.support import ROOT

POLICY = ROOT / "tests" / "fuzz" / "data" / "every-check.yaml"

# `-:12: not valid YAML: ...`, or `-: ...` for what is wrong with all of the input
_PLACED = re.compile(r"-(:[1-9][0-9]*)?: .+", re.DOTALL)


def read(data: bytes) -> Sources:
    """Read standard input; only InputErrors may come of it, each with its line."""
    sources = read_sources(["-"], io.BytesIO(data))
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for error in sources.errors:
        placed = _PLACED.fullmatch(str(error))
        assert placed, error
        assert placed[1] is None or int(placed[1][1:]) <= lines, error
    for source in sources.documents:
        assert isinstance(source.document["kind"], str)
        assert isinstance(source.document["apiVersion"], str)
        assert 1 <= source.line <= lines
    return sources


def check(data: bytes) -> str:
    """Run `readiness check` on standard input: any verdict will do, but it must be one."""
    result = CliRunner().invoke(
        cli, ["check", "-", "--policy", str(POLICY), "--format", "json"], data
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {0, 1, 2, 3}
    assert "Traceback" not in result.output
    assert "crashed" not in result.output
    json.loads(result.stdout)
    if result.exit_code == 2:
        assert result.stderr, "what is wrong with the input must be said"
    return result.output


def dumped(documents: list[Document]) -> bytes:
    """Return manifests as YAML, with characters YAML can't hold written as JSON does."""
    try:
        text: str = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=True)
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return "\n".join(map(json.dumps, documents)).encode()


# What the syntax of YAML, JSON and UTF-8 is made of.
_FRAGMENTS = tuple(
    fragment.encode() if isinstance(fragment, str) else fragment
    for fragment in (
        *"-:?,[]{}#&*!|>'\"%@` \t\n\r\x00\x07\x7f\u0085\u2028\ufeff",
        "---\n",
        "\n---",
        "...\n",
        ": ",
        "- ",
        "<<: *a",
        "&a ",
        "*a",
        "*b",
        "!!binary ",
        "!!int ",
        "!!python/object:os.system ",
        "!x ",
        "? ",
        "%YAML 9.9\n",
        "%TAG ! x\n",
        "{{ .Values.x }}",
        "{{- if x }}",
        "null",
        ".inf",
        "0x",
        "1_0",
        "9" * 400,
        "\\ud83d\\ude00",
        "\\ud800",
        '"\\x00"',
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        "[" * 150,
        "{a: " * 150,
        "kind: List\nitems:\n- ",
        "items: null",
    )
)


@st.composite
def odd_bytes(draw: st.DrawFn) -> bytes:
    """Return manifests as text with some bytes changed, moved, doubled or left out."""
    documents = draw(st.sampled_from(corpus()))
    as_json = draw(st.booleans())
    data = json.dumps(documents[0], indent=1).encode() if as_json else dumped(documents)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 20, 200])))
        match draw(st.sampled_from(["insert", "insert", "remove", "double", "cut", "random"])):
            case "insert":
                new = draw(st.sampled_from(_FRAGMENTS))
            case "double":
                new = data[start:end] * 2
            case "random":
                new = draw(st.binary(max_size=4))
            case "cut":
                return data[:start]
            case _:
                new = b""
        data = data[:start] + new + data[end:]
    return data


@cases(600)
@given(odd_bytes())
def test_bytes_are_read_or_refused_with_file_and_line(data: bytes) -> None:
    read(data)


@cases(100)
@given(odd_bytes())
def test_the_command_has_a_verdict_on_any_bytes(data: bytes) -> None:
    check(data)


@cases(150)
@given(odd_manifests())
def test_the_command_has_a_verdict_on_any_manifests(documents: list[Document]) -> None:
    check(dumped(documents))


_PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@cases(200)
@given(_PLAIN)
def test_what_json_holds_is_read_as_it_is(value: Any) -> None:
    """Manifests as JSON come out as a JSON parser reads them, whatever the texts in them."""
    document = {"apiVersion": "example.com/v1", "kind": "Thing", "spec": value}

    (source,) = read(json.dumps(document).encode()).documents

    assert source.document == document
