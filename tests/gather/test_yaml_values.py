"""YAML is read as kubectl reads it; the expected values come from `kubectl annotate --local`."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.gather.yaml_values import MalformedError, parse_yaml


def value_of(text: str) -> Any:
    return next(parse_yaml(text)).value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("y", True),
        ("Y", True),
        ("yes", True),
        ("On", True),
        ("TRUE", True),
        ("n", False),
        ("No", False),
        ("OFF", False),
        ("yEs", "yEs"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("0644", 420),
        ("0o644", 420),
        ("0O17", 15),
        ("08", 8),
        ("09.5", 9.5),
        ("0_7", 7),
        ("-010", -8),
        ("-0", 0),
        ("00", 0),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("+0x1", 1),
        ("0X1f", 31),
        ("0x", "0x"),
        ("0b11", 3),
        ("0B11", 3),
        ("0b2", "0b2"),
        ("0b", "0b"),
        ("1_000", 1000),
        ("1__0", 10),
        ("_1", "_1"),
        ("1_0.5", 10.5),
        ("+5", 5),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5),
        ("1.0", 1),
        ("1e3", 1000),
        ("1E5", 100000),
        ("1.e5", 100000),
        ("1.5e3", 1500),
        ("1e-3", 0.001),
        ("1e25", 1e25),
        ("1e400", "1e400"),
        ("9223372036854775807", 9223372036854775807),
        ("12345678901234567890", 1.2345678901234567e19),
        ("9" * 400, "9" * 400),
        ("1,000", "1,000"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("=", "="),
        ('"yes"', "yes"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ('!!int "12"', 12),
        ("!!int 010", 8),
        ('!!int "0b11"', 3),
        ("!!float 1", 1),
        ('!!bool "yes"', True),
        ('!!null ""', None),
        ("!!binary aGVsbG8=", "hello"),
        ("!!timestamp 2026-01-01", "2026-01-01"),
        ("!custom bar", "bar"),
        ("!custom {a: 1}", {"a": 1}),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("!!str [a]", ["a"]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_and_tags(written: str, value: Any) -> None:
    found = value_of(f"key: {written}")["key"]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{on: 1}", {"true": 1}),
        ("{1: a}", {"1": "a"}),
        ("{0x10: a}", {"16": "a"}),
        ("{1.5: a}", {"1.5": "a"}),
        ("{2026-01-01: a}", {"2026-01-01": "a"}),
        ('{"<<": 1}', {"<<": 1}),
    ],
)
def test_keys_are_text(written: str, value: Any) -> None:
    assert value_of(written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{base: &b {a: 1, b: 2}, m: {<<: *b, a: 9}}", {"a": 9, "b": 2}),
        # Not as the YAML specification has it, but as goyaml and so the API server does.
        ("{base: &b {a: 1, b: 2}, m: {a: 9, <<: *b}}", {"a": 1, "b": 2}),
        ("{base: &b {a: 1}, m: {<<: [*b, {a: 2, c: 3}]}}", {"a": 1, "c": 3}),
        ("{base: &b {a: 1}, m: {<<: *b, <<: {c: 2}}}", {"a": 1, "c": 2}),
    ],
)
def test_merge_keys(written: str, value: Any) -> None:
    assert value_of(written)["m"] == value


def test_an_alias_is_the_value_it_names() -> None:
    assert value_of("{a: &x [1], b: *x, c: &y z, d: *y}") == {
        "a": [1],
        "b": [1],
        "c": "z",
        "d": "z",
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'the key "a" stands twice in one map'),
        ('1: a\n"1": b\n', 2, 'the key "1" stands twice in one map'),
        ("a: .inf", 1, ".inf is no number that a manifest can hold"),
        ("a: -.INF", 1, "-.INF is no number that a manifest can hold"),
        ("a:\n- .NaN", 2, ".NaN is no number that a manifest can hold"),
        ("~: 1", 1, "a key must be text, not null"),
        ("? [a]\n: 1", 1, "a key must be text, not a list"),
        ("? {a: 1}\n: 1", 1, "a key must be text, not a map"),
        ("a: {<<: 1}", 1, "<< must be given a map or a list of maps, not the number 1"),
        ("a: {<<: [x]}", 1, '<< must be given a map or a list of maps, not the text "x"'),
        ("a: 1\nb: *c", 2, "the alias *c names no anchor before it"),
        ("a: &a\n  b: *a", 2, "the alias *a stands inside what it names"),
        ("a: !!int x", 1, '!!int can\'t be the text "x"'),
        ("a: !!float x", 1, '!!float can\'t be the text "x"'),
        ("a: !!bool 1", 1, '!!bool can\'t be the text "1"'),
        ('a: !!binary "!"', 1, "!!binary must be base64 of UTF-8 text"),
        ("[" * 100_000, 1, "nested more than 500 levels deep"),
        ("- " * 100_000, 1, "nested more than 500 levels deep"),
        ("{a: " * 100_000, 1, "nested more than 500 levels deep"),
    ],
)
def test_what_no_manifest_may_hold(text: str, line: int, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        list(parse_yaml(text))

    assert (caught.value.line, caught.value.message) == (line, message)


def test_aliases_of_aliases_are_bounded() -> None:
    """A few lines may stand for billions of values."""
    lines = ["a: &a [" + ", ".join("x" * 10) + "]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [" + ", ".join([f"*{before}"] * 10) + "]")

    with pytest.raises(MalformedError) as caught:
        list(parse_yaml("\n".join(lines)))

    assert caught.value.message == "aliases make this document larger than 1,000,000 values"


def test_large_documents_without_aliases_have_no_bound() -> None:
    text = "items:\n" + "- {a: 1, b: 2, c: 3, d: 4}\n" * 20_000

    assert len(value_of(text)["items"]) == 20_000


def test_lines_of_documents_and_of_the_items_of_lists() -> None:
    text = "# comment\n\na: 1\n---\n# more\nitems:\n- b: 1\n-\n  c: 2\n- {d: 3}\n"

    first, second = parse_yaml(text)

    assert first.line == 3
    assert second.line == 6
    assert [second.line_of(item) for item in second.value["items"]] == [7, 9, 10]
    assert second.line_of({}) == 6
