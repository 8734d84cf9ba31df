"""Changes values in the text of YAML and JSON manifests and leaves every other character alone.

A round-trip library writes the whole document anew from its memory of it: it keeps comments, but
not the indentation of lists, the alignment of values or the line breaks of long texts. So the
parser is asked only where the values are, and the text is cut and pasted there: what is not touched
stays as it is, byte for byte. After each change the text is read again: it has to say exactly what
the patched manifest says, or else the change is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from readiness.gather.manifests import Malformed, parse_manifests
from readiness.gather.scalars import plain_value
from readiness.remediate.patch import apply, keys_of_pointer, pointer

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TANGLED = "the text around it can't be changed without changing something else: do it by hand"

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest stands in a text.

    Attributes:
        part: number of the part of the text, from 0.
        item: keys that lead to the manifest; empty unless it is an item of a List.
    """

    part: int
    item: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestText:
    """The text of a file, in parts: YAML documents, and the items of a List one by one."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(self.parts)

    def place(self, line: int, name: str) -> Place:
        """Return where the manifest is that begins on a line (from 1).

        Args:
            line: the line as `read_sources` gives it.
            name: metadata.name, for items of a List that share a line.

        Raises:
            ValueError: when there is none, or more than one.
        """
        first = 1
        found = []
        for number, part in enumerate(self.parts):
            lines = part.count("\n")
            if first <= line <= first + lines:
                found += [
                    Place(number, item)
                    for item, node in _manifests(_compose(part))
                    if _line(node) + first == line and _name(node) == name
                ]
            first += lines
        if len(found) != 1:
            raise ValueError("it can't be told where in the file it stands")
        return found[0]

    def lines(self, place: Place, fields: Iterable[Sequence[str | int]]) -> list[int]:
        """Return the lines (from 1) of fields of a manifest, or of their nearest parents.

        Args:
            place: the manifest.
            fields: the keys that lead to each.

        Raises:
            ValueError: when the manifest is not there.
        """
        root = _compose(self.parts[place.part])
        first = 1 + sum(part.count("\n") for part in self.parts[: place.part])
        return [first + _line_of(root, place.item, keys) for keys in fields]

    def edited(self, place: Place, patch: Sequence[dict[str, Any]]) -> ManifestText:
        """Return the text with a JSON Patch made to one manifest.

        Raises:
            ValueError: when a change can't be made without touching something else, with the
                reason.
        """
        text = self.parts[place.part]
        wanted = apply(
            _value(text), [{**o, "path": pointer(place.item) + o["path"]} for o in patch]
        )
        for operation in patch:
            if operation["op"] == "test":
                continue
            keys = [*place.item, *keys_of_pointer(operation["path"])]
            text = _Edit(text, keys).make(operation)
        if json.dumps(_value(text), sort_keys=True) != json.dumps(wanted, sort_keys=True):
            raise ValueError(_TANGLED)
        return replace(self, parts=(*self.parts[: place.part], text, *self.parts[place.part + 1 :]))


def manifest_text(text: str) -> ManifestText:
    """Cut a text into parts that can be read alone.

    Raises:
        ValueError: when a part of it is not valid YAML.
    """
    try:
        cuts = sorted({0, *_cuts(text), len(text)})
    except (yaml.YAMLError, RecursionError):
        raise ValueError("a part of the file is not valid YAML") from None
    return ManifestText(tuple(text[a:b] for a, b in pairwise(cuts)))


def _cuts(text: str) -> Iterator[int]:  # noqa: C901, PLR0912 - one loop
    """Yield where each document but the first begins, and each item of a List.

    A part is read again at each change, so it must not be all that `kubectl get` printed. Items
    stay together when there are anchors, which one of them may share with another.
    """
    parser: Any = _Loader(text)
    depth = number = 0
    items: list[int] = []  # where those of the document that is being read begin, and the last ends
    in_items = anchors = False
    key: str | None = None  # of the top level
    while type(event := parser.get_event()) is not StreamEndEvent:
        kind = type(event)
        anchors = anchors or bool(getattr(event, "anchor", None))
        start = event.start_mark.index
        if kind is DocumentStartEvent:
            if number:
                yield start
            number += 1
            items, anchors, key = [], False, None
        elif kind is DocumentEndEvent:
            if not anchors:
                yield from items
        elif kind in (MappingEndEvent, SequenceEndEvent):
            depth -= 1
            if depth == 1 and in_items:
                in_items = False
                if items:
                    items.append(text.rfind("\n", 0, start) + 1)
        else:
            if depth == 2 and in_items:
                begin = text.rfind("\n", 0, start) + 1
                if text[begin:start].strip() == "-":
                    items.append(begin)
            if depth == 1:
                is_items = key == "items" and kind is SequenceStartEvent and not event.flow_style
                in_items = is_items
                key = getattr(event, "value", None) if key is None else None
            if kind in (MappingStartEvent, SequenceStartEvent):
                depth += 1


def _manifests(root: Node) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Yield the document itself and, when it is a List, its items; those alone of a part of one."""
    if isinstance(root, SequenceNode):
        for index, item in enumerate(root.value):
            yield (index,), item
        return
    yield (), root
    items = _find(root, "items") if isinstance(root, MappingNode) else None
    if items is not None and isinstance(items[1], SequenceNode):
        for index, item in enumerate(items[1].value):
            yield ("items", index), item


