"""Nothing limits how many requests a client may send to the pods.

A limit counts on the route: an annotation of an Ingress, a Middleware of Traefik, a rateLimitPolicy
of an HTTPProxy, a BackendTrafficPolicy of Envoy Gateway for an HTTPRoute or its Gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

from readiness.api.vocabulary import Category, Severity
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks._routes import (
    NO_ROUTE,
    findings,
    middlewares_of,
    roots_of,
)
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip
from readiness.model.routes import (
    BackendTrafficPolicy,
    HTTPProxy,
    HTTPRoute,
    Ingress,
    IngressRoute,
    Route,
    RouteRule,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

_ANNOTATIONS = (
    "nginx.ingress.kubernetes.io/limit-rps",
    "nginx.ingress.kubernetes.io/limit-rpm",
    "nginx.ingress.kubernetes.io/limit-connections",
    "nginx.org/limit-req-rate",
    "haproxy-ingress.github.io/limit-rps",
    "haproxy-ingress.github.io/limit-connections",
    "ingress.kubernetes.io/limit-rps",
    "ingress.kubernetes.io/limit-connections",
    "haproxy.org/rate-limit-requests",
)
# What each kind must do about it.
_REMEDIES = {
    Ingress: "must limit requests, such as with annotation nginx.ingress.kubernetes.io/limit-rps",
    HTTPRoute: "must be the target of a BackendTrafficPolicy that sets spec.rateLimit",
    IngressRoute: "must name a Middleware that sets spec.rateLimit in every route",
    HTTPProxy: "must set rateLimitPolicy in spec.virtualhost or in every route",
}


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        annotations: more annotations of an Ingress, of other controllers, that limit requests.
    """

    annotations: tuple[str, ...] = ()


CHECK = Check(
    id="rate-limit-missing",
    title="Rate limit missing",
    category=Category.NETWORKING,
    severity=Severity.SHOULD,
    scope=Scope.COMPANION,
    rationale=(
        "One client, broken or hostile, can send as many requests as it likes: passwords get "
        "guessed and everybody else gets time-outs."
    ),
    remediation=(
        "Limit requests for each client address where they enter: limit-rps on an Ingress, a "
        "Middleware with rateLimit for Traefik, a BackendTrafficPolicy for Envoy Gateway."
    ),
    reference=Reference(
        checklist="Rate Limiting: Per-IP rate limiting",
        url="https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#rate-limiting",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each route to the pods with a rule that nothing limits."""
    routes = snapshot.routes_reaching(workload)
    if not routes:
        return NO_ROUTE
    messages = []
    unavailable: Skip | None = None
    for route, rules in routes:
        if _limits_all(route, snapshot, params):
            continue
        if all(_limits(rule, snapshot) for rule in rules):
            continue
        if isinstance(route, HTTPRoute):
            reason = all_unavailable(snapshot, "BackendTrafficPolicy", "Middleware")
            if reason is not None:
                unavailable = reason
                continue
        messages.append(f"{route.title_from(workload.namespace)} {_REMEDIES[type(route)]}")
    if not messages and unavailable is not None:
        return unavailable
    return findings(messages, workload)


def _limits_all(route: Route, snapshot: Snapshot, params: Params) -> bool:
    """Return whether something limits all requests of a route."""
    if isinstance(route, Ingress):
        names = (*_ANNOTATIONS, *params.annotations)
        return any(route.annotations.get(name, "") not in ("", "0") for name in names)
    if isinstance(route, HTTPRoute):
        targets = {("HTTPRoute", route.namespace, route.name)}
        targets.update(("Gateway", *parent.gateway) for parent in route.parents)
        return any(
            policy.limits_requests and (kind, namespace, name) in targets
            for namespace in {namespace for _, namespace, _ in targets}
            for policy in snapshot.companions(BackendTrafficPolicy, namespace)
            for kind, name in policy.targets
        )
    if isinstance(route, HTTPProxy):
        return all(root.rate_limited for root in roots_of(route, snapshot))
    return False


def _limits(rule: RouteRule, snapshot: Snapshot) -> bool:
    return rule.rate_limited or any(m.limits_requests for m in middlewares_of(rule, snapshot))
