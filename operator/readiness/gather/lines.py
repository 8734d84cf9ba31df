"""Finds the lines of fields, for those manifests alone in which something was found.

Most manifests are written in the block style, where indentation tells the way to a field and
nothing has to be parsed. The YAML library, ten times slower, is asked for all else: JSON, anchors,
texts of several lines.
"""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from readiness.gather.block_style import field_lines
from readiness.remediate.patch import keys_of

if TYPE_CHECKING:
    from readiness.gather.roundtrip import ManifestText


class Rendered(Struct, frozen=True):
    """A text that stands in no file: standard input, or what a tool rendered.

    Attributes:
        data: all of it.
        chart: directory of the Helm chart it was rendered from; empty where there is none.
        source: the file it was made from, where the text itself does not tell; else empty.
    """

    data: bytes
    chart: str = ""
    source: str = ""


class Location(Struct, frozen=True):
    """Where a manifest and its fields stand.

    Attributes:
        lines: by field path, from 1; of fields that are absent the nearest parent.
        template: what it was made from, where the lines are those of a rendered text.
    """

    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    template: str = ""


class Locator:
    """Knows the texts that manifests came from: files are read again, others it was given."""

    def __init__(self, rendered: Mapping[str, Rendered]) -> None:
        self._rendered = rendered
        self._texts: dict[str, _Text | None] = {}
        self._templates: dict[str, _Template | None] = {}

    def locate(self, file: str, line: int, name: str, paths: Iterable[str]) -> Location:
        """Return where fields of a manifest are; without its text, only where it begins.

        Args:
            file: as `read_sources` gives it.
            line: likewise: where the manifest begins.
            name: metadata.name, for items of a List that share a line.
            paths: fields, written as in findings.
        """
        text = self._text(file)
        if text is None:
            return Location(file, line)
        rendered = self._rendered.get(file)
        source = "" if rendered is None else text.source(line) or rendered.source
        if source and rendered is not None and rendered.chart:
            return self._in_template(f"{rendered.chart}/{source.partition('/')[2]}", paths)
        return Location(file, line, text.lines(line, name, paths), source)

    def _text(self, file: str) -> _Text | None:
        if file not in self._texts:
            rendered = self._rendered.get(file)
            self._texts[file] = _Text.read(file) if rendered is None else _Text.of(rendered.data)
        return self._texts[file]

    def _in_template(self, file: str, paths: Iterable[str]) -> Location:
        if file not in self._templates:
            self._templates[file] = _Template.read(file)
        template = self._templates[file]
        if template is None:  # a chart packed inside the chart
            return Location(file, 1)
        return Location(
            file, template.line_of("kind"), {path: template.line_of(path) for path in paths}
        )


class _Text:
    """The text of a file with manifests."""

    def __init__(self, text: str) -> None:
        self._whole = text
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._boundaries = [n for n, row in enumerate(self._lines) if row.startswith("---")]
        self._parts: ManifestText | None = None

    @classmethod
    def of(cls, data: bytes) -> _Text:
        return cls(data.decode("utf-8-sig", "replace"))

    @classmethod
    def read(cls, file: str) -> _Text | None:
        path = Path(file)
        try:
            # Whoever reads a pipe a second time waits for ever.
            return cls.of(path.read_bytes()) if path.is_file() else None
        except (OSError, ValueError):
            return None

    def source(self, line: int) -> str:
        """Return what the comment `# Source:` above a manifest names; empty without one."""
        for text in reversed(self._lines[: line - 1]):
            if text.startswith("# Source: "):
                return text.removeprefix("# Source: ").strip()
            if text.strip() and not text.startswith("#"):
                return ""
        return ""

    def lines(self, line: int, name: str, paths: Iterable[str]) -> dict[str, int]:
        """Return the lines of fields of the manifest that begins on a line."""
        known = self.indented(line)
        if known is None:
            return self._parsed(line, name, paths)
        return {path: _nearest(path, known, line) for path in paths}

    def indented(self, line: int) -> dict[str, int] | None:
        """Return the lines of all fields of a manifest in the block style, None of any other."""
        number = bisect_left(self._boundaries, line)
        ends = self._boundaries[number : number + 1]
        lines = self._lines[line - 1 : ends[0] if ends else None]
        item = _ITEM.match(lines[0])
        if item is not None:  # of a List: what is not as far to the right belongs to the next one
            margin = len(item[0])
            lines[0] = " " * margin + lines[0][margin:]
            after = (n for n, row in enumerate(lines) if row[:margin].strip() and row.strip())
            lines = [row[margin:] for row in lines[: next(after, None)]]
        return field_lines(lines, line)

    def _parsed(self, line: int, name: str, paths: Iterable[str]) -> dict[str, int]:
        """Return the same by the YAML library; nothing of a text that it can't read."""
        # It takes 15 ms to import, which most runs are spared (measured).
        from readiness.gather.roundtrip import manifest_text  # noqa: PLC0415

        wanted = {}
        for path in paths:
            with contextlib.suppress(ValueError):
                wanted[path] = keys_of(path)
        try:
            if self._parts is None:
                self._parts = manifest_text(self._whole)
            lines = self._parts.lines(self._parts.place(line, name), wanted.values())
        except ValueError:
            return {}
        return dict(zip(wanted, lines, strict=True))


_ITEM = re.compile(r" *- +")


def _nearest(path: str, known: Mapping[str, int], line: int) -> int:
    """Return the line of a field, or of its nearest parent; `line`: where the manifest begins."""
    while path and path not in known:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return known[path] if path else line


class _Template:
    """A template of a Helm chart: no YAML, so lines are found by the names of keys alone."""

    def __init__(self, text: str) -> None:
        self._keys: dict[str, list[int]] = {}
        for number, line in enumerate(text.split("\n"), 1):
            match = _TEMPLATE_KEY.match(line)
            if match:
                self._keys.setdefault(match[1], []).append(number)

    @classmethod
    def read(cls, file: str) -> _Template | None:
        try:
            return cls(Path(file).read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError):
            return None

    def line_of(self, path: str) -> int:
        """Return the line of the innermost key of a path that the template has just once."""
        try:
            keys = keys_of(path)
        except ValueError:
            return 1
        for key in reversed(keys):
            lines = self._keys.get(key, []) if isinstance(key, str) else []
            if len(lines) == 1:
                return lines[0]
        return 1


_TEMPLATE_KEY = re.compile(r"\s*(?:- )*[\"']?([\w./-]+)[\"']?:(?:\s|$)")
