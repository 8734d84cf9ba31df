"""As a container of a pod has it: no kubeconfig, a token in a file, the address in the environment.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from yarl import URL

from tests.chart.support import NAMESPACE, RELEASE
from tests.e2e.conftest import CONTROLLER_ACCOUNT, WEBHOOK_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.webhook_process import Certificates, WebhookProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

# Only this process and its children see what is mounted here.
_MOUNT = """
set -e
mount -t tmpfs pod /run
mkdir -p /var/run/secrets/kubernetes.io
cp -r "$1" /var/run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""


@pytest.fixture(autouse=True)
def may_mount() -> None:
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "pod", "/run"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr}")


def in_pod(cluster: Cluster, account: str, directory: Path) -> tuple[str, ...]:
    """Return the command line that runs `readiness` as a pod with a service account runs it."""
    kubeconfig = yaml.safe_load(cluster.control_plane.kubeconfig_for(account).read_text())
    mounted = directory / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text(kubeconfig["users"][0]["user"]["token"])
    (mounted / "ca.crt").write_text(cluster.control_plane.ca_file.read_text())
    (mounted / "namespace").write_text(NAMESPACE)
    server = URL(kubeconfig["clusters"][0]["cluster"]["server"])
    return (
        *("env", "--unset=KUBECONFIG", f"HOME={directory}"),
        f"KUBERNETES_SERVICE_HOST={server.host}",
        f"KUBERNETES_SERVICE_PORT={server.port}",
        *("unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(mounted)),
        *(sys.executable, "-m", "readiness"),
    )


def test_the_controller_runs_in_a_pod(
    cluster: Cluster, namespace: str, policy: Callable[..., str], tmp_path: Path
) -> None:
    policy(checks=[{"id": "mutable-image-tag"}])
    cluster.apply(deployment(namespace))
    controller = OperatorProcess(
        None,
        *("--leader-elect", "--lease-name", RELEASE, "--operator-namespace", NAMESPACE),
        command=in_pod(cluster, CONTROLLER_ACCOUNT, tmp_path),
        pod_name="in-a-pod",
    ).start()

    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")

    assert controller.stop() == 0


def test_the_webhook_runs_in_a_pod(cluster: Cluster, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "certificates")
    certificates.make()
    webhook = WebhookProcess(
        None,
        *("--webhook-listen", "127.0.0.1:0", *certificates.options),
        command=in_pod(cluster, WEBHOOK_ACCOUNT, tmp_path),
    ).start()

    assert webhook.get("/readyz") == (200, "ok\n")
    assert webhook.stop() == 0


def test_uninstalling_runs_in_a_pod(cluster: Cluster, tmp_path: Path) -> None:
    # The controller may read and change all that is taken off, as the account of the hook may.
    command = in_pod(cluster, CONTROLLER_ACCOUNT, tmp_path)

    result = subprocess.run(
        [*command, "uninstall", "--conditions", "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stderr.endswith(" conditions of the operator\n")
