"""The cluster as somebody sees it who installs the chart."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from readiness.kube import kinds
from tests.chart.support import CHART, NAMESPACE, RELEASE, Helm
from tests.polling import eventually
from tools.control_plane import ControlPlane

CERTIFICATE = "readiness-operator-webhook-certificate"
CRDS = [
    yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"]
    for path in sorted((CHART.parent.parent / "crds").glob("*.yaml"))
]
# What stays by default when the chart goes: Kubernetes makes an APIService of each group.
KEPT = {*(f"CustomResourceDefinition/{name}" for name in CRDS), "APIService/v1alpha1.readiness.dev"}


@dataclass(frozen=True)
class Cluster:
    """A control plane and a helm that speaks to it."""

    control_plane: ControlPlane
    helm: Helm

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        # Deleting many definitions at once takes the API server longer than a minute at times.
        return self.control_plane.kubectl(*args, input=stdin, within=180).stdout

    def get(self, *args: str) -> Any:
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def install(self, *settings: str, wait: bool = False) -> str:
        return self._apply("install", *settings, wait=wait)

    def upgrade(self, *settings: str, wait: bool = False) -> str:
        return self._apply("upgrade", *settings, wait=wait)

    def _apply(self, verb: str, *settings: str, wait: bool) -> str:
        args = [word for setting in settings for word in ("--set", setting)]
        args += ["--wait", "--timeout=60s"] if wait else []
        return self.helm(verb, RELEASE, str(CHART), f"--namespace={NAMESPACE}", *args)

    def uninstall(self) -> None:
        self.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--timeout=60s")

    def ours(self) -> set[str]:
        """Return every object that the chart or the operator left, of whatever kind."""
        return {
            f"{kind}/{metadata['name']}"
            for kind, path in self._listable()
            for metadata in self._metadata(path)
            if RELEASE in metadata["name"]
            or "readiness.dev" in path + metadata["name"]
            or metadata.get("labels", {}).get("app.kubernetes.io/instance") == RELEASE
        }

    def _listable(self) -> Iterator[tuple[str, str]]:
        """Yield each kind that can be listed, with the path of its objects in all namespaces."""
        request = self.control_plane.request
        groups = request("GET", "/apis").body["groups"]
        paths = ["/api/v1", *(f"/apis/{g['preferredVersion']['groupVersion']}" for g in groups)]
        for path in paths:
            for resource in request("GET", path).body["resources"]:
                # Events are forgotten by the API server itself.
                if "list" in resource["verbs"] and resource["kind"] != "Event":
                    yield resource["kind"], f"{path}/{resource['name']}"

    def _metadata(self, path: str) -> list[dict[str, Any]]:
        """Return the metadata of all objects; of a kind that is just going away there are none."""
        reply = self.control_plane.request("GET", path)
        return [] if reply.status == 404 else [item["metadata"] for item in reply.body["items"]]

    def comes_to_hold(self, *expected: str) -> None:
        """Wait until just this of ours is left."""

        def nothing_else() -> bool:
            different = self.ours() ^ set(expected)
            if different:
                raise LookupError(f"left over or missing: {sorted(different)}")
            return True

        eventually(nothing_else, within=30, every=0.3)

    def secret(self) -> dict[str, bytes]:
        data = self.get("secret", CERTIFICATE, f"--namespace={NAMESPACE}")["data"]
        return {name: base64.b64decode(value) for name, value in data.items()}

    def bundles(self) -> set[bytes]:
        """Return what the API server is told to trust."""
        webhooks = self.get("validatingwebhookconfiguration", RELEASE)["webhooks"]
        return {base64.b64decode(webhook["clientConfig"]["caBundle"]) for webhook in webhooks}

    def start_over(self) -> None:
        """Leave a namespace for the chart, which takes only restricted pods, and nothing else."""
        self.control_plane.check()
        release = ("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found")
        self.helm(*release, "--no-hooks", "--wait")
        self.kubectl("delete", "crd", "--ignore-not-found", *CRDS)
        if self.control_plane.kubectl("get", "namespace", NAMESPACE, check=False).returncode:
            mode = "pod-security.kubernetes.io"
            levels = {f"{mode}/enforce": "restricted", f"{mode}/warn": "restricted"}
            self.control_plane.create_namespace(NAMESPACE, levels)
        self.comes_to_hold()


def stand_in(group: str, version: str, kind: str, plural: str, *, namespaced: bool = True) -> Any:
    """Return a CRD that stands in for one of another operator: any object of the kind will do."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # Some groups are Kubernetes' own, which may define no kinds without a word about it.
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": anything},
                }
            ],
        },
    }


# The kinds of other operators that checks look at.
FOREIGN = [
    stand_in(kind.group, kind.version, kind.kind, kind.plural, namespaced=kind.namespaced)
    for kind in sorted(kinds.OPTIONAL, key=lambda kind: kind.qualified)
]
