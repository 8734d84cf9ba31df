"""Says what pydantic found wrong with a manifest in the words of this package.

Pydantic speaks to programmers ("Input should be a valid string"); whoever wrote the manifest wants
the field, what belongs there and what stood there instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from readiness.api.v1alpha1 import PATTERNS_IN_WORDS
from readiness.errors import describe_value
from readiness.model.fields import join

_MAP = "be a map"
_TIME = 'be an RFC 3339 time such as "2026-12-01T00:00:00Z"'

# What must be so, by pydantic's name of the mistake; {} is filled from its context.
_EXPECTED = {
    "bool_type": "be true or false",
    "dataclass_type": _MAP,
    "datetime_from_date_parsing": _TIME,
    "datetime_parsing": _TIME,
    "datetime_type": _TIME,
    "dict_type": _MAP,
    "enum": "be one of {expected}",
    "float_type": "be a number",
    "greater_than": "be over {gt}",
    "greater_than_equal": "be at least {ge}",
    "int_from_float": "be a whole number",
    "int_type": "be a whole number",
    "less_than": "be under {lt}",
    "less_than_equal": "be at most {le}",
    "list_type": "be a list",
    "literal_error": "be one of {expected}",
    "model_type": _MAP,
    "predicate_failed": "be {expected}",
    "string_too_long": "have at most {max_length} characters",
    "string_too_short": "have at least {min_length} characters",
    "string_type": "be text",
    "string_unicode": "be Unicode text",
    "too_long": "have at most {max_length} entries",
    "too_short": "have at least {min_length} entries",
    "tuple_type": "be a list",
}
_ABOUT_LENGTH = frozenset({"string_too_long", "string_too_short", "too_long", "too_short"})


def describe_mistakes(error: ValidationError, prefix: str = "") -> list[str]:
    """Return a sentence for each mistake: field, what belongs there, what stood there.

    Args:
        error: what pydantic raised.
        prefix: path of what was validated, such as `spec.checks[0].params`.
    """
    return [_describe(problem, prefix) for problem in error.errors()]


def _describe(problem: Mapping[str, Any], prefix: str) -> str:
    location = problem["loc"]
    value = problem["input"]
    context = problem.get("ctx", {})
    if location[-1:] == ("[key]",):  # of a map; the location names the key itself before that
        path = _field(location[:-2], prefix)
        return f"{path}: a key must {_expected(problem)}, not {describe_value(value)}"
    path = _field(location, prefix)
    match problem["type"]:
        case "missing":
            return f"{path} must be set"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{path}: there is no such field"
        case "duplicate":
            return f'{path}: "{context["duplicate"]}" stands here twice'
        case "too_short" if context["min_length"] == 1:
            return f"{path} must not be empty"
    shown = str(len(value)) if problem["type"] in _ABOUT_LENGTH else describe_value(value)
    sentence = f"{path} must {_expected(problem)}, not {shown}"
    if value is False and "'Off'" in context.get("expected", ""):
        sentence += '; YAML takes a bare Off for false: write "Off"'
    return sentence


def _expected(problem: Mapping[str, Any]) -> str:
    """Return what should stand there, such as `be text`."""
    context = problem.get("ctx", {})
    if problem["type"] == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"be {PATTERNS_IN_WORDS.get(pattern, f'text that matches {pattern}')}"
    words = _EXPECTED.get(problem["type"], "be valid")
    return words.format_map({name: _plain(value) for name, value in context.items()})


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("'", "")


def _field(location: tuple[int | str, ...], prefix: str) -> str:
    """Return the path of a field as a manifest has it."""
    path = prefix
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else join(path, part)
    return path or "the manifest"
