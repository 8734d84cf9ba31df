"""What an installed chart does; the operator runs as a process, under the chart's accounts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from readiness import __version__
from tests.chart.cluster import CERTIFICATE, KEPT, Cluster
from tests.chart.support import CHART, NAMESPACE, RELEASE, Render, named, options_of, pod_specs
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.webhook_process import WebhookProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:readiness-operator"
DAYS = "webhook.certificate.days=100"


@pytest.fixture(scope="module")
def cluster(cluster_of_charts: Cluster, foreign_kinds: None) -> Iterator[Cluster]:
    """A cluster with the chart, a policy, and stand-ins for the kinds of other operators."""
    cluster = cluster_of_charts
    cluster.start_over()
    cluster.install("policies.install=baseline", DAYS)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")
    yield cluster
    cluster.uninstall()
    cluster.comes_to_hold(*KEPT)
    cluster.start_over()


def test_certificate_is_made_anew_in_the_last_tenth_of_its_time(cluster: Cluster) -> None:
    """And the old CA is trusted on, for pods that still show the old certificate."""
    old = cluster.secret()

    def upgrade_with_days_left(days: int) -> dict[str, bytes]:
        expires = int(time.time() + days * 86400)
        cluster.kubectl(
            "annotate",
            "--overwrite",
            f"--namespace={NAMESPACE}",
            f"secret/{CERTIFICATE}",
            f"readiness.dev/certificate-expires={expires}",
        )
        cluster.upgrade("policies.install=baseline", DAYS)
        return cluster.secret()

    assert upgrade_with_days_left(11) == old
    new = upgrade_with_days_left(9)

    assert new["tls.crt"] != old["tls.crt"]
    new_ca, old_ca = x509.load_pem_x509_certificates(new["ca.crt"])
    assert old_ca == x509.load_pem_x509_certificate(old["ca.crt"])
    x509.load_pem_x509_certificate(new["tls.crt"]).verify_directly_issued_by(new_ca)
    assert cluster.bundles() == {new["ca.crt"]}

    newest = upgrade_with_days_left(9)
    assert x509.load_pem_x509_certificates(newest["ca.crt"])[1] == new_ca
    assert len(x509.load_pem_x509_certificates(newest["ca.crt"])) == 2


def test_uninstalling_takes_conditions_off_with_just_the_rights_of_its_hook(
    cluster: Cluster, render: Render
) -> None:
    workload = deployment("default")
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(workload))
    patch = {
        "status": {
            "conditions": [
                {"type": "readiness.dev/ProductionReady", "status": "True", "reason": "A"}
            ]
        }
    }
    hook = [d for d in render() if d["metadata"]["name"] == "readiness-operator-uninstall"]
    rights = [d for d in hook if d["kind"] not in ("Job", "NetworkPolicy")]
    (container,) = pod_specs(render())["readiness-operator-uninstall"]["containers"]

    def uninstall(config: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "readiness", *container["args"], "--kubeconfig", str(config)],
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        uninstall(cluster.control_plane.kubeconfig)  # other tests leave workloads with conditions
        cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
        cluster.kubectl(
            "patch",
            "deployment/web",
            "--subresource=status",
            "--field-manager=readiness-operator",
            "--type=strategic",
            f"--patch={json.dumps(patch)}",
        )
        account = f"{ACCOUNT}-uninstall"
        result = uninstall(cluster.control_plane.kubeconfig_for(account))

        assert (result.returncode, result.stdout, result.stderr) == (
            0,
            "deployment/web -n default\n",
            "conditions taken off 1 workload\n0 reports deleted\n",
        )
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all([workload, *rights]))


def records(process: OperatorProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.splitlines()]


def complaints(process: OperatorProcess) -> list[dict[str, Any]]:
    return [record for record in records(process) if record["level"] not in ("info", "debug")]


def unavailable(process: OperatorProcess) -> list[str]:
    """Return the kinds it can't look at, as it says once it has looked at everything."""
    (found,) = [r["unavailable"] for r in records(process) if r["event"] == "synced"]
    assert isinstance(found, list)
    return found


def test_controller_does_its_work_with_the_rights_of_its_account(
    cluster: Cluster, render: Render
) -> None:
    workload = deployment("default")
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(workload))
    controller = OperatorProcess(
        cluster.control_plane.kubeconfig_for(f"{ACCOUNT}-controller"),
        *options_of(render(), "controller"),
        f"--operator-namespace={NAMESPACE}",
    )
    try:
        controller.start()

        def conditions() -> set[str]:
            status = cluster.get("deployment", "web")["status"]
            return {c["type"] for c in status.get("conditions", [])}

        eventually(lambda: "readiness.dev/ProductionReady" in conditions(), within=20)
        eventually(
            lambda: cluster.get("readinesspolicy", "baseline")["status"]["workloads"]["matched"],
            within=20,
        )
        lease = cluster.get("lease", RELEASE, f"--namespace={NAMESPACE}")
        assert lease["spec"]["holderIdentity"]
        assert unavailable(controller) == []
        assert complaints(controller) == []
        assert controller.stop() == 0
    finally:
        controller.stop()
        cluster.kubectl("delete", "deployment", "web")


