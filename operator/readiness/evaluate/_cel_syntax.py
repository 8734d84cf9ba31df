"""The syntax tree of a compiled CEL expression, as far as our own rules look at it.

The library gives no tree, but it serialises a compiled expression as `cel.expr.CheckedExpr`
(cel-spec, proto/cel/expr/checked.proto and syntax.proto). These are some thirty lines of the wire
format of protocol buffers instead of a dependency on generated classes for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

NodeKind = Literal["constant", "name", "select", "call", "list", "map", "struct", "loop"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree.

    Attributes:
        kind: what it is.
        offset: where it stands in the expression, in characters; -1 when unknown.
        name: of a variable, field or function; of a loop, its variable.
        value: text of a constant that is text, else None.
        type: its type as the checker found it, in the form of the wire; b"" when unknown.
        overloads: of a call, which of the function's forms may be meant.
        children: of a select its operand; of a call target and arguments; of a loop its range.
        body: of a loop: what is evaluated for every element.
        tested: of a select, whether it stands in has().
        transform: of a loop that makes a list, as map and filter do: what goes into the list; None
            for other loops.
    """

    kind: NodeKind
    offset: int
    name: str = ""
    value: str | None = None
    type: bytes = b""
    overloads: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    body: tuple[Node, ...] = ()
    tested: bool = False
    transform: Node | None = None

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in (*self.children, *self.body):
            yield from child.walk()


def parse_checked(serialised: bytes) -> Node:
    """Return the tree of what `Expression.serialize()` gave."""
    checked = _message(_first(_message(serialised), 2))  # wrapped in google.protobuf.Any
    return _Reader(checked).node(_first(checked, 4))


_Message = dict[int, list[Any]]


@dataclass(slots=True)
class _Reader:
    checked: _Message
    overloads: dict[int, tuple[str, ...]] = field(init=False)
    types: dict[int, bytes] = field(init=False)
    offsets: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.overloads = {
            id: tuple(text.decode() for text in _message(reference).get(3, ()))
            for id, reference in _entries(self.checked.get(2, ()))
        }
        self.types = dict(_entries(self.checked.get(3, ())))
        source = _message(_first(self.checked, 5, b""))
        self.offsets = {
            _first(entry, 1, 0): _first(entry, 2, 0) for entry in map(_message, source.get(4, ()))
        }

    def node(self, data: bytes) -> Node:
        """Return the node that an Expr message describes."""
        message = _message(data)
        id = _first(message, 2, 0)
        at: dict[str, Any] = {
            "offset": self.offsets.get(id, -1),
            "type": self.types.get(id, b""),
        }
        if 3 in message:
            text = _message(message[3][0]).get(6)
            return Node("constant", value=text[0].decode() if text else None, **at)
        if 4 in message:
            return Node("name", name=_text(_message(message[4][0]), 1), **at)
        if 5 in message:
            select = _message(message[5][0])
            return Node(
                "select",
                name=_text(select, 2),
                children=self.nodes(select, 1),
                tested=bool(_first(select, 3, 0)),
                **at,
            )
        if 6 in message:
            call = _message(message[6][0])
            return Node(
                "call",
                name=_text(call, 2),
                children=(*self.nodes(call, 1), *self.nodes(call, 3)),
                overloads=self.overloads.get(id, ()),
                **at,
            )
        if 7 in message:
            return Node("list", children=self.nodes(_message(message[7][0]), 1), **at)
        if 8 in message:
            struct = _message(message[8][0])
            entries = [_message(entry) for entry in struct.get(2, ())]
            parts = [part for e in entries for part in (*self.nodes(e, 3), *self.nodes(e, 4))]
            name = _text(struct, 1)
            return Node("struct" if name else "map", name=name, children=tuple(parts), **at)
        return self.loop(_message(message[9][0]), at)

    def loop(self, fields: _Message, at: dict[str, Any]) -> Node:
        """Return a loop; macros leave no other trace than its shape (cel-spec, Macros)."""
        accumulator = _text(fields, 3)
        step = self.node(_first(fields, 6))
        makes_list = self.node(_first(fields, 4)).kind == "list"
        return Node(
            "loop",
            name=_text(fields, 1),
            children=self.nodes(fields, 2),
            body=tuple(_without(accumulator, step)),
            transform=_added(step) if makes_list else None,
            **at,
        )

    def nodes(self, message: _Message, number: int) -> tuple[Node, ...]:
        return tuple(self.node(data) for data in message.get(number, ()))


def _without(accumulator: str, step: Node) -> Iterator[Node]:
    """Yield what a person wrote of a loop's step: the parts that are not the macro's own."""
    if any(n.kind == "name" and n.name == accumulator for n in step.walk()):
        for child in step.children:
            yield from _without(accumulator, child)
    elif step.kind == "list":  # the one element that map and filter add
        yield from step.children
    else:
        yield step


def _added(step: Node) -> Node:
    """Return what map adds to its list: `@result + [x]`, or `condition ? @result + [x] : ...`."""
    if step.name == "_?_:_":
        step = step.children[1]
    return step.children[1].children[0]


def _message(data: bytes) -> _Message:
    """Return the fields of a message by number: integers and bytes, in their order."""
    fields: _Message = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        value: Any
        if wire == 0:
            value, position = _varint(data, position)
        else:
            length = 8
            if wire == 2:
                length, position = _varint(data, position)
            elif wire == 5:
                length = 4
            value = data[position : position + length]
            position += length
        fields.setdefault(number, []).append(value)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _entries(entries: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    for entry in map(_message, entries):
        yield _first(entry, 1, 0), _first(entry, 2, b"")


def _first(message: _Message, number: int, default: Any = None) -> Any:
    values = message.get(number)
    return values[0] if values else default


def _text(message: _Message, number: int) -> str:
    text: bytes = _first(message, number, b"")
    return text.decode()