def _line(node: Node) -> int:
    return int(node.start_mark.line)


def _line_of(root: Node, item: Sequence[str | int], keys: Sequence[str | int]) -> int:
    """Return the line (from 0) of the innermost field there is on the way that keys lead."""
    node = root
    line = _line(root)
    for key in (*item, *keys):
        if isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = _line(node)
        elif isinstance(node, MappingNode) and (pair := _find(node, str(key))):
            line, node = _line(pair[0]), pair[1]
        else:
            break
    return line


def _name(node: Node) -> str | None:
    metadata = _find(node, "metadata") if isinstance(node, MappingNode) else None
    if metadata is None or not isinstance(metadata[1], MappingNode):
        return None
    name = _find(metadata[1], "name") or _find(metadata[1], "generateName")
    return None if name is None else str(name[1].value)


def _compose(text: str) -> Node:
    try:
        node: Node | None = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError):
        raise ValueError("it is not valid YAML") from None
    if node is None:
        raise ValueError("it holds nothing")
    return node


def _find(node: MappingNode, key: str) -> tuple[Node, Node] | None:
    """Return a key of a map and its value; what a merge brings in is not found."""
    return next((pair for pair in node.value if pair[0].value == key), None)


def _value(text: str) -> Any:
    """Return what a part of a text says."""
    found = list(parse_manifests(text))
    if len(found) != 1 or isinstance(found[0], Malformed):
        raise ValueError(_TANGLED)
    return found[0].value


