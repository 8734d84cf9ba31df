"""Objects that bring requests from outside to Services, and the policies they refer to.

Ingress, Gateway API, Traefik and Contour. Each route is a list of rules, and each rule says which
Services it leads to and what guards it, so that checks need not know whose route it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from readiness.model.companion import Companion
from readiness.model.fields import (
    Fields,
    boolean,
    integer,
    mapping,
    mappings,
    optional_mapping,
    text,
    text_map,
    texts,
)
from readiness.model.label_selector import LabelSelector, parse_label_selector
from readiness.model.workload import ObjectRef

# Namespace and name of a Service, or of whatever else is referred to.
Name: TypeAlias = tuple[str, str]

ANY_ORIGIN = "*"
_ALLOW_ORIGIN = "access-control-allow-origin"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_TRAEFIK_MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"
# Regular expressions that every origin matches, as people write them.
_MATCH_ALL = frozenset({".*", "^.*$", ".+", "^.+$", "(.*)", "^(.*)$", "(.+)", "^(.+)$"})


class RouteRule(Struct, frozen=True):
    """One rule of a route.

    Attributes:
        backends: the Services it leads to.
        host: the host it is for; empty for any (and where the route has hosts of its own).
        origins: origins that it lets browsers call from, `*` for any.
        middlewares: Traefik middlewares it refers to. The namespace is empty in the notation of
            annotations, where the name is `<namespace>-<name>`.
        rate_limited: whether the rule itself limits requests.
    """

    backends: tuple[Name, ...]
    host: str = ""
    origins: tuple[str, ...] = ()
    middlewares: tuple[Name, ...] = ()
    rate_limited: bool = False


class Route(Companion, frozen=True):
    """Anything that sends requests from outside to Services."""

    rules: tuple[RouteRule, ...]

    @property
    def backends(self) -> frozenset[Name]:
        """The Services it leads to."""
        return frozenset(backend for rule in self.rules for backend in rule.backends)


class Ingress(Route, frozen=True):
    """An Ingress; `tls_hosts` holds "" for a tls entry without hosts, which is for all of them."""

    tls_hosts: frozenset[str]
    annotations: Mapping[str, str]

    def has_tls_for(self, host: str) -> bool:
        """Return whether spec.tls covers a host; a wildcard stands for one label."""
        if "" in self.tls_hosts or host in self.tls_hosts:
            return True
        return f"*.{host.partition('.')[2]}" in self.tls_hosts


class ParentRef(Struct, frozen=True):
    """The Gateway, and perhaps the listener of it, that a route attaches to."""

    gateway: Name
    section: str
    port: int | None


class HTTPRoute(Route, frozen=True):
    """An HTTPRoute of the Gateway API.

    Attributes:
        parents: the Gateways it attaches to itself.
        listener_sets: the ListenerSets it attaches to, which bring listeners of their own.
    """

    parents: tuple[ParentRef, ...]
    listener_sets: tuple[Name, ...]
    hostnames: tuple[str, ...]


class Listener(Struct, frozen=True):
    """One listener of a Gateway; `namespaces_from` is All, Same or Selector."""

    name: str
    port: int | None
    protocol: str
    hostname: str
    namespaces_from: str
    namespace_selector: LabelSelector | None


class Gateway(Companion, frozen=True):
    """A Gateway of the Gateway API."""

    listeners: tuple[Listener, ...]


class BackendTrafficPolicy(Companion, frozen=True):
    """A policy of Envoy Gateway; `targets` are kinds and names in its own namespace."""

    targets: tuple[tuple[str, str], ...]
    limits_requests: bool


class IngressRoute(Route, frozen=True):
    """An IngressRoute of Traefik."""

    tls: bool
    entry_points: tuple[str, ...]


class Middleware(Companion, frozen=True):
    """A Middleware of Traefik; `chain` are the others it stands for."""

    origins: tuple[str, ...]
    limits_requests: bool
    max_body_bytes: int | None
    chain: tuple[Name, ...]


class HTTPProxy(Route, frozen=True):
    """An HTTPProxy of Contour.

    Attributes:
        virtual_host: its host; without one it counts only where another includes it.
        tls, origins, rate_limited: what the virtual host sets for all its rules and includes.
        includes: the proxies it hands requests on to.
    """

    virtual_host: str
    tls: bool
    origins: tuple[str, ...]
    rate_limited: bool
    includes: tuple[Name, ...]


def parse_ingress(document: Fields, ref: ObjectRef) -> Ingress:
    """Read an Ingress of networking.k8s.io/v1 or one of its betas."""
    spec = mapping(document, "spec", "")
    metadata = mapping(document, "metadata", "")
    annotations = {
        name: value
        for name, value in text_map(metadata, "annotations", "metadata").items()
        if name != _LAST_APPLIED
    }
    middlewares = tuple(
        ("", name.strip().removesuffix("@kubernetescrd"))
        for name in annotations.get(_TRAEFIK_MIDDLEWARES, "").split(",")
        if name.strip()
    )
    # One Service at one host is one rule, however many paths lead to it.
    targets = dict.fromkeys(_ingress_targets(spec))
    return Ingress(
        ref,
        rules=tuple(
            RouteRule(((ref.namespace, service),), host=host, middlewares=middlewares)
            for host, service in targets
        ),
        tls_hosts=frozenset(
            host
            for path, tls in mappings(spec, "tls", "spec")
            for host in texts(tls, "hosts", path) or [""]
        ),
        annotations=annotations,
    )


def _ingress_targets(spec: Fields) -> Iterator[tuple[str, str]]:
    for key in ("defaultBackend", "backend"):  # `backend` in v1beta1
        service = _ingress_service(mapping(spec, key, "spec"), f"spec.{key}")
        if service:
            yield "", service
    for path, rule in mappings(spec, "rules", "spec"):
        host = text(rule, "host", path)
        http = mapping(rule, "http", path)
        for item_path, item in mappings(http, "paths", f"{path}.http"):
            service = _ingress_service(mapping(item, "backend", item_path), f"{item_path}.backend")
            if service:
                yield host, service


def _ingress_service(backend: Fields, path: str) -> str:
    v1beta1 = text(backend, "serviceName", path)
    return v1beta1 or text(mapping(backend, "service", path), "name", f"{path}.service")


def parse_http_route(document: Fields, ref: ObjectRef) -> HTTPRoute:
    """Read an HTTPRoute of the Gateway API."""
    spec = mapping(document, "spec", "")
    parents = []
    listener_sets: list[Name] = []
    for path, parent in mappings(spec, "parentRefs", "spec"):
        kind = text(parent, "kind", path) or "Gateway"
        name = _name(parent, path, ref.namespace)
        if kind == "ListenerSet":
            listener_sets.append(name)
        if kind != "Gateway":
            continue  # a Service for a mesh: nothing comes from outside
        parents.append(
            ParentRef(
                gateway=name,
                section=text(parent, "sectionName", path),
                port=integer(parent, "port", path),
            )
        )
    return HTTPRoute(
        ref,
        rules=tuple(
            rule
            for path, item in mappings(spec, "rules", "spec")
            for rule in _http_route_rules(item, path, ref.namespace)
        ),
        parents=tuple(parents),
        listener_sets=tuple(listener_sets),
        hostnames=tuple(texts(spec, "hostnames", "spec")),
    )


def _http_route_rules(rule: Fields, path: str, namespace: str) -> Iterator[RouteRule]:
    origins, middlewares = _http_route_filters(rule, path, namespace)
    for ref_path, backend in mappings(rule, "backendRefs", path):
        kind = text(backend, "kind", ref_path) or "Service"
        if kind != "Service" or integer(backend, "weight", ref_path) == 0:
            continue
        target = text(backend, "namespace", ref_path) or namespace
        own_origins, own_middlewares = _http_route_filters(backend, ref_path, namespace)
        yield RouteRule(
            ((target, text(backend, "name", ref_path)),),
            origins=origins + own_origins,
            middlewares=middlewares + own_middlewares,
        )


def _http_route_filters(
    parent: Fields, path: str, namespace: str
) -> tuple[tuple[str, ...], tuple[Name, ...]]:
    """Return the origins that filters allow, and the Traefik middlewares they refer to."""
    origins: list[str] = []
    middlewares: list[Name] = []
    for filter_path, item in mappings(parent, "filters", path):
        kind = text(item, "type", filter_path)
        if kind == "CORS":
            cors = mapping(item, "cors", filter_path)
            origins += texts(cors, "allowOrigins", f"{filter_path}.cors")
        elif kind == "ResponseHeaderModifier":
            modifier_path = f"{filter_path}.responseHeaderModifier"
            modifier = mapping(item, "responseHeaderModifier", filter_path)
            for key in ("set", "add"):
                for header_path, header in mappings(modifier, key, modifier_path):
                    if text(header, "name", header_path).lower() == _ALLOW_ORIGIN:
                        origins.append(text(header, "value", header_path))
        elif kind == "ExtensionRef":
            extension = mapping(item, "extensionRef", filter_path)
            if text(extension, "kind", f"{filter_path}.extensionRef") == "Middleware":
                name = text(extension, "name", f"{filter_path}.extensionRef")
                middlewares.append((namespace, name))
    return tuple(origins), tuple(middlewares)


def parse_gateway(document: Fields, ref: ObjectRef) -> Gateway:
    """Read a Gateway of the Gateway API."""
    listeners = []
    for path, listener in mappings(mapping(document, "spec", ""), "listeners", "spec"):
        allowed = mapping(listener, "allowedRoutes", path)
        namespaces = mapping(allowed, "namespaces", f"{path}.allowedRoutes")
        namespaces_path = f"{path}.allowedRoutes.namespaces"
        selector = optional_mapping(namespaces, "selector", namespaces_path)
        listeners.append(
            Listener(
                name=text(listener, "name", path),
                port=integer(listener, "port", path),
                protocol=text(listener, "protocol", path),
                hostname=text(listener, "hostname", path),
                namespaces_from=text(namespaces, "from", namespaces_path) or "Same",
                namespace_selector=None
                if selector is None
                else parse_label_selector(selector, f"{namespaces_path}.selector"),
            )
        )
    return Gateway(ref, tuple(listeners))


def parse_backend_traffic_policy(document: Fields, ref: ObjectRef) -> BackendTrafficPolicy:
    """Read a BackendTrafficPolicy of Envoy Gateway."""
    spec = mapping(document, "spec", "")
    targets = mappings(spec, "targetRefs", "spec")
    single = optional_mapping(spec, "targetRef", "spec")
    if single is not None:
        targets = [*targets, ("spec.targetRef", single)]
    return BackendTrafficPolicy(
        ref,
        targets=tuple((text(t, "kind", path), text(t, "name", path)) for path, t in targets),
        limits_requests=bool(mapping(spec, "rateLimit", "spec")),
    )


def parse_ingress_route(document: Fields, ref: ObjectRef) -> IngressRoute:
    """Read an IngressRoute of Traefik."""
    spec = mapping(document, "spec", "")
    return IngressRoute(
        ref,
        rules=tuple(
            RouteRule(
                tuple(
                    _name(service, service_path, ref.namespace)
                    for service_path, service in mappings(route, "services", path)
                    if (text(service, "kind", service_path) or "Service") == "Service"
                ),
                middlewares=_names(route, "middlewares", path, ref.namespace),
            )
            for path, route in mappings(spec, "routes", "spec")
        ),
        tls=optional_mapping(spec, "tls", "spec") is not None,  # `tls: {}` takes the defaults
        entry_points=tuple(texts(spec, "entryPoints", "spec")),
    )


def parse_middleware(document: Fields, ref: ObjectRef) -> Middleware:
    """Read a Middleware of Traefik."""
    spec = mapping(document, "spec", "")
    headers = mapping(spec, "headers", "spec")
    origins = list(texts(headers, "accessControlAllowOriginList", "spec.headers"))
    regexes = texts(headers, "accessControlAllowOriginListRegex", "spec.headers")
    if not _MATCH_ALL.isdisjoint(regexes):
        origins.append(ANY_ORIGIN)
    responses = text_map(headers, "customResponseHeaders", "spec.headers")
    origins += [value for name, value in responses.items() if name.lower() == _ALLOW_ORIGIN]
    # An average or an amount of zero, the default, is no limit.
    rate = integer(mapping(spec, "rateLimit", "spec"), "average", "spec.rateLimit")
    in_flight = integer(mapping(spec, "inFlightReq", "spec"), "amount", "spec.inFlightReq")
    return Middleware(
        ref,
        origins=tuple(origins),
        limits_requests=bool(rate or in_flight),
        max_body_bytes=integer(
            mapping(spec, "buffering", "spec"), "maxRequestBodyBytes", "spec.buffering"
        ),
        chain=_names(mapping(spec, "chain", "spec"), "middlewares", "spec.chain", ref.namespace),
    )


def parse_http_proxy(document: Fields, ref: ObjectRef) -> HTTPProxy:
    """Read an HTTPProxy of Contour."""
    spec = mapping(document, "spec", "")
    host = mapping(spec, "virtualhost", "spec")
    cors = mapping(host, "corsPolicy", "spec.virtualhost")
    routes = mappings(spec, "routes", "spec")
    tcp_proxy = optional_mapping(spec, "tcpproxy", "spec")
    if tcp_proxy is not None:
        routes = [*routes, ("spec.tcpproxy", tcp_proxy)]
    return HTTPProxy(
        ref,
        rules=tuple(
            RouteRule(
                _names(route, "services", path, ref.namespace),
                rate_limited=_limits_requests(route, path),
            )
            for path, route in routes
        ),
        virtual_host=text(host, "fqdn", "spec.virtualhost"),
        tls=optional_mapping(host, "tls", "spec.virtualhost") is not None,
        origins=tuple(texts(cors, "allowOrigin", "spec.virtualhost.corsPolicy")),
        rate_limited=_limits_requests(host, "spec.virtualhost"),
        includes=_names(spec, "includes", "spec", ref.namespace),
    )


def _limits_requests(parent: Fields, path: str) -> bool:
    policy = mapping(parent, "rateLimitPolicy", path)
    global_policy = mapping(policy, "global", f"{path}.rateLimitPolicy")
    if global_policy and not boolean(global_policy, "disabled", f"{path}.rateLimitPolicy.global"):
        return True
    return bool(mapping(policy, "local", f"{path}.rateLimitPolicy"))


def _names(parent: Fields, key: str, path: str, namespace: str) -> tuple[Name, ...]:
    return tuple(
        _name(item, item_path, namespace) for item_path, item in mappings(parent, key, path)
    )


def _name(item: Fields, path: str, namespace: str) -> Name:
    return text(item, "namespace", path) or namespace, text(item, "name", path)
