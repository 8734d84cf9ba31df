"""What helpers of several checks tell apart, where a fixture for each case would be much ado."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.checks._database_connections import connection_of_variable
from readiness.checks._listeners import _meet
from readiness.checks._probes import asked
from readiness.checks._routes import TRUE
from readiness.model.workload import Workload


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("*.example.com", "shop.example.com", True),
        ("shop.example.com", "*.example.com", True),
        ("*.example.com", "*.shop.example.com", True),
        ("*.example.com", "badexample.com", False),  # not a name below it
        ("badexample.com", "*.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.example.org", False),
    ],
)
def test_host_names_meet(one: str, other: str, *, expected: bool) -> None:
    assert _meet(one, other) is expected


def test_annotations_are_true_as_go_reads_them() -> None:
    """strconv.ParseBool, which ingress-nginx reads its switches with."""
    assert {"1", "t", "T", "true", "True", "TRUE"} == TRUE


@pytest.mark.parametrize(
    "value", ["disable", "Disabled", "allow", "none", "NONE", "0", "no", "off"]
)
def test_switches_are_off_in_many_words(value: str) -> None:
    connection = connection_of_variable("env[0].value", "DB_SSL", value, {})

    assert connection is not None
    assert connection.fault == f"DB_SSL={value}"


@pytest.mark.parametrize("host", ["localhost", "LocalHost:5432", "127.0.0.1", "[::1]", "/run/db"])
def test_encryption_may_be_off_within_the_pod(host: str) -> None:
    connection = connection_of_variable("env[0].value", "DB_SSL", "off", {"DB_HOST": host})

    assert connection is not None
    assert not connection.fault


def test_probes_with_other_headers_ask_something_else() -> None:
    """Names of headers in another case are the same names."""

    def question(headers: list[dict[str, str]]) -> Any:
        probe = {"httpGet": {"port": 80, "httpHeaders": headers}}
        container = {"name": "app", "image": "app:1", "livenessProbe": probe}
        spec = {"containers": [container]}
        workload = Workload(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
        )
        (found,) = workload.containers
        assert found.liveness_probe is not None
        return asked(found.liveness_probe, found)

    a, b = {"name": "Accept", "value": "x"}, {"name": "Host", "value": "x"}
    assert question([a, b]) == question([b, {"name": "ACCEPT", "value": "x"}])
    assert question([a]) != question([b])
    assert question([a]) != question([{**a, "value": "y"}])
