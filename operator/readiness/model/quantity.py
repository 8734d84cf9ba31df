"""Kubernetes quantities, compared by exact value.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go. A quantity is a signed decimal followed
by a decimal SI suffix (n u m "" k M G T P E), a binary one (Ki Mi Gi Ti Pi Ei) or a decimal
exponent (e3, E3). `1E` is an exa, `1E3` a thousand. The API server also reads YAML numbers, and a
number without digits as 0. It rounds up to a billionth, and cuts off binary ones at 2^63 - 1.
tests/judge/test_quantities.py compares all this with the server itself.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from readiness.errors import FieldError, QuantityError

_FORM = re.compile(
    r"(?P<number>[+-]?[0-9]*\.?[0-9]*)"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]+))?"
)

_MULTIPLIER = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}

# A longer exponent or number can only be an attempt to make us compute for hours.
_LONGEST = 64
_LARGEST_EXPONENT = 30
_SMALLEST_EXPONENT = -100  # below it whatever fits in so few characters rounds the same way

_SMALLEST = Fraction(1, 10**9)
_LARGEST_BINARY = Fraction(2**63 - 1)


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Fraction:
    """Return the exact value of a quantity written as text.

    Raises:
        QuantityError: when the text is not a quantity.
    """
    # UnmarshalJSON trims spaces.
    form = _FORM.fullmatch(text.strip(" ")) if len(text) <= _LONGEST else None
    if form is None or not form[0]:
        raise QuantityError(f'"{text[:_LONGEST]}" is not a quantity such as 500m, 1.5 or 128Mi')
    suffix, exponent = form["suffix"], max(int(form["exponent"] or 0), _SMALLEST_EXPONENT)
    if exponent > _LARGEST_EXPONENT:
        raise QuantityError(f'"{text}" is out of range for a quantity')
    number = form["number"].strip("+-").rstrip(".")
    if not number:
        # ParseQuantity needs no digits, but where its fast path does not reach.
        if suffix in ("Pi", "Ei") or exponent < -9:
            raise QuantityError(f'"{text}" has no digits')
        return Fraction(0)
    value = Fraction(number) * _MULTIPLIER.get(suffix, 1) * Fraction(10) ** exponent
    value = Fraction(-(-value // _SMALLEST)) * _SMALLEST
    if suffix and suffix[-1] == "i":
        value = min(value, _LARGEST_BINARY)
    return -value if form["number"].startswith("-") else value


def quantity(value: object, path: str) -> Fraction | None:
    """Return the exact value of a quantity field: text, or a YAML number. None when absent.

    Raises:
        FieldError: names the field when its value is not a quantity.
    """
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return parse_quantity(value)
        except QuantityError:
            raise FieldError(path, "a quantity such as 500m, 1.5 or 128Mi", value) from None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_LONGEST:
        return Fraction(value)
    if isinstance(value, float):
        try:
            return parse_quantity(repr(value))
        except QuantityError:
            pass
    raise FieldError(path, "a quantity such as 500m, 1.5 or 128Mi", value)
