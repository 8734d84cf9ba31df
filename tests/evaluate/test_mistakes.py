"""Each mistake that pydantic tells apart is said in words that whoever wrote the manifest knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, with_config

from readiness.api.v1alpha1 import NAME_PATTERN
from readiness.evaluate.mistakes import describe_mistakes


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    level: Literal["Must", "Should", "Off"] = "Must"


@with_config(ConfigDict(extra="forbid"))
@dataclass
class Params:
    minimum: Annotated[int, Field(ge=1)] = 2


TIME = 'be an RFC 3339 time such as "2026-12-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("type_", "json", "expected"),
    [
        (bool, '"yes"', 'must be true or false, not the text "yes"'),
        (Params, "[]", "must be a map, not a list"),
        (Strict, "[]", "must be a map, not a list"),
        (dict[str, int], "[]", "must be a map, not a list"),
        (datetime, '"2026-13-01"', f'must {TIME}, not the text "2026-13-01"'),
        (datetime, '"2026-12-01T25:00:00Z"', f'must {TIME}, not the text "2026-12-01T25:00:00Z"'),
        (datetime, "true", f"must {TIME}, not true"),
        (Color, '"green"', 'must be one of red or blue, not the text "green"'),
        (float, '"2"', 'must be a number, not the text "2"'),
        (int, '"2"', 'must be a whole number, not the text "2"'),
        (int, "2.5", "must be a whole number, not the number 2.5"),
        (Annotated[int, Field(gt=1)], "1", "must be over 1, not the number 1"),
        (Annotated[float, Field(gt=0.5)], "0.5", "must be over 0.5, not the number 0.5"),
        (Annotated[float, Field(ge=1)], "0.5", "must be at least 1, not the number 0.5"),
        (Annotated[int, Field(lt=1)], "1", "must be under 1, not the number 1"),
        (Annotated[int, Field(le=1)], "2", "must be at most 1, not the number 2"),
        (list[int], "{}", "must be a list, not a map"),
        (tuple[int, ...], "{}", "must be a list, not a map"),
        (str, "5", "must be text, not the number 5"),
        (Annotated[str, Field(max_length=2)], '"abc"', "must have at most 2 characters, not 3"),
        (Annotated[str, Field(min_length=2)], '"a"', "must have at least 2 characters, not 1"),
        (Annotated[list[int], Field(max_length=1)], "[1, 2]", "must have at most 1 entries, not 2"),
        (Annotated[list[int], Field(min_length=2)], "[1]", "must have at least 2 entries, not 1"),
        (Annotated[list[int], Field(min_length=1)], "[]", "must not be empty"),
        (
            Annotated[str, Field(pattern=NAME_PATTERN)],
            '"A"',
            'must be a name of lower-case letters, digits, - and ., not the text "A"',
        ),
        (
            Annotated[str, Field(pattern="^a+$")],
            '"b"',
            'must be text that matches ^a+$, not the text "b"',
        ),
        (Literal["a", "b"], '"c"', 'must be one of a or b, not the text "c"'),
        (UUID, '"x"', 'must be valid, not the text "x"'),  # whatever nobody has put in words
    ],
)
def test_a_mistake_in_words(type_: Any, json: str, expected: str) -> None:
    assert mistakes(type_, json) == [f"spec.x {expected}"]


@pytest.mark.parametrize(
    ("type_", "json", "expected"),
    [
        (Strict, "{}", ["spec.x.name must be set"]),
        (Strict, '{"name": "a", "nmae": 1}', ["spec.x.nmae: there is no such field"]),
        (Params, '{"maximum": 1}', ["spec.x.maximum: there is no such field"]),
        (
            dict[Annotated[str, Field(max_length=2)], int],
            '{"abc": 1}',
            ['spec.x: a key must have at most 2 characters, not the text "abc"'],
        ),
        (
            Strict,
            '{"name": "a", "level": false}',
            [
                (
                    "spec.x.level must be one of Must, Should or Off, not false; "
                    'YAML takes a bare Off for false: write "Off"'
                )
            ],
        ),
        (
            Strict,
            '{"name": "a", "level": true}',
            ["spec.x.level must be one of Must, Should or Off, not true"],
        ),
        (list[Strict], '[{"name": 1}]', ["spec.x[0].name must be text, not the number 1"]),
        (
            dict[str, list[int]],
            '{"a.b/c": [1, "2"]}',
            ['spec.x["a.b/c"][1] must be a whole number, not the text "2"'],
        ),
        (
            Strict,
            '{"name": 1, "level": "x"}',
            [
                "spec.x.name must be text, not the number 1",
                'spec.x.level must be one of Must, Should or Off, not the text "x"',
            ],
        ),
    ],
)
def test_the_field_is_named_as_in_the_manifest(type_: Any, json: str, expected: list[str]) -> None:
    assert mistakes(type_, json) == expected


def test_without_a_prefix_the_whole_is_the_manifest() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Strict).validate_json("[]", strict=True)

    assert describe_mistakes(caught.value) == ["the manifest must be a map, not a list"]


def mistakes(type_: Any, json: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(type_).validate_json(json, strict=True)
    return describe_mistakes(caught.value, "spec.x")
