"""What the API server is told about the webhook, and the certificate it trusts."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.chart.support import CHART, Render, named, of_kind

HOST = "readiness-operator-webhook.readiness-system.svc"


def webhooks(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    (configuration,) = of_kind(documents, "ValidatingWebhookConfiguration")
    return {webhook["name"]: webhook for webhook in configuration["webhooks"]}


def test_asks_about_workloads_and_all_kinds_of_ours(render: Render) -> None:
    own = {
        "apiGroups": ["readiness.dev"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "scope": "*",
    }

    assert {name: webhook["rules"] for name, webhook in webhooks(render()).items()} == {
        "workloads.readiness.dev": [
            {
                "apiGroups": ["apps"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["deployments", "statefulsets", "daemonsets"],
                "scope": "Namespaced",
            }
        ],
        "policies.readiness.dev": [
            {**own, "resources": ["readinesspolicies", "readinessexemptions"]}
        ],
        "evidence.readiness.dev": [{**own, "resources": ["readinessevidences"]}],
    }
    assert {
        yaml.safe_load(path.read_text("utf-8"))["spec"]["names"]["plural"]
        for path in (CHART.parent.parent / "crds").glob("*.yaml")
    } == {"readinesspolicies", "readinessexemptions", "readinessevidences"}


def test_workloads_follow_the_failure_policy_and_policies_never_fail(render: Render) -> None:
    default, production = webhooks(render()), webhooks(render("production"))

    assert {name: w["failurePolicy"] for name, w in default.items()} == {
        "workloads.readiness.dev": "Ignore",
        "policies.readiness.dev": "Ignore",
        "evidence.readiness.dev": "Fail",
    }
    assert {name: w["failurePolicy"] for name, w in production.items()} == {
        "workloads.readiness.dev": "Fail",
        "policies.readiness.dev": "Ignore",
        "evidence.readiness.dev": "Fail",
    }
    for webhook in default.values():
        assert webhook["timeoutSeconds"] == 3
        assert webhook["matchPolicy"] == "Equivalent"
        assert webhook["clientConfig"]["service"] == {
            "namespace": "readiness-system",
            "name": "readiness-operator-webhook",
            "port": 443,
            "path": "/validate",
        }


def test_system_namespaces_and_our_own_are_never_asked_about(render: Render) -> None:
    out = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", "kube-public", "kube-node-lease", "readiness-system"],
    }

    assert webhooks(render())["workloads.readiness.dev"]["namespaceSelector"] == {
        "matchExpressions": [out]
    }
    assert webhooks(render("secret"))["workloads.readiness.dev"]["namespaceSelector"] == {
        "matchLabels": {"env": "production"},
        "matchExpressions": [
            {**out, "values": [*out["values"], "sandbox"]},
            {"key": "team", "operator": "Exists"},
        ],
    }
    # Exemptions live in any namespace, and a selector would skip those in the excluded ones.
    for name in ("policies.readiness.dev", "evidence.readiness.dev"):
        assert "namespaceSelector" not in webhooks(render())[name]


def test_certificate_of_the_chart_is_one_the_api_server_can_trust(
    render: Render, tmp_path: Path
) -> None:
    secret = named(render(), "Secret", "readiness-operator-webhook-certificate")
    ca, certificate, key = (
        base64.b64decode(secret["data"][name]) for name in ("ca.crt", "tls.crt", "tls.key")
    )
    (tmp_path / "pair").write_bytes(certificate + key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tmp_path / "pair")
    serving, issuer = (
        x509.load_pem_x509_certificate(certificate),
        x509.load_pem_x509_certificate(ca),
    )
    serving.verify_directly_issued_by(issuer)
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = serving.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    left = serving.not_valid_after_utc - datetime.now(UTC)
    said = int(secret["metadata"]["annotations"]["readiness.dev/certificate-expires"])

    assert names.get_values_for_type(x509.DNSName) == [HOST]
    assert ExtendedKeyUsageOID.SERVER_AUTH in usage
    assert left.days in (1824, 1825)
    assert abs(serving.not_valid_after_utc.timestamp() - said) < 5
    for webhook in webhooks(render()).values():
        assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == ca


@pytest.mark.parametrize(
    ("way", "issuer"),
    [
        ("cert-manager", {"kind": "Issuer", "name": "readiness-operator-webhook"}),
        ("issuer", {"kind": "ClusterIssuer", "name": "internal"}),
    ],
)
def test_cert_manager_makes_and_injects_it(
    render: Render, way: str, issuer: dict[str, str]
) -> None:
    documents = render(way)
    certificate = named(documents, "Certificate", "readiness-operator-webhook-certificate")
    (configuration,) = of_kind(documents, "ValidatingWebhookConfiguration")

    assert certificate["spec"]["issuerRef"] == issuer
    assert certificate["spec"]["dnsNames"] == [HOST]
    assert certificate["spec"]["secretName"] == "readiness-operator-webhook-certificate"
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "readiness-system/readiness-operator-webhook-certificate"
    }
    assert of_kind(documents, "Secret") == []
    for webhook in configuration["webhooks"]:
        assert "caBundle" not in webhook["clientConfig"]


def test_authority_of_cert_manager_outlives_what_it_signs(render: Render) -> None:
    documents = render("cert-manager")
    signer = named(documents, "Issuer", "readiness-operator-webhook")["spec"]
    authority = named(documents, "Certificate", "readiness-operator-webhook-ca")["spec"]
    root = named(documents, "Issuer", authority["issuerRef"]["name"])["spec"]

    assert signer == {"ca": {"secretName": authority["secretName"]}}
    assert authority["isCA"] is True
    assert authority["privateKey"]["rotationPolicy"] == "Never"
    assert root == {"selfSigned": {}}
    assert {d["kind"] for d in render("issuer")} & {"Issuer"} == set()


def test_a_secret_of_yours_is_mounted_and_its_ca_trusted(render: Render) -> None:
    documents = render("secret")
    (deployment,) = [
        d for d in of_kind(documents, "Deployment") if "webhook" in d["metadata"]["name"]
    ]
    volumes = {v["name"]: v for v in deployment["spec"]["template"]["spec"]["volumes"]}

    assert of_kind(documents, "Secret") == []
    assert volumes["certificate"]["secret"]["secretName"] == "readiness-webhook"
    for webhook in webhooks(documents).values():
        bundle = base64.b64decode(webhook["clientConfig"]["caBundle"]).decode()
        assert bundle.startswith("-----BEGIN CERTIFICATE-----\n")
