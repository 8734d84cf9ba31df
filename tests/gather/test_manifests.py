"""A broken document is told with its line and costs none of the others."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.gather.manifests import TEMPLATE_MESSAGE, Malformed, parse_manifests


def read(text: str) -> list[Any]:
    """Return values with their lines, and problems as they are."""
    return [
        found if isinstance(found, Malformed) else (found.line, found.value)
        for found in parse_manifests(text)
        if isinstance(found, Malformed) or found.value is not None
    ]


UNCLOSED = (
    "not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that begins on "
    "line 1"
)
COLON = 'not valid YAML: a ": " where no key can be: wrong indentation, or text that needs quotes'

BROKEN = [
    ("a: [1\nb: 2\n", 2, UNCLOSED),
    ("a: b\n  c: d\n", 2, COLON),
    ("a:\n- b\n c: d\n", 3, COLON),
    ("a: b: c\n", 1, COLON),
    ("a:\n\tb: 1\n", 2, "not valid YAML: indented with a tab, only spaces may indent"),
    ("a: @b\n", 1, 'not valid YAML: nothing can begin with "@" unless it is in quotes'),
    ("a: \x00\n", 1, "not valid YAML: the control character U+0000 is not allowed"),
    ("a: 1\nb: \x1b[31m\n", 2, "not valid YAML: the control character U+001B is not allowed"),
    ("a: 1\na: 2\n", 2, 'the key "a" stands twice in one map'),
    ("name: {{ .Release.Name }}\n", 1, TEMPLATE_MESSAGE),
    ("a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n", 2, TEMPLATE_MESSAGE),
    ("a: 1\nb: {{ anything }}\n", 2, TEMPLATE_MESSAGE),
]


@pytest.mark.parametrize(("text", "line", "message"), BROKEN)
def test_broken_document_between_good_ones(text: str, line: int, message: str) -> None:
    found = read(f"first: 1\n---\n{text}---\nlast: 1\n")

    assert (1, {"first": 1}) in found
    assert (text.count("\n") + 4, {"last": 1}) in found
    assert [f for f in found if isinstance(f, Malformed)] == [
        Malformed(line + 2, message.replace("on line 1", "on line 3"))
    ]


def test_text_cut_off_in_the_middle() -> None:
    assert read('a: 1\n---\nb: "half') == [
        (1, {"a": 1}),
        Malformed(
            3,
            "not valid YAML: found unexpected end of stream while scanning a quoted scalar that "
            "begins on line 3",
        ),
    ]


def test_error_on_the_line_of_the_separator_is_told_once() -> None:
    message = 'not valid YAML: nothing can begin with "@" unless it is in quotes'

    assert read("a: 1\n--- @\n---\nb: 2\n") == [
        (1, {"a": 1}),
        Malformed(2, message),
        (4, {"b": 2}),
    ]


def test_templates_are_told_once_per_file() -> None:
    text = "a: {{ .Values.a }}\n---\nb: {{ .Values.b }}\n---\nc: 1\n"

    assert read(text) == [Malformed(1, TEMPLATE_MESSAGE), (5, {"c": 1})]


def test_alerting_rules_with_braces_are_no_templates() -> None:
    """Only the indentation is wrong here; `{{ $labels.pod }}` is what Prometheus wants."""
    text = 'summary: "{{ $labels.pod }} is down"\nexpr: up: 0\n'

    (problem,) = read(text)

    assert problem.line == 2
    assert problem.message != TEMPLATE_MESSAGE


def test_a_file_that_is_no_yaml_at_all_is_given_up() -> None:
    found = read("@\n---\n" * 100)

    assert len(found) == 21
    assert found[-1].message == "too many errors: the rest of the file is not read"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n---\n", "\ufeff"])
def test_nothing_in_nothing(text: str) -> None:
    assert read(text) == []


def test_byte_order_marks_of_files_put_together() -> None:
    assert read("\ufeffa: 1\n---\n\ufeffb: 2\n") == [(1, {"a": 1}), (3, {"b": 2})]


def test_windows_line_ends() -> None:
    assert read("a: |\r\n  x\r\n  y\r\n---\r\nb: 2\r\n") == [(1, {"a": "x\ny\n"}), (5, {"b": 2})]


def test_end_marks_and_directives() -> None:
    assert read("%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n...\n") == [(3, {"a": 1}), (6, {"b": 2})]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{\n\t"a": [1, 2.0, 1e3]\n}', [(1, {"a": [1, 2, 1000]})]),
        ('{"a": 1}\n\n{"b": 2}\n{"c": 3}', [(1, {"a": 1}), (3, {"b": 2}), (4, {"c": 3})]),
        ('{"a": "\\ud83d\\ude00", "b": 2.0}', [(1, {"a": "\N{GRINNING FACE}", "b": 2})]),
        ('\n{"a": "\\/"}', [(2, {"a": "/"})]),
    ],
)
def test_json(text: str, found: list[Any]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    "text", ['{"a": "\\ud83d\\ude00", "a": 1}', '{"a": "\\ud83d\\ude00", "b": NaN}', '{"a": 1} x']
)
def test_json_that_is_none(text: str) -> None:
    assert isinstance(read(text)[-1], Malformed)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (r"\ud83e\udd86", "🦆"),
        (r"a\ud83eb", "a\ufffdb"),
        (r"\udd86\ud83e", "\ufffd\ufffd"),
        (r"\ud83e\ud83e\udd86", "\ufffd🦆"),
        (r"\\ud83e", r"\ud83e"),
    ],
)
def test_halves_of_surrogate_pairs_stand_for_no_character(written: str, read_as: str) -> None:
    """As the API server reads them; nobody could print a text that holds one."""
    # The second text is one that only a JSON parser reads.
    text = f'{{"a": "{written}", "b": "\\ud83e\\udd86"}}'

    assert read(text) == [(1, {"a": read_as, "b": "🦆"})]


def test_numbers_of_json_are_those_of_yaml() -> None:
    """A whole number beyond 64 bits becomes one with a fraction, as in the API server."""
    digits = "9" * 400

    ((_, value),) = read(f'{{"a": "\\ud83e\\udd86", "b": 12, "c": {digits[:30]}, "d": {digits}}}')

    assert value == {"a": "🦆", "b": 12, "c": 1e30, "d": digits}
