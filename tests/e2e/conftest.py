"""An operator under the chart's own accounts and rights against the real control plane."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.support import NAMESPACE, RELEASE, Documents, Helm
from tests.e2e.operator_process import OperatorProcess
from tests.polling import eventually
from tests.support import ROOT
from tools.control_plane import AuditEvent, ControlPlane

CONTROLLER_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-controller"
WEBHOOK_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-webhook"
# Everything else that takes rights is switched on from the start.
ALL_RIGHTS = "controller.compilePolicies=true"


@dataclass(frozen=True)
class Cluster:
    """The cluster as a user of the operator works with it.

    Attributes:
        control_plane: what it consists of.
        rights: the accounts, roles and bindings as the chart renders them.
    """

    control_plane: ControlPlane
    rights: Documents

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
            if event.user in (CONTROLLER_ACCOUNT, WEBHOOK_ACCOUNT)
            and event.verb in ("create", "update", "patch", "delete", "deletecollection")
            and event.resource != "selfsubjectaccessreviews"  # asks and stores nothing
        ]

    @contextmanager
    def without_right_to(self, resource: str) -> Iterator[None]:
        """Take every right to a resource from the operator while the block runs."""
        fewer = copy.deepcopy(self.rights)
        for document in fewer:
            for rule in document.get("rules", ()):
                rule["resources"] = [r for r in rule["resources"] if r != resource]
            if "rules" in document:
                document["rules"] = [rule for rule in document["rules"] if rule["resources"]]
        assert fewer != self.rights, f"the operator has no right to {resource}"
        try:
            self.apply(*fewer)
            yield
        finally:
            self.apply(*self.rights)


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The control plane with our CRDs, and the accounts and rights of the chart."""
    helm = Helm(control_plane.binary("helm"), tmp_path_factory.mktemp("helm"))
    found = Cluster(
        control_plane, helm.template("--show-only=templates/rbac.yaml", "--set", ALL_RIGHTS)
    )
    control_plane.kubectl("apply", "-f", str(ROOT / "crds"))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
    found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    found.apply(*found.rights)
    return found


@pytest.fixture(scope="session")
def operator_kubeconfig(cluster: Cluster) -> Path:
    """A kubeconfig with the controller's rights and no others."""
    return cluster.control_plane.kubeconfig_for(CONTROLLER_ACCOUNT)


@pytest.fixture(scope="session")
def webhook_kubeconfig(cluster: Cluster) -> Path:
    """A kubeconfig with the webhook's rights and no others."""
    return cluster.control_plane.kubeconfig_for(WEBHOOK_ACCOUNT)


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
