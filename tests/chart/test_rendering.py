"""What the chart renders, for each way to set it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from readiness import __version__
from readiness.cli.run import run
from readiness.cli.uninstall import uninstall
from tests.chart.support import CHART, NAMESPACE, Helm, Render, named, of_kind, pod_specs

WAYS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*.yaml"))

DEFAULT = {
    "ClusterRole": {
        "readiness-operator-attest",
        "readiness-operator-controller",
        "readiness-operator-edit",
        "readiness-operator-exempt",
        "readiness-operator-optional-kinds",
        "readiness-operator-reader",
        "readiness-operator-reads-cloudnativepg",
        "readiness-operator-reads-contour",
        "readiness-operator-reads-envoygateway",
        "readiness-operator-reads-gatewayapi",
        "readiness-operator-reads-k8up",
        "readiness-operator-reads-keda",
        "readiness-operator-reads-prometheusoperator",
        "readiness-operator-reads-snapscheduler",
        "readiness-operator-reads-traefik",
        "readiness-operator-reads-velero",
        "readiness-operator-reads-verticalpodautoscaler",
        "readiness-operator-uninstall",
        "readiness-operator-view",
    },
    "ClusterRoleBinding": {
        "readiness-operator-controller",
        "readiness-operator-optional-kinds",
        "readiness-operator-reader",
        "readiness-operator-uninstall",
    },
    "Deployment": {"readiness-operator-controller", "readiness-operator-webhook"},
    "Job": {"readiness-operator-uninstall"},
    "Lease": {"readiness-operator"},
    "NetworkPolicy": {
        "readiness-operator-controller",
        "readiness-operator-uninstall",
        "readiness-operator-webhook",
    },
    "PodDisruptionBudget": {"readiness-operator-controller", "readiness-operator-webhook"},
    "Role": {"readiness-operator-leader-election"},
    "RoleBinding": {"readiness-operator-leader-election"},
    "Secret": {"readiness-operator-webhook-certificate"},
    "Service": {"readiness-operator-controller", "readiness-operator-webhook"},
    "ServiceAccount": {
        "readiness-operator-controller",
        "readiness-operator-uninstall",
        "readiness-operator-webhook",
    },
    "ValidatingWebhookConfiguration": {"readiness-operator"},
}


def names_by_kind(documents: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for document in documents:
        found.setdefault(document["kind"], set()).add(document["metadata"]["name"])
    return found


def crd_names() -> set[str]:
    return {
        yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"]
        for path in (CHART.parent.parent / "crds").glob("*.yaml")
    }


def test_default_values_render_just_this(render: Render) -> None:
    expected = {**DEFAULT, "CustomResourceDefinition": crd_names()}

    assert expected == names_by_kind(render())


def test_bare_values_leave_everything_else_out(render: Render) -> None:
    found = names_by_kind(render("bare"))

    assert "readiness-operator-reads-keda" not in found["ClusterRole"]
    assert "readiness-operator-reads-velero" not in found["ClusterRole"]
    assert "readiness-operator-reads-traefik" in found["ClusterRole"]
    del found["ClusterRole"]
    assert found == {
        "ClusterRoleBinding": {
            "readiness-operator-controller",
            "readiness-operator-optional-kinds",
            "readiness-operator-reader",
        },
        "Deployment": {"readiness-operator-controller"},
        "Lease": {"readiness-operator"},
        "Role": {"readiness-operator-leader-election"},
        "RoleBinding": {"readiness-operator-leader-election"},
        "Service": {"readiness-operator-controller"},
        "ServiceAccount": {"readiness-operator-controller"},
    }


@pytest.mark.parametrize("way", ["", *WAYS])
def test_lint_finds_nothing(helm: Helm, way: str) -> None:
    values = ["--values", str(CHART / "ci" / f"{way}-values.yaml")] if way else []

    helm("lint", "--strict", "--kube-version=1.36", str(CHART), *values)


@pytest.mark.parametrize("way", WAYS)
def test_every_object_says_whose_it_is(render: Render, way: str) -> None:
    cluster_scoped = {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ReadinessPolicy",
        "ValidatingWebhookConfiguration",
    }
    for document in render(way):
        metadata = document["metadata"]
        labels = metadata["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm", metadata
        assert labels["app.kubernetes.io/instance"] == "readiness-operator", metadata
        expected = None if document["kind"] in cluster_scoped else NAMESPACE
        assert metadata.get("namespace") == expected, metadata


@pytest.mark.parametrize("way", WAYS)
def test_selectors_pick_the_pods_of_one_component(render: Render, way: str) -> None:
    """Those of Deployments, Services, budgets, network policies and spread constraints alike."""
    pods = {
        document["metadata"]["name"].rpartition("-")[2]: document["spec"]["template"]["metadata"][
            "labels"
        ]
        for document in render(way)
        if document["kind"] in ("Deployment", "Job")
    }
    for document in render(way):
        spec = document.get("spec") or {}
        selectors = {
            "Deployment": lambda s: [
                s["selector"]["matchLabels"],
                *(
                    constraint["labelSelector"]["matchLabels"]
                    for constraint in s["template"]["spec"]["topologySpreadConstraints"]
                ),
            ],
            "NetworkPolicy": lambda s: [s["podSelector"]["matchLabels"]],
            "PodDisruptionBudget": lambda s: [s["selector"]["matchLabels"]],
            "Service": lambda s: [s["selector"]],
        }.get(document["kind"], lambda _: [])(spec)
        for selector in selectors:
            chosen = {name for name, labels in pods.items() if selector.items() <= labels.items()}
            assert chosen == {document["metadata"]["name"].rpartition("-")[2]}


@pytest.mark.parametrize("way", WAYS)
def test_command_line_takes_the_arguments_of_the_pods(render: Render, way: str) -> None:
    commands = {"run": run, "uninstall": uninstall}
    for name, spec in pod_specs(render(way)).items():
        (container,) = spec["containers"]
        command, *arguments = container["args"]
        options = commands[command].make_context(command, arguments).params
        if command == "run":
            assert name.endswith(options["role"])
            assert options["listen"] == ("0.0.0.0", 8080)


def test_arguments_follow_the_values(render: Render) -> None:
    (controller,) = pod_specs(render("everything"))["ready-controller"]["containers"]

    assert controller["args"] == [
        "run",
        "--role=controller",
        "--listen=0.0.0.0:8080",
        "--leader-elect",
        "--lease-name=ready",
        "--webhook-configuration=ready",
        "--prometheus-url=https://prometheus.monitoring.svc:9090",
        "--service-level-interval=300",
        "--prometheus-token-file=/prometheus/token/token",
        "--prometheus-ca-file=/prometheus/ca/ca.crt",
        "--workers=4",
        "--qps=0",
        "--burst=2000000",
        "--reports=openreports.io/v1alpha1",
        "--report-passes",
        "--max-reports=5000000",
        "--sweep-interval=60.5",
        "--log-level=debug",
    ]


def test_without_webhook_the_controller_looks_for_none(render: Render) -> None:
    (controller,) = pod_specs(render("bare"))["readiness-operator-controller"]["containers"]

    assert [a for a in controller["args"] if "webhook" in a] == []


def test_webhook_serves_the_mounted_certificate(render: Render) -> None:
    spec = pod_specs(render())["readiness-operator-webhook"]
    (container,) = spec["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "certificate"]
    (volume,) = [v for v in spec["volumes"] if v["name"] == "certificate"]

    assert "--tls-cert-file=/certs/tls.crt" in container["args"]
    assert "--tls-key-file=/certs/tls.key" in container["args"]
    assert "--webhook-listen=0.0.0.0:9443" in container["args"]
    assert mount["mountPath"] == "/certs"
    assert volume["secret"]["secretName"] == "readiness-operator-webhook-certificate"


@pytest.mark.parametrize("way", WAYS)
def test_services_and_probes_name_ports_that_are_there(render: Render, way: str) -> None:
    documents = render(way)
    specs = pod_specs(documents)
    for service in of_kind(documents, "Service"):
        (container,) = specs[service["metadata"]["name"]]["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
        for probe, path in [
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ]:
            assert container[probe]["httpGet"] == {"path": path, "port": "http"}


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ((), f"readiness-operator:{__version__}"),
        (("image.tag=1.2.3",), "readiness-operator:1.2.3"),
        (
            (
                "image.repository=registry.example.com/ro",
                "image.tag=v1",
                f"image.digest=sha256:{'a' * 64}",
            ),
            f"registry.example.com/ro@sha256:{'a' * 64}",
        ),
    ],
    ids=["default", "tag", "digest"],
)
def test_image(render: Render, settings: tuple[str, ...], image: str) -> None:
    images = {s["containers"][0]["image"] for s in pod_specs(render(*settings)).values()}

    assert images == {image}


@pytest.mark.parametrize(
    ("settings", "release", "name"),
    [
        ((), "readiness-operator", "readiness-operator"),
        ((), "prod", "prod-readiness-operator"),
        ((), "my-readiness-operator-2", "my-readiness-operator-2"),
        (("nameOverride=gate",), "prod", "prod-gate"),
        (("fullnameOverride=gate",), "prod", "gate"),
        ((), "a" * 53, "a" * 43),
    ],
)
def test_names(helm: Helm, settings: tuple[str, ...], release: str, name: str) -> None:
    """All are made of one, short enough that labels can hold the longest."""
    args = [word for setting in settings for word in ("--set", setting)]
    text = helm("template", release, str(CHART), "--kube-version=1.36", *args)
    found = names_by_kind([d for d in yaml.safe_load_all(text) if d])
    del found["CustomResourceDefinition"]

    assert {each[: len(name)] for names in found.values() for each in names} == {name}
    labels = found["Service"] | found["Job"] | found["Deployment"]  # what DNS or labels must hold
    assert max(map(len, labels)) <= 63


def test_pod_settings_reach_every_pod(render: Render) -> None:
    values = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text("utf-8"))
    for name, spec in pod_specs(render("everything")).items():
        assert spec["imagePullSecrets"] == values["image"]["pullSecrets"], name
        assert spec["nodeSelector"] == values["nodeSelector"], name
        assert spec["tolerations"] == values["tolerations"], name
        assert spec["affinity"] == values["affinity"], name
        assert spec["containers"][0]["imagePullPolicy"] == "Always", name
    for deployment in of_kind(render("everything"), "Deployment"):
        template = deployment["spec"]["template"]["metadata"]
        assert values["podLabels"].items() <= template["labels"].items()
        assert values["podAnnotations"].items() <= template["annotations"].items()
    account = named(render("everything"), "ServiceAccount", "ready-controller")
    assert account["metadata"]["annotations"] == {"example.com/a": "b"}


def test_an_existing_service_account_is_used_and_not_made(render: Render) -> None:
    documents = render("everything")

    assert pod_specs(documents)["ready-webhook"]["serviceAccountName"] == "existing"
    assert names_by_kind(documents)["ServiceAccount"] == {"ready-controller", "ready-uninstall"}
    binding = named(documents, "ClusterRoleBinding", "ready-reader")
    assert [s["name"] for s in binding["subjects"]] == ["ready-controller", "existing"]


def test_one_replica_gets_no_budget(render: Render) -> None:
    documents = render("controller.replicas=1")

    assert names_by_kind(documents)["PodDisruptionBudget"] == {"readiness-operator-webhook"}


def test_network_policies_let_out_dns_and_the_api_server_only(render: Render) -> None:
    policies = of_kind(render("networkPolicy.apiServerPorts={6443}"), "NetworkPolicy")
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    for policy in policies:
        assert policy["spec"]["egress"] == [dns, {"ports": [{"port": 6443, "protocol": "TCP"}]}]
    ingress = {
        policy["metadata"]["name"].rpartition("-")[2]: [
            port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]
        ]
        for policy in policies
    }
    assert ingress == {"controller": ["http"], "webhook": ["http", "https"], "uninstall": []}


@pytest.mark.parametrize(
    ("keep", "annotations"), [("true", {"helm.sh/resource-policy": "keep"}), ("false", None)]
)
def test_crds_are_ours_and_kept_if_asked(
    render: Render, keep: str, annotations: dict[str, str] | None
) -> None:
    for path in (CHART.parent.parent / "crds").glob("*.yaml"):
        crd = yaml.safe_load(path.read_text("utf-8"))
        found = named(
            render(f"crds.keep={keep}"), "CustomResourceDefinition", crd["metadata"]["name"]
        )
        assert found["spec"] == crd["spec"]
        assert found["metadata"].get("annotations") == annotations


@pytest.mark.parametrize("profile", ["baseline", "standard", "strict"])
def test_policy_is_the_shipped_one(helm: Helm, profile: str) -> None:
    """As one of the release's objects where its kind is known, else by hooks."""
    shipped = yaml.safe_load(
        (CHART.parent.parent / "policies" / f"{profile}.yaml").read_text("utf-8")
    )
    setting = ("--set", f"policies.install={profile}")

    (known,) = of_kind(
        helm.template(*setting, "--api-versions=readiness.dev/v1alpha1/ReadinessPolicy"),
        "ReadinessPolicy",
    )
    made, taken_away = of_kind(helm.template(*setting), "ReadinessPolicy")

    assert shipped["spec"] == known["spec"] == made["spec"] == taken_away["spec"]
    assert profile == known["metadata"]["name"] == made["metadata"]["name"]
    assert "annotations" not in known["metadata"]
    assert made["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert taken_away["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"


REFUSED = {
    "webhook.failurePolicy=Fail,webhook.replicas=1": (
        "webhook.failurePolicy=Fail with webhook.replicas=1 would refuse every workload while that "
        "one pod restarts: set webhook.replicas to 2 or more, or webhook.failurePolicy=Ignore"
    ),
    "webhook.failurePolicy=Fail,podDisruptionBudgets=false": (
        "webhook.failurePolicy=Fail with podDisruptionBudgets=false would refuse every workload "
        "once a drain has evicted all webhook pods: set podDisruptionBudgets=true, or "
        "webhook.failurePolicy=Ignore"
    ),
    "webhook.certificate.source=secret,webhook.certificate.secretName=a": (
        "webhook.certificate.source=secret needs webhook.certificate.secretName and "
        "webhook.certificate.caBundle: set both, or webhook.certificate.source=chart"
    ),
    "webhook.certificate.source=secret,webhook.certificate.secretName=a,"
    "webhook.certificate.caBundle=b": (
        "webhook.certificate.caBundle holds no PEM certificate: give it as text that begins with "
        "-----BEGIN CERTIFICATE-----, for example with --set-file "
        "webhook.certificate.caBundle=ca.crt"
    ),
    "webhook.certificate.source=certManager,webhook.certificate.secretName=a": (
        "webhook.certificate.secretName and webhook.certificate.caBundle are for source secret, "
        "but webhook.certificate.source=certManager: set it to secret, or leave the two empty"
    ),
    "webhook.certificate.issuerRef.name=a": (
        "webhook.certificate.issuerRef is for source certManager, but "
        "webhook.certificate.source=chart: set it to certManager, or leave issuerRef empty"
    ),
    "webhook.certificate.source=certManager,webhook.certificate.issuerRef.kind=ClusterIssuer": (
        "webhook.certificate.issuerRef has no name: set webhook.certificate.issuerRef.name, or "
        "leave issuerRef empty for a self-signed certificate"
    ),
    "webhook.enabled=false,policies.install=strict": (
        "policies.install=strict with webhook.enabled=false would refuse nothing: set "
        "webhook.enabled=true, or policies.install=standard"
    ),
    "controller.serviceAccount.create=false": (
        "controller.serviceAccount.create=false needs the name of one that exists: set "
        "controller.serviceAccount.name"
    ),
    "monitoring.prometheusRule.enabled=true": (
        "monitoring.prometheusRule.enabled=true needs monitoring.prometheusRule.runbookUrl: set it "
        "to where you publish docs/runbooks, with %s for the name of the alert, for example "
        "https://wiki.example.com/runbooks/%s"
    ),
    "serviceLevels.secretName=prometheus": (
        "serviceLevels.secretName and serviceLevels.caConfigMapName are for a Prometheus, but "
        "serviceLevels.prometheusUrl is empty: set it, or leave the two empty"
    ),
}


@pytest.mark.parametrize(
    ("settings", "message"), REFUSED.items(), ids=[str(n) for n in range(len(REFUSED))]
)
def test_values_that_cannot_work_together_are_refused(
    helm: Helm, settings: str, message: str
) -> None:
    refusal = helm.refusal("--set", settings)

    assert (
        re.sub(
            r"^Error: execution error at \(readiness-operator/templates/validate.yaml:\d+:\d+\): ",
            "",
            refusal,
        )
        == message
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "webhook.failurePolicy=Maybe",
            "at '/webhook/failurePolicy': value must be one of 'Ignore', 'Fail'",
        ),
        (
            "policies.install=relaxed",
            "at '/policies/install': value must be one of 'none', 'baseline', 'standard', 'strict'",
        ),
        (
            "webhook.certificate.source=both",
            (
                "at '/webhook/certificate/source': value must be one of "
                "'chart', 'certManager', 'secret'"
            ),
        ),
        ("controller.replicas=0", "at '/controller/replicas': minimum: got 0, want 1"),
        ("webhook.timeoutSeconds=31", "at '/webhook/timeoutSeconds': maximum: got 31, want 30"),
        ("controler.replicas=1", "at '': additional properties 'controler' not allowed"),
        ("webhook.replica=1", "at '/webhook': additional properties 'replica' not allowed"),
        ("crds.install=yes", "at '/crds/install': got string, want boolean"),
        (
            "image.digest=sha256:abc",
            "at '/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'",
        ),
        (
            "rbac.optionalKinds.secrets=true",
            "at '/rbac/optionalKinds': additional properties 'secrets' not allowed",
        ),
        (
            "monitoring.prometheusRule.runbookUrl=https://example.com/",
            (
                "at '/monitoring/prometheusRule/runbookUrl': 'https://example.com/' does not match "
                "pattern '^(https?://[^ ]+%s[^ ]*)?$'"
            ),
        ),
    ],
)
def test_schema_refuses(helm: Helm, setting: str, message: str) -> None:
    assert helm.refusal("--set", setting) == (
        "Error: values don't meet the specifications of the schema(s) in the following chart(s):\n"
        f"readiness-operator:\n- {message}"
    )


