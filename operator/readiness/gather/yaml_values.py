"""Turns YAML into values as the tools of Kubernetes do.

kubectl, helm and the API server parse manifests with sigs.k8s.io/yaml: YAML 1.1 made into JSON.
So `on`, `yes` and `y` are booleans, `0644` is octal, `1e3` is 1000, keys are always text, and a
date or `1:30` stays text. The same holds here (compared with kubectl 1.36, value by value).
Stricter: a key that stands twice in one map is an error, as it is for the API server that is given
the YAML itself; kubectl takes the last and says nothing. tests/gather compares odd documents.

The parser's events are turned into values here, without recursion and with bounds: a manifest can
come from anybody, so neither deep nesting nor aliases of aliases may take the process down.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from readiness.errors import describe_value
from readiness.gather.block_style import Manifest
from readiness.gather.scalars import is_integer, plain_value

_DEEPEST = 500  # levels; the deepest schemas of real CRDs have about 60
_MOST_ALIASED = 1_000_000  # values that aliases may stand for in one document

# Without libyaml, PyYAML has the same events from Python code, ten times slower.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MalformedError(Exception):
    """A document is well-formed YAML and no manifest; the line counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


_NO_KEY = object()
_MERGE = object()


def parse_yaml(text: str) -> Iterator[Manifest]:
    """Yield the documents of a text up to the first that is broken."""
    parser = _Parser(text)
    next_event: Callable[[], Event] = parser.get_event
    while True:
        event = next_event()
        if type(event) is StreamEndEvent:
            return
        if type(event) is DocumentStartEvent:
            yield _document(next_event)


def _document(next_event: Callable[[], Any]) -> Manifest:  # noqa: C901, PLR0912, PLR0915 - one loop
    """Build the value of one document from the parser's events.

    The one loop over all that is read, so it keeps its state in local variables: the container that
    is being filled, the key of a map that waits for its value, and what was around them.
    """
    container: Any = []  # holds the document
    key: Any = _NO_KEY
    anchor: str | None = None
    merged: set[str] | None = None  # keys that came by `<<`, which others may override
    started = 0  # values before it
    around: list[tuple[Any, Any, str | None, set[str] | None, int]] = []
    anchors: dict[str, tuple[Any, int] | None] = {}  # None while it is being built
    item_lines: dict[int, int] = {}
    values = aliased = 0  # all, and those that aliases stand for
    first_line = 0
    while True:
        event = next_event()
        kind = type(event)
        is_merge = False
        if kind is ScalarEvent:
            values += 1
            implicit = event.implicit
            if implicit[0] and event.tag is None:
                text = event.value
                try:
                    value = plain_value(text)
                except ValueError as error:
                    raise MalformedError(event.start_mark.line + 1, str(error)) from None
                is_merge = text == "<<"
            elif implicit[1]:
                value = event.value
            else:
                value = _tagged(event)
                is_merge = event.tag == _MERGE_TAG and event.value == "<<"
            if event.anchor:
                anchors[event.anchor] = value, 1
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if len(around) >= _DEEPEST:
                raise MalformedError(
                    event.start_mark.line + 1, f"nested more than {_DEEPEST} levels deep"
                )
            around.append((container, key, anchor, merged, started))
            container = {} if kind is MappingStartEvent else []
            key, anchor, merged, started = _NO_KEY, event.anchor, None, values
            values += 1
            if anchor:
                anchors[anchor] = None
            if len(around) == 3:  # the document, its list, an item of it
                item_lines[id(container)] = event.start_mark.line + 1
            elif len(around) == 1:
                first_line = event.start_mark.line + 1
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value = container
            if anchor:
                anchors[anchor] = value, values - started
            container, key, anchor, merged, started = around.pop()
        elif kind is AliasEvent:
            value, size = _anchored(event, anchors)
            values += size
            aliased += size
            if aliased > _MOST_ALIASED:
                raise MalformedError(
                    event.start_mark.line + 1,
                    f"aliases make this document larger than {_MOST_ALIASED:,} values",
                )
        else:  # the end of the document
            break
        if type(container) is list:
            container.append(value)
            if not first_line:
                first_line = event.start_mark.line + 1
        elif key is _NO_KEY:
            if is_merge:
                key = _MERGE
                continue
            key = value if type(value) is str else _key(value, event)
            if key in container and (merged is None or key not in merged):
                raise MalformedError(
                    event.start_mark.line + 1, f'the key "{key}" stands twice in one map'
                )
        elif key is _MERGE:
            merged = merged or set()
            _merge(container, value, merged, event)
            key = _NO_KEY
        else:
            container[key] = value
            if merged:
                merged.discard(key)
            key = _NO_KEY
    return Manifest(container[0] if container else None, first_line or 1, item_lines)


def _anchored(event: AliasEvent, anchors: dict[str, tuple[Any, int] | None]) -> tuple[Any, int]:
    name = event.anchor or ""
    line = _line(event)
    if name not in anchors:
        raise MalformedError(line, f"the alias *{name} names no anchor before it")
    found = anchors[name]
    if found is None:
        raise MalformedError(line, f"the alias *{name} stands inside what it names")
    return found


def _merge(container: dict[str, Any], value: Any, merged: set[str], event: Event) -> None:
    """Put the keys of other maps into one; in a list of maps the earlier win."""
    sources = list(reversed(value)) if type(value) is list else [value]
    for source in sources:
        if type(source) is not dict:
            raise MalformedError(
                _line(event),
                f"<< must be given a map or a list of maps, not {describe_value(source)}",
            )
        container.update(source)
        merged.update(source)


def _key(value: Any, event: Event) -> str:
    """Return a key as JSON has it: always text."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            raise MalformedError(_line(event), f"a key must be text, not {describe_value(value)}")


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


_CORE = "tag:yaml.org,2002:"
_MERGE_TAG = f"{_CORE}merge"
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int, float),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}


def _tagged(event: ScalarEvent) -> Any:
    """Return the value of a scalar with a tag; tags other than YAML's own mean nothing."""
    tag = (event.tag or "").removeprefix(_CORE)
    if tag == "binary":
        try:
            encoded = event.value.replace("\n", "").replace("\r", "")
            return base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            raise MalformedError(_line(event), "!!binary must be base64 of UTF-8 text") from None
    if tag not in _TYPES:
        return event.value
    try:
        value = plain_value(event.value)
    except ValueError as error:
        raise MalformedError(_line(event), str(error)) from None
    right = isinstance(value, _TYPES[tag]) and (tag == "bool") is isinstance(value, bool)
    if not right or (tag == "int" and not is_integer(event.value)):
        raise MalformedError(_line(event), f"!!{tag} can't be {describe_value(event.value)}")
    return value
