"""What policies may ask of evidence, and what evidence may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from readiness.api.vocabulary import Severity
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_evidence, compile_exemption, compile_policy
from readiness.evaluate.evidence import EvidenceParams, evidence_check
from readiness.evaluate.policy import CheckSetting, matches
from readiness.model.evidence import Evidence
from readiness.model.label_selector import from_equality_map
from readiness.model.workload import ObjectRef
from readiness.model.workload_target import WorkloadTarget

DIGEST = f"sha256:{'a' * 64}"
WEB = ObjectRef("apps", "Deployment", "shop", "web")


def manifest(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "load-test", "namespace": "shop"},
        "spec": {
            "item": "load-testing-performed",
            "workloads": [{"name": "web"}],
            "statement": "Twice the peak for an hour.",
            "performedAt": "2026-11-01T00:00:00Z",
            "expiresAt": "2027-02-01T00:00:00Z",
            "attestedBy": "ann",
            **spec,
        },
    }


def mistake(kind: str, **spec: Any) -> tuple[str, str]:
    document = manifest(**spec) if kind == "evidence" else {"metadata": {"name": "p"}, "spec": spec}
    with pytest.raises(PolicyError) as caught:
        _ = compile_evidence(document) if kind == "evidence" else compile_policy(document)
    return caught.value.reason, str(caught.value)


def test_every_field_of_evidence_arrives() -> None:
    compiled = compile_evidence(
        manifest(
            workloads=[
                {"kind": "Deployment", "name": "web"},
                {"selector": {"matchLabels": {"tier": "front"}}},
            ],
            links=["https://wiki.example.com/x", "http://ci/7"],
            approvedBy="bob",
            imageDigests=[{"container": "app", "digest": DIGEST}],
        )
    )

    assert compiled == Evidence(
        namespace="shop",
        name="load-test",
        item="load-testing-performed",
        targets=(
            WorkloadTarget("Deployment", "web", None),
            WorkloadTarget(None, None, from_equality_map({"tier": "front"})),
        ),
        performed_at=datetime(2026, 11, 1, tzinfo=UTC),
        expires_at=datetime(2027, 2, 1, tzinfo=UTC),
        attested_by="ann",
        approved_by="bob",
        digests=(("app", DIGEST),),
    )


def test_evidence_in_a_file_may_leave_out_its_namespace() -> None:
    document = manifest()
    del document["metadata"]["namespace"]

    assert compile_evidence(document, "till").namespace == "till"
    assert compile_evidence(document).namespace == "default"  # as kubectl applies it


def test_evidence_that_nobody_approved_says_so() -> None:
    assert compile_evidence(manifest()).approved_by == ""


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"item": "load-testing-preformed"},
            "UnknownItem",
            (
                'spec.item: the checklist has no item "load-testing-preformed", did you mean '
                '"load-testing-performed"?'
            ),
        ),
        (
            {"item": "zzz"},
            "UnknownItem",
            'spec.item: the checklist has no item "zzz"; `readiness checklist` lists them',
        ),
        (
            {"item": "load-tested"},
            "UnknownItem",
            (
                'spec.item: "load-tested" is not for a person to attest; give evidence for '
                "load-testing-performed"
            ),
        ),
        (
            {"item": "cors-origins-restricted"},
            "UnknownItem",
            (
                'spec.item: "cors-origins-restricted" is not for a person to attest; it is '
                "answered by cors-wildcard"
            ),
        ),
        (
            {"item": "performance-tests-done"},
            "UnknownItem",
            (
                'spec.item: "performance-tests-done" is not for a person to attest; give evidence '
                "for profiling-performed, load-testing-performed, stress-testing-performed, "
                "spike-tested"
            ),
        ),
        (
            {"item": "alerting-configured"},
            "UnknownItem",
            (
                'spec.item: "alerting-configured" is not for a person to attest; give evidence for '
                "error-alerts-configured, latency-alerts-configured, saturation-alerts-configured, "
                "health-alerts-configured, alert-escalation-defined"
            ),
        ),
        (
            {"item": "all-security-answered"},
            "UnknownItem",
            (
                'spec.item: "all-security-answered" is not for a person to attest; give evidence '
                "for token-signing-key-strong, token-lifetime-limited, token-refresh-implemented, "
                "token-rotation-planned, token-storage-secure and 21 more"
            ),
        ),
        (
            {"item": "final-health-confirmed"},
            "UnknownItem",
            (
                'spec.item: "final-health-confirmed" is not for a person to attest; it is answered '
                "by liveness-probe-missing, probes-identical, startup-probe-missing, "
                "probe-timeout-too-long, liveness-probe-hair-trigger and 3 more"
            ),
        ),
        (
            {"item": "requests-measured"},
            "UnknownItem",
            (
                'spec.item: "requests-measured" is not for a person to attest; it is answered by '
                "metrics-not-scraped, throughput"
            ),
        ),
        (
            {"item": "Load tests"},
            "InvalidSpec",
            (
                "spec.item must be the id of an item of the checklist, such as "
                'load-testing-performed, not the text "Load tests"'
            ),
        ),
        (
            {"links": ["https://wiki.example.com/x", "wiki/x"]},
            "InvalidSpec",
            (
                "spec.links[1] must be a URL that begins with https:// or http://, not the text "
                '"wiki/x"'
            ),
        ),
        (
            {"expiresAt": "2026-11-01T00:00:00Z"},
            "InvalidSpec",
            "spec.expiresAt must be after performedAt",
        ),
        (
            {"approvedBy": "ann"},
            "InvalidSpec",
            "spec.approvedBy must be somebody other than attestedBy",
        ),
        (
            {"imageDigests": [{"container": "app", "digest": DIGEST}] * 2},
            "InvalidSpec",
            'spec.imageDigests[1].container: "app" stands here twice',
        ),
        (
            {"imageDigests": [{"container": "app", "digest": "sha256:1"}]},
            "InvalidSpec",
            (
                "spec.imageDigests[0].digest must be a digest such as sha256: with 64 hexadecimal "
                'digits, not the text "sha256:1"'
            ),
        ),
        (
            {"workloads": [{"kind": "Deployment"}]},
            "InvalidSpec",
            "spec.workloads[0] must set exactly one of name and selector",
        ),
        (
            {"statement": "done"},
            "InvalidSpec",
            "spec.statement must have at least 10 characters, not 4",
        ),
        (
            {"attestedBy": ""},
            "InvalidSpec",
            "spec.attestedBy must have at least 1 characters, not 0",
        ),
    ],
)
def test_what_evidence_may_not_say(spec: dict[str, Any], reason: str, message: str) -> None:
    assert mistake("evidence", **spec) == (reason, message)


def test_a_policy_asks_for_items() -> None:
    policy = compile_policy(
        {
            "metadata": {"name": "p"},
            "spec": {
                "evidence": [
                    {
                        "item": "load-testing-performed",
                        "severity": "Must",
                        "maxAge": "90d",
                        "approvalRequired": True,
                    },
                    {"item": "recovery-rehearsed", "severity": "Nice"},
                ]
            },
        }
    )

    load, rehearsed = (evidence_check(i) for i in ("load-testing-performed", "recovery-rehearsed"))
    assert dict(policy.settings) == {
        load.id: CheckSetting(
            load, Severity.MUST, EvidenceParams(timedelta(days=90), approval_required=True)
        ),
        rehearsed.id: CheckSetting(rehearsed, Severity.NICE, EvidenceParams()),
    }
    assert policy.evidence == {load.id, rehearsed.id}


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"evidence": [{"item": "load-testing-done", "severity": "Must"}]},
            "UnknownItem",
            (
                'spec.evidence[0].item: the checklist has no item "load-testing-done", did you '
                'mean "load-testing-performed"?'
            ),
        ),
        (
            {
                "evidence": [
                    {"item": "load-tested", "severity": "Must"},
                    {"item": "load-testing-performed", "severity": "Must", "maxAge": "0d"},
                ]
            },
            "UnknownItem",
            (
                'spec.evidence[0].item: "load-tested" is not for a person to attest; give evidence '
                "for load-testing-performed; spec.evidence[1].maxAge must be longer than 0d: no "
                "evidence would ever count"
            ),
        ),
        (
            {"evidence": [{"item": "load-testing-performed", "severity": "Must"}] * 2},
            "DuplicateItem",
            'spec.evidence[1].item: "load-testing-performed" stands here twice',
        ),
        (
            {"evidence": [{"item": "load-testing-performed", "severity": "Must", "maxAge": "0d"}]},
            "InvalidSpec",
            "spec.evidence[0].maxAge must be longer than 0d: no evidence would ever count",
        ),
        (
            {"evidence": [{"item": "load-testing-performed"}]},
            "InvalidSpec",
            "spec.evidence[0].severity must be set",
        ),
        (
            {"checks": [{"id": "evidence-load-testing-performed"}]},
            "UnknownCheck",
            (
                "spec.checks[0].id: evidence-load-testing-performed is asked for by an entry of "
                "spec.evidence"
            ),
        ),
        (
            {"match": {"fromStage": "Launch"}},
            "InvalidSpec",
            (
                "spec.match.fromStage must be one of pre-launch, launch or live, not the text "
                '"Launch"'
            ),
        ),
    ],
)
def test_what_a_policy_may_not_ask(spec: dict[str, Any], reason: str, message: str) -> None:
    assert mistake("policy", **spec) == (reason, message)


def test_a_check_of_evidence_may_be_exempt_or_never() -> None:
    check = "evidence-load-testing-performed"
    policy = compile_policy(
        {"metadata": {"name": "p"}, "spec": {"exemptions": {"notExemptable": [check]}}}
    )
    exemption = compile_exemption(
        {
            "metadata": {"name": "e", "namespace": "shop"},
            "spec": {
                "workloads": [{"name": "web"}],
                "checks": [check],
                "reason": "internal tool",
                "expiresAt": "2027-01-01T00:00:00Z",
            },
        }
    )

    assert policy.not_exemptable == {check}
    assert exemption.checks == {check}


@pytest.mark.parametrize(
    ("from_stage", "about"),
    [
        ("pre-launch", {"pre-launch", "launch", "live", "Launch", None}),
        ("launch", {"launch", "live", "Launch", None}),
        ("live", {"live", "Launch", None}),
    ],
)
def test_a_policy_is_about_workloads_from_a_stage_on(
    from_stage: str, about: set[str | None]
) -> None:
    spec = {
        "match": {"fromStage": from_stage, "workloadSelector": {"matchLabels": {"tier": "front"}}}
    }
    policy = compile_policy({"metadata": {"name": "p"}, "spec": spec})

    def is_about(stage: str | None, **labels: str) -> bool:
        own = labels | ({} if stage is None else {"readiness.dev/stage": stage})
        return matches(policy, WEB, own, {}, "")

    stages = ("pre-launch", "launch", "live", "Launch", None)
    assert {stage for stage in stages if is_about(stage, tier="front")} == about
    assert not is_about("live", tier="back")
