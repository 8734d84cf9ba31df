"""A change of a companion touches the workloads whose verdict it may change, and no others."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from readiness.model.companion import Companion
from readiness.model.companions import (
    COMPANION_KINDS,
    Service,
    companion_kind,
    parse_companion,
)
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.routes import Ingress
from readiness.model.workload import ObjectRef

WEB = ObjectRef("apps", "Deployment", "shop", "web")
API = ObjectRef("apps", "Deployment", "shop", "api")
BANK = ObjectRef("apps", "Deployment", "bank", "web")

GATEWAY = "gateway.networking.k8s.io/v1"
TRAEFIK = "traefik.io/v1alpha1"
MONITORING = "monitoring.coreos.com/v1"


def companion(text: str) -> Companion:
    return parse_companion(yaml.safe_load(text))


def service(namespace: str, name: str) -> Companion:
    return companion(
        f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: {namespace}, "
        f"labels: {{app: {name}}}}}, spec: {{selector: {{app: {name}}}}}}}"
    )


def inventory() -> Inventory:
    """Return web and api in shop and web in bank, each behind a Service of its name."""
    result = Inventory()
    for ref in (WEB, API, BANK):
        labels = {"app": ref.name}
        result.put_workload(WorkloadRecord(ref, labels, labels, 2, None))
        result.put_companion(service(ref.namespace, ref.name))
    return result


def spec(api_version: str, kind: str, namespace: str, fields: str, name: str = "x") -> str:
    return (
        f"{{apiVersion: {api_version}, kind: {kind}, "
        f"metadata: {{name: {name}, namespace: {namespace}}}, spec: {fields}}}"
    )


# To web in shop by an Ingress, Gateway API and Contour; to web in bank by Traefik; none to api.
ROUTES = (
    spec(
        "networking.k8s.io/v1",
        "Ingress",
        "shop",
        "{defaultBackend: {service: {name: web}}}",
        "web",
    ),
    spec(
        GATEWAY,
        "HTTPRoute",
        "edge",
        "{parentRefs: [{name: public}], rules: [{backendRefs: [{name: web, namespace: shop}]}]}",
        "web",
    ),
    spec(
        TRAEFIK,
        "IngressRoute",
        "bank",
        "{routes: [{services: [{name: web}], middlewares: [{name: limit}]}]}",
        "web",
    ),
    spec(
        "projectcontour.io/v1",
        "HTTPProxy",
        "shop",
        "{routes: [{services: [{name: web}]}]}",
        "web",
    ),
)


def with_routes() -> Inventory:
    result = inventory()
    for text in ROUTES:
        result.put_companion(companion(text))
    return result


@pytest.mark.parametrize(
    ("text", "concerned"),
    [
        (
            spec("networking.k8s.io/v1", "NetworkPolicy", "shop", "{podSelector: {}}"),
            {WEB, API},
        ),
        (
            spec(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "shop",
                "{podSelector: {matchLabels: {app: web}}}",
            ),
            {WEB},
        ),
        (
            spec(
                "networking.k8s.io/v1",
                "Ingress",
                "shop",
                "{defaultBackend: {service: {name: api}}}",
            ),
            {API},
        ),
        (
            spec(
                "networking.k8s.io/v1",
                "Ingress",
                "shop",
                "{defaultBackend: {service: {name: gone}}}",
            ),
            set(),
        ),
        (spec(GATEWAY, "Gateway", "edge", "{listeners: []}", "public"), {WEB}),
        (spec(GATEWAY, "Gateway", "shop", "{listeners: []}", "public"), set()),
        (
            spec(
                "gateway.envoyproxy.io/v1alpha1",
                "BackendTrafficPolicy",
                "edge",
                "{targetRefs: [{kind: HTTPRoute, name: web}]}",
            ),
            {WEB},
        ),
        (
            spec(
                "gateway.envoyproxy.io/v1alpha1",
                "BackendTrafficPolicy",
                "edge",
                "{targetRefs: [{kind: Gateway, name: public}]}",
            ),
            {WEB},
        ),
        (
            spec(
                "gateway.envoyproxy.io/v1alpha1",
                "BackendTrafficPolicy",
                "edge",
                "{targetRefs: [{kind: Gateway, name: web}]}",
            ),
            set(),
        ),
        (spec(TRAEFIK, "Middleware", "bank", "{compress: {}}", "limit"), {BANK}),
        (
            spec(
                "projectcontour.io/v1",
                "HTTPProxy",
                "edge",
                "{virtualhost: {fqdn: example.com}, includes: [{name: web, namespace: shop}]}",
            ),
            {WEB},
        ),
        (spec(MONITORING, "PodMonitor", "shop", "{selector: {}}"), {WEB, API}),
        (
            spec(
                MONITORING,
                "PodMonitor",
                "edge",
                "{namespaceSelector: {any: true}, selector: {matchLabels: {app: web}}}",
            ),
            {WEB, BANK},
        ),
        (
            spec(
                MONITORING,
                "ServiceMonitor",
                "edge",
                "{namespaceSelector: {matchNames: [shop]}, selector: {matchLabels: {app: web}}}",
            ),
            {WEB},
        ),
        (
            spec(
                MONITORING,
                "ServiceMonitor",
                "edge",
                "{namespaceSelector: {any: true}, selector: {}}",
            ),
            {WEB, API, BANK},
        ),
        (
            spec(
                MONITORING,
                "PrometheusRule",
                "edge",
                "{groups: [{rules: [{alert: A, expr: 'up{namespace=\"bank\"}'}]}]}",
            ),
            {BANK},
        ),
        (
            spec(
                MONITORING,
                "PrometheusRule",
                "edge",
                "{groups: [{rules: [{alert: A, expr: 'up{job=\"web\"}'}]}]}",
            ),
            {WEB, BANK},
        ),
        (
            spec(
                MONITORING,
                "PrometheusRule",
                "shop",
                "{groups: [{rules: [{record: a, expr: up}]}]}",
            ),
            set(),
        ),
        (spec("velero.io/v1", "Schedule", "velero", "{}"), {WEB, API, BANK}),
        (spec("k8up.io/v1", "Schedule", "shop", "{}"), {WEB, API}),
        (
            "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}}",
            {WEB, API, BANK},
        ),
    ],
)
def test_coming_and_going_touch_the_same_workloads(text: str, concerned: set[ObjectRef]) -> None:
    objects = with_routes()
    new = companion(text)

    assert objects.put_companion(new) == concerned
    assert objects.put_companion(new) == set()
    assert objects.remove_companion(type(new), new.namespace, new.name) == concerned


def test_a_route_that_moves_touches_the_workloads_it_left_and_those_it_reached() -> None:
    objects = inventory()
    text = spec(
        "networking.k8s.io/v1", "Ingress", "shop", "{defaultBackend: {service: {name: %s}}}"
    )
    objects.put_companion(companion(text % "web"))

    assert objects.put_companion(companion(text % "api")) == {WEB, API}
    assert objects.routes_to("shop", "web") == []
    assert [route.name for route in objects.routes_to("shop", "api")] == ["x"]


def test_what_is_removed_is_found_no_more() -> None:
    objects = inventory()
    rule = companion(
        spec(
            MONITORING,
            "PrometheusRule",
            "shop",
            "{groups: [{rules: [{alert: A, expr: 'up{job=\"web\"}'}]}]}",
        )
    )
    monitor = companion(
        spec(MONITORING, "PodMonitor", "edge", "{namespaceSelector: {any: true}, selector: {}}")
    )
    for new in (rule, monitor):
        objects.put_companion(new)
    assert objects.rules_mentioning("web") == [rule]
    assert objects.rules_mentioning("shop", "web") == [rule]
    assert objects.selecting(type(monitor), "shop", {"app": "web"}) == [monitor]

    for new in (rule, monitor):
        objects.forget_kind(type(new))

    assert objects.rules_mentioning("web") == []
    assert objects.selecting(type(monitor), "shop", {"app": "web"}) == []


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("velero.io/v1", "Schedule", ("velero.io", "Schedule")),
        ("k8up.io/v1", "Schedule", ("k8up.io", "Schedule")),
        ("extensions/v1beta1", "Ingress", ("networking.k8s.io", "Ingress")),
        ("traefik.containo.us/v1alpha1", "Middleware", ("traefik.io", "Middleware")),
        ("example.com/v1", "Schedule", None),
        ("cluster.x-k8s.io/v1beta1", "Cluster", None),
        ("v1", ["Service"], None),
        (1, "Service", None),
    ],
)
def test_kinds_are_told_apart_by_their_group(
    api_version: Any, kind: Any, expected: tuple[str, str] | None
) -> None:
    found = companion_kind({"apiVersion": api_version, "kind": kind})

    assert found is (None if expected is None else COMPANION_KINDS[expected])


def test_no_two_kinds_share_a_key_for_what_is_unavailable() -> None:
    keys = [kind.key for kind in COMPANION_KINDS.values()]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("api_version", "kind"), [("v1", "Service"), ("networking.k8s.io/v1", "Ingress")]
)
def test_the_copy_that_kubectl_keeps_is_not_kept_again(api_version: str, kind: str) -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}
    metadata = {"name": "web", "namespace": "shop", "annotations": annotations}

    found = parse_companion({"apiVersion": api_version, "kind": kind, "metadata": metadata})

    assert isinstance(found, Service | Ingress)
    assert found.annotations == {"a": "b"}
