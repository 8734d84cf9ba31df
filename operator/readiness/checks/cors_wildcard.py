"""A route lets scripts of any web site call the pods and read the answers.

Restricted: origin `*`, or none named where that means any, in the CORS settings of an Ingress
(ingress-nginx, HAProxy, APISIX), an HTTPRoute, an HTTPProxy or a Middleware of Traefik.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._routes import NO_ROUTE, TRUE, findings, middlewares_of, roots_of
from readiness.checks.base import Check, Outcome, Reference, Scope
from readiness.model.companion import Companion
from readiness.model.routes import HTTPProxy, Ingress, Route, RouteRule
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# Annotations that switch CORS on, and those that name the origins: all of them when absent.
_ANNOTATIONS = (
    ("nginx.ingress.kubernetes.io/enable-cors", "nginx.ingress.kubernetes.io/cors-allow-origin"),
    ("haproxy-ingress.github.io/cors-enable", "haproxy-ingress.github.io/cors-allow-origin"),
    ("ingress.kubernetes.io/cors-enable", "ingress.kubernetes.io/cors-allow-origin"),
    ("haproxy.org/cors-enable", "haproxy.org/cors-allow-origin"),
    ("k8s.apisix.apache.org/enable-cors", "k8s.apisix.apache.org/cors-allow-origin"),
)
_ANY_ORIGIN = frozenset({"*", "http://*", "https://*"})

CHECK = Check(
    id="cors-wildcard",
    title="CORS wildcard",
    category=Category.NETWORKING,
    severity=Severity.MUST,
    scope=Scope.COMPANION,
    rationale=(
        "With any origin allowed, a page on any web site can call the API from the browser of "
        "whoever opens it, and read what comes back."
    ),
    remediation=(
        "Name the origins, scheme included, that really call the API, such as "
        "https://shop.example.com, or switch CORS off where no browser calls it."
    ),
    reference=Reference(
        checklist="CORS Configuration: Specific allowed origins (no wildcards)",
        url="https://gateway-api.sigs.k8s.io/guides/http-cors/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each route, or middleware of one, that allows any origin."""
    routes = snapshot.routes_reaching(workload)
    if not routes:
        return NO_ROUTE
    messages: list[str] = []
    for route, rules in routes:
        if isinstance(route, Ingress):
            messages += _ingress_faults(route)
        messages += [
            f'{culprit.title_from(workload.namespace)} must name the allowed origins instead of "*"'
            for culprit in _permissive(route, rules, snapshot)
        ]
    return findings(messages, workload)


def _ingress_faults(ingress: Ingress) -> Iterator[str]:
    for switch, origins in _ANNOTATIONS:
        if ingress.annotations.get(switch) in TRUE:
            named = ingress.annotations.get(origins, "").split(",")
            if any(origin.strip() in ("", *_ANY_ORIGIN) for origin in named):
                yield f"{ingress.title} must name the allowed origins in {origins}"


def _permissive(route: Route, rules: list[RouteRule], snapshot: Snapshot) -> Iterator[Companion]:
    """Yield the route, the proxies around it and its middlewares that allow any origin."""
    if isinstance(route, HTTPProxy):
        yield from (r for r in roots_of(route, snapshot) if not _ANY_ORIGIN.isdisjoint(r.origins))
    for rule in rules:
        if not _ANY_ORIGIN.isdisjoint(rule.origins):
            yield route
        for middleware in middlewares_of(rule, snapshot):
            if not _ANY_ORIGIN.isdisjoint(middleware.origins):
                yield middleware
