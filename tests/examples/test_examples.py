"""The sample workloads show what their comments say, and nothing else."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import yaml

from readiness.api.vocabulary import GROUP, Result, Severity
from readiness.evaluate.compiling import compile_exemption, compile_policy
from readiness.evaluate.evaluator import Readiness, Report, evaluate
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import Policy, combine, profile_policy
from readiness.model.companions import COMPANION_KINDS
from readiness.model.workload import WATCHED_KINDS, Workload, workload_kind
from tests.support import NOW, ROOT, snapshot_of

EXAMPLES = ROOT / "examples"
BOOKSHOP = EXAMPLES / "bookshop"

# The Must checks of `standard` that each workload fails.
FAILING = {
    "ads": {"probe-port-unknown"},
    "cart": {"readiness-probe-missing"},
    "catalog": set(),
    "checkout": {"disruption-budget-blocks-eviction"},
    "log-agent": {"container-runtime-socket-mounted", "host-path-volume"},
    "mailer": {"cpu-request-missing", "memory-limit-missing", "memory-request-missing"},
    "payments": {"hard-coded-credential"},
    "recommendations": {"autoscalers-conflict"},
    "redis-cart": {"replicas-too-low"},
    "reviews": {"replicas-too-low"},
    "search": {"run-as-root-allowed", "run-as-root-user"},
    "shipping": {"mutable-image-tag"},
    "storefront": {"mutable-image-tag"},
}


@cache
def documents() -> list[dict[str, Any]]:
    """Return every manifest below examples/."""
    return [
        document
        for path in sorted(EXAMPLES.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == kind]


def policy_named(name: str) -> Policy:
    (found,) = [d for d in of_kind("ReadinessPolicy") if d["metadata"]["name"] == name]
    return compile_policy(found)


def judge(name: str, policy: Policy, *exemptions: Exemption) -> Report:
    """Judge the workload of this name with all other examples around it."""
    found = [d for d in documents() if workload_kind(d) and d["metadata"]["name"] == name]
    assert len(found) == 1, name
    return evaluate(
        Workload(found[0]), snapshot_of(documents()), combine([policy], NOW), exemptions
    )


def failing(report: Report) -> set[str]:
    return {result.check.id for result in report.results if result.result is Result.FAIL}


def test_every_workload_is_listed_here() -> None:
    names = [d["metadata"]["name"] for d in documents() if workload_kind(d)]

    assert sorted(FAILING) == sorted(names)


@pytest.mark.parametrize("name", sorted(FAILING))
def test_workload_fails_just_what_it_is_meant_to_show(name: str) -> None:
    report = judge(name, profile_policy("standard"))

    assert FAILING[name] == failing(report)
    assert [r.message for r in report.results if r.result is Result.ERROR] == []


def test_catalog_alone_is_ready() -> None:
    standard = profile_policy("standard")
    ready = [name for name in FAILING if judge(name, standard).readiness is Readiness.READY]

    assert ready == ["catalog"]


def test_catalog_leaves_nothing_to_be_desired() -> None:
    """No Should and no Nice finding either, and strict has nothing to add."""
    report = judge("catalog", profile_policy("strict"))

    assert [r.message for r in report.results if r.counts] == []


def test_redis_cart_shows_its_recreate_strategy() -> None:
    """It is a Should: the Must checks alone would not show what the file is there for."""
    report = judge("redis-cart", profile_policy("standard"))
    found = [r.severity for r in report.results if r.check.id == "recreate-strategy" and r.counts]

    assert found == [Severity.SHOULD]


@pytest.mark.parametrize("name", sorted(FAILING))
def test_file_begins_with_what_it_shows(name: str) -> None:
    first = (BOOKSHOP / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]

    assert first.startswith("# Not ready: " if FAILING[name] else "# Ready for production: ")


def test_everything_of_the_bookshop_is_in_its_namespace() -> None:
    cluster_scoped = {"Namespace", "PriorityClass"}
    for path in BOOKSHOP.glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document["kind"] not in cluster_scoped:
                assert document["metadata"]["namespace"] == "bookshop", path


def test_exemption_accepts_one_finding_of_one_workload() -> None:
    exemption = compile_exemption(of_kind("ReadinessExemption")[0])
    standard = profile_policy("standard")

    changed = {
        name: failing(judge(name, standard)) - failing(judge(name, standard, exemption))
        for name in FAILING
    }

    assert {"log-agent": {"host-path-volume"}} == {n: ids for n, ids in changed.items() if ids}


def test_policy_changes_standard_where_it_says() -> None:
    policy = policy_named("bookshop")
    standard = profile_policy("standard").settings

    assert policy.name == "bookshop"
    assert {"image-registry-not-allowed"} == set(policy.settings) - set(standard)
    assert {"alerts-missing"} == set(standard) - set(policy.settings)
    assert all(setting == standard[id] for id, setting in policy.settings.items() if id in standard)


def test_policy_matches_the_namespace_of_the_bookshop() -> None:
    policy = policy_named("bookshop")
    labels = next(
        n["metadata"]["labels"] for n in of_kind("Namespace") if "labels" in n["metadata"]
    )

    assert policy.namespace_selector is not None
    assert policy.namespace_selector.matches(labels)


def test_custom_checks_find_what_they_are_written_for() -> None:
    policy = policy_named("house-rules")
    report = judge("catalog", policy)
    outcomes = {r.check.id: r.result for r in report.results if r.check.id in policy.custom_checks}

    assert outcomes == {
        "team-label-missing": Result.FAIL,
        "foreign-registry": Result.PASS,
        "too-few-replicas-for-gold": Result.PASS,
    }


def test_role_grants_what_the_operator_needs_and_no_more() -> None:
    granted = {
        (group, resource, verb)
        for rule in of_kind("ClusterRole")[0]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    read = {("apps", f"{kind.lower()}s") for kind in WATCHED_KINDS}
    read |= {(k.group, k.plural) for k in COMPANION_KINDS.values() if not k.offline_only}
    own = {
        (GROUP, plural)
        for plural in ("readinesspolicies", "readinessexemptions", "readinessevidences")
    }
    read |= own | {("apiextensions.k8s.io", "customresourcedefinitions")}
    written = {("apps", f"{kind.lower()}s") for kind in WATCHED_KINDS} | own
    needed = {(g, r, verb) for g, r in read for verb in ("list", "watch")}
    needed.add(("apiextensions.k8s.io", "customresourcedefinitions", "get"))
    needed |= {(g, f"{r}/status", "patch") for g, r in written}
    needed.add(("", "events", "create"))
    needed.add(("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"))
    reports = (("wgpolicyk8s.io", "policyreports"), ("openreports.io", "reports"))
    needed |= {(g, r, v) for g, r in reports for v in ("get", "list", "create", "patch", "delete")}
    assert needed == granted
