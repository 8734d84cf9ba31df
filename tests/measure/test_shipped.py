"""The policies with service levels that are shipped; tests/e2e/test_service_levels.py uses them."""

from __future__ import annotations

from pathlib import Path

import promql_parser
import pytest
import yaml
from click.testing import CliRunner

from readiness.api.vocabulary import Enforcement, Severity
from readiness.checklist.service_levels import SERVICE_LEVELS
from readiness.cli.main import cli
from readiness.evaluate.compiling import compile_policy
from readiness.evaluate.service_levels import ServiceLevel, fill_in, question_about
from readiness.model.workload import ObjectRef
from tests.support import ROOT

POLICIES = sorted((ROOT / "policies").glob("service-levels-*.yaml"))
WEB = ObjectRef("apps", "Deployment", "shop", "web")


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_shipped_policy_measures_what_the_checklist_names(path: Path) -> None:
    policy = compile_policy(yaml.safe_load(path.read_text("utf-8")))

    assert (policy.name, policy.enforcement) == (path.stem, Enforcement.AUDIT)
    levels = {setting.params.name: setting for setting in policy.settings.values()}
    assert list(levels) == ["availability", "error-rate", "latency-p95"]
    assert levels.keys() <= {level.name for level in SERVICE_LEVELS}
    assert {setting.severity for setting in levels.values()} == {Severity.SHOULD}
    for setting in levels.values():
        level: ServiceLevel = setting.params
        assert level.min_samples == 1000
        for query in (level.query.query, level.query.samples_query):
            filled = fill_in(query, question_about(level.query, WEB))
            assert "$" not in filled
            assert '"shop"' in filled
            promql_parser.parse(filled)


@pytest.mark.parametrize("name", ["service-level-error-rate", "ServiceLevelErrorRate"])
def test_what_a_condition_names_is_explained(name: str) -> None:
    result = CliRunner().invoke(cli, ["explain", name])

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "service-level-error-rate: Service level missed: error-rate"
    assert "  Looks at  what was measured; it never refuses" in lines


def test_the_three_sources_are_shipped() -> None:
    assert [path.stem.rpartition("-")[2] for path in POLICIES] == ["http", "istio", "nginx"]
