"""The chart as the real helm renders it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from tests.chart.cluster import FOREIGN, Cluster
from tests.chart.support import CHART, Documents, Helm, Render
from tools.control_plane import ControlPlane, ControlPlaneError, find_binaries


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a binary of the control plane; it stays apart from the shared one."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"helm", "chart_cluster"}:
            item.add_marker(pytest.mark.cluster)
            if "chart_cluster" in fixtures and item.config.pluginmanager.hasplugin("xdist"):
                item.add_marker(pytest.mark.xdist_group("chart"))


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    try:
        binary = find_binaries(["helm"])["helm"]
    except ControlPlaneError as error:
        pytest.fail(f"{error}\n(READINESS_SKIP_CLUSTER=1 skips these tests.)", pytrace=False)
    return Helm(binary, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def render(helm: Helm) -> Render:
    """Renders the chart with `key=value` settings or the name of a file of ci/; remembers it."""

    @cache
    def rendered(*settings: str) -> Documents:
        args: list[str] = []
        for setting in settings:
            if "=" in setting:
                args += ["--set", setting]
            else:
                args += ["--values", str(CHART / "ci" / f"{setting}-values.yaml")]
        return helm.template(*args)

    return rendered


@pytest.fixture(scope="session")
def chart_cluster() -> Iterator[ControlPlane]:
    """A control plane of the chart's own: what it installs holds for a whole cluster."""
    try:
        started = ControlPlane().start()
    except ControlPlaneError as error:
        pytest.fail(f"{error}\n(READINESS_SKIP_CLUSTER=1 skips these tests.)", pytrace=False)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def cluster_of_charts(
    chart_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Cluster:
    binary = chart_cluster.binary("helm")
    helm = Helm(binary, tmp_path_factory.mktemp("helm-here"), chart_cluster.kubeconfig)
    return Cluster(chart_cluster, helm)


@pytest.fixture(scope="session")
def foreign_kinds(cluster_of_charts: Cluster) -> None:
    """Stand-ins for the kinds of other operators; to delete so many takes the API server long."""
    cluster_of_charts.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(FOREIGN))
    cluster_of_charts.kubectl("wait", "--for=condition=Established", "crd", "--all")
