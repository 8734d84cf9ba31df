"""The values of plain scalars, as the tools of Kubernetes read them: YAML 1.1 made into JSON."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
for _word in ("y", "yes", "true", "on"):
    _WORDS |= dict.fromkeys((_word, _word.capitalize(), _word.upper()), True)
for _word in ("n", "no", "false", "off"):
    _WORDS |= dict.fromkeys((_word, _word.capitalize(), _word.upper()), False)

# Source: resolve.go of goyaml.v2 in sigs.k8s.io/yaml; underscores are taken out before.
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAYBE_NUMBER = frozenset("+-.0123456789")
_LARGEST_INTEGER, _SMALLEST_INTEGER = 2**63 - 1, -(2**63)
_LARGEST_UNSIGNED = 2**64 - 1
_LONGEST_INTEGER = 70  # characters of any integer that fits, in binary and with a sign


def is_integer(text: str) -> bool:
    """Return whether a scalar is written as a whole number: `1.0` and `1e3` are not."""
    return _INTEGER.fullmatch(text.replace("_", "")) is not None


@lru_cache(maxsize=1 << 16)
def plain_value(text: str) -> Any:
    """Return the value of a scalar without quotes.

    Raises:
        ValueError: for infinity and not-a-number, which JSON and so the API server lack.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAYBE_NUMBER:
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number that a manifest can hold")
    digits = text.replace("_", "")
    whole = _INTEGER.fullmatch(digits) if len(digits) <= _LONGEST_INTEGER else None
    if whole:
        base = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}[whole.lastgroup or ""]
        value = int(whole[whole.lastgroup or ""], base)
        signed = -value if whole[1] == "-" else value
        if _SMALLEST_INTEGER <= signed <= _LARGEST_INTEGER:
            return signed
        if not whole[1] and value <= _LARGEST_UNSIGNED:
            return float(value)  # what the API server makes of a number beyond 63 bits
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        if math.isfinite(number):
            # JSON knows no difference: 1.0 arrives at the API server as 1.
            return int(number) if number.is_integer() and abs(number) < 2**63 else number
    return text
