"""Reports in the cluster: true, bounded, and written only when something changed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import polling
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import budget, deployment
from tests.support import ROOT
from tools.control_plane import AuditEvent

MakePolicy = Callable[..., str]

eventually = partial(polling.eventually, within=30)

CRDS = ROOT / "charts" / "readiness-operator" / "files" / "reports"
POLICY_REPORTS = CRDS / "wgpolicyk8s.io_policyreports.yaml"
OPEN_REPORTS = CRDS / "openreports.io_reports.yaml"
TAG = {"id": "mutable-image-tag"}
REPLICAS = {"id": "replicas-too-low", "severity": "Should", "params": {"minimum": 3}}
LATEST = "registry.example.com/shop/web:latest"
OPTIONS = ("--qps", "0", "--sweep-interval", "1")


@pytest.fixture(scope="module")
def report_kinds(cluster: Cluster) -> Iterator[None]:
    """The kinds of reports, gone again afterwards: other modules count what is written."""
    install(cluster, POLICY_REPORTS)
    yield
    cluster.kubectl("delete", "-f", str(POLICY_REPORTS))


@pytest.fixture(scope="module")
def shared_operator(report_kinds: None, operator_kubeconfig: Path) -> Iterator[OperatorProcess]:
    """One operator for this module, that looks often whether all reports are there."""
    process = OperatorProcess(operator_kubeconfig, *OPTIONS)
    yield process
    if process.running:
        assert process.stop() == 0


def install(cluster: Cluster, path: Path) -> None:
    cluster.kubectl("apply", "-f", str(path))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(path))


def report(
    cluster: Cluster, namespace: str, name: str = "deployment-web", kind: str = "policyreport"
) -> dict[str, Any]:
    """Return a report; empty when there is none."""
    items = cluster.get("-n", namespace, kind)["items"]
    found: list[dict[str, Any]] = [item for item in items if item["metadata"]["name"] == name]
    return found[0] if found else {}


def findings(cluster: Cluster, namespace: str, name: str = "deployment-web") -> dict[str, str]:
    """Return the result of each rule in a report."""
    return {r["rule"]: r["result"] for r in report(cluster, namespace, name).get("results", ())}


def report_writes(cluster: Cluster, mark: int) -> list[AuditEvent]:
    return [e for e in cluster.writes(mark) if e.resource in ("policyreports", "reports")]


def looked_again(cluster: Cluster, mark: int, times: int = 2) -> None:
    """Wait until the operator has listed all reports some times more."""

    def lists() -> int:
        events = cluster.control_plane.audit_events(after=mark)
        return sum(e.verb == "list" and e.resource == "policyreports" for e in events)

    eventually(lambda: lists() >= times + 1)


def test_a_report_says_what_fails_and_belongs_to_its_workload(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(
        checks=[
            TAG,
            REPLICAS,
            {"id": "cpu-limit-missing", "severity": "Nice"},
            {"id": "memory-limit-missing"},
        ]
    )
    cluster.apply(deployment(namespace, image=LATEST))
    started = datetime.now(UTC)

    found = eventually(lambda: report(cluster, namespace))
    workload = cluster.get("-n", namespace, "deployment/web")

    assert found["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": workload["metadata"]["uid"],
        }
    ]
    assert found["scope"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "namespace": namespace,
        "uid": workload["metadata"]["uid"],
    }
    assert found["summary"] == {"pass": 1, "fail": 1, "warn": 2, "error": 0, "skip": 0}
    for result in found["results"]:
        assert started.timestamp() - 5 < result.pop("timestamp")["seconds"]
    common = {"source": "readiness", "policy": name}
    assert found["results"] == [
        {
            **common,
            "rule": "mutable-image-tag",
            "category": "Images",
            "severity": "high",
            "result": "fail",
            "scored": True,
            "message": f'container "app" must set image to a fixed tag or a digest, not "{LATEST}"',
            "properties": {
                "readiness.dev/container": "app",
                "readiness.dev/path": "spec.template.spec.containers[0].image",
            },
        },
        {
            **common,
            "rule": "cpu-limit-missing",
            "category": "Resources",
            "severity": "low",
            "result": "warn",
            "scored": False,
            "message": 'container "app" must set resources.limits.cpu',
            "properties": {
                "readiness.dev/container": "app",
                "readiness.dev/path": "spec.template.spec.containers[0].resources.limits.cpu",
            },
        },
        {
            **common,
            "rule": "replicas-too-low",
            "category": "Disruption",
            "severity": "medium",
            "result": "warn",
            "scored": False,
            "message": "must set spec.replicas to at least 3 (it is 2)",
            "properties": {"readiness.dev/path": "spec.replicas"},
        },
    ]
    table = cluster.kubectl("get", "policyreports", "-n", namespace).splitlines()
    assert table[0].split() == ["NAME", "PASS", "FAIL", "WARN", "ERROR", "SKIP", "AGE"]
    assert table[1].split()[:-1] == ["deployment-web", "1", "1", "2", "0", "0"]


def test_a_report_changes_with_the_findings_alone(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    cluster.apply(deployment(namespace, image=LATEST))
    eventually(lambda: findings(cluster, namespace) == {"mutable-image-tag": "fail"})
    before = report(cluster, namespace)
    mark = cluster.control_plane.audit_mark()

    # Something else of the workload changes, and its conditions stay as they are.
    cluster.kubectl("-n", namespace, "scale", "deployment/web", "--replicas=3")
    cluster.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s")
    looked_again(cluster, mark)
    assert report_writes(cluster, mark) == []
    assert report(cluster, namespace) == before

    cluster.kubectl("-n", namespace, "set", "image", "deployment/web", "app=example.com/web:1.5")
    eventually(lambda: report(cluster, namespace)["summary"]["pass"] == 1)
    after = report(cluster, namespace)
    assert after["results"] == []
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [e.verb for e in report_writes(cluster, mark)] == ["patch"]


def test_a_restart_writes_no_report(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="standard")
    for name in ("web", "cart", "search"):
        cluster.apply(deployment(namespace, name))
    cluster.apply(deployment(namespace, "agent", kind="DaemonSet"), budget(namespace))
    names = ("deployment-web", "deployment-cart", "deployment-search", "daemonset-agent")
    for name in names:
        eventually(partial(report, cluster, namespace, name))
    eventually(lambda: operator.metric("readiness_reports", state="pending") == 0)
    before = [report(cluster, namespace, name) for name in names]
    assert operator.stop() == 0
    mark = cluster.control_plane.audit_mark()

    operator.start()
    eventually(lambda: operator.metric("readiness_reports", state="written") >= 4)
    looked_again(cluster, mark)
    eventually(operator.settled)

    assert report_writes(cluster, mark) == []
    assert [report(cluster, namespace, name) for name in names] == before
    # It is alive: a change is written.
    cluster.kubectl("-n", namespace, "set", "image", "deployment/web", f"app={LATEST}")
    eventually(lambda: "mutable-image-tag" in findings(cluster, namespace))


def test_a_report_goes_with_its_workload_and_with_the_policy(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(checks=[TAG])
    cluster.apply(deployment(namespace), deployment(namespace, "cart"))
    eventually(lambda: report(cluster, namespace))
    eventually(lambda: report(cluster, namespace, "deployment-cart"))
    mark = cluster.control_plane.audit_mark()

    cluster.kubectl("-n", namespace, "delete", "deployment/web")
    # Kubernetes' garbage collector does it; it looks for new kinds every half minute.
    eventually(lambda: not report(cluster, namespace), within=60)
    assert report_writes(cluster, mark) == []

    cluster.kubectl("delete", "readinesspolicy", name)
    eventually(lambda: not report(cluster, namespace, "deployment-cart"))
    assert [e.verb for e in report_writes(cluster, mark)] == ["delete"]


def test_a_policy_deleted_while_it_was_away_leaves_no_report(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    name = policy(checks=[TAG])
    cluster.apply(deployment(namespace))
    eventually(lambda: report(cluster, namespace))
    operator.stop()
    cluster.kubectl("delete", "readinesspolicy", name)

    operator.start()

    eventually(lambda: not report(cluster, namespace))


def test_what_is_done_by_hand_is_undone(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    cluster.apply(deployment(namespace, image=LATEST))
    eventually(lambda: findings(cluster, namespace) == {"mutable-image-tag": "fail"})

    cluster.kubectl("-n", namespace, "delete", "policyreport", "deployment-web")
    eventually(lambda: findings(cluster, namespace) == {"mutable-image-tag": "fail"})

    patches: list[dict[str, object]] = [{"results": []}, {"summary": {"fail": 0}}]
    for patch in patches:
        cluster.kubectl(
            *("-n", namespace, "patch", "policyreport", "deployment-web", "--type=merge"),
            *("-p", yaml.safe_dump(patch)),
        )
        eventually(
            lambda: (
                findings(cluster, namespace) == {"mutable-image-tag": "fail"}
                and report(cluster, namespace)["summary"]["fail"] == 1
            )
        )
    mark = cluster.control_plane.audit_mark()
    looked_again(cluster, mark)
    assert report_writes(cluster, mark) == []


def test_a_report_of_somebody_else_is_left_alone(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    theirs = {
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "PolicyReport",
        "metadata": {"name": "deployment-web", "namespace": namespace},
        "summary": {"fail": 7},
        "results": [{"policy": "theirs", "result": "fail"}],
    }
    cluster.apply(theirs)
    policy(checks=[TAG])
    cluster.apply(deployment(namespace), deployment(namespace, "cart"))

    eventually(lambda: report(cluster, namespace, "deployment-cart"))
    eventually(lambda: "report not written: another one has its name" in operator.log)
    assert report(cluster, namespace)["summary"] == {"fail": 7}


def test_exempt_findings_are_shown_as_exempt(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    cluster.apply(deployment(namespace, image=LATEST))
    expiry = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessExemption",
            "metadata": {"name": "latest", "namespace": namespace},
            "spec": {
                "workloads": [{"kind": "Deployment", "name": "web"}],
                "checks": ["mutable-image-tag"],
                "reason": "the vendor publishes no other tag",
                "expiresAt": expiry,
            },
        }
    )

    eventually(lambda: findings(cluster, namespace) == {"mutable-image-tag": "skip"})
    found = report(cluster, namespace)
    (result,) = found["results"]
    assert result["properties"]["readiness.dev/exempt"] == "true"
    assert result["message"].endswith(
        f'(exempt until {expiry} by ReadinessExemption "latest": the vendor publishes no other tag)'
    )
    assert found["summary"] == {"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 1}


def test_too_many_findings_are_cut_and_counted(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="standard")
    many = deployment(namespace)
    spec = many["spec"]["template"]["spec"]
    spec["containers"] = [{"name": f"c{n}", "image": LATEST} for n in range(30)]
    cluster.apply(many)

    found = eventually(lambda: report(cluster, namespace))

    assert len(found["results"]) == 250
    last = found["results"][-1]
    left_out = int(last["properties"]["readiness.dev/left-out"])
    summary = found["summary"]
    assert last["message"] == (
        f"{left_out} results are left out here ({left_out} warn): "
        "the report would be too large; the summary counts them"
    )
    shown = Counter(r["result"] for r in found["results"][:-1])
    assert shown["fail"] == summary["fail"] > 30
    assert shown["warn"] + left_out == summary["warn"]


def test_a_kind_that_comes_and_goes_breaks_nothing(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    cluster.apply(deployment(namespace))
    eventually(lambda: report(cluster, namespace))

    cluster.kubectl("delete", "-f", str(POLICY_REPORTS))
    try:
        eventually(lambda: "no reports are kept any more" in operator.log)
        cluster.apply(deployment(namespace, image=LATEST))
        eventually(lambda: cluster.ready(namespace, "deployment/web") == "False")
    finally:
        install(cluster, POLICY_REPORTS)

    eventually(lambda: findings(cluster, namespace) == {"mutable-image-tag": "fail"})
    assert operator.running


def test_reports_agree_with_the_conditions_of_every_workload(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(extends="standard")
    documents = [
        document
        for path in sorted((ROOT / "examples" / "bookshop").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text("utf-8"))
        if document["kind"] != "Namespace"
    ]
    for document in documents:
        document["metadata"]["namespace"] = namespace
    cluster.apply(
        *documents,
        deployment(namespace, "good"),
        budget(namespace, "good"),
        deployment(namespace, "agent", kind="DaemonSet"),
    )

    def verdicts() -> dict[str, str]:
        found = {}
        for workload in cluster.get("-n", namespace, "deployments,statefulsets,daemonsets")[
            "items"
        ]:
            conditions = workload.get("status", {}).get("conditions", [])
            name = f"{workload['kind'].lower()}-{workload['metadata']['name']}"
            found[name] = next(
                (c["status"] for c in conditions if c["type"] == "readiness.dev/ProductionReady"),
                "",
            )
        return found

    def by_report() -> dict[str, str]:
        found = {}
        for item in cluster.get("-n", namespace, "policyreports")["items"]:
            must = {r["result"] for r in item["results"] if r["scored"]}
            verdict = "False" if "fail" in must else "Unknown" if "error" in must else "True"
            found[item["metadata"]["name"]] = verdict
        return found

    eventually(lambda: len(verdicts()) > 4 and verdicts() == by_report())
    assert set(by_report().values()) == {"True", "False"}


def test_openreports_take_the_place_of_policyreports(
    cluster: Cluster,
    namespace: str,
    policy: MakePolicy,
    operator: OperatorProcess,
    operator_kubeconfig: Path,
) -> None:
    policy(checks=[TAG, {"id": "memory-limit-missing"}])
    cluster.apply(deployment(namespace, image=LATEST), deployment(namespace, "cart"))
    eventually(lambda: len(cluster.get("-n", namespace, "policyreports")["items"]) == 2)
    operator.stop()
    install(cluster, OPEN_REPORTS)

    other = OperatorProcess(
        operator_kubeconfig,
        *(*OPTIONS, "--reports", "openreports.io/v1alpha1", "--report-passes"),
        *("--max-reports", "1"),
    )
    try:
        other.start()
        found = eventually(lambda: cluster.get("reports.openreports.io", "-A")["items"])
        eventually(lambda: not cluster.get("-n", namespace, "policyreports")["items"])
        eventually(lambda: "no more reports are created" in other.log)
        eventually(lambda: other.metric("readiness_reports", state="pending") >= 1)
        assert other.metric("readiness_reports", state="written") == 1
        assert len(found) == 1
        assert sum(found[0]["summary"].values()) == len(found[0]["results"]) == 2
    finally:
        assert other.stop() == 0
        cluster.kubectl("delete", "-f", str(OPEN_REPORTS))


def test_uninstall_takes_the_reports_away(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    theirs = {
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "PolicyReport",
        "metadata": {"name": "theirs", "namespace": namespace},
        "results": [{"policy": "theirs", "result": "fail"}],
    }
    cluster.apply(theirs, deployment(namespace))
    eventually(lambda: report(cluster, namespace))
    operator.stop()
    command = [sys.executable, "-m", "readiness", "uninstall", "--reports"]
    command += ["--kubeconfig", str(cluster.control_plane.kubeconfig)]

    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True)
    assert f"policyreport/deployment-web -n {namespace}" in dry.stdout.splitlines()
    assert report(cluster, namespace)
    real = subprocess.run(command, capture_output=True, text=True, check=True)

    assert real.stdout == dry.stdout
    ours = "--selector=app.kubernetes.io/managed-by=readiness-operator"
    assert cluster.get("policyreports", "-A", ours)["items"] == []
    left = cluster.get("-n", namespace, "policyreports")["items"]
    assert [(r["metadata"]["name"], r["results"]) for r in left] == [("theirs", theirs["results"])]
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stderr == "0 reports deleted\n"


def test_a_full_etcd_stops_reports_until_there_is_room(
    cluster: Cluster, namespace: str, policy: MakePolicy, operator: OperatorProcess
) -> None:
    policy(checks=[TAG])
    cluster.apply(deployment(namespace), deployment(namespace, "cart"))
    eventually(lambda: len(cluster.get("-n", namespace, "policyreports")["items"]) == 2)
    control_plane = cluster.control_plane
    member = control_plane.etcd("maintenance/status", {})["header"]["member_id"]
    alarm = {"memberID": member, "alarm": "NOSPACE"}
    cluster.kubectl("-n", namespace, "delete", "policyreports", "--all")

    control_plane.etcd("maintenance/alarm", {"action": "ACTIVATE", **alarm})
    try:
        eventually(lambda: "reports are not written" in operator.log, within=30)
    finally:
        control_plane.etcd("maintenance/alarm", {"action": "DEACTIVATE", **alarm})

    eventually(lambda: len(cluster.get("-n", namespace, "policyreports")["items"]) == 2, within=30)
    assert operator.log.count("reports are not written") == 1
