"""What guards the routes that lead to a workload: middlewares, proxies around proxies, policies.

Routes are judged by what can be seen: a middleware that is not known guards nothing and opens
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from readiness.checks.base import Finding, Skip
from readiness.model.routes import HTTPProxy, Middleware, Name, RouteRule
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

NO_ROUTE = Skip("no Ingress or HTTPRoute routes to it")

# What strconv.ParseBool of Go takes for true; controllers read annotations with it.
TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})


def findings(messages: Iterable[str], workload: Workload) -> list[Finding]:
    """Return one finding for each different message; they are about what Services select by."""
    path = f"{workload.template_metadata_path}.labels"
    return [Finding(message, path) for message in dict.fromkeys(messages)]


def middlewares_of(rule: RouteRule, snapshot: Snapshot) -> list[Middleware]:
    """Return the Traefik middlewares of a rule, those that a chain stands for included."""
    found: dict[Name, Middleware] = {}
    waiting = list(rule.middlewares)
    while waiting:
        for middleware in _named(waiting.pop(), snapshot):
            key = (middleware.namespace, middleware.name)
            if key not in found:
                found[key] = middleware
                waiting += middleware.chain
    return [found[key] for key in sorted(found)]


def _named(name: Name, snapshot: Snapshot) -> Iterator[Middleware]:
    """Yield the middleware of a name; `<namespace>-<name>` may be split at any dash."""
    namespace, own = name
    candidates = [name]
    if not namespace:
        parts = own.split("-")
        candidates = [("-".join(parts[:i]), "-".join(parts[i:])) for i in range(1, len(parts))]
    for candidate in candidates:
        middleware = snapshot.companion(Middleware, *candidate)
        if middleware is not None:
            yield middleware


def roots_of(proxy: HTTPProxy, snapshot: Snapshot) -> list[HTTPProxy]:
    """Return the proxies with a virtual host through which requests get to this one."""
    roots: list[HTTPProxy] = []
    seen: set[Name] = set()
    waiting = [proxy]
    while waiting:
        current = waiting.pop()
        key = (current.namespace, current.name)
        if key in seen:
            continue
        seen.add(key)
        if current.virtual_host:
            roots.append(current)
        else:
            waiting += [p for p in snapshot.inventory.companions(HTTPProxy) if key in p.includes]
    return roots
