"""A route passes on requests of any size.

Restricted: a body size of zero, or `unlimited`, in the annotations of an Ingress; a buffering
Middleware of Traefik with maxRequestBodyBytes 0. What a controller does by default is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._routes import NO_ROUTE, findings, middlewares_of
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip
from readiness.model.routes import Ingress, IngressRoute, Route, RouteRule
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_ANNOTATIONS = (
    "nginx.ingress.kubernetes.io/proxy-body-size",
    "nginx.org/client-max-body-size",
    "haproxy-ingress.github.io/proxy-body-size",
    "ingress.kubernetes.io/proxy-body-size",
)

CHECK = Check(
    id="request-size-unlimited",
    title="Request size unlimited",
    category=Category.NETWORKING,
    severity=Severity.NICE,
    scope=Scope.COMPANION,
    rationale=(
        "A few huge uploads fill the memory or the disk of the proxy and of the pods behind it."
    ),
    remediation=(
        "Set the body size to the largest request that is meant, such as "
        "nginx.ingress.kubernetes.io/proxy-body-size: 8m."
    ),
    reference=Reference(
        checklist="Input Validation: Request size limits",
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#custom-max-body-size",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each route, or middleware of one, that says requests may be of any size."""
    routes = snapshot.routes_reaching(workload)
    if not routes:
        return NO_ROUTE
    judged = [pair for pair in routes if isinstance(pair[0], Ingress | IngressRoute)]
    if not judged:
        return Skip("only Ingresses and IngressRoutes say how large a request may be")
    messages: list[str] = []
    for route, rules in judged:
        messages += _faults(route, rules, workload.namespace, snapshot)
    return findings(messages, workload)


def _faults(
    route: Route, rules: list[RouteRule], namespace: str, snapshot: Snapshot
) -> Iterator[str]:
    if isinstance(route, Ingress):
        for name in _ANNOTATIONS:
            value = route.annotations.get(name)
            if value is not None and _is_unlimited(value):
                title = route.title_from(namespace)
                yield f'{title} must limit the size of requests in {name} (it is "{value}")'
    for rule in rules:
        for middleware in middlewares_of(rule, snapshot):
            if middleware.max_body_bytes == 0:
                title = middleware.title_from(namespace)
                yield f"{title} must set spec.buffering.maxRequestBodyBytes above 0"


def _is_unlimited(value: str) -> bool:
    """Return whether a size is none: zero in any unit, or HAProxy's word for it."""
    return value == "unlimited" or value.strip().rstrip("kKmMgG") == "0"
