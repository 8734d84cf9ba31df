"""Evidence and exemptions on the real API server, with the real webhook: given, served, expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
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
from tests.e2e.workloads import deployment
from tests.polling import eventually

Policy = Callable[..., str]

DEMAND = {"item": "load-testing-performed", "severity": "Must"}
CHECK = "EvidenceLoadTestingPerformed"
OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def time(*, days: float = 0, seconds: float = 0) -> str:
    """Return a moment from now, in whole seconds."""
    then = datetime.now(UTC) + timedelta(days=days, seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def evidence(namespace: str, name: str = "load-test", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessEvidence",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "item": "load-testing-performed",
            "workloads": [{"kind": "Deployment", "name": "web"}],
            "statement": "Twice the expected peak for an hour, nothing failed.",
            "links": ["https://wiki.example.com/load-test-7"],
            "performedAt": time(days=-1),
            "expiresAt": time(days=60),
            "attestedBy": "ann",
            **spec,
        },
    }


def exemption(namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "latest", "namespace": namespace},
        "spec": {
            "workloads": [{"name": "web"}],
            "checks": ["mutable-image-tag"],
            "reason": "the vendor ships nothing else",
            "expiresAt": time(days=60),
            **spec,
        },
    }


@pytest.fixture(scope="module", autouse=True)
def webhook(
    cluster: Cluster, webhook_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The webhook, as the chart tells the API server to ask it."""
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    pair = certificates.make()
    listen = ("--webhook-listen", "127.0.0.1:0", "--drain-seconds", "0")
    process = WebhookProcess(webhook_kubeconfig, *certificates.options, *listen).start()
    configuration = rendered_configuration(
        cluster.control_plane, port=process.webhook_port, ca=pair.ca
    )
    with registered(
        cluster.control_plane,
        configuration,
        lambda: "no item" in refused(cluster, evidence("default", item="nothing")),
    ):
        yield
    assert process.stop() == 0


def write(cluster: Cluster, manifest: dict[str, Any], user: str = "ann", *options: str) -> str:
    """Apply a manifest as a user; return what kubectl had to say besides."""
    done = cluster.control_plane.kubectl(
        f"--as={user}",
        "--as-group=system:masters",
        "apply",
        "-f",
        "-",
        *options,
        input=yaml.safe_dump(manifest),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stderr)


def refused(cluster: Cluster, manifest: dict[str, Any], user: str = "ann") -> str:
    """Apply a manifest as a user, for trial; return why that was refused, "" when it was not."""
    done = cluster.control_plane.kubectl(
        f"--as={user}",
        "--as-group=system:masters",
        "apply",
        "--dry-run=server",
        "-f",
        "-",
        input=yaml.safe_dump(manifest),
        check=False,
    )
    return str(done.stderr) if done.returncode else ""


def status(cluster: Cluster, namespace: str, kind: str, name: str) -> dict[str, Any]:
    """Return the status of one of our objects, with its conditions as status and reason by type."""
    found = cluster.get("-n", namespace, kind, name)
    told = dict(found.get("status", {}))
    if told.get("observedGeneration") == found["metadata"]["generation"]:
        told["conditions"] = {c["type"]: (c["status"], c["reason"]) for c in told["conditions"]}
        del told["observedGeneration"]
        return told
    return {}


def reasons(cluster: Cluster, namespace: str, name: str) -> list[str]:
    return [reason for _, reason in cluster.events(namespace, name)]