def test_server_that_is_too_old_is_refused(helm: Helm) -> None:
    result = helm.run("template", "a", str(CHART), "--kube-version=1.29.9")

    assert result.returncode == 1
    assert result.stderr.startswith(
        "Error: chart requires kubeVersion: >=1.30.0-0 which is incompatible with "
        "Kubernetes v1.29.9"
    )


def test_versions_are_those_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    assert chart["appVersion"] == __version__


@pytest.mark.parametrize(
    ("settings", "added"),
    [
        (("reports.installCrds=true",), {"policyreports.wgpolicyk8s.io"}),
        (
            ("reports.installCrds=true", "reports.api=openreports.io/v1alpha1"),
            {"reports.openreports.io"},
        ),
        (("reports.installCrds=true", "reports.api=off"), set()),
    ],
)
def test_the_kind_of_reports_is_installed_on_demand(
    render: Render, settings: tuple[str, ...], added: set[str]
) -> None:
    found = of_kind(render(*settings), "CustomResourceDefinition")

    assert {crd["metadata"]["name"] for crd in found} == crd_names() | added
    for crd in found:
        # Uninstalling must not delete the reports of other tools.
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_service_levels_are_measured_where_the_values_say(render: Render) -> None:
    documents = render("everything")
    egress = {"ports": [{"port": 9090, "protocol": "TCP"}]}

    spec = pod_specs(documents)["ready-controller"]
    mounts = {m["name"]: m["mountPath"] for m in spec["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert mounts["prometheus-token"] == "/prometheus/token"
    assert mounts["prometheus-ca"] == "/prometheus/ca"
    assert volumes["prometheus-token"]["secret"]["secretName"] == "prometheus"
    assert volumes["prometheus-ca"]["configMap"]["name"] == "prometheus"
    for component, may in (("controller", True), ("webhook", False)):
        policy = named(documents, "NetworkPolicy", f"ready-{component}")
        assert (egress in policy["spec"]["egress"]) is may
