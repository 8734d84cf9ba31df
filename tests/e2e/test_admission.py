"""The real API server asks the real webhook over TLS, as the chart's configuration tells it to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.webhook_process import (
    Certificates,
    WebhookProcess,
    registered,
    rendered_configuration,
)
from tests.e2e.workloads import autoscaler, budget, deployment
from tests.polling import eventually

Policy = Callable[..., str]

POD_NAME = "webhook-under-test"
COMPANION = {"id": "disruption-budget-missing", "severity": "Must"}
BAD: dict[str, Any] = {"image": "registry.example.com/shop/web:latest"}


@pytest.fixture(scope="module")
def webhook(
    cluster: Cluster, webhook_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebhookProcess]:
    """A webhook that the API server asks about everything, refusing what it can't ask about."""
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    pair = certificates.make()
    process = WebhookProcess(
        webhook_kubeconfig,
        *certificates.options,
        "--pod-name",
        POD_NAME,
        "--webhook-listen",
        "127.0.0.1:0",
        "--drain-seconds",
        "0",
    ).start()
    configuration = rendered_configuration(
        cluster.control_plane,
        port=process.webhook_port,
        ca=pair.ca,
        failure_policy="Fail",
    )

    typo = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": "probe"},
        "spec": {"checks": [{"id": "no-such-check"}]},
    }

    def refuses() -> bool:
        return "no-such-check" in apply(cluster, typo, "--dry-run=server").stderr

    with registered(cluster.control_plane, configuration, refuses):
        yield process
    assert process.stop() == 0


