"""Reads manifests in any style by libyaml, and says what is wrong with the broken ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.reader import ReaderError

from readiness.gather.block_style import Manifest
from readiness.gather.manifests import TEMPLATE_MESSAGE, Boundaries, Malformed
from readiness.gather.scalars import plain_value
from readiness.gather.yaml_values import MalformedError, parse_yaml

_MOST_ERRORS = 20  # per text; what is that broken is no YAML at all


def read_one(text: str, lines: int) -> Manifest | None:
    """Return the document a text holds, None when it is broken.

    Args:
        text: from one boundary to behind the next, which begins a document without content.
        lines: how many lines are before the text.
    """
    try:
        manifest, *_ = parse_yaml(text)
    except (MalformedError, yaml.YAMLError, ValueError):
        return None
    return _moved(manifest, lines)


def parse_from(  # noqa: C901 - one loop
    text: str, boundaries: Boundaries, start: int
) -> Iterator[Manifest | Malformed]:
    """Yield the documents of a text; after a broken one it goes on at the next `---`.

    Args:
        text: all of it.
        boundaries: of the text.
        start: index of the line to begin on: the first, or a boundary.
    """
    read = 0  # documents yielded since
    problems: list[Malformed] = []
    while True:
        manifests = parse_yaml(text[boundaries.offset(start) :] if start else text)
        try:
            for number, manifest in enumerate(manifests):
                if number >= read:
                    read += 1
                    yield _moved(manifest, start)
        except ReaderError:
            text, unreadable = _blank_unreadable(text, boundaries)
            yield from unreadable
            if not unreadable:  # it would fail for ever
                yield Malformed(start + 1, "not valid YAML: holds characters that are not allowed")
                return
            continue  # from the same start: the parser reads ahead, good documents may be lost
        except (MalformedError, yaml.MarkedYAMLError) as error:
            if start == 0 and (found := _parse_json(text)):
                yield from found[read:]
                return
            problem = _explain(error, text, boundaries, start)
        else:
            return
        if problem not in problems and not (
            problem.message == TEMPLATE_MESSAGE and _mention_template(problems)
        ):
            yield problem
        problems.append(problem)
        following = boundaries.next_from(max(problem.line - 1, start + 1))
        if following is None:
            return
        if len(problems) == _MOST_ERRORS:
            yield Malformed(following + 1, "too many errors: the rest of the file is not read")
            return
        start, read = following, 0


def _mention_template(problems: list[Malformed]) -> bool:
    return any(problem.message == TEMPLATE_MESSAGE for problem in problems)


def _moved(manifest: Manifest, lines: int) -> Manifest:
    if not lines:
        return manifest
    moved = {id: line + lines for id, line in manifest.item_lines.items()}
    return Manifest(manifest.value, manifest.line + lines, moved)


def _explain(
    error: MalformedError | yaml.MarkedYAMLError, text: str, boundaries: Boundaries, start: int
) -> Malformed:
    """Return what is wrong, in the words of a person where it can be told."""
    if isinstance(error, MalformedError):
        problem = Malformed(error.line + start, error.message)
    else:
        problem = _in_words(error, text, start)
    return _template(text, boundaries, problem) or problem


def _in_words(error: yaml.MarkedYAMLError, text: str, start: int) -> Malformed:
    mark = error.problem_mark or error.context_mark
    line = start + (mark.line if mark else 0) + 1
    lines = text.split("\n")
    # The mark may be past the end, when something that was opened is never closed.
    written = lines[line - 1] if line <= len(lines) else ""
    indentation = written[: len(written) - len(written.lstrip())]
    if "\t" in indentation:
        return Malformed(line, "not valid YAML: indented with a tab, only spaces may indent")
    match error.problem:
        case "found character that cannot start any token" if mark and written:
            problem = f'nothing can begin with "{written[mark.column]}" unless it is in quotes'
            return Malformed(line, f"not valid YAML: {problem}")
        case "mapping values are not allowed in this context":
            problem = 'a ": " where no key can be: wrong indentation, or text that needs quotes'
            return Malformed(line, f"not valid YAML: {problem}")
    message = f"not valid YAML: {error.problem}"
    if error.context and error.context_mark:
        message += f" {error.context}"
        if error.context_mark.line + start + 1 != line:
            message += f" that begins on line {error.context_mark.line + start + 1}"
    return Malformed(min(line, len(text.rstrip("\n").split("\n"))), message)


# What Helm writes between braces; not `{{ $labels.pod }}`, which alerting rules hold as text.
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:\.|/\*|\$\.|(?:block|default|define|else|end|fail|if|include|lookup|printf|quote"
    r"|range|template|toYaml|tpl|with)\b)"
)


def _template(text: str, boundaries: Boundaries, problem: Malformed) -> Malformed | None:
    """Return the problem that the broken document is a template, when it looks like one."""
    beginning = boundaries.last_before(problem.line)
    end = boundaries.next_from(problem.line)
    for number, line in enumerate(text.split("\n")[beginning:end], beginning + 1):
        if _TEMPLATE.search(line) or (number == problem.line and "{{" in line):
            return Malformed(number, TEMPLATE_MESSAGE)
    return None


# Source: yaml_parser_update_buffer of libyaml.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _blank_unreadable(text: str, boundaries: Boundaries) -> tuple[str, list[Malformed]]:
    """Blank out the documents with control characters, line by line, and tell of each."""
    lines = text.split("\n")
    problems = []
    bad = next((i for i, line in enumerate(lines) if _UNREADABLE.search(line)), None)
    while bad is not None:
        character = _UNREADABLE.findall(lines[bad])[0]
        problems.append(
            Malformed(
                bad + 1,
                f"not valid YAML: the control character U+{ord(character):04X} is not allowed",
            )
        )
        begin = boundaries.last_before(bad + 2)
        end = boundaries.next_from(bad + 1) or len(lines)
        for index in range(begin, end):
            mark = "---" if boundaries.next_from(index) == index else ""
            lines[index] = mark.ljust(len(lines[index]))
        bad = next((i for i in range(end, len(lines)) if _UNREADABLE.search(lines[i])), None)
    return "\n".join(lines), problems


# Halves of surrogate pairs stand for no character; as encoding/json of Go, put U+FFFD there.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def _parse_json(text: str) -> list[Manifest] | None:
    """Return the objects of a JSON text, None when it is none.

    Only for what the YAML parser refuses: characters written as surrogate pairs, and several
    objects one after another.
    """
    if not text.lstrip().startswith("{"):
        return None
    text = _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
    decoder = json.JSONDecoder(
        object_pairs_hook=_no_duplicates,
        parse_int=plain_value,
        parse_float=plain_value,
        parse_constant=_refuse,
    )
    found: list[Manifest] = []
    position, line = 0, 1
    length = len(text)
    while True:
        start = position
        while start < length and text[start].isspace():
            start += 1
        line += text.count("\n", position, start)
        if start == length:
            return found
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        found.append(Manifest(value, line))
        line += text.count("\n", start, position)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
