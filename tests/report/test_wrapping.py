"""Lines of prose are broken as the standard library breaks them."""

from __future__ import annotations

import random
import textwrap

import pytest

from readiness.report.render_text import Look

ODD = (
    "",
    " ",
    "two  blanks",
    " first",
    "last ",
    "a\ttab",
    "no-break\u00a0space",
    "line\nbreak",
    "x" * 60,
    f"{'x' * 60} y",
    f"y {'x' * 60}",
    "well-known names-with-dashes stay whole",
)


def library(text: str, width: int, first: str, indent: str) -> list[str]:
    """Return lines as the standard library breaks them."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("width", [5, 10, 20, 80])
def test_odd_texts(text: str, width: int) -> None:
    assert Look(width=width).wrap(text, "    ") == library(text, width, "    ", "    ")


def test_random_texts() -> None:
    chance = random.Random(8)
    for _ in range(5_000):
        words = ["x" * chance.choice((1, 2, 3, 5, 8, 13, 40)) for _ in range(chance.randint(1, 12))]
        text, width = " ".join(words), chance.randint(1, 60)
        first, indent = " " * chance.randint(0, 12), " " * chance.randint(0, 12)
        found = Look(width=width).wrap(text, indent, first)
        assert found == library(text, width, first, indent), (text, width, first, indent)
