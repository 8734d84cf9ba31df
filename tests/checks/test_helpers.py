"""What helpers of several checks tell apart, where a fixture for each case would be much ado."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.checks._budgets import Matched
from readiness.checks._claims import Claim
from readiness.checks._config_references import ConfigReference, config_references
from readiness.checks._credentials import credential_in, credential_named
from readiness.checks._database_connections import (
    connection_of_variable,
    connections_of_arguments,
)
from readiness.checks._listeners import _meet
from readiness.checks._metadata_keys import Statement, statements
from readiness.checks._probes import asked
from readiness.checks._routes import TRUE, roots_of
from readiness.checks._serving import serving_containers
from readiness.checks.deprecated_api_version import _change
from readiness.checks.registry import all_checks
from readiness.errors import FieldError
from readiness.model.routes import HTTPProxy
from readiness.model.workload import Workload
from tests.support import snapshot_of


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xoxb-AbCdEfGhIj", "a Slack token"),  # the shortest of all forms
        ("xoxb-AbCdEfGhI", None),
        ("xoxb-1234567890", "a Slack token"),
        ("XOXB-AbCdEfGhIj", None),
    ],
)
def test_the_shortest_token_is_seen(text: str, expected: str | None) -> None:
    assert credential_in(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("x7Kq9zPa", "a token"), ("x7Kq9zP", None), ("x7Kq9zPa2", "a token")]
)
def test_a_token_has_eight_characters_or_more(value: str, expected: str | None) -> None:
    """A shorter one is a name or a number of something."""
    assert credential_named("API_TOKEN", value) == expected


def test_the_first_argument_and_the_value_of_a_flag_are_read_as_they_are() -> None:
    arguments = [
        ("args[0]", "postgres://db/shop?sslmode=disable"),
        ("args[1]", "--db-url"),
        ("args[2]", "postgres://db/shop?sslmode=allow"),
        ("args[3]", "sslmode=disable"),
    ]

    found = connections_of_arguments(arguments)

    assert [(c.field, c.fault) for c in found] == [
        ("args[0]", "sslmode=disable"),
        ("args[2]", "sslmode=allow"),
        ("args[3]", "sslmode=disable"),
    ]


def test_statements_say_where_they_stand() -> None:
    both = {"labels": {"owner": "shop"}, "annotations": {"owner": "web"}}
    workload = Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", **both},
            "spec": {"template": {"metadata": both}},
        }
    )

    assert list(statements(workload, ("owner",))) == [
        Statement("metadata.annotations.owner", "web"),
        Statement("spec.template.metadata.annotations.owner", "web"),
        Statement("metadata.labels.owner", "shop"),
        Statement("spec.template.metadata.labels.owner", "shop"),
    ]


def test_a_service_account_is_needed_with_no_keys_and_is_never_optional() -> None:
    pod = {"serviceAccountName": "shop", "containers": [{"name": "app", "image": "app:1"}]}
    workload = Workload({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": pod})
    path = "spec.serviceAccountName"

    assert list(config_references(workload)) == [
        ConfigReference(
            "ServiceAccount", "shop", path, path, keys=(), container=None, optional=False
        )
    ]


def test_a_service_of_another_type_hides_none_after_it() -> None:
    container = {"name": "app", "image": "app:1"}
    metadata = {"name": "web", "namespace": "shop", "labels": {"app": "web"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container]},
    }

    def service(name: str, **spec: Any) -> dict[str, Any]:
        spec |= {"selector": {"app": "web"}, "ports": [{"port": 80}]}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": spec,
        }

    elsewhere = service("a", type="ExternalName", externalName="web.example.com")
    workload = Workload(pod)

    def serving(*services: dict[str, Any]) -> list[str]:
        return [c.name for c in serving_containers(workload, snapshot_of([pod, *services]))]

    assert serving(elsewhere) == []
    assert serving(elsewhere, service("b")) == serving(service("b"), elsewhere) == ["app"]


def test_the_port_of_a_probe_is_named_by_its_field() -> None:
    probe = {"httpGet": {"port": [80]}}
    container = {"name": "app", "image": "app:1", "livenessProbe": probe}
    spec = {"containers": [container]}
    (app,) = Workload(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    ).containers
    assert app.liveness_probe is not None

    with pytest.raises(FieldError, match=r"^spec\.containers\[0\]\.livenessProbe\.httpGet\.port "):
        asked(app.liveness_probe, app)


@pytest.mark.parametrize("selector", [["app"], "app"])
def test_a_selector_that_is_none_keeps_nobody_from_spreading(selector: object) -> None:
    pod = {"containers": [{"name": "app", "image": "app:1"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": selector, "template": template},
    }

    outcome = all_checks()["topology-spread-missing"].run(
        Workload(document), snapshot_of([document])
    )

    assert isinstance(outcome, list)
    (found,) = outcome
    assert found.fix is not None
    assert [e.value["labelSelector"] for e in found.fix.edits] == [
        {"matchLabels": {"app": "web"}}
    ] * 2


@pytest.mark.parametrize(
    "value",
    [
        ConfigReference("Secret", "web", "spec", "spec"),
        Claim("data", "spec", None, None),
        Matched(1, 0, 1, autoscaled=False, without_scale=(), has_daemon_set=False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_checks_share_cannot_be_changed(value: Any) -> None:
    with pytest.raises(AttributeError, match="immutable type"):
        setattr(value, value.__struct_fields__[0], None)


def test_proxies_that_include_each_other_hide_no_root() -> None:
    """Of those that include a proxy, one may lead back to it before another is a root."""

    def proxy(name: str, *includes: str, root: bool = False) -> dict[str, Any]:
        spec: dict[str, Any] = {"includes": [{"name": other} for other in includes]}
        if root:
            spec["virtualhost"] = {"fqdn": f"{name}.example.com"}
        metadata = {"name": name, "namespace": "shop"}
        return {
            "apiVersion": "projectcontour.io/v1",
            "kind": "HTTPProxy",
            "metadata": metadata,
            "spec": spec,
        }

    documents = [
        proxy("a", "web", root=True),
        proxy("b", "web"),
        proxy("c", "web", root=True),
        proxy("web", "b"),
    ]
    snapshot = snapshot_of(documents)
    web = snapshot.companion(HTTPProxy, "shop", "web")

    assert web is not None
    assert {root.name for root in roots_of(web, snapshot)} == {"a", "c"}


@pytest.mark.parametrize(
    ("kind", "api_version", "since", "removed"),
    [
        ("Deployment", "extensions/v1beta1", 9, 16),
        ("StatefulSet", "apps/v1beta2", 9, 16),
        ("CronJob", "batch/v1beta1", 21, 25),
        ("PodDisruptionBudget", "policy/v1beta1", 21, 25),
        ("HorizontalPodAutoscaler", "autoscaling/v2beta1", 23, 25),
        ("HorizontalPodAutoscaler", "autoscaling/v2beta2", 23, 26),
        ("Ingress", "extensions/v1beta1", 19, 22),
        ("Ingress", "networking.k8s.io/v1beta1", 19, 22),
        ("NetworkPolicy", "extensions/v1beta1", 8, 16),
    ],
)
def test_a_version_is_deprecated_once_its_successor_is_there(
    kind: str, api_version: str, since: int, removed: int
) -> None:
    """As https://kubernetes.io/docs/reference/using-api/deprecation-guide/ has them."""
    assert _change(kind, api_version, (1, since - 1)) == ""
    assert f"is deprecated and goes with Kubernetes 1.{removed}" in _change(
        kind, api_version, (1, since)
    )
    assert f"is deprecated and goes with Kubernetes 1.{removed}" in _change(
        kind, api_version, (1, removed - 1)
    )
    assert f"was removed in Kubernetes 1.{removed}" in _change(kind, api_version, (1, removed))


def test_a_version_may_go_on_the_day_its_successor_comes() -> None:
    assert _change("CronJob", "batch/v2alpha1", (1, 20)) == ""
    assert _change("CronJob", "batch/v2alpha1", (1, 21)) == (
        "batch/v1: batch/v2alpha1 was removed in Kubernetes 1.21"
    )
