"""The control plane of the tests is real, tells why it fails, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import tools.control_plane
from tests.polling import eventually
from tests.support import ROOT
from tools.control_plane import API_SERVER, ETCD, KWOK, ControlPlane, ControlPlaneError

LABELS = {"app": "web"}


def deployment() -> dict[str, Any]:
    container = {"name": "web", "image": "registry.example/web:1"}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template},
    }


def budget() -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}},
    }


def config_map(control_plane: ControlPlane, namespace: str, name: str) -> str:
    """Create a config map; return its resourceVersion."""
    control_plane.kubectl("create", "configmap", name, "-n", namespace)
    reply = control_plane.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    version: str = reply.body["metadata"]["resourceVersion"]
    return version


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def directory_of(supervisor: psutil.Process) -> Path:
    return Path(supervisor.cmdline()[-1])


@contextmanager
def in_another_process() -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Run `python -m tools.control_plane`; yield it and its supervisor and components."""
    with subprocess.Popen(
        [sys.executable, "-m", "tools.control_plane", "--nodes=1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "Ctrl-C" in line:
                    break
            else:
                pytest.fail("it ended before it was ready")
            yield process, psutil.Process(process.pid).children(recursive=True)
        finally:
            process.kill()


def test_a_deployment_becomes_available_and_its_budget_allows_disruptions(
    control_plane: ControlPlane, namespace: str
) -> None:
    """Scheduler, kwok, deployment controller and disruption controller work together."""
    manifests = yaml.safe_dump_all([deployment(), budget()])
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=manifests)

    control_plane.kubectl(
        "wait", "-n", namespace, "--for=condition=Available", "deployment/web", "--timeout=20s"
    )
    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/web"
    eventually(
        lambda: control_plane.request("GET", path).body["status"].get("disruptionsAllowed") == 1
    )


def test_every_node_is_ready_and_named_for_a_zone(control_plane: ControlPlane) -> None:
    nodes = control_plane.request("GET", "/api/v1/nodes").body["items"]

    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert sorted(zones) == ["zone-a", "zone-b", "zone-c"]


def test_version_is_that_of_the_go_module(control_plane: ControlPlane) -> None:
    modules = (ROOT / "tools" / "control-plane" / "kubernetes" / "go.mod").read_text()

    if not os.environ.get("KUBEBUILDER_ASSETS"):
        assert f"k8s.io/kubernetes {control_plane.version()}" in modules


def test_the_api_server_keeps_address_and_data_over_a_restart(
    control_plane: ControlPlane, namespace: str
) -> None:
    config_map(control_plane, namespace, "kept")
    url = control_plane.url

    control_plane.stop_api_server()
    with pytest.raises(ConnectionRefusedError):
        control_plane.request("GET", "/readyz")
    control_plane.start_api_server()

    assert control_plane.url == url
    path = f"/api/v1/namespaces/{namespace}/configmaps/kept"
    assert control_plane.request("GET", path).status == 200


def test_a_watch_from_before_a_compaction_is_told_410(
    control_plane: ControlPlane, namespace: str
) -> None:
    """So that clients can be tested for what they do with a cut history."""
    old = config_map(control_plane, namespace, "old")
    config_map(control_plane, namespace, "newer")

    control_plane.stop_api_server()
    assert control_plane.compact() > int(old)
    control_plane.start_api_server()

    path = f"/api/v1/namespaces/{namespace}/configmaps?resourceVersion={old}"
    watched = control_plane.request("GET", f"{path}&watch=true&timeoutSeconds=5")
    listed = control_plane.request("GET", f"{path}&resourceVersionMatch=Exact")
    assert (watched.body["type"], watched.body["object"]["code"]) == ("ERROR", 410)
    assert listed.status == 410


def test_an_object_erased_in_etcd_is_gone_after_a_restart(
    control_plane: ControlPlane, namespace: str
) -> None:
    config_map(control_plane, namespace, "erased")

    control_plane.stop_api_server()
    assert control_plane.erase(f"configmaps/{namespace}/erased")
    assert not control_plane.erase(f"configmaps/{namespace}/erased")
    control_plane.start_api_server()

    path = f"/api/v1/namespaces/{namespace}/configmaps/erased"
    assert control_plane.request("GET", path).status == 404


def test_a_paused_component_does_nothing_until_resumed(
    control_plane: ControlPlane, namespace: str
) -> None:
    def phases() -> list[str]:
        pods = control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods").body["items"]
        assigned = [pod for pod in pods if pod["spec"].get("nodeName")]
        return [pod["status"]["phase"] for pod in assigned]

    control_plane.pause(KWOK)
    try:
        manifest = json.dumps(deployment())
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=manifest)
        eventually(lambda: phases() == ["Pending", "Pending"], within=20)
    finally:
        control_plane.resume(KWOK)
    eventually(lambda: phases() == ["Running", "Running"], within=20)


def test_audit_events_tell_each_request_once(control_plane: ControlPlane, namespace: str) -> None:
    mark = control_plane.audit_mark()

    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.request("POST", path, {"metadata": {"name": "seen"}})
    control_plane.request("GET", f"{path}?watch=true&timeoutSeconds=1")

    def verbs() -> list[tuple[str, str, int]]:
        events = control_plane.audit_events(after=mark)
        return [
            (e.verb, e.name, e.code)
            for e in events
            if (e.user, e.namespace, e.resource) == ("admin", namespace, "configmaps")
        ]

    eventually(lambda: len(verbs()) >= 2)
    assert verbs() == [("create", "seen", 201), ("watch", "", 200)]


