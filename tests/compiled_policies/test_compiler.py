"""What becomes of a policy: manifests, what is left out and why, and when to compile again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from readiness.admission_policies.compiler import CompiledPolicy, compile_policies
from readiness.admission_policies.twins import TWINS, WITHOUT_TWIN
from readiness.evaluate.compiling import compile_exemption, compile_policy
from tests.compiled_policies.policies import exemption, policy
from tests.compiled_policies.workloads import Manifest
from tests.support import NOW, ROOT

LATER = datetime(2026, 12, 1, tzinfo=UTC)
LATER_TEXT = "2026-12-01T00:00:00Z"
TAG: Manifest = {"id": "mutable-image-tag", "severity": "Must"}


def compiled(manifest: Manifest, *exemptions: Manifest, **more: Any) -> CompiledPolicy:
    [found] = compile_policies(
        [compile_policy(manifest)],
        [compile_exemption(one) for one in exemptions],
        more.pop("now", NOW),
        more.pop("version", (1, 36)),
        **more,
    )
    return found


def spec(found: CompiledPolicy) -> Manifest:
    manifest: Manifest = found.manifests[0]["spec"]
    return manifest


def variable(found: CompiledPolicy, name: str) -> str:
    [expression] = [v["expression"] for v in spec(found)["variables"] if v["name"] == name]
    return str(expression)


def test_a_policy_becomes_an_admission_policy_and_a_binding_that_denies() -> None:
    found = compiled(policy("production", checks=[TAG]))

    admission_policy, binding = found.manifests
    metadata = {
        "name": "readiness-production",
        "labels": {"app.kubernetes.io/managed-by": "readiness-operator"},
        "annotations": {"readiness.dev/policy": "production"},
    }
    assert admission_policy["kind"] == "ValidatingAdmissionPolicy"
    assert admission_policy["metadata"] == metadata
    assert spec(found)["failurePolicy"] == "Fail"
    assert binding == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": "readiness-production", "validationActions": ["Deny"]},
    }
    assert found.checks == ("mutable-image-tag",)
    assert found.left_out == {}
    assert found.next_change is None


def test_checks_stand_in_the_order_of_the_catalogue_whatever_that_of_the_policy() -> None:
    checks = [TAG, {"id": "privileged-container", "severity": "Must"}]

    one, other = (compiled(policy("p", checks=c)) for c in (checks, checks[::-1]))

    assert one == other
    assert one.checks == ("privileged-container", "mutable-image-tag")


def test_policies_are_sorted_by_name() -> None:
    policies = [compile_policy(policy(name, checks=[TAG])) for name in ("b", "a")]

    assert [c.policy for c in compile_policies(policies, [], NOW, (1, 36))] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enforcement": "Audit"}, "its enforcement is Audit: only Strict refuses"),
        ({"enforcement": "Warn"}, "its enforcement is Warn: only Strict refuses"),
        ({"checks": []}, "it has no Must check"),
        ({"checks": [{**TAG, "severity": "Should"}]}, "it has no Must check"),
    ],
)
def test_a_policy_that_refuses_nothing_is_not_compiled(changes: Manifest, reason: str) -> None:
    found = compiled(policy("p", **{"checks": [TAG], **changes}))

    assert found == CompiledPolicy("p", (), (), {"": reason}, None)


def test_a_policy_is_compiled_once_its_date_has_come() -> None:
    manifest = policy("p", checks=[TAG], enforceFrom=LATER_TEXT)

    before = compiled(manifest)

    reason = f"it is enforced from {LATER_TEXT} on: compile it again then"
    assert before == CompiledPolicy("p", (), (), {"": reason}, LATER)
    assert compiled(manifest, now=LATER).checks == ("mutable-image-tag",)


def test_a_check_is_compiled_once_its_date_has_come() -> None:
    owner = {"id": "owner-missing", "severity": "Must", "enforceFrom": LATER_TEXT}
    manifest = policy("p", checks=[TAG, owner])

    before = compiled(manifest)

    assert before.checks == ("mutable-image-tag",)
    assert before.left_out == {
        "owner-missing": f"it is enforced from {LATER_TEXT} on: compile it again then"
    }
    assert before.next_change == LATER
    assert compiled(manifest, now=LATER).checks == ("mutable-image-tag", "owner-missing")


def test_a_date_says_nothing_of_a_check_that_is_never_compiled() -> None:
    quota = {"id": "resource-quota-missing", "severity": "Must", "enforceFrom": LATER_TEXT}

    found = compiled(policy("p", checks=[TAG, quota]))

    assert found.left_out == {
        "resource-quota-missing": (
            "it looks at other objects than the workload, and CEL sees no others"
        )
    }
    assert found.next_change is None


def test_what_cel_can_not_say_is_left_out_with_the_reason() -> None:
    checks = [
        {"id": id, "severity": "Must", **more}
        for id, more in (
            ("memory-limit-missing", {}),
            ("disruption-budget-missing", {}),
            ("host-probes", {"params": {"version": "v1.33"}}),
            ("image-registry-not-allowed", {}),
        )
    ]
    own = {"id": "team-missing", "severity": "Must", "expression": "true", "message": "set a team"}

    found = compiled(policy("p", checks=checks, customChecks=[own]))

    assert found.manifests == ()
    assert found.left_out == {
        "memory-limit-missing": WITHOUT_TWIN["memory-limit-missing"],
        "disruption-budget-missing": (
            "it looks at other objects than the workload, and CEL sees no others"
        ),
        "host-probes": "with its parameters there is nothing to find",
        "image-registry-not-allowed": "with its parameters there is nothing to find",
        "team-missing": (
            "of checks of the policy's own an error must not refuse, as it would here"
        ),
    }


def test_pod_security_is_judged_by_the_version_of_the_policy_else_of_the_cluster() -> None:
    def allowed(version: tuple[int, int], **more: Any) -> bool:
        sysctls = [{"id": "unsafe-sysctls", "severity": "Must"}]
        found = compiled(policy("p", checks=sysctls, **more), version=version)
        return '"net.ipv4.tcp_rmem"' in variable(found, "unsafeSysctls")

    assert allowed((1, 32))
    assert not allowed((1, 31))
    assert not allowed((1, 36), podSecurityVersion="v1.31")


def test_namespaces_are_selected_as_by_the_operator() -> None:
    match = {
        "namespaceSelector": {
            "matchLabels": {"env": "production", "a": "b"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["web", "api"]},
                {"key": "legacy", "operator": "DoesNotExist"},
            ],
        },
        "excludeNamespaces": ["sandbox", "kube-public"],
        "includeNamespaces": ["kube-public", "readiness-system", "kube-system"],
    }

    found = compiled(policy("p", checks=[TAG], match=match), operator_namespace="readiness-system")

    assert spec(found)["matchConstraints"]["namespaceSelector"] == {
        "matchLabels": {"a": "b", "env": "production"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["api", "web"]},
            {"key": "legacy", "operator": "DoesNotExist"},
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "NotIn",
                "values": ["kube-node-lease", "kube-public", "sandbox"],
            },
        ],
    }


def test_the_namespace_of_the_operator_is_left_out() -> None:
    found = compiled(policy("p", checks=[TAG]), operator_namespace="readiness-system")

    assert spec(found)["matchConstraints"]["namespaceSelector"] == {
        "matchExpressions": [
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "NotIn",
                "values": ["kube-node-lease", "kube-public", "kube-system", "readiness-system"],
            }
        ]
    }


def test_creates_and_updates_of_the_kinds_are_judged() -> None:
    def rules(**match: Any) -> Any:
        found = compiled(policy("p", checks=[TAG], match=match))
        return spec(found)["matchConstraints"]["resourceRules"]

    assert rules() == [
        {
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["deployments", "statefulsets", "daemonsets"],
            "scope": "Namespaced",
        }
    ]
    assert rules(kinds=["DaemonSet", "Deployment"])[0]["resources"] == ["deployments", "daemonsets"]


def test_an_exemption_counts_until_it_ends() -> None:
    manifest = policy("p", checks=[TAG])

    during = compiled(manifest, exemption("shop"))

    assert during.left_out == {
        "ReadinessExemption shop/legacy": (
            "what it accepts is not refused until 2026-12-31T00:00:00Z: compile again then"
        )
    }
    assert during.next_change == datetime(2026, 12, 31, tzinfo=UTC)
    assert variable(during, "mutableImageTag").startswith(
        '((object.metadata.namespace == "shop" && ((object.metadata.name == "legacy")) ? [] : '
    )
    after = compiled(manifest, exemption("shop"), now=datetime(2026, 12, 31, tzinfo=UTC))
    assert after == compiled(manifest)


def test_an_exemption_ends_when_the_policy_says() -> None:
    manifest = policy("p", checks=[TAG], exemptions={"maxDuration": "7d"})
    made = exemption("shop")
    made["metadata"]["creationTimestamp"] = NOW.isoformat()

    assert compiled(manifest, made).next_change == NOW + timedelta(days=7)
    assert compiled(manifest, made, now=NOW + timedelta(days=7)) == compiled(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        policy("p", checks=[TAG], exemptions={"notExemptable": ["mutable-image-tag"]}),
        policy("p", checks=[{"id": "privileged-container", "severity": "Must"}]),
    ],
)
def test_an_exemption_that_concerns_no_check_changes_nothing(manifest: Manifest) -> None:
    assert compiled(manifest, exemption("shop")) == compiled(manifest)


def test_too_many_groups_to_name_are_not_named() -> None:
    """The API server drops a message of more than 5 KiB."""

    def message(groups: list[str]) -> str:
        found = compiled(policy("p", checks=[TAG], strict={"breakGlass": {"groups": groups}}))
        text: str = spec(found)["validations"][0]["messageExpression"]
        return text.partition("In an emergency members of ")[2]

    assert message(["sre", "oncall"]).startswith("oncall, sre may set the annotation ")
    assert message([f"{n}" * 200 for n in range(3)]).startswith(
        "the groups in spec.strict.breakGlass of the policy may set the annotation "
    )


def test_a_name_that_is_too_long_is_shortened_and_stays_unique() -> None:
    names = {compiled(policy(f"{'p' * 250}{n}", checks=[TAG])).manifests[0]["metadata"]["name"]
             for n in range(2)}  # fmt: skip

    assert len(names) == 2
    assert {len(name) for name in names} == {253}
    assert {compiled(policy("p" * 243, checks=[TAG])).manifests[0]["metadata"]["name"]} == {
        f"readiness-{'p' * 243}"
    }


def test_the_page_says_of_each_check_whether_it_is_compiled() -> None:
    page = (ROOT / "docs" / "compiled-policies.md").read_text(encoding="utf-8")
    listed, _, left_out = page.partition("\nCompiled: ")[2].partition("\nNot compiled")

    assert set(re.findall(r"`([a-z-]+)`", listed)) == TWINS.keys()
    assert set(re.findall(r"`([a-z-]+)`", left_out)) == WITHOUT_TWIN.keys()


def test_what_was_there_before_is_looked_at_only_when_it_is_spared() -> None:
    def names(**strict: str) -> list[str]:
        found = compiled(policy("p", checks=[TAG], strict=strict))
        return [one["name"] for one in spec(found)["variables"]]

    assert names(existingViolations="Deny") == [
        *("pod", "containers", "longRunning", "mutableImageTag", "findings")
    ]
    assert names() == [
        *("pod", "containers", "longRunning"),
        *("podBefore", "containersBefore", "longRunningBefore"),
        *("mutableImageTagBefore", "mutableImageTag", "findings"),
    ]
