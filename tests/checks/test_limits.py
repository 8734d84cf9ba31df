"""What parameters of checks may be: what a policy gets told, and what the pages say."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.checks.registry import all_checks
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_policy
from readiness.report.check_docs import parameters_of

DURATION = "a duration such as 15m, 1h30m or 90d"


@pytest.mark.parametrize(
    ("check_id", "params", "mistake"),
    [
        ("backup-stale", {"maxAge": "soon"}, f'maxAge must be {DURATION}, not the text "soon"'),
        ("autoscaler-inactive", {"after": ""}, f'after must be {DURATION}, not the text ""'),
        (
            "disruption-budget-blocks-eviction",
            {"after": "999999999d24h"},  # more than a timedelta holds
            f'after must be {DURATION}, not the text "999999999d24h"',
        ),
        ("backup-stale", {"maxAge": 26}, "maxAge must be text, not the number 26"),
        (
            "host-port",
            {"version": "1.34"},
            'version must be a version such as v1.34, not the text "1.34"',
        ),
        ("replicas-too-low", {"minimum": 0}, "minimum must be at least 1, not the number 0"),
        ("memory-overcommitted", {"ratio": 0.5}, "ratio must be at least 1, not the number 0.5"),
        ("owner-missing", {"keys": []}, "keys must not be empty"),
    ],
)
def test_params_out_of_bounds_are_told_by_their_field(
    check_id: str, params: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(policy({"id": check_id, "severity": "Must", "params": params}))

    assert str(caught.value) == f"spec.checks[0].params.{mistake}"


@pytest.mark.parametrize("duration", ["1s", "1h30m", "90d", "1.5h"])
def test_durations_are_taken(duration: str) -> None:
    entry = {"id": "backup-stale", "severity": "Must", "params": {"maxAge": duration}}

    setting = compile_policy(policy(entry)).settings["backup-stale"]

    assert setting.params.maxAge == duration


@pytest.mark.parametrize(
    ("check_id", "type_"),
    [
        ("backup-stale", "text, a duration such as 15m, 1h30m or 90d"),
        ("host-port", "text, a version such as v1.34"),
        ("memory-overcommitted", "number, at least 1"),
        ("owner-missing", "list of text, not empty"),
        ("rate-limit-missing", "list of text"),
        ("replicas-too-low", "whole number, at least 1"),
    ],
)
def test_pages_name_the_bounds(check_id: str, type_: str) -> None:
    (parameter,) = parameters_of(all_checks()[check_id])

    assert parameter.type == type_


def policy(*checks: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": "production"},
        "spec": {"checks": list(checks)},
    }
