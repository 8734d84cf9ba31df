"""The real control plane, for every test that asks for it."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Generator, Iterator

import pytest

from tests.e2e.operator_process import started
from tools.control_plane import ControlPlane, ControlPlaneError

_FIXTURES = {"control_plane", "namespace"}


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach the programs under test where the run itself was started to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs the control plane.

    `--dist loadgroup` keeps the tests of a module together, since they share operators and
    webhooks; each worker has a control plane of its own, so modules run side by side.
    """
    for item in items:
        if _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            continue
        item.add_marker(pytest.mark.cluster)
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(f"cluster-{item.path.stem}"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cluster") and os.environ.get("READINESS_SKIP_CLUSTER") == "1":
        pytest.skip("READINESS_SKIP_CLUSTER=1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the operators said last when a test fails: it may not fail again elsewhere."""
    report = yield
    if report.failed and item.get_closest_marker("cluster"):
        for operator in started:
            if operator.log:
                lines = operator.log.splitlines()[-40:]
                report.sections.append((f"the {operator.role}'s last lines", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for the session (under pytest-xdist, for each worker that needs one)."""
    try:
        running = ControlPlane().start()
    except ControlPlaneError as error:
        # The test run must not look good because it could not look.
        pytest.fail(f"{error}\n(READINESS_SKIP_CLUSTER=1 skips these tests.)", pytrace=False)
    yield running
    running.stop()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own, deleted in the background afterwards."""
    control_plane.check()
    name = f"test-{secrets.token_hex(4)}"
    control_plane.create_namespace(name)
    yield name
    control_plane.delete_namespace(name)
