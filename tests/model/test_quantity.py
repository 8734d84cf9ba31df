"""Quantities have the value that the API server gives them, odd as it may be."""

from __future__ import annotations

from fractions import Fraction

import pytest

from readiness.errors import QuantityError
from readiness.model.quantity import parse_quantity

_NANO = Fraction(1, 10**9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", Fraction(1, 10)),
        ("1E", Fraction(10**18)),
        ("1E3", Fraction(1000)),
        ("-1.5Ki", Fraction(-1536)),
        ("1.", Fraction(1)),
        (" 1 ", Fraction(1)),
        # Rounded up, away from 0, to a billionth.
        ("0.1n", _NANO),
        ("-0.1n", -_NANO),
        ("1.0000000001", 1 + _NANO),
        ("1e-31", _NANO),
        ("1e-999999999999", _NANO),
        ("0e-31", Fraction(0)),
        # Cut off at the largest 64-bit number, but only with a binary suffix.
        ("8Ei", Fraction(2**63 - 1)),
        ("-8Ei", Fraction(1 - 2**63)),
        ("10E", Fraction(10**19)),
        ("1e30", Fraction(10**30)),
        # No digits are a 0.
        ("Ki", Fraction(0)),
        ("-", Fraction(0)),
        (".", Fraction(0)),
        ("e-9", Fraction(0)),
    ],
)
def test_text_has_the_value_the_api_server_gives_it(text: str, value: Fraction) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", " ", "Pi", "Ei", "e-10", "1K", "1ki", "1e", "1 Ki", "1\n", "\t1", "1e31", "0" * 65]
)
def test_text_is_refused(text: str) -> None:
    """The last two by us alone: what is meant can't be a quantity, and may take ages to compute."""
    with pytest.raises(QuantityError):
        parse_quantity(text)
