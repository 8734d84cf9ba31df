"""The chart installed, upgraded and uninstalled by the real helm on a real API server.

Its pods are played by kwok and run nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.cluster import KEPT, Cluster, stand_in
from tests.chart.support import CHART, NAMESPACE, RELEASE, Render


@pytest.fixture
def cluster(cluster_of_charts: Cluster) -> Iterator[Cluster]:
    """A cluster with nothing of ours."""
    cluster_of_charts.start_over()
    yield cluster_of_charts
    cluster_of_charts.start_over()


CERT_MANAGER = [
    stand_in("cert-manager.io", "v1", "Certificate", "certificates"),
    stand_in("cert-manager.io", "v1", "Issuer", "issuers"),
]


def test_api_server_accepts_every_way_to_set_the_chart(
    cluster: Cluster, foreign_kinds: None, render: Render
) -> None:
    """Strictly validated; pods that are not restricted would be warned about."""
    documents: list[dict[str, Any]] = []
    for path in sorted((CHART / "ci").glob("*-values.yaml")):
        for document in render(path.name.removesuffix("-values.yaml")):
            # The kind of policies comes with the chart; other tests apply them for real.
            if document["kind"] != "ReadinessPolicy" and document not in documents:
                documents.append(document)
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(CERT_MANAGER))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")
    try:
        result = cluster.control_plane.kubectl(
            "create",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            "-",
            input=yaml.safe_dump_all(documents),
        )
    finally:
        cluster.kubectl("delete", "crd", *(crd["metadata"]["name"] for crd in CERT_MANAGER))

    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == len(documents)


def test_install_upgrade_uninstall(cluster: Cluster) -> None:
    def policies() -> dict[str, str]:
        items = cluster.get("readinesspolicies")["items"]
        return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}

    notes = cluster.install("policies.install=baseline", wait=True)
    made = policies()
    certificate = cluster.secret(), cluster.bundles()

    assert 'Policy "baseline" is in force.' in notes
    assert list(made) == ["baseline"]
    deployments = cluster.get("deployments", f"--namespace={NAMESPACE}")["items"]
    assert {d["metadata"]["name"]: d["status"]["availableReplicas"] for d in deployments} == {
        "readiness-operator-controller": 2,
        "readiness-operator-webhook": 2,
    }

    # The policy, which a hook made, becomes one of the release's objects, the very same one.
    cluster.upgrade("policies.install=baseline", "webhook.failurePolicy=Fail", wait=True)
    assert (cluster.secret(), cluster.bundles()) == certificate
    assert policies() == made
    webhooks = cluster.get("validatingwebhookconfiguration", RELEASE)["webhooks"]
    assert [webhook["failurePolicy"] for webhook in webhooks] == ["Fail", "Ignore", "Fail"]

    cluster.upgrade("policies.install=standard")
    assert list(policies()) == ["standard"]

    own = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": "own"},
        "spec": {"extends": "baseline"},
    }
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(own))
    cluster.uninstall()
    cluster.comes_to_hold(*KEPT, "ReadinessPolicy/own")

    # The next release of the name takes over what was kept, and takes it away if told to.
    cluster.install("crds.keep=false", "policies.install=strict")
    assert list(policies()) == ["own", "strict"]
    cluster.uninstall()
    cluster.comes_to_hold()


def test_policy_of_a_release_that_was_never_upgraded_goes_with_it(cluster: Cluster) -> None:
    """A hook made it, because its kind came with the same release; a hook takes it away."""
    cluster.install("policies.install=strict")
    assert cluster.get("readinesspolicy", "strict")["spec"]["enforcement"] == "Strict"

    cluster.uninstall()
    cluster.comes_to_hold(*KEPT)


def test_helm_says_which_kind_is_missing(cluster: Cluster) -> None:
    result = cluster.helm.run(
        "install",
        RELEASE,
        str(CHART),
        f"--namespace={NAMESPACE}",
        "--set=webhook.certificate.source=certManager",
    )

    assert result.returncode == 1
    assert 'no matches for kind "Certificate" in version "cert-manager.io/v1"' in result.stderr