class _Edit:
    """One change to a text that holds one YAML document."""

    def __init__(self, text: str, keys: Sequence[str | int]) -> None:
        self._text = text
        self._keys = [str(key) for key in keys]
        root = _compose(text)
        self._shared = _shared_nodes(root)
        self._is_json = text.lstrip("\ufeff \t\r\n").startswith("{")
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._indent, self._dash_indent = _style(root)
        self._parent = self._descend(root)

    def _descend(self, root: Node) -> MappingNode | SequenceNode:
        node = root
        for key in self._keys[:-1]:
            node = self._child(node, key)
        self._require_own(node)
        if not isinstance(node, MappingNode | SequenceNode):
            raise ValueError(f"{self._name} is neither a map nor a list")  # noqa: TRY004 - not a bug
        return node

    def _child(self, node: Node, key: str) -> Node:
        self._require_own(node)
        if isinstance(node, SequenceNode) and key.isdecimal() and int(key) < len(node.value):
            child: Node = node.value[int(key)]
            return child
        if isinstance(node, MappingNode) and (pair := _find(node, key)):
            return pair[1]
        raise ValueError(f"{key} comes from an anchor (`<<`): change it there by hand")

    def _require_own(self, node: Node) -> None:
        if id(node) in self._shared:
            raise ValueError("an anchor or alias shares it with another place: change it by hand")

    @property
    def _name(self) -> str:
        return ".".join(self._keys)

    def make(self, operation: dict[str, Any]) -> str:
        """Return the text with the change made."""
        key = self._keys[-1]
        parent = self._parent
        if operation["op"] == "remove":
            return self._remove(self._index(key))
        value = operation["value"]
        if isinstance(parent, MappingNode):
            pair = _find(parent, key)
            return self._insert(key, value) if pair is None else self._replace(pair, value)
        if operation["op"] == "add" and int(key) == len(parent.value) > 0:
            return self._insert(None, value)
        raise ValueError(f"{self._name} can't be changed in the text")

    def _index(self, key: str) -> int:
        if isinstance(self._parent, SequenceNode):
            return int(key)
        for index, (name, _) in enumerate(self._parent.value):
            if name.value == key:
                return index
        raise ValueError(f"{key} comes from an anchor (`<<`): change it there by hand")

    # Where things are

    def _entries(self) -> list[tuple[int, int]]:
        """Return where each entry of the parent begins and ends; in a block list, at the dash."""
        entries = []
        for entry in self._parent.value:
            if isinstance(entry, tuple):
                entries.append((entry[0].start_mark.index, self._end(entry[1], entry[0])))
            else:
                self._require_own(entry)
                start = entry.start_mark.index
                if not self._parent.flow_style:
                    start = self._text.rindex("-", 0, start)
                entries.append((start, self._end(entry, None)))
        return entries

    def _end(self, node: Node, key: Node | None) -> int:
        """Return where the text of a value ends, space and comments after it left out."""
        start, end = node.start_mark.index, node.end_mark.index
        if key is not None and start < key.end_mark.index:  # an alias: the node is elsewhere
            alias = re.compile(r"\s*:\s*\*[^\s,\]}]+").match(self._text, key.end_mark.index)
            if alias is None:
                raise ValueError(f"{self._name} can't be found in the text")
            return alias.end()
        if isinstance(node, ScalarNode):
            if start == end and key is not None:  # nothing after the colon
                return max(start, self._text.index(":", key.end_mark.index) + 1)
            if node.style in ("|", ">"):
                return start + len(self._text[start:end].rstrip())
            return int(end)
        if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
            return int(end)
        last = node.value[-1]
        return self._end(last[1], last[0]) if isinstance(last, tuple) else self._end(last, None)

    def _column(self, index: int) -> int:
        return index - self._line_start(index)

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Return where the line ends, before its line break."""
        end = self._text.find("\n", index)
        if end < 0:
            return len(self._text)
        return end - 1 if self._text[end - 1] == "\r" and end > index else end

    def _begins_line(self, index: int) -> bool:
        return not self._text[self._line_start(index) : index].strip()

    def _cut(self, start: int, end: int, between: str = "") -> str:
        return self._text[:start] + between + self._text[end:]

    # Changes

    def _insert(self, key: str | None, value: Any) -> str:
        """Add an entry after the last one of the parent."""
        if not self._parent.value:
            start, end = self._parent.start_mark.index, self._parent.end_mark.index
            opening = self._text.index("{" if key is not None else "[", start)
            return self._cut(opening + 1, end - 1, self._flow_entry(key, value))
        start, end = self._entries()[-1]
        if self._parent.flow_style:
            if not self._begins_line(start):
                return self._cut(end, end, f", {self._flow_entry(key, value)}")
            margin = self._text[self._line_start(start) : start]
            entry = self._flow_entry(key, value, margin)
            return self._cut(end, end, f",{self._newline}{margin}{entry}")
        lines = (
            _block_item(value, self._column(start), self)
            if key is None
            else _block_entry(key, value, self._column(start), self)
        )
        end = self._line_end(end)
        return self._cut(end, end, "".join(f"{self._newline}{line}" for line in lines))

    def _replace(self, pair: tuple[Node, Node], value: Any) -> str:
        key, node = pair
        self._require_own(node)
        start, end = node.start_mark.index, self._end(node, key)
        colon = self._text.index(":", key.end_mark.index) + 1
        if self._parent.flow_style or _is_short(value):
            written = self._flow(value)
        else:
            if "\n" in self._text[colon:end]:
                raise ValueError(f"{self._name} is written over several lines")
            after = self._line_end(end)
            column = self._column(key.start_mark.index)
            lines = _block_entry(str(key.value), value, column, self)[1:]
            block = "".join(f"{self._newline}{line}" for line in lines)
            return self._cut(colon, after, self._text[end:after] + block)
        if start == node.end_mark.index:  # nothing was there
            return self._cut(colon, colon, f" {written}")
        if isinstance(node, ScalarNode) and node.style in ("'", '"') and isinstance(value, str):
            written = node.style + written.strip("\"'") + node.style
        if "\n" in self._text[colon:start]:
            start = colon
            written = f" {written}"
        return self._cut(start, end, written)

    def _remove(self, index: int) -> str:
        entries = self._entries()
        start, end = entries[index]
        if len(entries) == 1:
            empty = "{}" if isinstance(self._parent, MappingNode) else "[]"
            if self._parent.flow_style:
                begin = self._text.index(empty[0], self._parent.start_mark.index)
                return self._cut(begin, self._parent.end_mark.index, empty)
            return self._cut(start, end, empty)
        if self._parent.flow_style:
            if index + 1 < len(entries):
                return self._join(start, entries[index + 1][0], end)
            return self._join(entries[index - 1][1], end, entries[index - 1][1], start)
        if self._begins_line(start):
            end = self._line_end(end)
            begin = self._line_start(start)
            if end == len(self._text):  # the last line has no line break: the one before keeps none
                return self._cut(max(begin - len(self._newline), 0), end)
            return self._cut(begin, self._text.index("\n", end) + 1)
        # The first key of an item, after its dash: the next one takes its place.
        return self._join(start, entries[index + 1][0], self._line_end(end))

    def _join(self, start: int, end: int, first: int, last: int | None = None) -> str:
        """Cut a stretch out, unless there is a comment in the part of it that is no value."""
        if "#" in self._text[first : end if last is None else last]:
            raise ValueError(_TANGLED)
        return self._cut(start, end)

    # How values are written

    def _flow_entry(self, key: str | None, value: Any, margin: str | None = None) -> str:
        if key is None:
            return self._flow(value, margin)
        return f"{self._flow(key)}: {self._flow(value, margin)}"

    def _flow(self, value: Any, margin: str | None = None) -> str:
        if self._is_json:
            if margin is None:
                return json.dumps(value, ensure_ascii=False)
            written = json.dumps(value, ensure_ascii=False, indent=self._indent)
            return written.replace("\n", f"{self._newline}{margin}")
        if isinstance(value, dict):
            return "{" + ", ".join(f"{_scalar(k)}: {self._flow(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._flow(item) for item in value) + "]"
        return _scalar(value)

    def block(self, value: Any, column: int) -> list[str]:
        """Return the lines of a value that stands below its key, which stands at a column."""
        if isinstance(value, dict):
            below = column + self._indent
            return [line for k, v in value.items() for line in _block_entry(k, v, below, self)]
        below = column + self._dash_indent
        return [line for item in value for line in _block_item(item, below, self)]

    def inline(self, value: Any) -> str:
        """Return a value as it is written after its key on the same line."""
        return self._flow(value)


def _block_entry(key: str, value: Any, column: int, edit: _Edit) -> list[str]:
    margin = " " * column
    if _is_short(value):
        return [f"{margin}{_scalar(key)}: {edit.inline(value)}"]
    return [f"{margin}{_scalar(key)}:", *edit.block(value, column)]


def _block_item(value: Any, column: int, edit: _Edit) -> list[str]:
    margin = " " * column
    if not isinstance(value, dict) or not value:
        return [f"{margin}- {edit.inline(value)}"]
    lines = [line for k, v in value.items() for line in _block_entry(k, v, column + 2, edit)]
    return [f"{margin}- {lines[0].lstrip()}", *lines[1:]]


def _is_short(value: Any) -> bool:
    """Return whether a value is written on the line of its key: a scalar, or a list of them."""
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict) or not value


def _scalar(value: Any) -> str:
    """Return a scalar as YAML, in quotes where it would be read as something else."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and plain_value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _shared_nodes(root: Node) -> set[int]:
    """Return the nodes that stand in more than one place, by `id()`."""
    seen: set[int] = set()
    shared: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            shared.add(id(node))
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value
    return shared


def _style(root: Node) -> tuple[int, int]:
    """Return by how much the document indents maps in maps, and lists in maps: of the first."""
    indent = dash = None
    waiting = [root]
    while waiting and (indent is None or dash is None):
        node = waiting.pop(0)
        if isinstance(node, SequenceNode):
            waiting += node.value
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                inside = value.start_mark.column - key.start_mark.column
                below = value.start_mark.line > key.start_mark.line
                if isinstance(value, MappingNode) and value.value:
                    first = value.value[0][0].start_mark
                    if indent is None and first.line > key.start_mark.line:
                        indent = first.column - key.start_mark.column
                elif isinstance(value, SequenceNode) and below and not value.flow_style:
                    dash = inside if dash is None else dash
                waiting.append(value)
    return max(indent or 2, 1), max(dash or 0, 0)
