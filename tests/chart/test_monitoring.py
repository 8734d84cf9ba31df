"""Alerts and dashboard speak of metrics that are there, and every alert has its runbook."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser
import pytest
import yaml

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import Readiness
from tests.chart.support import CHART, Render, of_kind
from tests.support import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

# What scrapes add (prometheus.io/docs/concepts/jobs_instances) and prometheus_client's
# ProcessCollector exposes.
FOREIGN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
# Their label namespace is that of the workloads, not that of the operator.
BY_NAMESPACE = {"readiness_exemption_days_left", "readiness_evidence_days_left"}
LABEL_VALUES = {
    "readiness": {readiness.value for readiness in Readiness},
    "severity": {severity.value for severity in Severity},
    "result": {*(result.value for result in Result), "exempt"},
}


@cache
def exposed() -> set[str]:
    """Return the names of all series that the code exposes, as Prometheus stores them."""
    suffixes = {
        "Counter": ["_total"],
        "Gauge": [""],
        "Histogram": ["_bucket", "_count", "_sum"],
        "sample": [""],
    }
    names = set()
    for path in (ROOT / "operator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            first = node.args[0]
            if called in suffixes and isinstance(first, ast.Constant):
                names |= {f"{first.value!s}{suffix}" for suffix in suffixes[called]}
    return names


def selectors(query: str) -> list[Any]:
    """Return every selector of a query; raises ValueError when it is none of PromQL."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    # Grafana puts the chosen namespaces in; any word will do here.
    promql_parser.walk(promql_parser.parse(query.replace("$namespace", "any")), visit)
    return found


def queries() -> Iterator[tuple[str, str]]:
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_query_asks_for_metrics_that_are_exposed(where: str, query: str) -> None:
    found = selectors(query)

    assert {selector.name for selector in found} <= exposed() | FOREIGN
    assert found, "a query that asks for nothing"
    for selector in found:
        for matcher in selector.matchers.matchers:
            if matcher.name in LABEL_VALUES:
                assert matcher.value in LABEL_VALUES[matcher.name], matcher.name


def test_every_alert_has_its_runbook_and_no_page_is_left_over() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}

    assert pages == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("name", [alert["alert"] for alert in ALERTS])
def test_runbook_says_what_it_means_and_what_to_do(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")

    assert re.findall(r"^#+ (.*)$", page, re.MULTILINE) == [name, "Meaning", "Impact", "What to do"]
    assert f"[{name}]({name}.md)" in (RUNBOOKS / "README.md").read_text("utf-8")


def test_alerts_are_about_the_release(render: Render) -> None:
    (rule,) = of_kind(render("everything"), "PrometheusRule")
    (group,) = rule["spec"]["groups"]

    assert rule["metadata"]["labels"]["prometheus"] == "main"
    assert [alert["alert"] for alert in ALERTS] == [r["alert"] for r in group["rules"]]
    for alert in group["rules"]:
        name = alert["alert"]
        assert alert["annotations"]["runbook_url"] == f"https://wiki.example.com/{name}.html"
        namespaces = set()
        for selector in selectors(alert["expr"]):
            matchers = {m.name: m.value for m in selector.matchers.matchers}
            if selector.name not in BY_NAMESPACE:  # those are narrowed by the pods of others
                namespaces.add(matchers["namespace"])
            jobs = set(matchers["job"].split("|"))
            assert jobs <= {"ready-controller", "ready-webhook"}, name
        assert namespaces == {"readiness-system"}, name


def test_without_webhook_its_alerts_are_left_out(render: Render) -> None:
    settings = ("monitoring.prometheusRule.enabled=true", "webhook.enabled=false")
    (rule,) = of_kind(
        render(*settings, "monitoring.prometheusRule.runbookUrl=https://example.com/%s"),
        "PrometheusRule",
    )

    assert [r["alert"] for r in rule["spec"]["groups"][0]["rules"]] == [
        alert["alert"] for alert in ALERTS if alert["component"] == "controller"
    ]


def test_service_monitors_select_the_services(render: Render) -> None:
    documents = render("everything")
    services = {s["metadata"]["name"]: s for s in of_kind(documents, "Service")}
    for monitor in of_kind(documents, "ServiceMonitor"):
        service = services.pop(monitor["metadata"]["name"])
        wanted = monitor["spec"]["selector"]["matchLabels"]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert wanted.items() <= service["metadata"]["labels"].items()
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert monitor["metadata"]["labels"]["prometheus"] == "main"
    assert services == {}


def test_dashboard_arrives_as_it_is(render: Render) -> None:
    (config,) = of_kind(render("production"), "ConfigMap")

    assert json.loads(config["data"]["readiness-operator.json"]) == DASHBOARD
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_panels_lie_side_by_side() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in covered) < 24, panel["title"]
        assert covered.isdisjoint(cells), panel["title"]
        cells |= covered
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
