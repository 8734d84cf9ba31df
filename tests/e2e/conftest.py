"""An operator with exactly the rights of examples/rbac.yaml against the real control plane."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.operator_process import OperatorProcess
from tests.polling import eventually
from tests.support import ROOT
from tools.control_plane import AuditEvent, ControlPlane

SERVICE_ACCOUNT = "system:serviceaccount:readiness-system:readiness-operator"


@dataclass(frozen=True)
class Cluster:
    """The cluster as a user of the operator works with it."""

    control_plane: ControlPlane

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*args, input=stdin).stdout

    def apply(self, *documents: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def get(self, *args: str) -> Any:
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def conditions(self, namespace: str, workload: str) -> dict[str, tuple[str, str]]:
        """Return our conditions of `deployment/web`: status and reason by type without prefix."""
        status = self.get("-n", namespace, workload).get("status", {})
        return {
            c["type"].removeprefix("readiness.dev/"): (c["status"], c["reason"])
            for c in status.get("conditions", [])
            if c["type"].startswith("readiness.dev/")
        }

    def ready(self, namespace: str, workload: str) -> str:
        """Return the status of ProductionReady; "" when there is no such condition."""
        return self.conditions(namespace, workload).get("ProductionReady", ("", ""))[0]

    def events(self, namespace: str, name: str) -> list[tuple[str, str]]:
        """Return type and reason of the operator's events about an object, oldest first."""
        items = self.get("-n", namespace, "events", f"--field-selector=involvedObject.name={name}")[
            "items"
        ]
        ours = [e for e in items if e["source"].get("component") == "readiness-operator"]
        ours.sort(key=lambda e: e["metadata"]["creationTimestamp"])
        return [(e["type"], e["reason"]) for e in ours]

    def writes(self, after: int) -> list[AuditEvent]:
        """Return what the operator wrote since a mark, from the API server's own audit log."""
        return [
            event
            for event in self.control_plane.audit_events(after=after)
            if event.user == SERVICE_ACCOUNT
            and event.verb in ("create", "update", "patch", "delete", "deletecollection")
            and event.resource != "selfsubjectaccessreviews"  # asks and stores nothing
        ]


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Cluster:
    """The control plane with our CRDs and the operator's service account and rights."""
    found = Cluster(control_plane)
    control_plane.kubectl("apply", "-f", str(ROOT / "crds"))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
    control_plane.kubectl("apply", "-f", str(ROOT / "examples" / "rbac.yaml"))
    return found


@pytest.fixture(scope="session")
def operator_kubeconfig(cluster: Cluster) -> Path:
    """A kubeconfig with the operator's rights and no others."""
    return cluster.control_plane.kubeconfig_for(SERVICE_ACCOUNT)


@pytest.fixture(scope="module")
def shared_operator(operator_kubeconfig: Path) -> Iterator[OperatorProcess]:
    """One operator for the tests of a module; other modules have the cluster to themselves."""
    process = OperatorProcess(
        operator_kubeconfig, "--qps", "0", "--webhook-configuration", "readiness-operator"
    )
    yield process
    if process.running:
        assert process.stop() == 0


@pytest.fixture
def operator(shared_operator: OperatorProcess) -> OperatorProcess:
    """The operator, running and in sync; tests may stop and start it."""
    if not shared_operator.running:
        shared_operator.start()
    return shared_operator


@pytest.fixture
def policy(cluster: Cluster, namespace: str) -> Iterator[Callable[..., str]]:
    """Creates policies for the test's namespace alone, and deletes them afterwards."""
    cluster.kubectl("label", "namespace", namespace, f"test={namespace}")
    made: list[str] = []

    def create(name: str = "", **spec: Any) -> str:
        name = name or f"{namespace}-policy"
        match = {"namespaceSelector": {"matchLabels": {"test": namespace}}}
        spec.setdefault("match", match)
        cluster.apply(
            {
                "apiVersion": "readiness.dev/v1alpha1",
                "kind": "ReadinessPolicy",
                "metadata": {"name": name},
                "spec": spec,
            }
        )
        if name not in made:
            made.append(name)
        return name

    yield create
    for name in made:
        cluster.kubectl("delete", "readinesspolicy", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def within_two_seconds(cluster: Cluster) -> Callable[[Callable[[], object]], None]:
    """Asserts that something becomes true within 2 s, the time the project promises."""

    def assert_soon(check: Callable[[], object]) -> None:
        started = time.monotonic()
        eventually(check, within=15)
        took = time.monotonic() - started
        assert took < 2.0, f"took {took:.1f} s"

    return assert_soon
