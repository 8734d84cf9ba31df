"""Reads manifests in the plain block style, which is how almost all are written, line by line.

libyaml makes an object of each event, and a value of those: 0.3 s for 1.7 MB (measured). Here a
line is looked up in what earlier lines of the same text meant, since manifests repeat themselves:
a fifth of that, and most runs need not import the YAML library at all.

Only what cannot mean anything else is read: maps and lists by indentation; keys, numbers, words,
and text in quotes on one line; comments. Everything else, and all that is wrong, is left to the
YAML library: `read_block` then says None. tests/gather compares both on every manifest there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from readiness.gather.scalars import plain_value
from readiness.model.fields import join


class Manifest(Struct, frozen=True, eq=False):
    """One document of a text: any value, and the line (from 1) its content begins on.

    Attributes:
        item_lines: for the maps in lists of the document's top level, by `id()` of the map: the
            items of a List are objects of their own.
    """

    value: Any
    line: int
    item_lines: dict[int, int] = field(default_factory=dict)

    def line_of(self, item: object) -> int:
        """Return the line of an item of a List, as near as is known."""
        return self.item_lines.get(id(item), self.line)


_DEEPEST = 100  # levels; the YAML library may judge what is nested deeper

_COMMENT = r"#[^\x00-\x1f\x7f]*"
# No indicator at its beginning, neither ": " nor " #" in it.
_PLAIN = (
    r"(?:[A-Za-z0-9_./]|-(?=[!-~]))"
    r"(?:[!\"$-9;-~]|:(?=[!-~])|#| +(?=[!\"$-9;-~]))*"
)
_WORD = "[A-Za-z_][A-Za-z0-9_./-]*"
_LINE = re.compile(
    r"( *)(- +)?"
    # libyaml refuses keys of more than 1,024 characters.
    r"(?:([A-Za-z_][A-Za-z0-9_./-]{0,250}):(?![^ ]) *)?"
    rf"(?:({_PLAIN})"
    rf"|\"([^\"\\\x00-\x1f\x7f]*)\"|'([^'\x00-\x1f\x7f]*)'"
    rf"|\[ *((?:{_WORD}(?: *, *{_WORD})*)?) *\]|(\{{ *\}}))?"
    rf"(?: *| +{_COMMENT})"
)
_EMPTY_LINE = re.compile(rf" *(?:{_COMMENT})?")
_START = re.compile(rf"---(?: *| +{_COMMENT})")

_SCALAR, _COLLECTION, _BELOW = 0, 1, 2
_NO_DASH: Final = -1


class _Line(NamedTuple):
    """What a line means.

    Attributes:
        dash: column of the dash of a list item, or _NO_DASH.
        column: of the key, or of what stands there without one.
        key: None for an item without one.
        kind: whether the value is a scalar, a list or map of its own, or below.
    """

    dash: int
    column: int
    key: str | None
    kind: int
    value: Any


_EMPTY = _Line(_NO_DASH, 0, None, _BELOW, None)


@lru_cache(maxsize=1 << 14)
def _read_line(text: str) -> _Line | None:  # noqa: C901 - one case after another
    """Return what a line means, None when only the YAML library can tell."""
    if not text.isascii() and not text.isprintable():  # line breaks of Unicode, among others
        return None
    match = _LINE.fullmatch(text)
    if match is None:
        return _EMPTY if _EMPTY_LINE.fullmatch(text) else None
    spaces, dashed, named, plain, double, single, words, empty_map = match.groups()
    if dashed is named is None:
        return None if text.strip(" ") else _EMPTY
    dash, column = _NO_DASH, len(spaces)
    if dashed is not None:
        dash, column = column, column + len(dashed)
    kind, value = _SCALAR, None
    try:
        key = None if named is None else plain_value(named)
        if plain is not None:
            value = plain_value(plain)
        elif double is not None:
            value = double
        elif single is not None:
            value = single
        elif words is not None:
            kind, value = _COLLECTION, [plain_value(w.strip(" ")) for w in words.split(",") if w]
        elif empty_map is not None:
            kind, value = _COLLECTION, {}
        else:
            kind = _BELOW
    except ValueError:  # infinity and the like
        return None
    # A bare `on` is a key and no text; a dash with nothing behind it has its value below.
    if (named is not None and type(key) is not str) or (named is None and kind == _BELOW):
        return None
    return _Line(dash, column, key, kind, value)


_FLOW = re.compile(
    r"( *)(- +)?(?:([A-Za-z_][A-Za-z0-9_./-]{0,250}): +)?"
    r"[\[{](?:[^\"'#&*!|>\x00-\x1f]|\"[^\"\\{}\[\]]*\"|'[^'{}\[\]]*')*[\]}]"
    rf"(?: *| +{_COMMENT})"
)


@lru_cache(maxsize=1 << 12)
def _read_flow(text: str) -> _Line | None:
    """Return where a list or map stands that is written on one line, None for all else.

    For lines of fields that is enough: whatever is in it stands on the same one. One that goes on
    below has a line there that nothing can read as block style.
    """
    match = _FLOW.fullmatch(text)
    if match is None or match[2] is match[3] is None:
        return None
    dash, column = _NO_DASH, len(match[1])
    if match[2] is not None:
        dash, column = column, column + len(match[2])
    return _Line(dash, column, match[3], _SCALAR, None)


def is_empty(lines: Iterable[str]) -> bool:
    """Return whether lines hold nothing but comments."""
    return all(_read_line(text) is _EMPTY for text in lines)


def read_block(lines: Iterable[str], first: int) -> Manifest | None:  # noqa: C901, PLR0912 - one loop
    """Return the document that lines hold, None when only the YAML library can tell.

    The one loop over all that is read, so it keeps its state in local variables, as the one in
    `yaml_values` does: what is being filled with the column of its keys or dashes, the key that
    waits for its value, and what was around them.

    Args:
        lines: of one document, from its `---` or the beginning of the text on.
        first: number of the first of them, from 1.
    """
    container: Any = {}
    root, column = container, 0
    waiting: str | None = None
    around: list[tuple[Any, int]] = []
    item_lines: dict[int, int] = {}
    first_line = 0
    for number, text in enumerate(lines, first):
        line = _read_line(text)
        if line is None:
            if number == first and _START.fullmatch(text):
                continue
            return None
        if line is _EMPTY:
            continue
        dash, at, key, kind, value = line
        start = at if dash < 0 else dash
        if waiting is not None:
            if start > column or (start == column and dash >= 0 and type(container) is dict):
                if key is None and dash < 0:
                    return None
                below: Any = {} if dash < 0 else []
                container[waiting] = below
                around.append((container, column))
                container, column = below, start
            waiting = None
        while start < column:
            container, column = around.pop()
        if start != column or len(around) > _DEEPEST:
            return None
        if dash >= 0:
            if type(container) is not list:
                return None
            if key is None:
                container.append(value if kind == _SCALAR else value.copy())
                continue
            item: dict[str, Any] = {}
            container.append(item)
            around.append((container, column))
            container, column = item, at
            if len(around) == 2:
                item_lines[id(item)] = number
        elif type(container) is list:  # of dashes below their key: the key after them ends it
            container, column = around.pop()
            if start != column or type(container) is list:
                return None
        if key is None or key in container:
            return None
        if kind == _SCALAR:
            container[key] = value
        elif kind == _BELOW:
            container[key] = None
            waiting = key
        else:
            container[key] = value.copy()
        if not first_line:
            first_line = number
    return Manifest(root, first_line, item_lines) if first_line else None


def field_lines(  # noqa: C901 - one loop, as above
    lines: Iterable[str], first: int
) -> dict[str, int] | None:
    """Return the line of every field by its path as findings write it, list items included.

    None when only a parser can tell.

    Args:
        lines: of a document that could be read, without its `---`.
        first: number of the first of them, from 1.
    """
    found: dict[str, int] = {}
    path, column, items = "", 0, _NO_DASH  # of a list: how many items came before
    waiting: str | None = None
    around: list[tuple[str, int, int]] = []
    for number, text in enumerate(lines, first):
        line = _read_line(text) or _read_flow(text)
        if line is None:
            return None
        if line is _EMPTY:
            continue
        dash, at, key, kind, _ = line
        start = at if dash < 0 else dash
        if waiting is not None:
            if start > column or (start == column and dash >= 0 and items < 0):
                around.append((path, column, items))
                path, column, items = waiting, start, 0 if dash >= 0 else _NO_DASH
            waiting = None
        while start < column:
            path, column, items = around.pop()
        if start != column or (dash >= 0 and items < 0):
            return None
        if dash >= 0:
            item = f"{path}[{items}]"
            items += 1
            found[item] = number
            if key is None:
                continue
            around.append((path, column, items))
            path, column, items = item, at, _NO_DASH
        elif items >= 0:
            path, column, items = around.pop()
        if key is None:
            return None
        field_path = join(path, key)
        found[field_path] = number
        if kind == _BELOW:
            waiting = field_path
    return found
