"""The chart, set as for production, is held against our own strict policy."""

from __future__ import annotations

from typing import Any

import yaml

from readiness.api.vocabulary import Result
from readiness.evaluate.compiling import compile_exemption
from readiness.evaluate.evaluator import Readiness, Report, evaluate
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import combine, profile_policy
from readiness.model.workload import Workload, workload_kind
from tests.chart.support import CHART, Render
from tests.support import NOW, snapshot_of

EXEMPTIONS = CHART / "exemptions.yaml"


def exemptions() -> list[Exemption]:
    documents = yaml.safe_load_all(EXEMPTIONS.read_text("utf-8"))
    return [compile_exemption(document) for document in documents]


def judge(documents: list[dict[str, Any]], *accepted: Exemption) -> dict[str, Report]:
    """Return the report on each workload of the chart by its name."""
    snapshot = snapshot_of(documents)
    policy = combine([profile_policy("strict")], NOW)
    return {
        document["metadata"]["name"]: evaluate(Workload(document), snapshot, policy, accepted)
        for document in documents
        if workload_kind(document)
    }


def test_chart_passes_our_strict_policy(render: Render) -> None:
    """No finding at all is left, of whatever severity, but for what is exempt in the open."""
    reports = judge(render("production"), *exemptions())

    assert set(reports) == {
        "readiness-operator-controller",
        "readiness-operator-webhook",
        "readiness-operator-uninstall",
    }
    for name, report in reports.items():
        assert [r.message for r in report.results if r.counts and not r.exempt] == [], name
        assert [r.message for r in report.results if r.result is Result.ERROR] == [], name
        assert report.readiness is Readiness.READY, name


def test_every_exemption_is_still_needed(render: Render) -> None:
    failing = {
        name: {r.check.id for r in report.results if r.counts}
        for name, report in judge(render("production")).items()
    }

    assert failing == {
        "readiness-operator-controller": {"autoscaler-missing", "pre-stop-missing"},
        "readiness-operator-webhook": {"autoscaler-missing"},
        "readiness-operator-uninstall": set(),
    }


def test_default_values_fulfil_pod_security_restricted(render: Render) -> None:
    policy = combine([profile_policy("pod-security-restricted")], NOW)
    documents = render()
    for document in documents:
        if workload_kind(document):
            report = evaluate(Workload(document), snapshot_of(documents), policy, ())
            assert report.readiness is Readiness.READY, document["metadata"]["name"]