def test_a_service_account_has_a_kubeconfig_and_only_its_rights(
    control_plane: ControlPlane, namespace: str
) -> None:
    user = f"system:serviceaccount:{namespace}:default"
    kubeconfig = control_plane.kubeconfig_for(user)

    who = control_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=kubeconfig)
    denied = control_plane.kubectl("get", "secrets", kubeconfig=kubeconfig, check=False)

    assert json.loads(who.stdout)["status"]["userInfo"]["username"] == user
    assert denied.returncode == 1
    assert "forbidden" in denied.stderr


def test_anybody_else_is_impersonated(control_plane: ControlPlane) -> None:
    one = control_plane.kubeconfig_for("jane", ["developers"])
    two = control_plane.kubeconfig_for("jane", ["operators"])

    for kubeconfig, group in ((one, "developers"), (two, "operators")):
        who = control_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=kubeconfig)
        info = json.loads(who.stdout)["status"]["userInfo"]
        assert info["username"] == "jane"
        assert info["groups"] == [group, "system:authenticated"]


def test_a_failing_kubectl_tells_why(control_plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match=r'"nothing" not found'):
        control_plane.kubectl("get", "namespace", "nothing")


@pytest.mark.cluster
@pytest.mark.parametrize("victim", ["parent", "supervisor"])
def test_nothing_survives_kill_9(victim: str) -> None:
    """Of the process that asked for the control plane or, on Linux, of the supervisor."""
    if victim == "supervisor" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux has a death signal")
    with in_another_process() as (parent, children):
        supervisor, *components = children
        directory = directory_of(supervisor)
        assert len(components) == 5
        assert directory.is_dir()

        os.kill(parent.pid if victim == "parent" else supervisor.pid, signal.SIGKILL)

        eventually(lambda: all(is_gone(child) for child in children))
        eventually(lambda: not directory.exists())


@pytest.mark.cluster
def test_ctrl_c_stops_everything() -> None:
    """A terminal sends it to the whole process group, which the components are not in."""
    with in_another_process() as (parent, children):
        directory = directory_of(children[0])

        os.killpg(parent.pid, signal.SIGINT)

        assert parent.wait(timeout=10) == 0
        assert all(is_gone(child) for child in children)
        assert not directory.exists()


@pytest.mark.cluster
def test_a_port_taken_meanwhile_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = tools.control_plane.free_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        choices = iter([port, choose(), port, choose()])
        monkeypatch.setattr(tools.control_plane, "free_port", lambda: next(choices))

        with ControlPlane(nodes=0, controllers=(), audit=False) as control_plane:
            assert control_plane.request("GET", "/readyz").status == 200
            assert str(port) not in control_plane.url
    assert next(choices, None) is None


@pytest.mark.cluster
def test_a_component_that_does_not_start_tells_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(ControlPlaneError) as raised:
        ControlPlane(api_server_flags=["--no-such-flag"]).start()

    assert str(raised.value).startswith(f"{API_SERVER} ended with exit code 1")
    assert "unknown flag: --no-such-flag" in str(raised.value)
    assert "What to do: " in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def complaint_of(control_plane: ControlPlane) -> str:
    """Return what `check` finds amiss; empty when nothing is."""
    try:
        control_plane.check()
    except ControlPlaneError as error:
        return str(error)
    return ""


@pytest.mark.cluster
def test_a_component_that_dies_later_is_noticed() -> None:
    with ControlPlane(nodes=0, controllers=(), audit=False) as control_plane:
        control_plane.check()
        [supervisor] = [
            child
            for child in psutil.Process().children()
            if str(control_plane.ca_file).startswith(child.cmdline()[-1])
        ]
        [etcd] = [child for child in supervisor.children() if child.name() == ETCD]

        etcd.kill()

        assert "etcd ended with exit code -9" in eventually(lambda: complaint_of(control_plane))


@pytest.mark.cluster
def test_a_binary_that_can_not_be_run_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ETCD).write_text("not a program")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    with pytest.raises(ControlPlaneError, match=r"etcd can't be run: .*(\n.*)*make control-plane"):
        ControlPlane().start()


def test_missing_binaries_are_named_with_three_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(tools.control_plane, "_CACHE", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / ETCD).touch()

    with pytest.raises(ControlPlaneError) as raised:
        ControlPlane().start()

    first, *others = str(raised.value).splitlines()
    assert first == (
        "not in .cache/control-plane: kube-apiserver, kube-controller-manager, kube-scheduler, "
        "kwok, kubectl, kwok-stages.yaml."
    )
    ways = "\n".join(others)
    assert "install Go" in ways
    assert "make control-plane" in ways
    assert "KUBEBUILDER_ASSETS" in ways
    assert "KUBECONFIG" in ways


def test_ready_binaries_come_before_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assets, cache = tmp_path / "assets", tmp_path / "cache"
    for file in (assets / ETCD, cache / "bin" / ETCD, cache / "bin" / KWOK):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setattr(tools.control_plane, "_CACHE", cache)

    found = tools.control_plane.find_binaries([ETCD, KWOK])

    assert found == {ETCD: assets / ETCD, KWOK: cache / "bin" / KWOK}


def test_a_stopped_control_plane_says_so() -> None:
    with pytest.raises(ControlPlaneError, match=r"does not run; start\(\) it first"):
        ControlPlane().kubectl("version")
