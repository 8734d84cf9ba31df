"""`readiness check --cluster` and the running controller say the same of the demo's shop.

For every workload and every check: what the command prints, what the controller wrote into the
PolicyReport, and what the conditions make of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from readiness.api.vocabulary import Category
from tests.e2e.cli_process import readiness
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.test_cli_cluster import camel_case
from tests.polling import eventually
from tests.support import ROOT

NAMESPACE = "bookshop"
POLICY_REPORTS = (
    ROOT
    / "charts"
    / "readiness-operator"
    / "files"
    / "reports"
    / "wgpolicyk8s.io_policyreports.yaml"
)
SEVERITIES = {"high": "Must", "medium": "Should", "low": "Nice"}
WORKLOADS = 13

Conditions = dict[str, tuple[str, str]]


class Verdict(NamedTuple):
    """What is said of one check: a check with several findings has several."""

    check: str
    policy: str
    severity: str
    result: str
    message: str
    path: str
    exempt: bool


class Said(NamedTuple):
    """What is said of a workload."""

    verdicts: list[Verdict]
    conditions: Conditions


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[None]:
    """The demo's objects and an exemption; everything goes afterwards."""
    cluster.kubectl("apply", "-f", str(POLICY_REPORTS))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(POLICY_REPORTS))
    cluster.kubectl("apply", "-f", str(ROOT / "examples" / "bookshop"))
    cluster.kubectl("apply", "-f", str(ROOT / "examples" / "exemption.yaml"))
    yield
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    cluster.kubectl("delete", "-f", str(POLICY_REPORTS))


