"""NetworkPolicies: which directions they isolate, and whether they let everything through.

Source: k8s.io/kubernetes/pkg/apis/networking/v1/defaults.go (policyTypes) and the field docs of
k8s.io/api/networking/v1: a rule without `from`/`to` and without `ports` matches everything, an
empty list of rules nothing, and policies that select the same pod add up.
"""

from __future__ import annotations

from readiness.model.companion import Companion
from readiness.model.fields import Fields, mapping, mappings, sequence, text, texts
from readiness.model.label_selector import LabelSelector, parse_label_selector
from readiness.model.workload import ObjectRef

_EVERY_ADDRESS = ("0.0.0.0/0", "::/0")


class NetworkPolicy(Companion, frozen=True):
    """A NetworkPolicy.

    Attributes:
        selector: the pods; empty selects all of the namespace.
        types: Ingress, Egress or both, the defaults filled in.
        open_ingress: field path of the first ingress rule that lets everyone in; empty if none.
        open_egress: field path of the first egress rule that lets everything out; empty if none.
    """

    selector: LabelSelector
    types: tuple[str, ...]
    open_ingress: str
    open_egress: str


def parse_network_policy(document: Fields, ref: ObjectRef) -> NetworkPolicy:
    """Read a NetworkPolicy."""
    spec = mapping(document, "spec", "")
    types = tuple(texts(spec, "policyTypes", "spec"))
    if not types:
        egress = sequence(spec, "egress", "spec")
        types = ("Ingress", "Egress") if egress else ("Ingress",)
    return NetworkPolicy(
        ref,
        selector=parse_label_selector(mapping(spec, "podSelector", "spec"), "spec.podSelector"),
        types=types,
        open_ingress=_first_open_rule(spec, "ingress", "from"),
        open_egress=_first_open_rule(spec, "egress", "to"),
    )


def _first_open_rule(spec: Fields, direction: str, peers: str) -> str:
    for path, rule in mappings(spec, direction, "spec"):
        if sequence(rule, "ports", path):
            continue
        listed = mappings(rule, peers, path)
        if not listed or any(_is_everyone(peer, peer_path) for peer_path, peer in listed):
            return path
    return ""


def _is_everyone(peer: Fields, path: str) -> bool:
    block = mapping(peer, "ipBlock", path)
    return text(block, "cidr", f"{path}.ipBlock") in _EVERY_ADDRESS and not texts(
        block, "except", f"{path}.ipBlock"
    )