@pytest.fixture
def webhook(cluster: Cluster, render: Render, tmp_path: Path) -> Iterator[WebhookProcess]:
    """The webhook as the chart sets it, behind the chart's Service, with the chart's certificate.

    A Service of type ExternalName leads the API server to this machine; everything else of the
    configuration is as installed, the name that the certificate is for included.
    """
    for name, content in cluster.secret().items():
        (tmp_path / name).write_bytes(content)
    process = WebhookProcess(
        cluster.control_plane.kubeconfig_for(f"{ACCOUNT}-webhook"),
        *options_of(render(), "webhook", but=("--tls-", "--webhook-listen=")),
        f"--operator-namespace={NAMESPACE}",
        f"--tls-cert-file={tmp_path / 'tls.crt'}",
        f"--tls-key-file={tmp_path / 'tls.key'}",
        "--webhook-listen=127.0.0.1:0",
        "--drain-seconds=0",
    )
    process.start()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "readiness-operator-webhook", "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    replace = ("replace", "--force", "-f", "-")
    cluster.kubectl(*replace, stdin=yaml.safe_dump(service))
    configuration = cluster.get("validatingwebhookconfiguration", RELEASE)
    configuration["metadata"] = {"name": "under-test"}
    for entry in configuration["webhooks"]:
        entry["clientConfig"]["service"]["port"] = process.webhook_port
    configuration["webhooks"][0]["failurePolicy"] = "Fail"
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(configuration))
    cluster.kubectl("create", "namespace", "shop")
    yield process
    process.stop()
    cluster.kubectl("delete", "validatingwebhookconfiguration", "under-test")
    cluster.kubectl("delete", "readinesspolicy", "images", "--ignore-not-found")
    cluster.control_plane.delete_namespace("shop")
    service = named(render(), "Service", "readiness-operator-webhook")
    cluster.kubectl(*replace, stdin=yaml.safe_dump(service))


STRICT = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "images"},
    "spec": {
        "enforcement": "Strict",
        "checks": [{"id": "mutable-image-tag", "severity": "Must"}],
    },
}


EVIDENCE = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessEvidence",
    "metadata": {"name": "load-test", "namespace": "shop"},
    "spec": {
        "item": "load-testing-performed",
        "workloads": [{"kind": "Deployment", "name": "web"}],
        "statement": "Twice the expected peak for an hour, nothing failed.",
        "performedAt": "2026-11-01T00:00:00Z",
        "expiresAt": "2027-02-01T00:00:00Z",
        "attestedBy": "ann",
    },
}


def test_api_server_trusts_the_webhook_and_asks_about_spec_changes_alone(
    cluster: Cluster, webhook: WebhookProcess
) -> None:
    """First with the webhook, which refuses; then without it, when what reaches it fails."""

    def apply(manifest: dict[str, Any], *options: str) -> str:
        return cluster.control_plane.kubectl(
            "apply", "-f", "-", *options, input=yaml.safe_dump(manifest), check=False
        ).stderr

    bad = deployment("shop", image="registry.example.com/shop/web:latest")
    typo = {**STRICT, "spec": {"checks": [{"id": "no-such-check"}]}}

    assert unavailable(webhook) == []
    eventually(lambda: "no-such-check" in apply(typo, "--dry-run=server"), within=20)
    assert apply(STRICT) == ""
    eventually(lambda: "mutable-image-tag" in apply(bad, "--dry-run=server"), within=20)
    assert apply(deployment("shop")) == ""
    # Near the size that etcd holds: conditions over the API server's budget for CEL would fail.
    environment = [{"name": f"V{n}", "value": "x" * 500} for n in range(1700)]
    large = deployment("shop", "large", env=environment)
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(large))
    assert complaints(webhook) == []

    webhook.stop()
    unanswered = 'failed calling webhook "workloads.readiness.dev"'
    eventually(lambda: unanswered in apply(bad, "--dry-run=server"), within=20)
    assert unanswered in apply(deployment("shop", "new"))
    # None of these is asked about, or it would fail like the two above.
    kubectl = cluster.kubectl
    web = ("deployment/web", "--namespace=shop")
    kubectl("label", *web, "a=b")
    kubectl("label", "deployment/large", "--namespace=shop", "a=b")
    kubectl("scale", *web, "--replicas=3")
    status = json.dumps({"status": {"observedGeneration": 9}})
    kubectl("patch", *web, "--subresource=status", f"--patch={status}", "--type=merge")
    elsewhere = [deployment(n) for n in ("kube-system", "kube-public", "kube-node-lease")]
    kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all(elsewhere))
    kubectl("rollout", "restart", "deployment/readiness-operator-webhook", f"-n={NAMESPACE}")
    finalizer = json.dumps({"metadata": {"finalizers": ["example.com/wait"]}})
    kubectl("patch", *web, f"--patch={finalizer}", "--type=merge")
    kubectl("delete", *web, "--wait=false")
    release = json.dumps({"metadata": {"finalizers": None}, "spec": {"minReadySeconds": 1}})
    kubectl("patch", *web, f"--patch={release}", "--type=merge")
    # Policies are let in when nobody answers, or nobody could relax one. Evidence has to wait.
    assert apply(typo) == ""
    assert 'failed calling webhook "evidence.readiness.dev"' in apply(EVIDENCE)
    kubectl("delete", "deployment/large", "--namespace=shop")


