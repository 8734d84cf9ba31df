"""How the cluster is found: a kubeconfig, or the pod this runs in; and what is said without one."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from kubernetes.aio.config import incluster_config

from readiness.errors import ClusterError
from readiness.kube import context
from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.context import current_namespace
from tools.control_plane import ControlPlane

NO_USER = """\
current-context: a
contexts: [{name: a, context: {cluster: a}}]
clusters: [{name: a, cluster: {server: "https://a.example.com"}}]
"""
WAYS = "give --kubeconfig FILE, set KUBECONFIG, or run inside a cluster"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home without a kubeconfig; nothing else says which cluster is meant."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(path: Path, name: str, namespace: str) -> Path:
    """Write a kubeconfig in which everything has the same name."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
        ],
        "users": [{"name": name, "user": {"token": "secret"}}],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.com"}}],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        (["check", "--cluster"], "Error"),
        (["status"], "Error"),
        (["doctor"], "Error"),
        (["run", "--role", "controller"], "readiness"),
        (["uninstall", "--conditions"], "readiness"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_missing_kubeconfig_is_all_that_is_said(
    home: Path, command: list[str], prefix: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "readiness", *command],
        env={**os.environ, "KUBECONFIG": f"{home}/none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.stderr == f"{prefix}: no kubeconfig at {home}/none (KUBECONFIG); {WAYS}\n"
    assert (result.returncode, result.stdout) == (3, "")


@pytest.mark.parametrize(
    ("environment", "given", "where"),
    [
        ({}, None, "~/.kube/config"),
        ({"KUBECONFIG": ""}, None, "~/.kube/config"),
        ({"KUBECONFIG": "/none/a:/none/b"}, None, "/none/a:/none/b (KUBECONFIG)"),
        ({"KUBECONFIG": "/none/a"}, "/none/b", "/none/b"),
        ({"KUBECONFIG": "/none/a", "KUBERNETES_SERVICE_HOST": "::1"}, None, "/none/a (KUBECONFIG)"),
        ({"KUBERNETES_SERVICE_HOST": "::1"}, "/none/b", "/none/b"),
    ],
)
async def test_what_is_said_without_one(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: str | None, where: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ClusterError) as caught:
        await load_configuration(given)
    with pytest.raises(ClusterError) as again:
        current_namespace(given, None)

    assert str(caught.value) == str(again.value) == f"no kubeconfig at {where}; {WAYS}"


async def test_the_nearest_kubeconfig_is_used(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """That of the home, before it that of the environment, before both the one given."""
    write(home / ".kube" / "config", "home", "a")
    in_environment = write(home / "environment", "environment", "b")
    given = str(write(home / "given", "given", "c"))

    async def found(given: str | None) -> tuple[str, str]:
        return (await load_configuration(given)).host, current_namespace(given, None)

    assert await found(None) == ("https://home.example.com", "a")
    monkeypatch.setenv("KUBECONFIG", f"{home}/none:{in_environment}")
    assert await found(None) == ("https://environment.example.com", "b")
    assert await found(given) == ("https://given.example.com", "c")
    monkeypatch.setenv("KUBECONFIG", f"{home}/none")
    assert await found(given) == ("https://given.example.com", "c")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "{} is no complete kubeconfig"),
        ("x", "{} is no complete kubeconfig"),
        ("[]", "{} is no complete kubeconfig"),
        ("a: [", "{} is no complete kubeconfig"),
        (NO_USER, "{} is no complete kubeconfig"),
        ("{}", "Invalid kube-config file. Expected key current-context in {}"),
    ],
)
async def test_a_file_that_is_no_kubeconfig(home: Path, text: str, reason: str) -> None:
    path = home / "broken"
    path.write_text(text)

    with pytest.raises(ClusterError) as caught:
        await load_configuration(str(path))

    assert current_namespace(str(path), None) == "default"
    assert str(caught.value) == (f"no usable cluster configuration: {reason.format(path)}; {WAYS}")


@pytest.fixture
def pod(
    monkeypatch: pytest.MonkeyPatch, home: Path, control_plane: ControlPlane, namespace: str
) -> str:
    """Make this process look like one in a pod of a namespace; return its account's user name."""
    user = f"system:serviceaccount:{namespace}:default"
    kubeconfig = yaml.safe_load(control_plane.kubeconfig_for(user).read_text())
    files = {
        "token": kubeconfig["users"][0]["user"]["token"],
        "ca.crt": control_plane.ca_file.read_text(),
        "namespace": namespace,
    }
    for name, text in files.items():
        (home / name).write_text(text)
    # Where the kubelet puts them only root may write.
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(home / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(home / "ca.crt"))
    monkeypatch.setattr(context, "_IN_CLUSTER", home / "namespace")
    host, _, port = control_plane.url.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    return user


async def test_a_pod_finds_its_own_cluster(pod: str, namespace: str) -> None:
    async with KubeClient(await load_configuration()) as client:
        review = await client.call(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )

    assert review["status"]["userInfo"]["username"] == pod
    assert current_namespace(None, None) == namespace


async def test_a_pod_without_a_token_says_so(pod: str, home: Path) -> None:
    (home / "token").unlink()

    with pytest.raises(ClusterError) as caught:
        await load_configuration()

    assert str(caught.value) == (
        f"no usable cluster configuration: Service token file does not exist.; {WAYS}"
    )


async def test_a_new_token_is_used_within_a_minute(
    monkeypatch: pytest.MonkeyPatch, pod: str, home: Path
) -> None:
    """The kubelet puts a new one into the file long before the old one ends."""
    minutes = 0
    clock = SimpleNamespace(now=lambda: datetime(2026, 11, 24, 12, minutes, tzinfo=UTC))
    monkeypatch.setattr(
        incluster_config, "datetime", SimpleNamespace(datetime=clock, timedelta=timedelta)
    )
    token = (home / "token").read_text()
    async with KubeClient(await load_configuration()) as client:

        async def refused() -> str:
            with pytest.raises(ClusterError) as caught:
                await client.call("GET", "/version")
            return str(caught.value)

        (home / "token").write_text("of nobody")
        await client.call("GET", "/version")
        minutes += 1
        assert await refused() == "GET /version: 401 Unauthorized"
        minutes += 1
        (home / "token").write_text("")
        cannot = f"cannot reach the API server at {client.host}"
        assert await refused() == f"{cannot}: Token file exists but empty."
        (home / "token").write_text(token)
        await client.call("GET", "/version")
