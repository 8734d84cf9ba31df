"""Finds the manifests in a text: those in the block style itself, the others by libyaml."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from readiness.gather.block_style import Manifest, is_empty, read_block

TEMPLATE_MESSAGE = (
    "a template, not a manifest: render it first, as in `helm template CHART | readiness check -`"
)

# What has a meaning beyond the document it stands in: the end of a document, and directives.
_OUT_OF_LINE = ("...", "%")


class Malformed(Struct, frozen=True):
    """A document that could not be read: what is wrong on which line (from 1)."""

    line: int
    message: str


def parse_manifests(text: str) -> Iterator[Manifest | Malformed]:
    """Yield the documents of a text; after a broken one it goes on at the next `---`."""
    if "\ufeff" in text:  # files with a byte order mark, one after another
        text = re.sub(r"^\ufeff", "", text, flags=re.MULTILINE)
    if text and not text.endswith("\n"):
        text += "\n"  # as kubectl does: a block scalar at the end may keep it
    boundaries = Boundaries(text)
    out_of_line = text.startswith(_OUT_OF_LINE) or any(f"\n{m}" in text for m in _OUT_OF_LINE)
    for index, beginning, end in boundaries.documents():
        lines = text[beginning:end].split("\n")
        if not index and end < len(text) and is_empty(lines):
            continue  # a licence, say, before the first `---`
        manifest = None if out_of_line else read_block(lines, index + 1)
        if manifest is None:
            # Most runs are spared the 15 ms that the import of the YAML library takes (measured).
            from readiness.gather.any_style import parse_from, read_one  # noqa: PLC0415

            if not out_of_line:
                # With the `---` that follows, what is wrong is wrong in the same words.
                manifest = read_one(text[beginning : end + len("---\n")], index)
            if manifest is None:
                yield from parse_from(text, boundaries, index)
                return
        yield manifest


class Boundaries:
    """Where the lines that begin with `---` are: index and offset of each."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[int] | None = None
        self._offsets: list[int] = []

    def _look(self) -> list[int]:
        if self._lines is None:
            self._lines = []
            line = offset = 0
            padded = f"\n{self._text}"  # a regular expression takes ten times as long (measured)
            found = padded.find("\n---")
            while found >= 0:
                if not padded[found + 4 : found + 5].strip():  # a blank, or the end
                    line += self._text.count("\n", offset, found)
                    offset = found
                    self._lines.append(line)
                    self._offsets.append(offset)
                found = padded.find("\n---", found + 1)
        return self._lines

    def documents(self) -> Iterator[tuple[int, int, int]]:
        """Yield what is between boundaries: index of its first line, and offsets of both ends."""
        indexes, beginnings = self._look(), self._offsets
        if not indexes or indexes[0]:
            indexes, beginnings = [0, *indexes], [0, *beginnings]
        yield from zip(indexes, beginnings, [*beginnings[1:], len(self._text)], strict=True)

    def offset(self, line: int) -> int:
        """Return the offset of a line that is a boundary; that of the first line is 0."""
        if line == 0:
            return 0
        lines = self._look()
        return self._offsets[bisect_left(lines, line)]

    def next_from(self, line: int) -> int | None:
        """Return the first boundary at or after a line."""
        lines = self._look()
        index = bisect_left(lines, line)
        return lines[index] if index < len(lines) else None

    def last_before(self, line: int) -> int:
        """Return the last boundary before a line (both as indexes); 0 when there is none."""
        lines = self._look()
        index = bisect_left(lines, line - 1)
        return lines[index - 1] if index else 0
