"""The version of the Pod Security Standards that a policy asks for."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from readiness.checks._pod_security import PodSecurityParams, policy_version
from tests.support import snapshot_of

PARAMS = TypeAdapter(PodSecurityParams)


@pytest.mark.parametrize("version", ["", "v1.25", "v1.36"])
def test_version_may_be_one_of_kubernetes_or_absent(version: str) -> None:
    assert PodSecurityParams(version) == PARAMS.validate_python({"version": version})


def test_version_is_that_of_the_cluster_unless_a_policy_says_one() -> None:
    assert PodSecurityParams().version == ""


@pytest.mark.parametrize(
    "version", ["1.36", "v1", "v1.36.3", "v2.0", "v1.036", "latest", "v1.36\n"]
)
def test_version_of_another_form_is_refused(version: str) -> None:
    with pytest.raises(ValidationError):
        PARAMS.validate_python({"version": version})


def test_version_asked_for_comes_before_that_of_the_cluster() -> None:
    snapshot = snapshot_of([], version=(1, 30))

    assert policy_version(PodSecurityParams(), snapshot) == (1, 30)
    assert policy_version(PodSecurityParams("v1.34"), snapshot) == (1, 34)
