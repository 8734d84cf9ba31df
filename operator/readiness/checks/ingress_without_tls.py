"""Requests from outside reach the pods unencrypted.

Restricted: a host of an Ingress that spec.tls does not cover (nor an annotation by which its
controller terminates TLS), a listener with protocol HTTP that an HTTPRoute attaches to, an
IngressRoute or HTTPProxy without tls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._listeners import listeners_of, unseen_gateway
from readiness.checks._routes import NO_ROUTE, TRUE, findings, roots_of
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip
from readiness.model.routes import HTTPProxy, HTTPRoute, Ingress, IngressRoute, Route, RouteRule
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# Annotations that name a certificate, and those that switch TLS on.
_CERTIFICATES = (
    "alb.ingress.kubernetes.io/certificate-arn",
    "networking.gke.io/managed-certificates",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
)
_SWITCHES = (
    "nginx.ingress.kubernetes.io/ssl-passthrough",
    "haproxy-ingress.github.io/ssl-passthrough",
    "haproxy.org/ssl-passthrough",
    "traefik.ingress.kubernetes.io/router.tls",
)
_ALB_PORTS = "alb.ingress.kubernetes.io/listen-ports"
_ENTRY_POINTS = "traefik.ingress.kubernetes.io/router.entrypoints"
# The entry point of Traefik's own chart that has TLS of its own.
_SECURE_ENTRY_POINT = "websecure"

CHECK = Check(
    id="ingress-without-tls",
    title="Ingress without TLS",
    category=Category.NETWORKING,
    severity=Severity.MUST,
    scope=Scope.COMPANION,
    rationale=(
        "Whoever sits between the user and the cluster reads and changes what is sent in the "
        "clear, session cookies and passwords included."
    ),
    remediation=(
        "List every host of the Ingress in spec.tls with the Secret of its certificate "
        "(cert-manager makes them); attach HTTPRoutes, by sectionName, to listeners with protocol "
        "HTTPS only, and use those with HTTP for redirects."
    ),
    reference=Reference(
        checklist="Encryption: Data in transit encryption (TLS)",
        url="https://kubernetes.io/docs/concepts/services-networking/ingress/#tls",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each host or listener that leads to the pods without TLS."""
    routes = snapshot.routes_reaching(workload)
    if not routes:
        return NO_ROUTE
    namespace = workload.namespace
    messages: list[str] = []
    unseen = ""
    for route, rules in routes:
        messages += _faults(route, rules, namespace, snapshot)
        if isinstance(route, HTTPRoute):
            unseen = unseen or unseen_gateway(route, namespace, snapshot)
    if not messages and unseen:
        return Skip(unseen)
    return findings(messages, workload)


def _faults(
    route: Route, rules: list[RouteRule], namespace: str, snapshot: Snapshot
) -> Iterator[str]:
    title = route.title_from(namespace)
    if isinstance(route, Ingress):
        yield from _ingress_faults(route, rules)
    elif isinstance(route, HTTPRoute):
        for gateway, listener in listeners_of(route, snapshot):
            if listener.protocol == "HTTP":
                place = f'listener "{listener.name}" of {gateway.title_from(namespace)}'
                yield f"{title} must not attach to {place}, which has protocol HTTP"
    elif isinstance(route, IngressRoute):
        if not route.tls and set(route.entry_points) != {_SECURE_ENTRY_POINT}:
            yield f"{title} must set spec.tls"
    elif isinstance(route, HTTPProxy):
        roots = [root for root in roots_of(route, snapshot) if not root.tls]
        yield from (f"{r.title_from(namespace)} must set spec.virtualhost.tls" for r in roots)


def _ingress_faults(ingress: Ingress, rules: list[RouteRule]) -> Iterator[str]:
    if _terminates_by_annotation(ingress):
        return
    for rule in rules:
        if not ingress.has_tls_for(rule.host):
            entry = f'host "{rule.host}"' if rule.host else "an entry without hosts"
            yield f"{ingress.title} must list {entry} in spec.tls"


def _terminates_by_annotation(ingress: Ingress) -> bool:
    annotations = ingress.annotations
    return (
        any(annotations.get(name) for name in _CERTIFICATES)
        or any(annotations.get(name) in TRUE for name in _SWITCHES)
        or '"HTTPS"' in annotations.get(_ALB_PORTS, "")
        or annotations.get(_ENTRY_POINTS) == _SECURE_ENTRY_POINT
    )
