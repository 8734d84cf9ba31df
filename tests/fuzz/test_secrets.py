"""What is wrong with a field that may hold a credential is said without showing what it holds."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.errors import FieldError, describe_value
from readiness.gather.files import read_sources
from readiness.model.companions import parse_companion
from readiness.model.snapshot import Origin
from tests.fuzz.odd_manifests import Document, cases, judge
from tests.fuzz.test_odd_texts import check, dumped

SECRETS: tuple[Any, ...] = (80857113, 8085.7113, ["80857113"], {"x": "80857113"}, [[80857113]])


def deployment(container: Document) -> Document:
    spec = {"containers": [{"name": "app", "image": "app:1", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    }


@pytest.mark.parametrize("secret", SECRETS, ids=str)
@pytest.mark.parametrize(
    "place",
    [
        lambda s: {"env": [{"name": "DB_PASSWORD", "value": s}]},
        lambda s: {"env": [{"name": s}]},
        lambda s: {"env": [s]},
        lambda s: {"env": s},
        lambda s: {"env": "80857113"},
        lambda s: {"command": ["mysql", s]},
        lambda s: {"command": s},
        lambda s: {"command": "mysql -p80857113"},
        lambda s: {"args": ["--password", s]},
        lambda s: {"args": "--password 80857113"},
        lambda s: {"livenessProbe": {"exec": {"command": [s]}}},
        lambda s: {"livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"value": s}]}}},
    ],
)
def test_no_result_shows_a_value_of_env_command_or_args(place: Any, secret: Any) -> None:
    document = deployment(place(secret))

    reports, _ = judge([document], Origin.FILES)

    for result in reports[0].results:
        assert "8085" not in result.message, result.message
    assert "8085" not in check(dumped([document]))


@pytest.mark.parametrize("field", ["data", "binaryData"])
@pytest.mark.parametrize("value", [80857113, "80857113", [80857113], {"password": 80857113}])
def test_no_error_shows_a_value_of_a_config_map(field: str, value: Any) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, field: value}

    assert "8085" not in check(dumped([document]))
    told = ""
    try:
        parse_companion(document)
    except FieldError as error:
        told = str(error)
    assert "8085" not in told


def test_other_fields_show_what_they_hold() -> None:
    """It is what a person looks for in the file."""
    assert str(FieldError("spec.replicas", "a whole number", "two")) == (
        'spec.replicas must be a whole number, not the text "two"'
    )
    assert str(FieldError("spec.template.spec.containers[0].envFrom", "a list", 7)) == (
        "spec.template.spec.containers[0].envFrom must be a list, not the number 7"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, "a number"),
        (0.5, "a number"),
        (True, "a truth value"),
        ("hunter2", "text"),
        (None, "null"),
        (["hunter2"], "a list"),
        ({"hunter2": 1}, "a map"),
    ],
)
def test_a_secret_is_described_by_its_type(value: Any, shown: str) -> None:
    assert describe_value(value, secret=True) == shown
    path = "spec.containers[0].env[0].value"
    assert str(FieldError(path, "text", value)) == f"{path} must be text, not {shown}"


@cases(100)
@given(st.text(alphabet="abcdefgh[]{}:,&*!|>'\"%@`#-?\n ", min_size=8, max_size=30))
def test_no_error_of_broken_yaml_shows_more_than_a_character(secret: str) -> None:
    """A key that stands twice and the name of an alias are shown, they are no values."""
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  password: 80857113{secret}\n  x: [\n"

    for error in read_sources(["-"], io.BytesIO(text.encode())).errors:
        assert "8085" not in str(error), error
