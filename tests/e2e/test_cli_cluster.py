"""The command line against a cluster: it says what the operator says, and what ails that one."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from readiness.api.vocabulary import Category
from tests.e2e.cli_process import readiness
from tests.e2e.conftest import CONTROLLER_ACCOUNT, Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.test_parity import placed
from tests.e2e.webhook_process import Certificates, WebhookProcess, rendered_configuration
from tests.e2e.workloads import budget, deployment
from tests.polling import eventually
from tests.support import ROOT

Policy = Callable[..., str]
Conditions = dict[str, tuple[str, str]]

_BOOKSHOP = ROOT / "examples" / "bookshop"
_TYPES = {category.id: category.condition for category in Category}


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Path:
    return cluster.control_plane.kubeconfig


@pytest.fixture
def shop(
    cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> dict[str, Conditions]:
    """The demo's workloads, judged by the operator: our conditions by `deployment/web`."""
    policy(extends="strict")
    exemption = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "storefront", "namespace": namespace},
        "spec": {
            "workloads": [{"kind": "Deployment", "name": "storefront"}],
            "checks": ["mutable-image-tag"],
            "reason": "its pipeline is being mended",
            "expiresAt": "2099-01-01T00:00:00Z",
        },
    }
    cluster.apply(exemption, *placed(_BOOKSHOP, namespace))

    def judged() -> dict[str, Conditions]:
        items = cluster.get("-n", namespace, "deployments,statefulsets,daemonsets")["items"]
        return {f"{item['kind'].lower()}/{item['metadata']['name']}": ours(item) for item in items}

    eventually(lambda: all(judged().values()), within=30)
    eventually(operator.settled, within=30)
    return judged()


def ours(item: dict[str, Any]) -> Conditions:
    return {
        c["type"].removeprefix("readiness.dev/"): (c["status"], c["reason"])
        for c in item.get("status", {}).get("conditions", [])
        if c["type"].startswith("readiness.dev/")
    }


def camel_case(check: str) -> str:
    return "".join(word.capitalize() for word in check.split("-"))


