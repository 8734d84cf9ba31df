"""What fixtures can't show: amounts themselves, and manifests that the API server refuses."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from readiness.checks._effective_resources import (
    effective_limit,
    effective_request,
    pod_amount,
)
from readiness.checks.registry import all_checks
from readiness.errors import FieldError
from readiness.model.workload import Workload
from tests.support import snapshot_of


def deployment(container: dict[str, Any], **pod: Any) -> dict[str, Any]:
    """Return a Deployment with one container."""
    spec = {"containers": [{"name": "app", "image": "app:1", **container}], **pod}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": template},
    }


def test_pods_as_a_whole_have_hugepages_of_any_size() -> None:
    document = deployment({}, resources={"limits": {"hugepages-2Mi": "80Mi"}})
    workload, snapshot = Workload(document), snapshot_of([document])

    assert pod_amount(workload, snapshot, "limits", "hugepages-2Mi") == 80 * 2**20
    assert pod_amount(workload, snapshot, "limits", "hugepages-1Gi") is None


@pytest.mark.parametrize(
    ("resources", "pod_resources", "request_", "limit"),
    [
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, {"requests": {"cpu": "3"}}, 1, 2),
        ({"limits": {"cpu": "2"}}, {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}, 2, 2),
        ({}, {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}, 3, 4),
        ({}, {"limits": {"cpu": "500m"}}, Fraction(1, 2), Fraction(1, 2)),
        ({}, {}, 5, 6),
    ],
)
def test_nearest_amount_counts(
    resources: dict[str, Any],
    pod_resources: dict[str, Any],
    request_: Fraction,
    limit: Fraction,
) -> None:
    """The container's own comes before the pod's, and that before the LimitRange's."""
    document = deployment({"resources": resources}, resources=pod_resources)
    item = {"type": "Container", "defaultRequest": {"cpu": 5}, "default": {"cpu": 6}}
    limit_range = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "defaults", "namespace": "shop"},
        "spec": {"limits": [item]},
    }
    workload, snapshot = Workload(document), snapshot_of([document, limit_range])
    [container] = workload.app_containers

    assert effective_request(container, workload, snapshot, "cpu") == request_
    assert effective_limit(container, workload, snapshot, "cpu") == limit


@pytest.mark.parametrize(
    ("check_id", "field"),
    [("readiness-probe-missing", "readinessProbe"), ("liveness-probe-missing", "livenessProbe")],
)
def test_probe_without_handler_is_no_probe(check_id: str, field: str) -> None:
    """A chart that renders `readinessProbe: {}` or only its timings gets no pass for it."""
    document = deployment({"ports": [{"containerPort": 8080}], field: {"periodSeconds": 5}})

    with pytest.raises(FieldError, match=rf"{field} must be a probe with one of exec, httpGet"):
        all_checks()[check_id].run(Workload(document), snapshot_of([document]))


@pytest.mark.parametrize("check_id", ["cpu-request-missing", "suspicious-quantity"])
def test_amount_that_is_no_quantity_is_named(check_id: str) -> None:
    document = deployment({"resources": {"requests": {"cpu": "500mcpu"}}})

    with pytest.raises(FieldError, match=r"containers\[0\]\.resources\.requests\.cpu must be"):
        all_checks()[check_id].run(Workload(document), snapshot_of([document]))


@pytest.mark.parametrize("check_id", ["suspicious-quantity", "memory-overcommitted"])
def test_amount_beyond_all_quantities_is_named(check_id: str) -> None:
    """JSON has whole numbers of any length; arithmetic with them would take for ever."""
    resources = {"requests": {"memory": 10**400}, "limits": {"memory": 10**401}}
    document = deployment({"resources": resources})

    with pytest.raises(FieldError, match=r"containers\[0\]\.resources\.\w+\.memory must be"):
        all_checks()[check_id].run(Workload(document), snapshot_of([document]))


def test_amount_with_more_digits_than_a_suffix_leaves_room_for_is_suspicious() -> None:
    document = deployment({"resources": {"requests": {"cpu": "9" * 64}}})

    outcome = all_checks()["suspicious-quantity"].run(Workload(document), snapshot_of([document]))

    assert isinstance(outcome, list)
    assert [finding.fix for finding in outcome] == [None]
