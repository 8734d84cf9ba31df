"""What was asked for with the same labels before is remembered, until something changes."""

from __future__ import annotations

from typing import Any

from readiness.model.companions import Service, parse_companion
from readiness.model.inventory import Inventory


def service(name: str, app: str = "web") -> Any:
    """Return a Service that selects an app."""
    metadata = {"name": name, "namespace": "shop"}
    spec = {"selector": {"app": app}, "ports": [{"port": 80}]}
    document = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return parse_companion(document, default_namespace="shop")


def names(inventory: Inventory, labels: dict[str, str], namespace: str = "shop") -> list[str]:
    """Return the names of the Services that select labels."""
    return [found.name for found in inventory.selecting_alike(Service, namespace, labels)]


def test_the_same_labels_get_the_same_answer() -> None:
    """The second time nothing is looked up."""
    inventory = Inventory()
    inventory.put_companion(service("web"))
    labels = {"app": "web"}
    first = inventory.selecting_alike(Service, "shop", labels)
    assert [found.name for found in first] == ["web"]
    assert inventory.selecting_alike(Service, "shop", labels) is first


def test_other_labels_and_namespaces_get_their_own() -> None:
    """One workload after another asks, of one namespace after another."""
    inventory = Inventory()
    inventory.put_companion(service("web"))
    inventory.put_companion(service("cart", "cart"))
    web, cart = {"app": "web"}, {"app": "cart"}
    assert names(inventory, web) == ["web"]
    assert names(inventory, cart) == ["cart"]
    assert names(inventory, web, "other") == []
    assert names(inventory, web) == ["web"]


def test_a_change_is_seen_at_once() -> None:
    """What comes, changes and goes between two evaluations counts in the second."""
    inventory = Inventory()
    labels = {"app": "web"}
    assert names(inventory, labels) == []
    inventory.put_companion(service("web"))
    assert names(inventory, labels) == ["web"]
    inventory.put_companion(service("web", "cart"))
    assert names(inventory, labels) == []
    inventory.put_companion(service("second"))
    assert names(inventory, labels) == ["second"]
    inventory.remove_companion(Service, "shop", "second")
    assert names(inventory, labels) == []
