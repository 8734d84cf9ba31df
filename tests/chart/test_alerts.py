"""Prometheus loads the rules of the chart, and the alerts about what ends fire when they should."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.support import NAMESPACE, RELEASE, Render, of_kind
from tools.prometheus import TOOL, PrometheusError, find_binaries

CONTROLLER = f"{RELEASE}-controller"
RULES = "rules.yaml"


@pytest.fixture(scope="module")
def promtool() -> Path:
    try:
        return find_binaries() / TOOL
    except PrometheusError as error:
        pytest.skip(str(error))


@pytest.fixture
def rules(render: Render, tmp_path: Path) -> Path:
    """Return a file with the rules of a release, as Prometheus reads them."""
    settings = (
        "monitoring.prometheusRule.enabled=true",
        "monitoring.prometheusRule.runbookUrl=https://example.com/%s",
    )
    (rule,) = of_kind(render(*settings), "PrometheusRule")
    path = tmp_path / RULES
    path.write_text(yaml.safe_dump({"groups": rule["spec"]["groups"]}))
    return path


def run(promtool: Path, *arguments: str | Path) -> str:
    """Return what promtool says; fails when it is no praise."""
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules(promtool: Path, rules: Path) -> None:
    assert "SUCCESS: 14 rules found" in run(promtool, "check", "rules", rules)


def series(metric: str, values: str, **labels: str) -> dict[str, str]:
    """Return a series whose values are 5 minutes apart; promtool's 8-0.1x30 falls 30 times."""
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{inside}}}", "values": values}


def expected(alert: str, severity: str, namespace: str, summary: str) -> dict[str, Any]:
    """Return an alert as it is to fire."""
    return {
        "exp_labels": {"severity": severity, "namespace": namespace},
        "exp_annotations": {"summary": summary, "runbook_url": f"https://example.com/{alert}"},
    }


@pytest.mark.parametrize(
    ("alert", "metric", "summary"),
    [
        (
            "ReadinessExemptionExpiring",
            "readiness_exemption_days_left",
            "An exemption in namespace {} ends in {} days; what it accepts counts again then.",
        ),
        (
            "ReadinessEvidenceExpiring",
            "readiness_evidence_days_left",
            (
                "Evidence in namespace {} expires in {} days; its items of the checklist are unmet "
                "then."
            ),
        ),
    ],
)
def test_what_ends_within_a_week_is_told(
    promtool: Path, rules: Path, alert: str, metric: str, summary: str
) -> None:
    """Once for each namespace, whatever other releases and the replicas of this one say."""
    one = {"job": CONTROLLER, "pod": "one"}
    other = {"job": CONTROLLER, "pod": "other"}
    foreign = {"job": CONTROLLER, "pod": "foreign"}
    blind = {"job": CONTROLLER, "pod": "blind"}
    told = [
        expected(alert, "warning", "cart", summary.format("cart", "1.0")),
        expected(alert, "warning", "shop", summary.format("shop", "6.9")),
    ]
    given = [
        series("readiness_synced", "1x60", namespace=NAMESPACE, **one),
        series("readiness_synced", "1x60", namespace=NAMESPACE, **other),
        series("readiness_synced", "0x60", namespace=NAMESPACE, **blind),
        series("readiness_synced", "1x60", namespace="another-release", **foreign),
        # Less than a week from 15 minutes on, and from 30 to 130 minutes.
        series(metric, "7.01-0.004x60", namespace="shop", **one),
        series(metric, "7.51-0.004x60", namespace="shop", **other),
        series(metric, "_x6 1x20 stale", namespace="cart", **other),
        series(metric, "7x60", namespace="quiet", **one),
        series(metric, "2x60", namespace="far", **foreign),
        series(metric, "2x60", namespace="unknown", **blind),
    ]
    scenario = {
        "rule_files": [RULES],
        "evaluation_interval": "5m",
        "tests": [
            {
                "interval": "5m",
                "input_series": given,
                "alert_rule_test": [
                    {"alertname": alert, "eval_time": "70m", "exp_alerts": []},
                    {"alertname": alert, "eval_time": "80m", "exp_alerts": told[1:]},
                    {"alertname": alert, "eval_time": "2h", "exp_alerts": told},
                    # That of cart ended, was renewed or deleted.
                    {"alertname": alert, "eval_time": "3h", "exp_alerts": told[1:]},
                ],
            }
        ],
    }
    path = rules.with_name("test.yaml")
    path.write_text(yaml.safe_dump(scenario))

    assert "SUCCESS" in run(promtool, "test", "rules", path)
