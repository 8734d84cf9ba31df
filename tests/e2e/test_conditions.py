"""The operator's main job: conditions that are right, at once, and nothing else touched."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.e2e.conftest import CONTROLLER_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import autoscaler, budget, deployment
from tests.polling import eventually

Soon = Callable[[Callable[[], object]], None]
MakePolicy = Callable[..., str]


def test_a_policy_brings_changes_and_takes_conditions(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    within_two_seconds: Soon,
) -> None:
    cluster.apply(deployment(namespace))
    assert cluster.conditions(namespace, "deployment/web") == {}

    name = policy(checks=[{"id": "replicas-too-low", "severity": "Must", "params": {"minimum": 3}}])
    within_two_seconds(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("False", "MustChecksFailing"),
                "DisruptionTolerant": ("False", "ReplicasTooLow"),
            }
        )
    )

    policy(checks=[{"id": "replicas-too-low", "severity": "Must"}])
    within_two_seconds(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("True", "AllMustChecksPass"),
                "DisruptionTolerant": ("True", "AllChecksPass"),
            }
        )
    )

    cluster.kubectl("delete", "readinesspolicy", name)
    within_two_seconds(lambda: cluster.conditions(namespace, "deployment/web") == {})
    types = [
        c["type"] for c in cluster.get("-n", namespace, "deployment/web")["status"]["conditions"]
    ]
    assert sorted(types) == ["Available", "Progressing"]


def test_a_budget_created_changed_and_deleted_flips_the_condition(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    within_two_seconds: Soon,
) -> None:
    policy(extends="baseline")
    cluster.apply(deployment(namespace))

    def tolerant() -> tuple[str, str]:
        return cluster.conditions(namespace, "deployment/web").get("DisruptionTolerant", ("", ""))

    within_two_seconds(lambda: tolerant() == ("False", "DisruptionBudgetMissing"))
    cluster.apply(budget(namespace))
    within_two_seconds(lambda: tolerant() == ("True", "AllChecksPass"))
    cluster.apply(budget(namespace, maxUnavailable=0))
    within_two_seconds(lambda: tolerant() == ("False", "DisruptionBudgetBlocksEviction"))
    cluster.kubectl("delete", "-n", namespace, "pdb", "web")
    within_two_seconds(lambda: tolerant() == ("False", "DisruptionBudgetMissing"))


def test_an_autoscaler_created_changed_and_deleted_flips_the_condition(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    within_two_seconds: Soon,
) -> None:
    policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace))

    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "True")
    cluster.apply(autoscaler(namespace, minimum=1))
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "False")
    cluster.apply(autoscaler(namespace, minimum=2))
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "True")
    cluster.apply(autoscaler(namespace, minimum=1))
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "False")
    cluster.kubectl("delete", "-n", namespace, "hpa", "web")
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "True")


def test_a_budget_over_two_workloads_is_judged_over_both(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    within_two_seconds: Soon,
) -> None:
    policy(checks=[{"id": "disruption-budget-blocks-eviction"}])
    first = deployment(namespace, "first")
    second = deployment(namespace, "second")
    for document in (first, second):
        document["spec"]["template"]["metadata"]["labels"]["tier"] = "shop"
    shared = budget(namespace, "shop", minAvailable=3)
    shared["spec"]["selector"] = {"matchLabels": {"tier": "shop"}}
    cluster.apply(first, second, shared)

    within_two_seconds(lambda: cluster.ready(namespace, "deployment/first") == "True")
    cluster.kubectl("-n", namespace, "scale", "deployment/second", "--replicas=1")
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/first") == "False")
    assert cluster.ready(namespace, "deployment/second") == "False"
    cluster.kubectl("-n", namespace, "delete", "deployment/second", "--wait=false")
    cluster.apply(deployment(namespace, "second"))
    cluster.apply(budget(namespace, "shop", minAvailable=1))


def test_conditions_survive_scaling_and_rollouts(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[{"id": "replicas-too-low"}, {"id": "mutable-image-tag"}])
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
    cluster.kubectl("-n", namespace, "wait", "--for=condition=Available", "deployment/web")
    before = cluster.get("-n", namespace, "deployment/web")["status"]["conditions"]

    cluster.kubectl("-n", namespace, "scale", "deployment/web", "--replicas=5")
    cluster.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s")
    cluster.kubectl(
        "-n", namespace, "set", "image", "deployment/web", "app=registry.example.com/shop/web:2.0.0"
    )
    cluster.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s")

    after = cluster.get("-n", namespace, "deployment/web")["status"]["conditions"]
    ours = [c for c in before if c["type"].startswith("readiness.dev/")]
    assert ours
    assert [c for c in after if c["type"].startswith("readiness.dev/")] == ours
    assert {c["type"] for c in after} >= {"Available", "Progressing"}


def test_kubectl_wait_works(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="baseline")
    cluster.apply(deployment(namespace), budget(namespace))

    output = cluster.kubectl(
        "-n",
        namespace,
        "wait",
        "--for=condition=readiness.dev/ProductionReady",
        "deployment/web",
        "--timeout=10s",
    )

    assert output == "deployment.apps/web condition met\n"


def test_events_come_on_transitions_alone(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="baseline")
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.events(namespace, "web") == [("Warning", "NotProductionReady")])

    # Another finding, still not ready: no news for the developer's event list.
    cluster.kubectl("-n", namespace, "set", "image", "deployment/web", "app=example.com/web:latest")
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")["ImagesPinned"]
            == ("False", "MutableImageTag")
        )
    )
    cluster.kubectl("-n", namespace, "set", "image", "deployment/web", "app=example.com/web:1.5")
    cluster.apply(budget(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")

    eventually(
        lambda: (
            sorted(cluster.events(namespace, "web"))
            == [("Normal", "ProductionReady"), ("Warning", "NotProductionReady")]
        )
    )


def test_a_budget_that_comes_right_behind_is_no_news(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    """One apply of a Deployment and its budget is one piece of news, whatever came between."""
    policy(extends="baseline")
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")
    cluster.apply(budget(namespace))

    eventually(lambda: cluster.events(namespace, "web"))
    assert cluster.events(namespace, "web") == [("Normal", "ProductionReady")]


def test_the_event_says_what_fails_and_what_to_do(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[{"id": "memory-limit-missing"}])
    cluster.apply(deployment(namespace, resources={"requests": {"cpu": "100m", "memory": "128Mi"}}))

    eventually(lambda: cluster.events(namespace, "web"))
    (event,) = [
        e
        for e in cluster.get("-n", namespace, "events")["items"]
        if e["reason"] == "NotProductionReady"
    ]
    assert event["message"] == (
        '1 Must check fails: container "app" must set resources.limits.memory '
        "(memory-limit-missing). To fix memory-limit-missing: Set resources.limits.memory on the "
        "container to the most it needs under load, or on the pod (spec.resources), or have a "
        "LimitRange in the namespace set a default."
    )


def test_a_restart_writes_nothing(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="standard")
    cluster.apply(
        deployment(namespace),
        budget(namespace),
        deployment(namespace, "worker", kind="DaemonSet"),
        deployment(namespace, "failing", replicas=1),
    )
    for workload in ("deployment/web", "daemonset/worker", "deployment/failing"):
        eventually(partial(cluster.ready, namespace, workload))
    cluster.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s")
    eventually(operator.settled)
    settled = eventually(
        lambda: (
            (counts := cluster.get("rp", f"{namespace}-policy")["status"]["workloads"])["matched"]
            == 3
            and counts
        )
    )
    assert operator.stop() == 0
    mark = cluster.control_plane.audit_mark()

    operator.start()
    eventually(operator.settled)
    # The counts of the policy are looked at once everything has been judged.
    eventually(lambda: operator.metric("readiness_evaluation_seconds_count") >= 3)
    eventually(lambda: cluster.get("rp", f"{namespace}-policy")["status"]["workloads"] == settled)
    # A change afterwards is written: the operator is alive, not just silent.
    before_change = cluster.writes(mark)
    cluster.kubectl("-n", namespace, "scale", "deployment/failing", "--replicas=2")
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/failing")["DisruptionTolerant"][1]
            != "ReplicasTooLow"
        )
    )

    assert before_change == []


def test_no_trace_but_conditions_on_workloads(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="strict")
    applied = deployment(namespace)
    cluster.apply(applied)
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")

    metadata = cluster.get("-n", namespace, "deployment/web")["metadata"]

    assert metadata["labels"] == {"app": "web"}
    theirs = {
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
    assert set(metadata["annotations"]) <= theirs
    assert "finalizers" not in metadata


def test_the_operator_may_not_write_workloads(cluster: Cluster, namespace: str) -> None:
    """The promise is kept by RBAC, not by good intentions."""
    for verb in ("update", "patch", "delete", "create"):
        for resource in ("deployments", "statefulsets", "daemonsets", "secrets", "pods"):
            answer = cluster.control_plane.kubectl(
                "auth",
                "can-i",
                verb,
                resource,
                "--all-namespaces",
                f"--as={CONTROLLER_ACCOUNT}",
                check=False,
            )
            assert answer.stdout.strip() == "no", (verb, resource)


def test_an_exemption_silences_and_expires(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[{"id": "mutable-image-tag"}])
    cluster.apply(deployment(namespace, image="registry.example.com/shop/web:latest"))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")

    expiry = datetime.now(UTC) + timedelta(seconds=6)
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessExemption",
            "metadata": {"name": "latest", "namespace": namespace},
            "spec": {
                "workloads": [{"kind": "Deployment", "name": "web"}],
                "checks": ["mutable-image-tag"],
                "reason": "the vendor publishes no other tag",
                "expiresAt": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        }
    )
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("True", "MustChecksPassOrExempt"),
                "ImagesPinned": ("True", "ExemptionsApply"),
            }
        ),
        within=4,
    )
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False", within=8)

    assert datetime.now(UTC) >= expiry.replace(microsecond=0)
    eventually(
        lambda: (
            cluster.get("-n", namespace, "readinessexemption", "latest")["status"]["conditions"][0][
                "reason"
            ]
            == "Expired"
        )
    )


def test_the_grace_period_of_strict_ends_by_itself(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(
        enforcement="Strict",
        strict={"gracePeriod": "5s"},
        checks=[{"id": "disruption-budget-missing"}],
    )
    cluster.apply(deployment(namespace))

    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("Unknown", "WaitingForCompanions"),
                "DisruptionTolerant": ("Unknown", "WaitingForCompanions"),
            }
        ),
        within=3,
    )
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False", within=8)


def test_statefulsets_keep_their_conditions_without_a_write_loop(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[{"id": "replicas-too-low"}])
    mark = cluster.control_plane.audit_mark()
    cluster.apply(deployment(namespace, "search", kind="StatefulSet"))
    eventually(
        lambda: (
            cluster.get("-n", namespace, "statefulset/search")["status"].get("readyReplicas") == 2
        ),
        within=30,
    )

    # Its own controller drops foreign conditions with each status it writes; they come back.
    eventually(lambda: cluster.ready(namespace, "statefulset/search") == "True", within=15)
    writes = [e for e in cluster.writes(mark) if e.resource == "statefulsets"]
    assert 1 <= len(writes) <= 3
    eventually(lambda: cluster.events(namespace, "search") == [("Normal", "ProductionReady")])


def test_policy_status_counts_and_columns(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(extends="baseline")
    cluster.apply(
        deployment(namespace),
        budget(namespace),
        deployment(namespace, "alone", replicas=1),
        deployment(namespace, "open", replicas=1, image="example.com/open"),
    )

    def status() -> dict[str, object]:
        return dict(cluster.get("rp", name).get("status", {}))

    eventually(
        lambda: status().get("workloads") == {"matched": 3, "ready": 1, "notReady": 2, "unknown": 0}
    )
    assert status()["failing"] == [
        {"check": "replicas-too-low", "workloads": 2},
        {"check": "mutable-image-tag", "workloads": 1},
    ]
    header, row = cluster.kubectl("get", "rp", name).splitlines()
    assert header.split() == ["NAME", "ENFORCEMENT", "MATCHED", "READY", "NOT", "READY", "AGE"] or (
        header.split()[:6] == ["NAME", "ENFORCEMENT", "MATCHED", "READY", "NOT", "READY"]
    )
    assert row.split()[:5] == [name, "Audit", "3", "1", "2"]


def test_a_policy_that_is_not_accepted_stops_no_other(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    bad = policy(f"{namespace}-bad", checks=[{"id": "replica-too-low", "severity": "Must"}])
    policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace))

    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
    eventually(lambda: cluster.get("rp", bad).get("status"))
    conditions = {c["type"]: c for c in cluster.get("rp", bad)["status"]["conditions"]}
    assert (conditions["Accepted"]["status"], conditions["Accepted"]["reason"]) == (
        "False",
        "UnknownCheck",
    )
    assert conditions["Accepted"]["message"] == (
        'spec.checks[0].id: there is no check "replica-too-low", did you mean "replicas-too-low"?'
    )


def test_an_edit_that_is_not_accepted_leaves_the_version_before_in_force(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(checks=[{"id": "replicas-too-low", "params": {"minimum": 3}}])
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")

    policy(checks=[{"id": "replicas-too-low", "params": {"minimum": "many"}}])

    def accepted() -> dict[str, str]:
        conditions = cluster.get("rp", name)["status"]["conditions"]
        return next(c for c in conditions if c["type"] == "Accepted")

    eventually(lambda: accepted()["status"] == "False")
    assert accepted()["reason"] == "InvalidParams"
    assert accepted()["message"] == (
        'spec.checks[0].params.minimum must be a whole number, not the text "many"; the version '
        "accepted before stays in force"
    )
    assert cluster.ready(namespace, "deployment/web") == "False"


def test_namespace_labels_decide_at_once(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    within_two_seconds: Soon,
) -> None:
    policy(
        match={"namespaceSelector": {"matchLabels": {"test": namespace, "env": "production"}}},
        checks=[{"id": "replicas-too-low"}],
    )
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.get("-n", namespace, "deployment/web"))
    assert cluster.conditions(namespace, "deployment/web") == {}

    cluster.kubectl("label", "namespace", namespace, "env=production")
    within_two_seconds(lambda: cluster.ready(namespace, "deployment/web") == "True")
    cluster.kubectl("label", "namespace", namespace, "env-")
    within_two_seconds(lambda: cluster.conditions(namespace, "deployment/web") == {})


def test_somebody_else_s_edit_of_our_condition_is_mended(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace, replicas=1))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")

    lie = (
        '{"status":{"conditions":[{"type":"readiness.dev/ProductionReady","status":"True",'
        '"reason":"Trust","message":"me"}]}}'
    )
    cluster.kubectl(
        "-n",
        namespace,
        "patch",
        "deployment/web",
        "--subresource=status",
        "--type=strategic",
        "-p",
        lie,
    )

    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web").get("ProductionReady")
            == ("False", "MustChecksFailing")
        )
    )


def test_uninstall_takes_the_conditions_away(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(checks=[{"id": "replicas-too-low"}])
    cluster.apply(deployment(namespace))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "True")
    operator.stop(with_signal=signal.SIGINT)

    command = [
        sys.executable,
        "-m",
        "readiness",
        "uninstall",
        "--conditions",
        "--kubeconfig",
        str(cluster.control_plane.kubeconfig),
    ]
    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True)
    assert f"deployment/web -n {namespace}\n" in dry.stdout
    assert cluster.ready(namespace, "deployment/web") == "True"
    real = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"deployment/web -n {namespace}\n" in real.stdout
    assert cluster.conditions(namespace, "deployment/web") == {}
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == ""
    assert again.stderr == "conditions taken off 0 workloads\n"
    cluster.kubectl("delete", "readinesspolicy", name)
