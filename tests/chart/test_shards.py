"""The namespaces split among several controllers, by one value of the chart."""

from __future__ import annotations

import pytest

from tests.chart.support import Helm, Render, named, of_kind, pod_specs
from tests.chart.test_rendering import DEFAULT, crd_names, names_by_kind


def test_each_shard_is_a_deployment_with_a_lease_and_the_right_to_it(render: Render) -> None:
    documents = render("controller.shards=3", "controller.replicas=2", "reports.maximum=100")

    shards = [f"readiness-operator-controller-shard-{index}" for index in range(3)]
    leases = [f"readiness-operator-shard-{index}" for index in range(3)]
    assert names_by_kind(documents) == {
        **DEFAULT,
        "CustomResourceDefinition": crd_names(),
        "Deployment": {*shards, "readiness-operator-webhook"},
        "Lease": set(leases),
    }
    selectors = []
    for index, name in enumerate(shards):
        spec = named(documents, "Deployment", name)["spec"]
        (container,) = pod_specs(documents)[name]["containers"]
        assert spec["replicas"] == 2
        assert "--lease-name=readiness-operator" in container["args"]
        assert f"--shard={index}/3" in container["args"]
        assert "--max-reports=34" in container["args"]
        selector = spec["selector"]["matchLabels"]
        assert selector["readiness.dev/shard"] == str(index)
        assert selector.items() <= spec["template"]["metadata"]["labels"].items()
        selectors.append(tuple(sorted(selector.items())))
    assert len(set(selectors)) == 3
    # The Service, the budget and the network policy are for the pods of all shards.
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        text = str(named(documents, kind, "readiness-operator-controller")["spec"])
        assert "'app.kubernetes.io/component': 'controller'" in text
        assert "readiness.dev/shard" not in text
    (role,) = of_kind(documents, "Role")
    assert [rule.get("resourceNames") for rule in role["rules"]] == [leases, None]


def test_one_shard_is_no_shard(render: Render) -> None:
    assert "shard" not in str(pod_specs(render())["readiness-operator-controller"])


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ("0", "at '/controller/shards': minimum: got 0, want 1"),
        ("65", "at '/controller/shards': maximum: got 65, want 64"),
        ("half", "at '/controller/shards': got string, want integer"),
    ],
)
def test_impossible_numbers_are_refused(helm: Helm, shards: str, message: str) -> None:
    assert message in helm.refusal("--set", f"controller.shards={shards}")


def test_the_last_name_fits_into_a_label(helm: Helm) -> None:
    """A pod's name begins with that of its Deployment, and is the value of labels elsewhere."""
    documents = helm.template(
        "--set", f"fullnameOverride={'n' * 43}", "--set", "controller.shards=64"
    )

    assert max(len(d["metadata"]["name"]) for d in of_kind(documents, "Deployment")) == 63