def apply(
    cluster: Cluster, manifest: dict[str, Any], *options: str, user: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Apply a manifest; return what kubectl said, whether it went well or not."""
    return run(cluster, *user, "apply", "-f", "-", *options, stdin=yaml.safe_dump(manifest))


def run(cluster: Cluster, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return cluster.control_plane.kubectl(*args, input=stdin, check=False)


@pytest.fixture
def strict(policy: Policy, namespace: str, webhook: WebhookProcess) -> Callable[..., str]:
    """Puts a Strict policy in force for the test's namespace; waits until the webhook knows it."""

    def create(**spec: Any) -> str:
        spec.setdefault("enforcement", "Strict")
        spec.setdefault("checks", [{"id": "mutable-image-tag", "severity": "Must"}])
        before = webhook.log.count("policy accepted")
        name = policy(**spec)
        eventually(lambda: webhook.log.count("policy accepted") > before, within=10)
        return name

    return create


def as_user(name: str, *groups: str) -> tuple[str, ...]:
    """Return the options that make kubectl act as a user that may do everything."""
    return (f"--as={name}", *(f"--as-group={g}" for g in ("system:masters", *groups)))


REFUSAL = """\
Deployment web fails 1 Must check of policy "{policy}":
- container "app" must set image to a fixed tag or a digest, not "{image}" (mutable-image-tag)
  at spec.template.spec.containers[0].image
  fix: {fix}
More: readiness explain mutable-image-tag. {exemption}
"""


class TestStrict:
    def test_a_bad_workload_is_refused_and_a_good_one_passes(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        from readiness.checks.registry import all_checks

        name = strict()
        fix = all_checks()["mutable-image-tag"].remediation.partition(". ")
        refused = apply(cluster, deployment(namespace, **BAD))

        message = REFUSAL.format(
            policy=name,
            image=BAD["image"],
            fix=fix[0] + fix[1].rstrip(),
            exemption=(
                f"To accept a finding for a while: a ReadinessExemption in namespace {namespace}."
            ),
        )
        start = refused.stderr.index("Deployment web fails")
        assert refused.returncode == 1
        assert refused.stderr[start:] == message
        assert 'admission webhook "workloads.readiness.dev" denied the request' in refused.stderr
        assert "(Forbidden)" in refused.stderr
        passed = apply(cluster, deployment(namespace))
        assert (passed.returncode, passed.stderr) == (0, "")

    def test_a_should_is_told_and_not_refused(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        strict(checks=[{"id": "mutable-image-tag", "severity": "Should"}])

        answer = apply(cluster, deployment(namespace, **BAD))

        assert answer.returncode == 0
        assert answer.stderr.splitlines() == [
            (
                'Warning: mutable-image-tag (Should): container "app" must set image to a fixed '
                "tag or a digest, not…"
            )
        ]

    def test_audit_says_nothing_and_warn_does_not_refuse(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        strict(enforcement="Audit")
        assert apply(cluster, deployment(namespace, **BAD)).stderr == ""

        strict(enforcement="Warn")
        answer = apply(cluster, deployment(namespace, "other", **BAD))
        assert answer.returncode == 0
        assert answer.stderr.startswith("Warning: mutable-image-tag (Must): ")

    def test_before_enforce_from_it_warns(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        must = {"id": "mutable-image-tag", "severity": "Must"}
        strict(checks=[{**must, "enforceFrom": "2099-01-01T00:00:00Z"}])
        assert apply(cluster, deployment(namespace, **BAD)).returncode == 0

        strict(checks=[{**must, "enforceFrom": "2020-01-01T00:00:00Z"}])
        assert apply(cluster, deployment(namespace, "other", **BAD)).returncode == 1

    def test_dry_run_is_answered_alike_and_leaves_no_trace(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        strict(strict={"breakGlass": {"groups": ["sre"]}})
        for options in (("--dry-run=server",), ("--server-side", "--dry-run=server")):
            assert apply(cluster, deployment(namespace, **BAD), *options).returncode == 1
            assert apply(cluster, deployment(namespace), *options).returncode == 0
        broken = with_reason(deployment(namespace, **BAD), "INC-1")
        answer = apply(cluster, broken, "--dry-run=server", user=as_user("ann", "sre"))
        assert answer.returncode == 0

        assert cluster.get("-n", namespace, "events")["items"] == []

    def test_server_side_apply(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        strict()

        assert apply(cluster, deployment(namespace, **BAD), "--server-side").returncode == 1
        assert apply(cluster, deployment(namespace), "--server-side").returncode == 0

    def test_an_exemption_lets_it_pass_and_says_so(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str], webhook: WebhookProcess
    ) -> None:
        strict()
        answer = apply(cluster, exemption(namespace))
        assert answer.returncode == 0, answer.stderr
        eventually(
            lambda: apply(cluster, deployment(namespace, **BAD), "--dry-run=server").returncode == 0
        )

        answer = apply(cluster, deployment(namespace, **BAD))

        assert answer.stderr == "Warning: exempt for now: mutable-image-tag\n"


def with_reason(manifest: dict[str, Any], reason: str) -> dict[str, Any]:
    metadata = {**manifest["metadata"], "annotations": {"readiness.dev/break-glass": reason}}
    return {**manifest, "metadata": metadata}


def exemption(namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "accepted", "namespace": namespace},
        "spec": {
            "workloads": [{"kind": "Deployment", "name": "web"}],
            "checks": ["mutable-image-tag"],
            "reason": "the vendor ships nothing else",
            "expiresAt": "2099-01-01T00:00:00Z",
            **spec,
        },
    }


class TestWhatIsThereAlready:
    @pytest.fixture
    def bad(self, cluster: Cluster, namespace: str) -> dict[str, Any]:
        """A workload that was there before the policy."""
        manifest = deployment(namespace, **BAD)
        cluster.apply(manifest)
        return manifest

    def test_an_update_is_refused_only_for_what_it_makes_worse(
        self, cluster: Cluster, namespace: str, bad: dict[str, Any], strict: Callable[..., str]
    ) -> None:
        strict(
            checks=[
                {"id": "mutable-image-tag", "severity": "Must"},
                {"id": "memory-limit-missing", "severity": "Must"},
            ]
        )
        image: dict[str, Any] = {"image": "registry.example.com/shop/other:latest"}

        same = apply(cluster, deployment(namespace, **image))
        worse = apply(cluster, deployment(namespace, **image, resources={}))

        assert same.returncode == 0
        assert same.stderr.startswith("Warning: mutable-image-tag (Must, as before): ")
        assert worse.returncode == 1
        assert "fails 1 Must check of policy" in worse.stderr
        assert "must set resources.limits.memory (memory-limit-missing)" in worse.stderr

    def test_existing_violations_deny(
        self, cluster: Cluster, namespace: str, bad: dict[str, Any], strict: Callable[..., str]
    ) -> None:
        strict(strict={"existingViolations": "Deny"})

        more = {**bad, "spec": {**bad["spec"], "replicas": 3}}

        assert apply(cluster, more).returncode == 1

    def test_what_does_not_touch_the_spec_is_never_refused(
        self, cluster: Cluster, namespace: str, bad: dict[str, Any], strict: Callable[..., str]
    ) -> None:
        strict(strict={"existingViolations": "Deny"})
        web = ("-n", namespace, "deployment/web")
        for command in (
            ("label", *web, "team=shop"),
            ("annotate", *web, "note=x"),
            ("scale", *web, "--replicas=3"),
            (
                "patch",
                *web,
                "--subresource=status",
                "--type=strategic",
                '-p={"status":{"conditions":[{"type":"example.com/Seen","status":"True"}]}}',
            ),
            ("delete", *web, "--wait=false"),
        ):
            answer = run(cluster, *command)
            assert (answer.returncode, answer.stderr) == (0, ""), command

    def test_an_autoscaler_scales_what_is_bad(
        self, cluster: Cluster, namespace: str, bad: dict[str, Any], strict: Callable[..., str]
    ) -> None:
        """As the HorizontalPodAutoscaler controller does: with its rights, through /scale."""
        strict(strict={"existingViolations": "Deny"})
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/scale"
        scale = json.loads(cluster.kubectl("get", "--raw", path))
        scale["spec"]["replicas"] = 4

        answer = run(
            cluster,
            "--as=system:serviceaccount:kube-system:horizontal-pod-autoscaler",
            "replace",
            f"--raw={path}",
            "-f",
            "-",
            stdin=json.dumps(scale),
        )

        assert (answer.returncode, answer.stderr) == (0, "")
        assert cluster.get("-n", namespace, "deployment/web")["spec"]["replicas"] == 4

    def test_a_namespace_with_bad_workloads_can_be_deleted(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        doomed = f"{namespace}-doomed"
        cluster.control_plane.create_namespace(doomed, {"test": namespace})
        cluster.apply(deployment(doomed, **BAD))
        strict(strict={"existingViolations": "Deny"})

        cluster.kubectl("delete", "namespace", doomed, "--wait=false")

        eventually(lambda: "NotFound" in run(cluster, "get", "namespace", doomed).stderr, within=60)


class TestBreakGlass:
    @pytest.fixture
    def rolled_out_twice(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        """A good version runs, the one before was bad and came in before the policy."""
        cluster.apply(deployment(namespace, **BAD))
        eventually(lambda: self.revision(cluster, namespace) == "1")
        cluster.apply(deployment(namespace))
        eventually(lambda: self.revision(cluster, namespace) == "2")
        strict(strict={"breakGlass": {"groups": ["sre-oncall"]}})

    @staticmethod
    def revision(cluster: Cluster, namespace: str) -> str:
        annotations = cluster.get("-n", namespace, "deployment/web")["metadata"]["annotations"]
        return str(annotations.get("deployment.kubernetes.io/revision"))

    @staticmethod
    def image(cluster: Cluster, namespace: str) -> str:
        spec = cluster.get("-n", namespace, "deployment/web")["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def test_a_bad_rollback_goes_through_with_the_right_group_only(
        self, cluster: Cluster, namespace: str, rolled_out_twice: None, webhook: WebhookProcess
    ) -> None:
        web = ("-n", namespace, "deployment/web")
        undo = ("rollout", "undo", *web)
        ann, bob = as_user("ann", "sre-oncall"), as_user("bob", "developers")

        refused = run(cluster, *ann, *undo)
        assert refused.returncode == 1
        assert (
            "In an emergency members of sre-oncall may set the annotation "
            'readiness.dev/break-glass: "<reason>".'
        ) in refused.stderr
        cluster.kubectl("annotate", *web, "readiness.dev/break-glass=INC-4711 checkout is down")

        refused = run(cluster, *bob, *undo)
        assert refused.returncode == 1
        assert (
            "The annotation readiness.dev/break-glass helps only members of sre-oncall; you are "
            "not one."
        ) in refused.stderr
        assert self.image(cluster, namespace).endswith(":1.4.2")

        passed = run(cluster, *ann, *undo)
        assert passed.returncode == 0, passed.stderr
        assert (
            'Warning: let through by break-glass ("INC-4711 checkout is down") although it fails '
            "mutable-image-tag"
        ) in passed.stderr
        assert self.image(cluster, namespace).endswith(":latest")
        eventually(
            lambda: cluster.events(namespace, "web") == [("Warning", "BreakGlassUsed")], within=10
        )
        assert webhook.metric("readiness_admission_break_glass_total") >= 1.0


class TestCompanions:
    def test_they_may_come_later_and_are_asked_for_afterwards(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        strict(checks=[COMPANION], strict={"gracePeriod": "2s"})
        manifest = deployment(namespace)

        created = apply(cluster, manifest)

        assert created.returncode == 0
        assert created.stderr.startswith("Warning: companions may come until ")
        assert created.stderr.endswith(" for disruption-budget-missing\n")

        template = manifest["spec"]["template"]
        labels = {**template["metadata"]["labels"], "version": "2"}
        newer = {**template, "metadata": {"labels": labels}}
        changed = {**manifest, "spec": {**manifest["spec"], "template": newer}}
        eventually(lambda: apply(cluster, changed, "--dry-run=server").returncode == 1, within=10)
        more = {**manifest, "spec": {**manifest["spec"], "replicas": 3}}
        told = apply(cluster, more)
        assert told.returncode == 0
        assert told.stderr.startswith("Warning: disruption-budget-missing (Must): ")

        cluster.apply(budget(namespace))
        eventually(lambda: apply(cluster, changed, "--dry-run=server").returncode == 0, within=10)

    def test_helm_installs_in_its_own_order_and_it_turns_ready(
        self,
        cluster: Cluster,
        namespace: str,
        strict: Callable[..., str],
        operator: OperatorProcess,
        tmp_path: Path,
    ) -> None:
        """Helm applies the budget before the Deployment and the autoscaler after it."""
        strict(
            extends="baseline",
            checks=[COMPANION, {"id": "autoscaler-missing", "severity": "Must"}],
        )
        chart = tmp_path / "web"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
        for manifest in (deployment(namespace), budget(namespace), autoscaler(namespace)):
            file = chart / "templates" / f"{manifest['kind'].lower()}.yaml"
            file.write_text(yaml.safe_dump(manifest))

        installed = subprocess.run(
            [
                str(cluster.control_plane.binary("helm")),
                "install",
                "web",
                str(chart),
                "--namespace",
                namespace,
                "--kubeconfig",
                str(cluster.control_plane.kubeconfig),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

        assert installed.returncode == 0, installed.stderr
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "True", within=20)


def test_the_policy_says_whether_it_is_enforced(
    cluster: Cluster, strict: Callable[..., str], operator: OperatorProcess
) -> None:
    name = strict()

    def enforced() -> list[tuple[str, str, str]]:
        status = cluster.get("readinesspolicy", name).get("status", {})
        return [
            (c["status"], c["reason"], c["message"])
            for c in status.get("conditions", [])
            if c["type"] == "Enforced"
        ]

    eventually(
        lambda: (
            enforced()
            == [
                (
                    "True",
                    "Enforced",
                    (
                        "violations of Must checks are refused at admission: "
                        'ValidatingWebhookConfiguration "readiness-operator", failurePolicy Fail'
                    ),
                )
            ]
        ),
        within=30,
    )


class TestOwnKinds:
    def test_a_policy_with_a_typing_error_is_refused(
        self, cluster: Cluster, webhook: WebhookProcess
    ) -> None:
        manifest = {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": "typo"},
            "spec": {"extends": "standard", "checks": [{"id": "memory-limit-mising"}]},
        }

        answer = apply(cluster, manifest)

        assert answer.returncode == 1
        assert (
            "ReadinessPolicy typo can't be used as written: spec.checks[0].id: there is no check "
            '"memory-limit-mising", did you mean "memory-limit-missing"?'
        ) in answer.stderr

    def test_exemptions_keep_to_the_rules_of_the_policy(
        self, cluster: Cluster, namespace: str, strict: Callable[..., str]
    ) -> None:
        name = strict(exemptions={"maxDuration": "90d", "notExemptable": ["privileged-container"]})

        answer = apply(cluster, exemption(namespace, checks=["privileged-container"]))

        assert answer.returncode == 1
        assert "spec.expiresAt must be " in answer.stderr
        assert f'or earlier: policy "{name}" limits exemptions' in answer.stderr
        assert (
            f'spec.checks must not hold "privileged-container": policy "{name}" lets nobody be '
            "exempt from it"
        ) in answer.stderr

    def test_unknown_checks_and_workloads_are_told(
        self, cluster: Cluster, namespace: str, webhook: WebhookProcess
    ) -> None:
        answer = apply(cluster, exemption(namespace, checks=["no-such-check"]))

        assert answer.returncode == 0
        assert answer.stderr.splitlines() == [
            (
                'Warning: spec.checks: there is no check "no-such-check"; `readiness checks` '
                "lists the built-in ones"
            ),
            (
                'Warning: spec.workloads[0]: there is no Deployment "web" in namespace '
                f"{namespace} yet"
            ),
        ]


def test_the_webhook_reads_and_posts_events_and_does_nothing_else(
    cluster: Cluster, webhook: WebhookProcess
) -> None:
    """Everything it sent during this module, from the API server's own audit log."""
    changing = ("create", "update", "patch", "delete", "deletecollection")
    sent = {
        (event.verb, event.resource)
        for event in cluster.control_plane.audit_events()
        if event.verb in changing and POD_NAME in event.user_agent
    }
    assert sent - {("create", "selfsubjectaccessreviews")} <= {("create", "events")}
