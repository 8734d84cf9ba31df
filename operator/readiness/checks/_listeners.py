"""Which listeners of Gateways an HTTPRoute attaches to.

By the section and the port its parentRefs name, the namespaces the listener allows, and the host
names they have in common. https://gateway-api.sigs.k8s.io/reference/spec/#parentreference
"""

from __future__ import annotations

from collections.abc import Iterator

from readiness.model.routes import Gateway, HTTPRoute, Listener, ParentRef
from readiness.model.snapshot import Origin, Snapshot


def listeners_of(route: HTTPRoute, snapshot: Snapshot) -> Iterator[tuple[Gateway, Listener]]:
    """Yield the listeners a route attaches to, each with its Gateway."""
    for parent in route.parents:
        gateway = snapshot.companion(Gateway, *parent.gateway)
        if gateway is not None:
            for listener in gateway.listeners:
                if _attaches(route, parent, listener, snapshot):
                    yield gateway, listener


def _attaches(route: HTTPRoute, parent: ParentRef, listener: Listener, snapshot: Snapshot) -> bool:
    """Return whether a listener takes a route: by section and port, namespace and host name."""
    if parent.section not in ("", listener.name) or parent.port not in (None, listener.port):
        return False
    if listener.namespaces_from == "Same" and route.namespace != parent.gateway[0]:
        return False
    if listener.namespaces_from == "Selector":
        namespace = snapshot.namespace(route.namespace)
        selector = listener.namespace_selector
        # A namespace that can't be seen may well be selected.
        if namespace is not None and (selector is None or not selector.matches(namespace.labels)):
            return False
    names = route.hostnames
    return not listener.hostname or not names or any(_meet(listener.hostname, n) for n in names)


def _meet(one: str, other: str) -> bool:
    """Return whether two host names, either of which may begin with `*.`, have one in common."""
    return (
        one == other
        or (one.startswith("*.") and other.endswith(one[1:]))
        or (other.startswith("*.") and one.endswith(other[1:]))
    )


def unseen_gateway(route: HTTPRoute, namespace: str, snapshot: Snapshot) -> str:
    """Return why listeners of the route can't be looked at; empty when all can be."""
    for where, name in route.listener_sets:
        return f'ListenerSet "{_shown(where, name, namespace)}" is not looked at'
    for parent in route.parents:
        if snapshot.companion(Gateway, *parent.gateway) is None:
            if snapshot.origin is Origin.CLUSTER:  # else the route attaches to nothing
                return snapshot.unavailable.get("Gateway", "")
            return f'Gateway "{_shown(*parent.gateway, namespace)}" is not among the files'
    return ""


def _shown(where: str, name: str, namespace: str) -> str:
    return name if where == namespace else f"{where}/{name}"