@pytest.fixture(scope="module")
def shared_operator(shop: None, operator_kubeconfig: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(operator_kubeconfig, "--qps", "0", "--report-passes")
    yield process
    if process.running:
        assert process.stop() == 0


@pytest.fixture(params=["standard", "strict"])
def shipped_policy(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """A policy as it is shipped, about the shop alone."""
    policy = yaml.safe_load((ROOT / "policies" / f"{request.param}.yaml").read_text())
    policy["metadata"]["name"] = name = f"agreement-{request.param}"
    match = policy["spec"].setdefault("match", {})
    match["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    cluster.apply(policy)
    yield name
    cluster.kubectl("delete", "readinesspolicy", name)


def by_the_controller(cluster: Cluster) -> dict[str, Said]:
    """Return what the controller wrote about each workload."""
    reports = cluster.get("-n", NAMESPACE, "policyreports")["items"]
    verdicts = {
        f"{report['scope']['kind']}/{report['scope']['name']}": [
            Verdict(
                result["rule"],
                result["policy"],
                SEVERITIES[result["severity"]],
                result["result"],
                result.get("message", ""),
                result.get("properties", {}).get("readiness.dev/path", ""),
                result.get("properties", {}).get("readiness.dev/exempt") == "true",
            )
            for result in report["results"]
        ]
        for report in reports
    }
    items = cluster.get("-n", NAMESPACE, "deployments,statefulsets,daemonsets")["items"]
    return {
        name: Said(verdicts.get(name, []), conditions_in(item))
        for item in items
        for name in [f"{item['kind']}/{item['metadata']['name']}"]
    }


def conditions_in(item: dict[str, Any]) -> Conditions:
    return {
        c["type"].removeprefix("readiness.dev/"): (c["status"], c["reason"])
        for c in item.get("status", {}).get("conditions", [])
        if c["type"].startswith("readiness.dev/")
    }


def by_the_command(kubeconfig: Path) -> dict[str, Said]:
    """Return what the command says of each workload, and the conditions that follow from it."""
    arguments = ("check", "--cluster", "-n", NAMESPACE, "--format", "json")
    output = readiness(kubeconfig, *arguments)
    assert (output.returncode, output.stderr) == (1, "")
    said = {}
    for workload in json.loads(output.stdout)["workloads"]:
        results = workload["results"]
        verdicts = [
            Verdict(
                r["check"],
                r["policy"],
                r["severity"],
                r["result"],
                r["message"],
                r["path"],
                r["exempt"],
            )
            for r in results
        ]
        conditions = {"ProductionReady": production_ready(results)}
        for category in Category:
            of_it = [r for r in results if r["category"] == category.id]
            if of_it:
                conditions[category.condition] = condition(of_it)
        assert workload["ready"] is (conditions["ProductionReady"][0] == "True")
        said[f"{workload['kind']}/{workload['name']}"] = Said(verdicts, conditions)
    return said


def production_ready(results: list[dict[str, Any]]) -> tuple[str, str]:
    must = [r for r in results if r["severity"] == "Must"]
    if any(r["result"] == "fail" for r in must):
        return "False", "MustChecksFailing"
    if unknown := cannot_be_told(must):
        return "Unknown", unknown
    if any(r["exempt"] for r in must):
        return "True", "MustChecksPassOrExempt"
    return "True", "AllMustChecksPass"


def condition(results: list[dict[str, Any]]) -> tuple[str, str]:
    serious = [r for r in results if r["severity"] != "Nice"]
    failing = [r["check"] for r in serious if r["result"] in ("fail", "warn") and not waits(r)]
    if failing:
        return "False", ",".join(map(camel_case, dict.fromkeys(failing)))
    if unknown := cannot_be_told(serious):
        return "Unknown", unknown
    if any(r["exempt"] for r in results):
        return "True", "ExemptionsApply"
    if any(r["result"] == "warn" and not waits(r) for r in results):
        return "True", "OnlyNiceToHaveMissing"
    passes = any(r["result"] == "pass" for r in results)
    return "True", "AllChecksPass" if passes else "NotApplicable"


def cannot_be_told(results: list[dict[str, Any]]) -> str:
    if any(r["result"] == "error" for r in results):
        return "ChecksCannotTell"
    return "WaitingForCompanions" if any(map(waits, results)) else ""


def waits(result: dict[str, Any]) -> bool:
    """Return whether it waits for companions: its grace period is not over."""
    return result["result"] == "warn" and " (counts from " in result["message"]


def test_command_report_and_conditions_agree_on_every_workload_and_check(
    cluster: Cluster, operator: OperatorProcess, shipped_policy: str
) -> None:
    def agreed() -> dict[str, Said]:
        """Return what both say; the shop's pods are still coming up, so ask until they agree."""
        written = by_the_controller(cluster)
        said = by_the_command(cluster.control_plane.kubeconfig)
        for name in sorted({*written, *said}):
            if written[name] != said[name]:
                raise LookupError(f"{name}:\n{difference(written[name], said[name])}")
        return said

    said = eventually(agreed, within=60)

    assert len(said) == WORKLOADS
    verdicts = [verdict for one in said.values() for verdict in one.verdicts]
    assert {verdict.policy for verdict in verdicts} == {shipped_policy}
    assert {verdict.result for verdict in verdicts} == {"pass", "fail", "warn", "skip"}
    exempt = {verdict.check for verdict in verdicts if verdict.exempt}
    assert exempt == {"host-path-volume"}
    ready = {one.conditions["ProductionReady"][0] for one in said.values()}
    # A strict policy gives the shop ten minutes for its companions.
    assert ready == {"True", "False"} | ({"Unknown"} if "strict" in shipped_policy else set())


def difference(written: Said, said: Said) -> str:
    """Return what only one of the two says."""
    lines = [f"the controller alone: {v}" for v in written.verdicts if v not in said.verdicts]
    lines += [f"the command alone: {v}" for v in said.verdicts if v not in written.verdicts]
    types = sorted({*written.conditions, *said.conditions})
    lines += [
        f"{type_}: {written.conditions.get(type_)} in the cluster, {said.conditions.get(type_)} "
        "from what the command says"
        for type_ in types
        if written.conditions.get(type_) != said.conditions.get(type_)
    ]
    return "\n".join(lines)
