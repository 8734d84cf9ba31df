"""Reads Kubernetes objects from files, directories and standard input.

What can't be read is told with file and line, and never keeps the rest from being read.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct, field

from readiness.errors import InputError, describe_value
from readiness.gather.block_style import Manifest
from readiness.gather.manifests import (
    TEMPLATE_MESSAGE,
    Malformed,
    parse_manifests,
)

STDIN = "-"

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_SKIPPED_DIRECTORIES = frozenset({"node_modules", "vendor"})
_LARGEST_FILE = 100 * 1024 * 1024
# The mark of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
_DEEPEST_LIST = 10  # a List of Lists of ...


class SourceDocument(Struct, frozen=True):
    """A Kubernetes object and where it stands: `file` as the user named it, `line` from 1."""

    document: dict[str, Any]
    file: str
    line: int

    @property
    def place(self) -> str:
        """Where it stands, as in `web.yaml:12`."""
        return f"{self.file}:{self.line}"


class Sources(Struct):
    """What was read.

    Attributes:
        documents: Kubernetes objects, in the order of files and lines.
        errors: what could not be read.
        files: files that were opened, standard input included.
        ignored: documents in directories that are no Kubernetes objects, whole files included.
    """

    documents: list[SourceDocument] = field(default_factory=list)
    errors: list[InputError] = field(default_factory=list)
    files: int = 0
    ignored: int = 0

    def fail(self, file: str, message: str, line: int | None = None) -> None:
        """Remember what could not be read."""
        place = file if line is None else f"{file}:{line}"
        self.errors.append(InputError(f"{place}: {message}"))


def read_sources(paths: Sequence[str], stdin: BinaryIO) -> Sources:
    """Read what the paths name: files, directories with all below, `-` for standard input.

    A file named twice is read once. In a directory, files of other kinds than YAML and JSON, hidden
    directories, node_modules and vendor are left out, and what is no Kubernetes object is passed
    over; what is named itself must hold Kubernetes objects.
    """
    sources = Sources()
    seen: set[tuple[int, int]] = set()
    for path in dict.fromkeys(paths):
        if path == STDIN:
            _read(sources, STDIN, stdin, explicit=True)
        elif _is_directory(path):
            for found in _walk(path, sources, seen):
                _open(sources, found, seen, explicit=False)
        else:
            _open(sources, path, seen, explicit=True)
    return sources


def read_stream(sources: Sources, name: str, stream: BinaryIO) -> None:
    """Read one more text, such as a chart that was rendered; messages call it by a name."""
    _read(sources, name, stream, explicit=True)


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except ValueError:  # a NUL in the name
        return False


def _walk(directory: str, sources: Sources, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the files below a directory that may hold manifests, sorted, each directory once."""
    try:
        status = Path(directory).stat()
        children = sorted(Path(directory).iterdir(), key=lambda child: child.name)
    except OSError as error:
        sources.fail(_shown(directory), _reason(error))
        return
    if (status.st_dev, status.st_ino) in seen:  # a link that leads back up
        return
    seen.add((status.st_dev, status.st_ino))
    for child in children:
        if child.is_dir():
            if not child.name.startswith(".") and child.name not in _SKIPPED_DIRECTORIES:
                yield from _walk(str(child), sources, seen)
        elif child.suffix in SUFFIXES and (child.is_file() or child.is_symlink()):
            yield str(child)