def test_evidence_is_asked_for_given_and_expires_to_the_second(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    policy(evidence=[DEMAND])
    cluster.apply(deployment(namespace))

    def current() -> tuple[str, str] | None:
        return cluster.conditions(namespace, "deployment/web").get("EvidenceCurrent")

    assert eventually(current) == ("False", CHECK)
    expires = time(seconds=12)
    assert write(cluster, evidence(namespace, expiresAt=expires)) == ""

    assert eventually(lambda: current() == ("True", "AllChecksPass"))
    assert eventually(
        lambda: (
            status(cluster, namespace, "readinessevidence", "load-test")
            == {
                "conditions": {"Current": ("True", "Current"), "Expiring": ("True", "ExpiresSoon")},
                "workloads": {"matched": 1, "served": 1, "names": ["deployment/web"]},
            }
        )
    )
    assert 0 < operator.metric("readiness_evidence_days_left", namespace=namespace) < 12 / 86400
    assert eventually(lambda: reasons(cluster, namespace, "load-test") == ["EvidenceExpiring"])

    assert eventually(lambda: current() == ("False", CHECK), within=25)
    late = datetime.now(UTC) - datetime.fromisoformat(expires)
    assert timedelta(0) <= late < timedelta(seconds=3)
    assert eventually(
        lambda: (
            status(cluster, namespace, "readinessevidence", "load-test")["conditions"]
            == {"Current": ("False", "Expired")}
        )
    )
    assert f"expired at {expires}" in cluster.kubectl(
        "-n", namespace, "get", "deployment", "web", "-o", "yaml"
    )
    assert operator.metric("readiness_evidence_days_left", namespace=namespace) == 0
    told = reasons(cluster, namespace, "web")
    assert told.count("EvidenceExpiring") == 1
    assert reasons(cluster, namespace, "load-test") == ["EvidenceExpiring"]


def test_a_restart_writes_nothing_and_warns_of_nothing_again(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    policy(evidence=[DEMAND], checks=[{"id": "mutable-image-tag", "severity": "Must"}])
    write(cluster, evidence(namespace, expiresAt=time(days=13)))
    write(cluster, exemption(namespace, expiresAt=time(days=13)))
    cluster.apply(deployment(namespace, image="registry.example.com/shop/web:latest"))
    eventually(
        lambda: status(cluster, namespace, "readinessexemption", "latest")["exempted"]["findings"]
    )
    eventually(
        lambda: status(cluster, namespace, "readinessevidence", "load-test")["workloads"]["served"]
    )
    eventually(lambda: "ProductionReady" in reasons(cluster, namespace, "web"))
    before = reasons(cluster, namespace, "web")
    eventually(operator.settled)

    operator.stop()
    mark = cluster.control_plane.audit_mark()
    operator.start()
    eventually(operator.settled)
    eventually(
        lambda: operator.metric("readiness_workloads", namespace=namespace, readiness="ready")
    )
    # What would be written is written within half a second of the last workload judged.
    cluster.apply(deployment(namespace, "other"))
    eventually(lambda: cluster.ready(namespace, "deployment/other") == "False")

    # Those of tests before, whose namespaces are being deleted, may change all the while.
    written = {e.resource for e in cluster.writes(after=mark) if e.namespace == namespace}
    assert written & {"readinessevidences", "readinessexemptions"} == set()
    assert reasons(cluster, namespace, "web") == before


def test_evidence_bound_to_an_image_does_not_count_for_the_next_release(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    policy(evidence=[DEMAND])
    cluster.apply(deployment(namespace, image=f"registry.example.com/shop/web@{OLD}"))
    write(cluster, evidence(namespace, imageDigests=[{"container": "app", "digest": OLD}]))

    def told() -> tuple[str, Any, Any]:
        found = status(cluster, namespace, "readinessevidence", "load-test")
        counts = found.get("workloads", {})
        current = found.get("conditions", {}).get("Current")
        return cluster.ready(namespace, "deployment/web"), current, counts.get("served")

    assert eventually(lambda: told() == ("True", ("True", "Current"), 1))
    cluster.apply(deployment(namespace, image=f"registry.example.com/shop/web@{NEW}"))
    assert eventually(lambda: told() == ("False", ("False", "OtherImages"), 0))
    assert (
        f'ReadinessEvidence "load-test" must be given again for the image of container "app": it '
        f"is bound to {OLD}, not {NEW} (evidence-load-testing-performed)"
    ) in cluster.kubectl(
        "-n",
        namespace,
        "get",
        "deployment",
        "web",
        "-o",
        "jsonpath={.status.conditions[*].message}",
    )


def test_only_who_writes_attests_and_only_another_approves(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    name = policy(evidence=[{**DEMAND, "approvalRequired": True}])
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")

    by_another = refused(cluster, evidence(namespace), user="bob")
    assert 'spec.attestedBy must be "bob", who writes it, not "ann"' in by_another
    assert "spec.approvedBy must be absent here" in refused(
        cluster, evidence(namespace, approvedBy="bob")
    )
    given = evidence(namespace)
    waits = write(cluster, given)
    assert f'Warning: spec.approvedBy: policy "{name}" waits until somebody else adds it' in waits
    eventually(
        lambda: status(cluster, namespace, "readinessevidence", "load-test").get("workloads")
    )
    assert cluster.ready(namespace, "deployment/web") == "False"
    given["spec"]["approvedBy"] = "ann"
    assert "must be somebody other than attestedBy" in refused(cluster, given)
    given["spec"]["approvedBy"] = "bob"
    assert 'must be "ann", who approves it now, not "bob"' in refused(cluster, given)

    assert write(cluster, given, "bob") == ""
    assert eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
    given["spec"]["statement"] = "Ten times the expected peak."
    assert "spec.approvedBy must be absent here" in refused(cluster, given)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"item": "load-testing-preformed"}, 'did you mean "load-testing-performed"?'),
        ({"item": "load-tested"}, "give evidence for load-testing-performed"),
        ({"links": ["wiki/load-test"]}, "spec.links[0]"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "spec.expiresAt: "),
        ({"performedAt": time(days=1)}, "spec.performedAt must not be in the future"),
        ({"imageDigests": [{"container": "app", "digest": "1.2"}]}, "spec.imageDigests[0].digest"),
        ({"workloads": []}, "spec.workloads"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(
    cluster: Cluster, namespace: str, spec: dict[str, Any], problem: str
) -> None:
    assert problem in refused(cluster, evidence(namespace, **spec))


def test_an_exemption_tells_what_it_accepts_and_when_it_is_needed_no_more(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    policy(checks=[{"id": "mutable-image-tag", "severity": "Must"}])
    bad = deployment(namespace, image="registry.example.com/shop/web:latest")
    cluster.apply(bad)
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")
    write(cluster, exemption(namespace))

    def told() -> dict[str, Any]:
        return status(cluster, namespace, "readinessexemption", "latest")

    in_force = {"Active": ("True", "InForce"), "Expiring": ("False", "NotSoon")}
    assert eventually(
        lambda: (
            told()
            == {
                "conditions": {**in_force, "Unneeded": ("False", "FindingsAccepted")},
                "exempted": {"workloads": 1, "findings": 1},
            }
        )
    )
    assert 59 < operator.metric("readiness_exemption_days_left", namespace=namespace) <= 60
    cluster.apply(deployment(namespace))
    assert eventually(
        lambda: (
            told()
            == {
                "conditions": {**in_force, "Unneeded": ("True", "NothingToExempt")},
                "exempted": {"workloads": 0, "findings": 0},
            }
        )
    )
    cluster.apply(bad)
    eventually(lambda: told().get("exempted") == {"workloads": 1, "findings": 1})
    write(cluster, exemption(namespace, expiresAt=time(days=13)))
    eventually(lambda: "ExemptionExpiring" in reasons(cluster, namespace, "web"))
    write(cluster, exemption(namespace, expiresAt=time(seconds=2)))
    assert eventually(
        lambda: (
            told()
            == {
                "conditions": {"Active": ("False", "Expired")},
                "exempted": {"workloads": 0, "findings": 0},
            }
        ),
        within=15,
    )
    assert eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")
    assert reasons(cluster, namespace, "web").count("ExemptionExpiring") == 1


def test_conditions_follow_the_stage_of_the_workload(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    match = {"namespaceSelector": {"matchLabels": {"test": namespace}}, "fromStage": "launch"}
    policy(match=match, evidence=[DEMAND])
    web = deployment(namespace)
    web["metadata"]["labels"]["readiness.dev/stage"] = "pre-launch"
    cluster.apply(web, deployment(namespace, "unlabelled"))
    eventually(lambda: cluster.ready(namespace, "deployment/unlabelled") == "False")

    def becomes(ready: str) -> None:
        eventually(lambda: cluster.ready(namespace, "deployment/web") == ready)

    becomes("")
    for stage, ready in (("launch", "False"), ("pre-launch", ""), ("live", "False")):
        label = f"readiness.dev/stage={stage}"
        cluster.kubectl("-n", namespace, "label", "--overwrite", "deployment/web", label)
        becomes(ready)