def test_user_roles_reach_the_built_in_ones(cluster: Cluster) -> None:
    def may(verb: str, resource: str, role: str) -> bool:
        """Whether a user with that role in one namespace may."""
        answer = cluster.control_plane.kubectl(
            "auth", "can-i", verb, resource, f"--as={role}", "--namespace=default", check=False
        )
        return answer.stdout.strip() == "yes"

    roles = ["view", "edit", "admin", "readiness-operator-exempt"]
    bindings = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": "default"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [{"kind": "User", "name": role, "apiGroup": "rbac.authorization.k8s.io"}],
        }
        for role in roles
    ]
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(bindings))
    try:
        assert eventually(lambda: all(may("list", "readinessexemptions", role) for role in roles))
        assert [role for role in roles if may("create", "readinessexemptions", role)] == [
            "readiness-operator-exempt"
        ]
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(bindings))


def notes(cluster: Cluster, *settings: str) -> str:
    """Return what Helm would say after an upgrade with these values, in paragraphs."""
    args = [word for setting in settings for word in ("--set", setting)]
    chart = (RELEASE, str(CHART), f"--namespace={NAMESPACE}")
    text = cluster.helm("upgrade", *chart, "--dry-run=server", "--reset-values", *args)
    return text.partition("\nNOTES:\n")[2]


DEFAULT_NOTES = f"""\
The readiness operator {__version__} is installed as "{RELEASE}" in namespace {NAMESPACE}.

See that it runs:

  kubectl -n readiness-system rollout status deployment/readiness-operator-controller
  kubectl -n readiness-system rollout status deployment/readiness-operator-webhook

It judges nothing yet: there is no policy unless you applied one. Begin with one that only reports:

  helm upgrade readiness-operator CHART -n readiness-system --reset-then-reuse-values \\
    --set policies.install=baseline

Note: the image is named by a tag, which may change its content. Set image.digest in production.

Note: the chart made the webhook's certificate, valid 1825 days. `helm upgrade` keeps it, and
makes a new one in the last tenth of that time.
"""

STRICT_NOTES = """
Policy "strict" is in force. What it finds:

  kubectl get readinesspolicy strict
  kubectl describe deployment -n NAMESPACE NAME

It refuses nothing until a namespace asks for it:

  kubectl label namespace NAMESPACE readiness.dev/policy=strict

Note: controller.replicas=1: while that pod restarts, no condition is brought up to date.

Note: webhook.replicas=1: while that pod restarts, workloads get in unjudged.

Note: the chart made the webhook's certificate, valid 30 days. `helm upgrade` keeps it, and
makes a new one in the last tenth of that time.
"""


def test_notes_say_what_to_do_next(cluster: Cluster) -> None:
    strict = notes(
        cluster,
        "policies.install=strict",
        "controller.replicas=1",
        "webhook.replicas=1",
        "webhook.certificate.days=30",
        f"image.digest=sha256:{'a' * 64}",
    )
    bare = notes(cluster, "webhook.enabled=false", "webhook.failurePolicy=Fail")
    fail = notes(cluster, "webhook.failurePolicy=Fail")
    remedy = "  kubectl delete validatingwebhookconfiguration readiness-operator\n"

    assert notes(cluster) == DEFAULT_NOTES
    assert strict.partition("rollout status deployment/readiness-operator-webhook\n")[2] == (
        STRICT_NOTES
    )
    assert "Warn policies warn nobody and Strict ones refuse nothing." in bare
    assert "readiness-operator-webhook" not in bare
    assert remedy in fail
    assert remedy not in bare