def _open(sources: Sources, path: str, seen: set[tuple[int, int]], *, explicit: bool) -> None:
    if "\0" in path:
        sources.fail(_shown(path), "no such file or directory")
        return
    try:
        with Path(path).open("rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode):
                if (status.st_dev, status.st_ino) in seen:
                    return
                seen.add((status.st_dev, status.st_ino))
            _read(sources, _shown(path), stream, explicit=explicit)
    except OSError as error:
        sources.fail(_shown(path), _reason(error))


def _read(sources: Sources, file: str, stream: BinaryIO, *, explicit: bool) -> None:
    data = stream.read(_LARGEST_FILE + 1)
    sources.files += 1
    if len(data) > _LARGEST_FILE:
        sources.fail(file, f"larger than {_LARGEST_FILE // 1024**2} MiB: split it")
        return
    text = _decode(data, file, sources, explicit=explicit)
    if text is None:
        return
    empty = True
    for found in parse_manifests(text):
        if isinstance(found, Malformed):
            empty = False
            sources.fail(file, found.message, found.line)
        elif found.value is not None:
            empty = False
            _file(sources, file, found, explicit=explicit)
    if empty:
        if explicit:
            sources.fail(file, "holds no Kubernetes object")
        else:
            sources.ignored += 1


def _decode(data: bytes, file: str, sources: Sources, *, explicit: bool) -> str | None:
    """Return the text of a file, None when it is no text or can't hold a manifest."""
    for encoding, marks in _MARKS.items():
        if data.startswith(marks):
            sources.fail(file, f"written in {encoding}: save it as UTF-8", 1)
            return None
    if not explicit and b"apiVersion" not in data:
        sources.ignored += 1
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        sources.fail(file, f"not UTF-8: the byte 0x{byte:02x} can't stand here", line)
        return None


def _file(sources: Sources, file: str, manifest: Manifest, *, explicit: bool) -> None:
    """File a document: an object, several in a List, or none of Kubernetes' at all."""
    value = manifest.value
    problem = _not_an_object(value)
    if problem is None:
        _add(sources, file, manifest, value, manifest.line, 0)
    elif explicit:
        sources.fail(file, problem, manifest.line)
    else:
        sources.ignored += 1


def _not_an_object(value: object) -> str | None:
    """Return why a value is no Kubernetes object, None when it is one."""
    if not isinstance(value, dict):
        return f"not a Kubernetes object: must be a map, not {describe_value(value)}"
    missing = [key for key in ("apiVersion", "kind") if value.get(key) in (None, "")]
    if missing:
        return f"not a Kubernetes object: {' and '.join(missing)} must be set"
    for key in ("apiVersion", "kind"):
        if not isinstance(value[key], str):
            return f"not a Kubernetes object: {key} must be text, not {describe_value(value[key])}"
    return None


def _add(
    sources: Sources, file: str, manifest: Manifest, document: dict[str, Any], line: int, depth: int
) -> None:
    kind = document["kind"]
    items = document.get("items")
    if kind == "List" and document["apiVersion"] == "v1" and not isinstance(items, list):
        sources.fail(file, f"List: items must be a list, not {describe_value(items)}", line)
        return
    if not kind.endswith("List") or not isinstance(items, list):
        if _is_template(document):
            sources.fail(file, TEMPLATE_MESSAGE, line)
        else:
            sources.documents.append(SourceDocument(document, file, line))
        return
    if depth == _DEEPEST_LIST:
        sources.fail(file, f"more than {_DEEPEST_LIST} Lists in one another", line)
        return
    for index, item in enumerate(items):
        item_line = manifest.line_of(item) if depth == 0 else line
        if isinstance(item, dict) and kind != "List":
            # The API server leaves both out in the items of a DeploymentList.
            item.setdefault("apiVersion", document["apiVersion"])
            item.setdefault("kind", kind.removesuffix("List"))
        problem = _not_an_object(item)
        if problem is None:
            _add(sources, file, manifest, item, item_line, depth + 1)
        else:
            sources.fail(file, f"items[{index}]: {problem}", item_line)


def _is_template(document: dict[str, Any]) -> bool:
    """Return whether what names an object still waits to be filled in."""
    metadata = document.get("metadata")
    names = [document["kind"], document["apiVersion"]]
    if isinstance(metadata, dict):
        names += [metadata.get("name"), metadata.get("namespace")]
    return any(isinstance(name, str) and "{{" in name for name in names)


def _shown(path: str) -> str:
    """Return a path fit to be printed: what is not UTF-8 in it is replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return reason[:1].lower() + reason[1:]
