"""What every fix does to every failing fixture: it helps, harms nothing, and stays put."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from readiness.checks.base import Safety
from readiness.checks.registry import all_checks
from readiness.gather.roundtrip import ManifestText, manifest_text
from readiness.remediate.patch import apply, operations
from readiness.remediate.plan import Plan, Planner
from tests.remediate.support import (
    failing,
    failing_fixtures,
    findings,
    line_of_workload,
    passing,
    report,
)
from tests.support import FIXTURES, Fixture, load_fixture
from tools.control_plane import ControlPlane

GOLDEN = Path(__file__).resolve().parent / "data" / "patches.json"

SAFE = {
    "image-pull-policy-never",
    "liveness-probe-hair-trigger",
    "probe-timeout-too-long",
    "probes-identical",
    "rollback-impossible",
    "topology-spread-missing",
}
UNSAFE = {
    "apparmor-profile",
    "capabilities-not-dropped",
    "dangerous-capabilities",
    "host-namespaces",
    "host-port",
    "host-probes",
    "pre-stop-missing",
    "privilege-escalation-allowed",
    "privileged-container",
    "recreate-strategy",
    "replicas-too-low",
    "rollout-loses-all-capacity",
    "run-as-root-allowed",
    "seccomp-profile-missing",
    "seccomp-unconfined",
    "service-account-token-mounted",
    "startup-probe-missing",
    "static-replicas-with-autoscaler",
    "unmasked-proc-mount",
    "unmasked-proc-mount-in-user-namespace",
    "writable-root-filesystem",
}
# Basic failures that the API server refuses: a version that is no longer served, and an unmasked
# /proc without a user namespace.
REFUSED = {"deprecated-api-version", "unmasked-proc-mount"}
DISPLAY_ONLY = {"deprecated-api-version", "suspicious-quantity"}


def planned(fixture: Fixture) -> Plan[ManifestText]:
    """Apply the fixes of the fixture's check to its manifest and to its text."""
    return _planned(fixture.path)


@cache
def _planned(path: Path) -> Plan[ManifestText]:
    fixture = load_fixture(path)
    text = manifest_text(fixture.path.read_text(encoding="utf-8"))
    workload = fixture.workload
    name = workload.metadata.get("name") or workload.metadata.get("generateName")
    place = text.place(line_of_workload(fixture), str(name))
    planner: Planner[ManifestText] = Planner(
        lambda document: report(fixture, document),
        lambda text, patch: text.edited(place, patch),
        unsafe=True,
        checks={fixture.check_id},
    )
    return planner.plan(workload.document, text)


def patches_of(fixture: Fixture) -> list[dict[str, Any]]:
    """Return the fixes of the fixture's findings as the golden file has them."""
    return [
        {
            "safety": finding.fix.safety.value,
            "patch": operations(fixture.workload.document, finding.fix),
        }
        for finding in findings(fixture)
        if finding.fix
    ]


def test_basic_failures_have_the_fixes_they_should() -> None:
    """A fix that appears or goes away is a decision, taken here."""
    by_safety: dict[Safety, set[str]] = {safety: set() for safety in Safety}
    for id in all_checks():
        for finding in findings(load_fixture(FIXTURES / id / "fail" / "basic.yaml")):
            if finding.fix:
                by_safety[finding.fix.safety].add(id)

    assert by_safety == {
        Safety.SAFE: SAFE,
        Safety.UNSAFE: UNSAFE,
        Safety.DISPLAY_ONLY: DISPLAY_ONLY,
    }


def test_patches_of_basic_failures_are_those_on_file() -> None:
    """READINESS_UPDATE_GOLDEN=1 writes the file anew: read the difference."""
    patches = {f.check_id: patches_of(f) for f in failing_fixtures() if f.path.stem == "basic"}
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(json.dumps(patches, indent=1) + "\n", encoding="utf-8")

    assert patches == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("fixture", failing_fixtures(), ids=str)
def test_each_fix_makes_its_finding_go_away(fixture: Fixture) -> None:
    """Alone, on the manifest as it was judged: as a patch taken from the JSON report is."""
    document = fixture.workload.document
    for finding in findings(fixture):
        if finding.fix is None:
            continue
        patch = operations(document, finding.fix)

        patched = apply(document, patch)

        assert patch
        assert finding.message not in {f.message for f in findings(fixture, patched)}


@pytest.mark.parametrize("fixture", failing_fixtures(), ids=str)
def test_fixes_make_the_check_pass_break_no_other_and_are_made_once(fixture: Fixture) -> None:
    before = report(fixture, fixture.workload.document)
    fixable = {
        f.message for f in findings(fixture) if f.fix and f.fix.safety is not Safety.DISPLAY_ONLY
    }

    plan = planned(fixture)

    assert {result.message for result, _ in plan.fixed} >= fixable
    after = report(fixture, plan.document)
    left = findings(fixture, plan.document)
    assert not [f for f in left if f.fix and f.fix.safety is not Safety.DISPLAY_ONLY]
    assert {f.message for f in left} <= {f.message for f in findings(fixture)}
    assert failing(after) & passing(before) == set()
    for finding in findings(fixture):
        if finding.fix and finding.message in fixable and "/add/" not in str(plan.fixed):
            assert operations(plan.document, finding.fix) == []


@pytest.mark.parametrize("fixture", failing_fixtures(), ids=str)
def test_the_text_says_what_the_patched_manifest_says_and_keeps_its_comments(
    fixture: Fixture,
) -> None:
    original = fixture.path.read_text(encoding="utf-8")

    plan = planned(fixture)

    documents = [d for d in yaml.safe_load_all(str(plan.text)) if d is not None]
    index = next(i for i, d in enumerate(fixture.documents) if d == fixture.workload.document)
    assert documents == [
        plan.document if i == index else d for i, d in enumerate(fixture.documents)
    ]
    comments = [line for line in original.splitlines() if line.lstrip().startswith("#")]
    assert [x for x in str(plan.text).splitlines() if x.lstrip().startswith("#")] == comments
    if not plan.fixed:
        assert str(plan.text) == original


@pytest.mark.parametrize(
    "fixture", [f for f in failing_fixtures() if f.path.stem == "basic"], ids=str
)
def test_the_api_server_accepts_what_it_accepted_before(
    fixture: Fixture, control_plane: ControlPlane, namespace: str
) -> None:
    """A dry run creates nothing, but defaults and validates as if it did."""
    before = fixture.workload.document
    after = before
    for finding in findings(fixture):
        if finding.fix:
            after = apply(after, operations(after, finding.fix))

    assert after != before
    refused = dry_run(control_plane, namespace, before)
    assert (refused == "") == (fixture.check_id not in REFUSED), refused
    assert dry_run(control_plane, namespace, after) == ""


def dry_run(control_plane: ControlPlane, namespace: str, document: Mapping[str, Any]) -> str:
    """Return what the API server has against a manifest; empty when nothing."""
    metadata = {**document["metadata"], "namespace": namespace}
    result = control_plane.kubectl(
        "create",
        "--dry-run=server",
        "--validate=strict",
        "--filename=-",
        input=json.dumps({**document, "metadata": metadata}),
        check=False,
    )
    return result.stderr if result.returncode else ""
