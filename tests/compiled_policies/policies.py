"""Policies and workloads of the tests, and how to install what is compiled of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from readiness.admission_policies.compiler import API_VERSION
from tests.compiled_policies.workloads import Manifest
from tests.judge.judge import Judge

PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


def path_of(kind: str, name: str = "") -> str:
    """Return the URL path of a kind of admissionregistration.k8s.io, or of one of its objects."""
    collection = f"/apis/{API_VERSION}/{PLURALS[kind]}"
    return f"{collection}/{name}" if name else collection


@contextmanager
def installed(server: Judge, manifests: Sequence[Manifest]) -> Iterator[None]:
    """Create manifests, the policies before the bindings, and delete them afterwards."""
    for kind in PLURALS:
        of_kind = [manifest for manifest in manifests if manifest["kind"] == kind]
        server.each(partial(server.must, "POST", path_of(kind)), of_kind)
    try:
        yield
    finally:
        paths = [path_of(one["kind"], one["metadata"]["name"]) for one in manifests]
        server.each(partial(server.must, "DELETE"), paths)


def policy(name: str, **spec: Any) -> Manifest:
    """Return a ReadinessPolicy in Strict."""
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": name},
        "spec": {"enforcement": "Strict", **spec},
    }


def exemption(namespace: str, **spec: Any) -> Manifest:
    """Return a ReadinessExemption until the end of 2026."""
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "legacy", "namespace": namespace},
        "spec": {
            "workloads": [{"name": "legacy"}],
            "checks": ["mutable-image-tag"],
            "reason": "being replaced this year",
            "expiresAt": "2026-12-31T00:00:00Z",
            **spec,
        },
    }


def workload(name: str, *images: str, kind: str = "Deployment", **metadata: Any) -> Manifest:
    """Return a workload with a container for each image: c0, c1, and so on."""
    labels = {"app": name}
    containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
