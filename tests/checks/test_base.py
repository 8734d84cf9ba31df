"""What a check is made of, where no check shows it: rules, kinds, findings, words for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from readiness.api.vocabulary import Category
from readiness.checks.base import (
    ALL_KINDS,
    LONG_RUNNING_KINDS,
    PASS,
    REMOVED,
    SCALABLE_KINDS,
    CannotTell,
    Check,
    Edit,
    Finding,
    Fix,
    Outcome,
    PodSecurity,
    Reference,
    Safety,
    Scope,
    Skip,
    finding,
    safe,
    unsafe,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload
from tests.support import snapshot_of


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a check of these tests."""

    minimum: int = 2


def check(**fields: Any) -> Check:
    return Check(
        id="very-bad-thing",
        title="Very bad thing",
        category=Category.PROBES,
        severity=None,
        scope=Scope.INTRINSIC,
        rationale="",
        remediation="",
        reference=Reference("", ""),
        **fields,
    )


def workload(kind: str = "Deployment") -> Workload:
    api_version = "v1" if kind == "Pod" else "apps/v1"
    container = {"name": "app", "image": "app:1"}
    return Workload(
        {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        }
    )


def test_kinds_of_workloads() -> None:
    controllers = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")

    assert controllers == SCALABLE_KINDS
    assert {*controllers, "DaemonSet", "Pod"} == set(LONG_RUNNING_KINDS)
    assert {*LONG_RUNNING_KINDS, "Job", "CronJob"} == set(ALL_KINDS)
    assert len(ALL_KINDS) == 8


def test_words_that_reports_hold() -> None:
    assert [scope.value for scope in Scope] == ["intrinsic", "companion", "measured"]
    assert [level.value for level in PodSecurity] == ["baseline", "restricted"]
    assert [safety.value for safety in Safety] == ["safe", "unsafe", "display-only"]


def test_a_check_asks_for_nothing_that_it_does_not_say() -> None:
    plain = check()

    assert (plain.baseline, plain.pod_security, plain.kinds) == (False, (), ALL_KINDS)
    assert (plain.params, plain.default_params, plain.since) == (None, None, "0.1.0")
    assert plain.reason == "VeryBadThing"
    assert check(params=Params).default_params == Params()


def test_a_check_has_one_rule() -> None:
    twice = check()

    with pytest.raises(ValueError, match=r"^check very-bad-thing has no rule$"):
        twice.rule_for("Pod")

    def rule(_: Workload, __: Snapshot, ___: Any) -> Outcome:
        return PASS

    assert twice.rule(rule) is rule
    with pytest.raises(ValueError, match=r"^check very-bad-thing has two rules$"):
        twice.rule(rule)


def test_a_rule_is_asked_about_its_kinds_with_the_params_given() -> None:
    asked = check(params=Params, kinds=("Deployment",))

    @asked.rule
    def rule(_: Workload, __: Snapshot, params: Params) -> Outcome:
        return [Finding(f"minimum {params.minimum}", "")]

    assert asked.run(workload(), snapshot_of([])) == [Finding("minimum 2", "")]
    assert asked.run(workload(), snapshot_of([]), Params(3)) == [Finding("minimum 3", "")]
    assert asked.run(workload("DaemonSet"), snapshot_of([])) == Skip(
        "does not apply to a DaemonSet"
    )


def test_a_finding_about_a_container_names_it_and_its_field() -> None:
    (app,) = workload().containers
    path = "spec.template.spec.containers[0]"

    assert finding(app, "must be so") == Finding('container "app" must be so', path, "app", None)
    fix = safe(f"{path}.image", "app:2", "it is newer")
    assert finding(app, "must be so", "image", fix=fix) == Finding(
        'container "app" must be so', f"{path}.image", "app", fix
    )


def test_a_value_of_null_is_not_a_field_left_out() -> None:
    assert Edit("spec.replicas", None) != Edit("spec.replicas", REMOVED)


def test_what_cannot_be_told_is_no_crash() -> None:
    assert CannotTell("no right to look").crashed is False


def test_a_finding_about_the_workload_names_no_container_and_no_fix() -> None:
    assert Finding("must be so", "spec") == Finding("must be so", "spec", container="", fix=None)


def test_fixes_of_one_field() -> None:
    edits = (Edit("spec.replicas", 2),)

    assert safe("spec.replicas", 2, "why") == Fix(edits, Safety.SAFE, "why")
    assert unsafe("spec.replicas", 2, "why") == Fix(edits, Safety.UNSAFE, "why")
