"""What a parameter of a check must be like: for `Annotated`, read by pydantic.

The package annotated-types has the same, but its import makes thirteen dataclasses that every run
would wait for: 9 ms of CPU (measured), and only a policy with `params` needs any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from readiness.model.duration import parse_duration


class _Limit:
    """One constraint, as pydantic's schemas name it, and in words for people."""

    def __init__(self, name: str, value: Any, words: str) -> None:
        self.words = words
        self._name = name
        self._value = value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return {**handler(source), self._name: self._value}


def at_least(number: float) -> _Limit:
    """Return the constraint of a number that must not be smaller."""
    return _Limit("ge", number, f"at least {number:g}")


NOT_EMPTY = _Limit("min_length", 1, "not empty")


class Meets:
    """The constraint of a value that a function must say yes to; the words say what it then is."""

    def __init__(self, predicate: Callable[[Any], bool], words: str) -> None:
        self.words = words
        self._predicate = predicate

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        def check(value: Any) -> Any:
            from pydantic_core import PydanticCustomError  # noqa: PLC0415 - as above

            if not self._predicate(value):
                raise PydanticCustomError(
                    "predicate_failed", "must be {expected}", {"expected": self.words}
                )
            return value

        function = {"type": "no-info", "function": check}
        return {"type": "function-after", "function": function, "schema": handler(source)}


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


DURATION = Meets(_is_duration, "a duration such as 15m, 1h30m or 90d")