def verdicts(workload: dict[str, Any]) -> tuple[str, dict[str, tuple[str, set[str]]]]:
    """Return what the results of `check --format json` say of ProductionReady and of categories."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for result in workload["results"]:
        by_type.setdefault(_TYPES[result["category"]], []).append(result)
    categories = {}
    for type_, results in by_type.items():
        serious = [r for r in results if r["severity"] != "Nice"]
        failing = {camel_case(r["check"]) for r in serious if r["result"] in ("fail", "warn")}
        blind = any(r["result"] == "error" for r in serious)
        categories[type_] = ("False" if failing else "Unknown" if blind else "True", failing)
    must = {r["result"] for r in workload["results"] if r["severity"] == "Must"}
    ready = "False" if "fail" in must else "Unknown" if "error" in must else "True"
    return ready, categories


def test_check_agrees_with_the_conditions_of_every_workload(
    admin: Path, shop: dict[str, Conditions], namespace: str
) -> None:
    output = readiness(admin, "check", "--cluster", "-n", namespace, "--format", "json")
    assert output.returncode == 1, output.stderr
    workloads = json.loads(output.stdout)["workloads"]
    assert {f"{w['kind'].lower()}/{w['name']}" for w in workloads} == set(shop)
    for workload in workloads:
        conditions = shop[f"{workload['kind'].lower()}/{workload['name']}"]
        ready, categories = verdicts(workload)
        assert conditions.pop("ProductionReady")[0] == ready
        assert workload["ready"] is (ready == "True")
        assert {type_: status for type_, (status, _) in conditions.items()} == {
            type_: status for type_, (status, _) in categories.items()
        }
        for type_, (status, reason) in conditions.items():
            if status == "False":
                assert set(reason.split(",")) == categories[type_][1]


def test_status_agrees_with_the_conditions_of_every_workload(
    admin: Path, shop: dict[str, Conditions], namespace: str
) -> None:
    output = readiness(admin, "status", "-n", namespace, "-o", "json")
    assert (output.returncode, output.stderr) == (0, "")
    workloads = json.loads(output.stdout)["workloads"]
    assert {f"{w['kind'].lower()}/{w['name']}" for w in workloads} == set(shop)
    for workload in workloads:
        conditions = shop[f"{workload['kind'].lower()}/{workload['name']}"]
        ready = conditions.pop("ProductionReady")
        assert (workload["ready"], workload["reason"]) == ready
        assert workload["score"] == {
            "met": sum(status == "True" for status, _ in conditions.values()),
            "of": len(conditions),
        }
        reasons = [
            r for s, reason in conditions.values() if s == "False" for r in reason.split(",")
        ]
        failing = workload["mustFailing"] + workload["shouldFailing"]
        assert sorted(map(camel_case, failing)) == sorted(reasons)
        assert bool(workload["mustFailing"]) is (ready[0] == "False")

    table = readiness(admin, "status", "-n", namespace).stdout
    assert [line.split()[0] for line in table.splitlines()[1:-2]] == [
        f"{w['kind'].lower()}/{w['name']}" for w in workloads
    ]
    assert max(map(len, table.splitlines())) <= 80


def test_check_names_fields_where_there_are_no_files(
    admin: Path, cluster: Cluster, policy: Policy, namespace: str
) -> None:
    policy(checks=[{"id": "memory-limit-missing", "severity": "Must"}])
    cluster.apply(deployment(namespace, resources={}))
    command = ("check", "--cluster", "-n", namespace, "--no-fix")
    output = readiness(admin, *command)
    assert output.stdout.startswith(
        f"✗ deployment/web ({namespace})  not ready: 1 Must\n"
        '  Must    container "app" must set resources.limits.memory\n'
        "          memory-limit-missing\n"
        "          spec.template.spec.containers[0].resources.limits.memory\n"
    )
    assert output.returncode == 1

    for form in ("sarif", "junit", "github", "gitlab", "markdown", "policyreport"):
        written = readiness(admin, *command, "--format", form).stdout
        assert "memory" in written
        assert ":0" not in written
    (result,) = json.loads(readiness(admin, *command, "--format", "sarif").stdout)["runs"][0][
        "results"
    ]
    assert result["locations"] == [
        {
            "logicalLocations": [
                {
                    "name": "web",
                    "fullyQualifiedName": f"{namespace}/Deployment/web/"
                    "spec.template.spec.containers[0].resources.limits.memory",
                    "kind": "resource",
                }
            ]
        }
    ]


def test_check_takes_policies_and_baselines_as_for_files(
    admin: Path, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.apply(deployment(namespace, image="registry.example.com/shop/web:latest"))
    command = ("check", "--cluster", "-n", namespace, "--policy", "baseline")
    output = readiness(admin, *command, "--format", "json")
    assert output.stderr == ""
    summary = json.loads(output.stdout)["summary"]
    assert (output.returncode, summary["policies"]) == (1, ["baseline"])
    baseline = str(tmp_path / "baseline.yaml")
    assert readiness(admin, *command, "--baseline", baseline, "--update-baseline").returncode == 0
    again = readiness(admin, *command, "--baseline", baseline)
    assert (again.returncode, again.stderr) == (0, "")


def test_companions_are_those_of_the_cluster(admin: Path, cluster: Cluster, namespace: str) -> None:
    cluster.apply(deployment(namespace))
    command = ("check", "--cluster", "-n", namespace, "--policy", "baseline", "--format", "json")

    def of_budgets() -> str:
        (workload,) = json.loads(readiness(admin, *command).stdout)["workloads"]
        (found,) = [r for r in workload["results"] if r["check"] == "disruption-budget-missing"]
        return str(found["result"])

    assert of_budgets() == "fail"
    cluster.apply(budget(namespace))
    assert of_budgets() == "pass"


def test_who_sees_one_namespace_is_told_about_that_one(cluster: Cluster, namespace: str) -> None:
    """The built-in role `view`, bound in a namespace: what most developers have."""
    cluster.apply(deployment(namespace), budget(namespace))
    kubectl = cluster.kubectl
    kubectl("-n", namespace, "create", "serviceaccount", "developer")
    account = f"{namespace}:developer"
    kubectl(
        *("-n", namespace, "create", "rolebinding", "developer"),
        *("--clusterrole=view", f"--serviceaccount={account}"),
    )
    user = cluster.control_plane.kubeconfig_for(f"system:serviceaccount:{account}")

    output = readiness(user, "check", "--cluster", "-n", namespace)
    assert (output.returncode, output.stdout) == (3, "")
    assert output.stderr == (
        "Error: not allowed to list readinesspolicies.readiness.dev: name what to judge by with "
        "--policy\n"
    )
    output = readiness(
        user, "check", "--cluster", "-n", namespace, "--policy", "baseline", "--format", "json"
    )
    (workload,) = json.loads(output.stdout)["workloads"]
    results = {r["check"]: r["result"] for r in workload["results"]}
    assert (output.returncode, results["disruption-budget-missing"]) == (0, "pass")
    assert "warning: not allowed to list storageclasses.storage.k8s.io" in output.stderr

    assert readiness(user, "status", "-n", namespace).returncode == 0
    output = readiness(user, "status", "-A")
    assert (output.returncode, output.stdout) == (3, "")
    assert "403 deployments.apps is forbidden" in output.stderr


def test_nothing_to_look_at(admin: Path, tmp_path: Path) -> None:
    output = readiness(admin, "check", "--cluster", "-n", "nowhere")
    assert (output.returncode, output.stderr.splitlines()[-1]) == (
        2,
        "no workload found in namespace nowhere",
    )
    output = readiness(admin, "status", "-n", "nowhere")
    assert (output.returncode, output.stdout, output.stderr) == (
        0,
        "",
        "no workload found in namespace nowhere\n",
    )
    dead = yaml.safe_load(admin.read_text())
    dead["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "dead").write_text(yaml.safe_dump(dead))
    for command in (["check", "--cluster"], ["status"], ["status", "--watch"], ["doctor"]):
        output = readiness(tmp_path / "dead", *command)
        assert output.returncode == 3
        assert output.stderr.startswith(
            "Error: cannot reach the API server at https://127.0.0.1:1: "
        )
        assert output.stderr.count("\n") == 1


def test_the_namespace_is_that_of_the_context(
    admin: Path, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.apply(deployment(namespace))
    config = yaml.safe_load(admin.read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    output = readiness(tmp_path / "config", "status", "-o", "json")
    assert [w["namespace"] for w in json.loads(output.stdout)["workloads"]] == [namespace]


def test_status_shows_changes_until_interrupted(
    admin: Path, cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    policy(checks=[{"id": "mutable-image-tag", "severity": "Must"}])
    cluster.apply(deployment(namespace, image="registry.example.com/shop/web:latest"))
    eventually(lambda: cluster.ready(namespace, "deployment/web") == "False", within=20)
    watching = subprocess.Popen(
        [
            *(sys.executable, "-m", "readiness", "status", "-n", namespace, "--watch"),
            *("--kubeconfig", str(admin)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stderr is not None

    def shown() -> list[str]:
        """Return the next table: it ends with its counts."""
        assert watching.stdout is not None
        lines = []
        for line in watching.stdout:
            lines.append(line.rstrip("\n"))
            if re.match(r"\d+ workloads?: ", line):
                break
        return lines

    try:
        assert re.fullmatch(r"deployment/web  no +0/1 +\d+s +mutable-image-tag", shown()[1])
        cluster.apply(deployment(namespace))
        table = shown()
        assert re.fullmatch(r"deployment/web  yes +1/1 +\d+s", table[2])
        assert table[-1] == "1 workload: 1 ready"
        cluster.kubectl("-n", namespace, "delete", "deployment", "web", "--wait=false")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=10) == 130
        assert "Traceback" not in watching.stderr.read()
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
        watching.stderr.close()


# readiness doctor.

Findings = dict[str, list[tuple[str, str, str]]]


def examined(kubeconfig: Path, *options: str) -> tuple[int | None, Findings]:
    """Return the exit code and, by area, state, message and remedy of each finding."""
    output = readiness(kubeconfig, "doctor", "-o", "json", *options)
    assert output.stderr == ""
    found: Findings = {}
    for finding in json.loads(output.stdout)["findings"]:
        found.setdefault(finding["area"], []).append(
            (finding["state"], finding["message"], finding["remedy"])
        )
    return output.returncode, found


def test_doctor_finds_a_sound_operator_sound(
    admin: Path,
    cluster: Cluster,
    operator_kubeconfig: Path,
    webhook_kubeconfig: Path,
    tmp_path: Path,
    policy: Policy,
) -> None:
    """And says which part is not, as one after the other goes."""
    name = policy(extends="baseline")
    certificates = Certificates(tmp_path / "certificates")
    pair = certificates.make()
    leading = ("--leader-elect", "--operator-namespace", "readiness-system")
    leader = OperatorProcess(operator_kubeconfig, *leading, pod_name="leader-1").start()
    webhook = WebhookProcess(
        webhook_kubeconfig, *certificates.options, "--webhook-listen", "127.0.0.1:0"
    ).start()
    configuration = rendered_configuration(
        cluster.control_plane, port=webhook.webhook_port, ca=pair.ca
    )
    account = CONTROLLER_ACCOUNT.rpartition(":")[2]
    health = (
        *("--health-url", f"http://127.0.0.1:{leader._port}"),
        *("--service-account", account),
    )
    try:
        cluster.apply(configuration)
        eventually(
            lambda: cluster.get("readinesspolicy", name).get("status", {}).get("conditions"),
            within=20,
        )
        # The API server takes note of a configuration after a moment.
        eventually(lambda: examined(admin, *health)[0] == 0, within=30)
        code, found = examined(admin, *health)
        minor_version = cluster.control_plane.version().rpartition(".")[0]
        assert (code, {state for several in found.values() for state, *_ in several}) == (
            0,
            {"ok", "warn"},
        )
        assert found["API server"] == [("ok", minor_version, "")]
        ((state, rights, _),) = found["rights"]
        assert state == "ok"
        assert rights.startswith(f"service account {account} of the controller has all ")
        ((state, leads, _),) = found["leader"]
        assert state == "ok"
        assert re.fullmatch("leader-1_[0-9a-f-]+ holds the Lease readiness-operator", leads)
        (cache,) = found["cache"]
        assert cache[1].startswith(f"http://127.0.0.1:{leader._port} is in sync, ")
        # The certificates of this test are good for one day.
        where = f"https://127.0.0.1:{webhook.webhook_port}/validate"
        assert [finding[:2] for finding in found["webhook"]] == [
            ("warn", 'the caBundle of "readiness-operator" is good for less than a day'),
            ("warn", f"the certificate of {where} is good for less than a day"),
            ("ok", "it refuses a bad policy (tried as a dry run)"),
        ]
        assert name in found["policies"][0][1]

        assert webhook.stop() == 0
        code, found = examined(admin, *health)
        assert code == 1
        unreachable, ignored = [m for state, m, _ in found["webhook"] if state == "fail"]
        assert unreachable.startswith(f"{where} can't be reached with the caBundle: [Errno 111] ")
        assert ignored == (
            "a bad policy got past it (tried as a dry run): it does not answer the API server"
        )

        assert leader.stop() == 0
        code, found = examined(admin, *health)
        assert code == 1
        assert found["leader"][0][:2] == ("fail", "nobody holds the Lease readiness-operator")
        assert found["cache"][0][0] == "fail"
        assert "does not answer" in found["cache"][0][1]
    finally:
        cluster.kubectl(
            "delete", "validatingwebhookconfiguration", "readiness-operator", "--ignore-not-found"
        )
        for process in (webhook, leader):
            process.stop()


def test_doctor_grants_what_lacks(admin: Path, cluster: Cluster, namespace: str) -> None:
    """Its commands, copied as they are, leave nothing lacking."""
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "bare")
    options = ("--operator-namespace", namespace, "--service-account", "bare")
    code, found = examined(admin, *options)
    assert code == 1
    lacking = [finding for finding in found["rights"] if finding[0] != "ok"]
    assert {state for state, *_ in lacking} == {"fail"}
    made = []
    for _, _, remedy in lacking:
        for command in remedy.split(" && "):
            program, *arguments = command.split()
            assert program == "kubectl"
            cluster.kubectl(*arguments)
            if arguments[1].startswith("cluster"):
                made.append((arguments[1], arguments[2]))
    try:
        _, found = examined(admin, *options)
        assert [state for state, *_ in found["rights"]] == ["ok"]
    finally:
        for kind, name in made:
            cluster.kubectl("delete", kind, name)


def test_doctor_works_where_nothing_is_installed(
    admin: Path, cluster: Cluster, namespace: str
) -> None:
    code, found = examined(admin, "--operator-namespace", namespace)
    assert code == 1
    assert found["pods"][0][:2] == (
        "fail",
        f"no pod of the controller is in namespace {namespace}",
    )
    assert found["leader"][0][0] == "warn"
    assert found["webhook"] == [
        (
            "warn",
            "the API server is told of no webhook: policies in Strict refuse nothing",
            "helm upgrade with webhook.enabled=true, if they should",
        )
    ]


def test_doctor_tells_what_ends_and_what_is_not_accepted(
    admin: Path, cluster: Cluster, operator: OperatorProcess, policy: Policy, namespace: str
) -> None:
    name = policy(checks=[{"id": "no-such-check", "severity": "Must"}])
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3.1 * 86400))
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessExemption",
            "metadata": {"name": "ends-soon", "namespace": namespace},
            "spec": {
                "workloads": [{"kind": "Deployment", "name": "web"}],
                "checks": ["mutable-image-tag"],
                "reason": "being mended",
                "expiresAt": soon,
            },
        }
    )
    eventually(
        lambda: cluster.get("readinesspolicy", name).get("status", {}).get("conditions"), within=20
    )
    code, found = examined(admin)
    assert code == 1
    (mistake,) = [finding for finding in found["policies"] if f'"{name}"' in finding[1]]
    assert mistake[0] == "fail"
    assert "no-such-check" in mistake[1]
    assert mistake[2] == f"kubectl edit readinesspolicy {name}"
    # Other modules leave theirs in namespaces on their way out.
    assert [finding for finding in found["exemptions"] if namespace in finding[1]] == [
        (
            "warn",
            f'"ends-soon" in namespace {namespace} ends in 3 days',
            "mend what it covers, or renew it",
        )
    ]

    # The command line judges by what can be used, and does not pass for want of the rest.
    cluster.apply(deployment(namespace))
    output = readiness(admin, "check", "--cluster", "-n", namespace)
    assert output.returncode == 2
    assert f'ReadinessPolicy "{name}" is not accepted: ' in output.stderr


def test_doctor_says_what_it_may_not_see(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "nobody")
    user = cluster.control_plane.kubeconfig_for(f"system:serviceaccount:{namespace}:nobody")
    code, found = examined(user)
    assert code == 0
    assert {
        state for area, several in found.items() if area != "API server" for state, *_ in several
    } == {"warn"}
    for area, several in found.items():
        if area != "API server":
            assert several[0][1].startswith("could not look: ")
            assert several[0][2] == "run it as somebody who may, such as a cluster administrator"
