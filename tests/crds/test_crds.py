"""The API server takes the CRDs, and with them refuses what it can, naming the field."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_evidence, compile_exemption, compile_policy
from tests.polling import eventually
from tests.support import ROOT
from tools.control_plane import ControlPlane

CRDS = (
    "readinesspolicies.readiness.dev",
    "readinessexemptions.readiness.dev",
    "readinessevidences.readiness.dev",
)
COMPILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ReadinessPolicy": compile_policy,
    "ReadinessExemption": compile_exemption,
    "ReadinessEvidence": compile_evidence,
}


def policy(spec: object, name: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


EXEMPTION = {
    "workloads": [{"name": "web"}],
    "checks": ["memory-limit-missing"],
    "reason": "Is being rewritten, see SHOP-12.",
    "expiresAt": "2026-12-24T18:00:00Z",
}


def exemption(**changes: Any) -> dict[str, Any]:
    """Return an exemption with some fields changed, or left out where the change is `...`."""
    spec = {key: value for key, value in {**EXEMPTION, **changes}.items() if value is not ...}
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "legacy", "namespace": "default"},
        "spec": spec,
    }


EVIDENCE = {
    "item": "load-testing-performed",
    "workloads": [{"name": "web"}],
    "statement": "Twice the peak for an hour.",
    "performedAt": "2026-11-10T14:00:00+01:00",
    "expiresAt": "2027-05-10T00:00:00Z",
    "attestedBy": "system:serviceaccount:shop:ann",
}
DIGEST = f"sha256:{'0a' * 32}"


def evidence(**changes: Any) -> dict[str, Any]:
    """Return evidence with some fields changed, or left out where the change is `...`."""
    spec = {key: value for key, value in {**EVIDENCE, **changes}.items() if value is not ...}
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessEvidence",
        "metadata": {"name": "load-test", "namespace": "default"},
        "spec": spec,
    }


def custom_check(**changes: Any) -> dict[str, Any]:
    """Return a custom check with some fields changed, or left out where the change is `...`."""
    given = {
        "id": "team-label-missing",
        "severity": "Should",
        "expression": "has(object.metadata.labels.team)",
        "message": "metadata.labels.team must be set",
        **changes,
    }
    return {key: value for key, value in given.items() if value is not ...}


def workloads(selector: Mapping[str, Any]) -> dict[str, Any]:
    return policy({"match": {"workloadSelector": selector}})


def expression(**fields: Any) -> dict[str, Any]:
    return workloads({"matchExpressions": [{"key": "tier", **fields}]})


def create(cluster: ControlPlane, document: Mapping[str, Any]) -> tuple[int, str]:
    """Create an object as a dry run; return the exit code and what kubectl says."""
    result = cluster.kubectl(
        "create", "--dry-run=server", "--filename=-", input=json.dumps(document), check=False
    )
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("name", CRDS)
def test_crd_is_established_with_a_structural_schema(cluster: ControlPlane, name: str) -> None:
    crd = json.loads(cluster.kubectl("get", "crd", name, "--output=json").stdout)
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}

    assert conditions == {"NamesAccepted": "True", "Established": "True"}


ACCEPTED = {
    "nothing said": policy({}),
    "everything said": policy(
        {
            "enforcement": "Strict",
            "enforceFrom": "2026-12-01T00:00:00Z",
            "match": {
                "namespaceSelector": {"matchLabels": {"env": "production", "empty": ""}},
                "excludeNamespaces": ["sandbox"],
                "includeNamespaces": ["kube-system"],
                "workloadSelector": {
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["web"]},
                        {"key": "example.com/legacy", "operator": "DoesNotExist"},
                        {"key": "app", "operator": "Exists", "values": []},
                    ]
                },
                "kinds": ["Deployment", "StatefulSet", "DaemonSet"],
                "fromStage": "pre-launch",
            },
            "extends": "strict",
            "podSecurityVersion": "v1.25",
            "checks": [
                {"id": "memory-limit-missing"},
                {"id": "memory-overcommitted", "severity": "Should", "params": {"ratio": 1.5}},
                {"id": "cpu-request-missing", "severity": "Off"},
                {"id": "probes-identical", "enforceFrom": "2027-01-01T00:00:00.5+01:00"},
            ],
            "customChecks": [
                custom_check(),
                custom_check(id="foreign-registry", severity="Nice", category="images"),
            ],
            "evidence": [
                {"item": "load-testing-performed", "severity": "Must", "maxAge": "90d"},
                {"item": "recovery-rehearsed", "severity": "Nice", "approvalRequired": True},
            ],
            "strict": {"gracePeriod": "1h30m"},
            "exemptions": {"maxDuration": "90d", "notExemptable": ["privileged-container"]},
        }
    ),
    "exemption by name": exemption(containers=["app"]),
    "exemption by selector": exemption(
        workloads=[{"kind": "Deployment", "selector": {"matchLabels": {"app": "web"}}}]
    ),
    "evidence": evidence(),
    "evidence with everything": evidence(
        links=["https://wiki.example.com/x?page=7#top", "http://ci.example.com"],
        approvedBy="bob",
        imageDigests=[{"container": "app", "digest": DIGEST}],
    ),
}


@pytest.mark.parametrize("document", ACCEPTED.values(), ids=ACCEPTED)
def test_valid_object_is_accepted(cluster: ControlPlane, document: dict[str, Any]) -> None:
    code, output = create(cluster, document)

    assert code == 0, output
    kept = cluster.kubectl(
        *("create", "--dry-run=server", "--filename=-", "--output=json"), input=json.dumps(document)
    )
    assert document["spec"] == json.loads(kept.stdout)["spec"], "a field was dropped or filled in"


WITHOUT_VALUES = {"key": "tier", "operator": "In"}

REFUSED = [
    (
        policy({"enforcement": "Block"}),
        'spec.enforcement: Unsupported value: "Block": supported values: "Audit", "Warn", "Strict"',
    ),
    (policy({"enforcment": "Audit"}), 'unknown field "spec.enforcment"'),
    (policy({"match": {"kind": ["Job"]}}), 'unknown field "spec.match.kind"'),
    (
        policy({"checks": [{"id": "host-port", "serverity": "Must"}]}),
        'unknown field "spec.checks[0].serverity"',
    ),
    (policy(None), "spec: Required value"),
    (
        {key: value for key, value in policy({}).items() if key != "spec"},
        "spec: Required value",
    ),
    (
        policy({"extends": "production"}),
        (
            'spec.extends: Unsupported value: "production": supported values: "none", "baseline", '
            '"standard", "strict", "pod-security-baseline", "pod-security-restricted"'
        ),
    ),
    *(
        (
            policy({"enforceFrom": moment}),
            (
                f'spec.enforceFrom: Invalid value: "{moment}": spec.enforceFrom in body must be of '
                f'type date-time: "{moment}"'
            ),
        )
        for moment in (
            "tomorrow",
            "2026-12-01",
            "2026-12-01T00:00:00",
            "2026-12-01 00:00:00Z",
            "2026-02-30T00:00:00Z",
        )
    ),
    *(
        (
            policy({"strict": {"gracePeriod": duration}}),
            (
                f'spec.strict.gracePeriod: Invalid value: "{duration}": spec.strict.gracePeriod in '
                "body should match"
            ),
        )
        for duration in ("10 minutes", "-5m", "1m1h", "1.5h", "100000d")
    ),
    (
        policy({"strict": {"gracePeriod": ""}}),
        (
            'spec.strict.gracePeriod: Invalid value: "": spec.strict.gracePeriod in body should be '
            "at least 2 chars long"
        ),
    ),
    (
        policy({"podSecurityVersion": "v1.24"}),
        (
            'spec.podSecurityVersion: Invalid value: "v1.24": spec.podSecurityVersion in body '
            "should match"
        ),
    ),
    (
        policy({"match": {"kinds": ["CronJob"]}}),
        (
            'spec.match.kinds[0]: Unsupported value: "CronJob": supported values: "Deployment", '
            '"StatefulSet", "DaemonSet"'
        ),
    ),
    (
        policy({"match": {"kinds": []}}),
        "spec.match.kinds: Invalid value: 0: spec.match.kinds in body should have at least 1 items",
    ),
    (
        policy({"match": {"excludeNamespaces": ["Sandbox"]}}),
        'spec.match.excludeNamespaces[0]: Invalid value: "Sandbox"',
    ),
    # selectors
    *(
        (
            expression(**fields),
            (
                "spec.match.workloadSelector.matchExpressions[0].values: Invalid value: must be "
                "set for In and NotIn, and absent for Exists and DoesNotExist"
            ),
        )
        for fields in (
            {"operator": "In"},
            {"operator": "In", "values": []},
            {"operator": "NotIn"},
            {"operator": "Exists", "values": ["web"]},
            {"operator": "DoesNotExist", "values": ["web"]},
        )
    ),
    (
        policy({"match": {"namespaceSelector": {"matchExpressions": [WITHOUT_VALUES]}}}),
        "spec.match.namespaceSelector.matchExpressions[0].values: Invalid value: must be set",
    ),
    (
        expression(operator="Is"),
        (
            'spec.match.workloadSelector.matchExpressions[0].operator: Unsupported value: "Is": '
            'supported values: "In", "NotIn", "Exists", "DoesNotExist"'
        ),
    ),
    (expression(), "spec.match.workloadSelector.matchExpressions[0].operator: Required value"),
    (
        workloads({"matchLabels": {"app": "a b"}}),
        'spec.match.workloadSelector.matchLabels.app: Invalid value: "a b"',
    ),
    # checks
    (policy({"checks": [{}]}), "spec.checks[0].id: Required value"),
    (
        policy({"checks": [{"id": "Host Port"}]}),
        'spec.checks[0].id: Invalid value: "Host Port": spec.checks[0].id in body should match',
    ),
    (
        policy({"checks": [{"id": "host-port"}, {"id": "host-port", "severity": "Off"}]}),
        'spec.checks[1]: Duplicate value: {"id":"host-port"}',
    ),
    # custom checks
    *(
        (policy({"customChecks": [custom_check(**changes)]}), f"spec.customChecks[0].{problem}")
        for changes, problem in (
            ({"id": ...}, "id: Required value"),
            ({"severity": ...}, "severity: Required value"),
            ({"expression": ...}, "expression: Required value"),
            ({"message": ...}, "message: Required value"),
            ({"id": "Team"}, 'id: Invalid value: "Team"'),
            ({"severity": "Off"}, 'severity: Unsupported value: "Off"'),
            ({"category": "style"}, 'category: Unsupported value: "style"'),
            ({"expression": ""}, 'expression: Invalid value: ""'),
            ({"expression": "a" * 2049}, "expression: Too long: may not be more than 2048 bytes"),
            ({"message": "a" * 1025}, "message: Too long: may not be more than 1024 bytes"),
        )
    ),
    (
        policy({"customChecks": [custom_check(), custom_check(expression="true")]}),
        'spec.customChecks[1]: Duplicate value: {"id":"team-label-missing"}',
    ),
    (
        policy({"customChecks": [custom_check(id=f"a-{i}") for i in range(65)]}),
        "spec.customChecks: Too many: 65: must have at most 64 items",
    ),
    (
        policy({"checks": [{"id": "host-port", "severity": "High"}]}),
        (
            'spec.checks[0].severity: Unsupported value: "High": supported values: "Must", '
            '"Should", "Nice", "Off"'
        ),
    ),
    (
        policy({"checks": [{"id": "host-port", "severity": False}]}),
        (
            'spec.checks[0].severity: Invalid value: "boolean": spec.checks[0].severity in body '
            'must be of type string: "boolean"'
        ),
    ),
    (
        policy({"checks": [{"id": "host-port", "params": ["x"]}]}),
        (
            'spec.checks[0].params: Invalid value: "array": spec.checks[0].params in body must be '
            'of type object: "array"'
        ),
    ),
    (
        policy({"exemptions": {"maxDuration": "1h2d"}}),
        'spec.exemptions.maxDuration: Invalid value: "1h2d"',
    ),
    # exemptions
    (exemption(reason=...), "spec.reason: Required value"),
    (
        exemption(reason="because"),
        (
            'spec.reason: Invalid value: "because": spec.reason in body should be at least 10 '
            "chars long"
        ),
    ),
    (exemption(expiresAt=...), "spec.expiresAt: Required value"),
    (
        exemption(expiresAt="never"),
        (
            'spec.expiresAt: Invalid value: "never": spec.expiresAt in body must be of type '
            'date-time: "never"'
        ),
    ),
    (exemption(checks=...), "spec.checks: Required value"),
    (
        exemption(checks=[]),
        "spec.checks: Invalid value: 0: spec.checks in body should have at least 1 items",
    ),
    (
        exemption(workloads=[]),
        "spec.workloads: Invalid value: 0: spec.workloads in body should have at least 1 items",
    ),
    (
        exemption(containers=[]),
        "spec.containers: Invalid value: 0: spec.containers in body should have at least 1 items",
    ),
    *(
        (
            exemption(workloads=[{"name": "api"}, target]),
            "spec.workloads[1]: Invalid value: set exactly one of name and selector",
        )
        for target in (
            {"name": "web", "selector": {"matchLabels": {"app": "web"}}},
            {"kind": "Deployment"},
        )
    ),
    (
        exemption(workloads=[{"kind": "Job", "name": "web"}]),
        'spec.workloads[0].kind: Unsupported value: "Job"',
    ),
    (
        exemption(workloads=[{"selector": {"matchExpressions": [WITHOUT_VALUES]}}]),
        "spec.workloads[0].selector.matchExpressions[0].values: Invalid value: must be set",
    ),
    (
        evidence(expiresAt="2026-11-10T13:00:00Z"),
        "spec.expiresAt: Invalid value: must be after performedAt",
    ),
    (
        evidence(approvedBy=EVIDENCE["attestedBy"]),
        "spec.approvedBy: Invalid value: must be somebody other than attestedBy",
    ),
    (evidence(item="Load tests"), 'spec.item: Invalid value: "Load tests"'),
    (evidence(attestedBy=...), "spec.attestedBy: Required value"),
    (evidence(statement="done"), 'spec.statement: Invalid value: "done"'),
    *(
        (evidence(links=[link]), f'spec.links[0]: Invalid value: "{link}"')
        for link in ("wiki/load-test", "ftp://example.com/x", "https://", "https://a b")
    ),
    (
        evidence(imageDigests=[{"container": "app", "digest": "sha256:0a"}]),
        'spec.imageDigests[0].digest: Invalid value: "sha256:0a"',
    ),
    (
        evidence(imageDigests=[{"container": "app", "digest": DIGEST}] * 2),
        "spec.imageDigests[1]: Duplicate value",
    ),
    (
        policy({"match": {"fromStage": "Launch"}}),
        'spec.match.fromStage: Unsupported value: "Launch"',
    ),
    (
        policy({"evidence": [{"item": "load-testing-performed"}]}),
        "spec.evidence[0].severity: Required value",
    ),
    (
        policy({"evidence": [{"item": "load-testing-performed", "severity": "Must"}] * 2}),
        "spec.evidence[1]: Duplicate value",
    ),
]


IDS = [message[:70] for _, message in REFUSED]


@pytest.mark.parametrize(("document", "message"), REFUSED, ids=IDS)
def test_invalid_object_is_refused_with_the_field(
    cluster: ControlPlane, document: dict[str, Any], message: str
) -> None:
    code, output = create(cluster, document)

    assert code == 1
    assert message in output


@pytest.mark.parametrize("document", [row[0] for row in REFUSED], ids=IDS)
def test_what_the_api_server_refuses_is_refused_offline_too(document: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        COMPILE[document["kind"]](document)


@pytest.mark.parametrize("document", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_api_server_accepts_is_accepted_offline_too(document: dict[str, Any]) -> None:
    assert COMPILE[document["kind"]](document).name == document["metadata"]["name"]


@pytest.mark.parametrize(
    ("member", "duplicates"),
    [
        ("spec.match.kinds[1]", policy({"match": {"kinds": ["DaemonSet", "DaemonSet"]}})),
        ("spec.match.excludeNamespaces[1]", policy({"match": {"excludeNamespaces": ["a", "a"]}})),
        ("spec.match.includeNamespaces[1]", policy({"match": {"includeNamespaces": ["a", "a"]}})),
        (
            "spec.strict.breakGlass.groups[1]",
            policy({"strict": {"breakGlass": {"groups": ["sre", "sre"]}}}),
        ),
        (
            "spec.exemptions.notExemptable[1]",
            policy({"exemptions": {"notExemptable": ["host-port", "host-port"]}}),
        ),
        ("spec.links[1]", evidence(links=["https://example.com/x", "https://example.com/x"])),
        ("spec.checks[1]", exemption(checks=["host-port", "host-port"])),
        ("spec.containers[1]", exemption(containers=["app", "app"])),
    ],
)
def test_member_of_a_set_stands_there_once(
    cluster: ControlPlane, member: str, duplicates: dict[str, Any]
) -> None:
    code, output = create(cluster, duplicates)

    assert code == 1
    assert f"{member}: Duplicate value" in output
    with pytest.raises(PolicyError, match=f"^{re.escape(member[:-3])}: .* stands here twice$"):
        COMPILE[duplicates["kind"]](duplicates)


@pytest.mark.parametrize(
    ("field", "doc"),
    [
        ("readinesspolicy", "What production readiness means for some workloads"),
        ("rp.spec.enforcement", "Strict refuses what violates a Must at admission. Absent: Audit."),
        ("rp.spec.match.workloadSelector.matchExpressions.operator", "How the label relates"),
        ("rp.spec.checks.severity", "Must decides ProductionReady; Should and Nice warn;"),
        ("rp.status.failing", "The checks that fail most workloads, at most 20."),
        ("rexempt.spec.expiresAt", "From this second on the findings count again."),
        ("rexempt.spec.workloads.name", "Name of the workload."),
        ("revidence.spec.attestedBy", "The operator's webhook refuses any other."),
    ],
)
def test_kubectl_explain_shows_the_docs_of_the_fields(
    cluster: ControlPlane, field: str, doc: str
) -> None:
    """The API server publishes the docs of a new kind a moment after it serves the kind."""
    text = eventually(lambda: cluster.kubectl("explain", field).stdout)

    assert doc in " ".join(text.split())


def described(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    """Yield each field of a schema and whether it has a doc."""
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}", bool(part.get("description"))
        yield from described(part, f"{path}.{name}")
    if "items" in schema:
        yield from described(schema["items"], path)


@pytest.mark.parametrize("name", CRDS)
def test_every_field_has_a_doc_and_none_a_default(cluster: ControlPlane, name: str) -> None:
    crd = json.loads(cluster.kubectl("get", "crd", name, "--output=json").stdout)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]

    fields = dict(
        field for part in ("spec", "status") for field in described(schema[part], f".{part}")
    )

    assert [field for field, documented in fields.items() if not documented] == []
    assert '"default"' not in json.dumps(schema)


@pytest.fixture
def counted(cluster: ControlPlane) -> Iterator[str]:
    """Yield the name of a policy whose status says how workloads fare."""
    name = f"counted-{uuid.uuid4().hex[:8]}"
    nothing = {"matchLabels": {"nobody": "carries-this"}}
    document = policy({"match": {"workloadSelector": nothing}}, name)
    cluster.kubectl("create", "--filename=-", input=json.dumps(document))
    status = {
        "enforcement": "Audit",
        "workloads": {"matched": 12, "ready": 7, "notReady": 4, "unknown": 1},
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Accepted",
                "message": "",
                "lastTransitionTime": "2026-11-24T09:00:00Z",
            }
        ],
    }
    patch = json.dumps({"status": status})
    cluster.kubectl("patch", "rp", name, "--subresource=status", "--type=merge", "--patch", patch)
    yield name
    cluster.kubectl("delete", "rp", name, "--wait=false")


def row(output: str) -> dict[str, str]:
    """Return the only row of a table of kubectl by its columns; two spaces part them."""
    head, line = output.splitlines()
    columns = [column for column in head.split("  ") if column.strip()]
    starts = [head.index(column.strip()) for column in columns]
    ends = [*starts[1:], None]
    return {head[a:b].strip(): line[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def test_kubectl_get_shows_how_the_workloads_of_a_policy_fare(
    cluster: ControlPlane, counted: str
) -> None:
    shown = row(cluster.kubectl("get", "rp", counted).stdout)

    assert list(shown) == ["NAME", "ENFORCEMENT", "MATCHED", "READY", "NOT READY", "AGE"]
    assert list(shown.values())[:-1] == [counted, "Audit", "12", "7", "4"]


def test_kubectl_get_wide_shows_whether_a_policy_is_accepted(
    cluster: ControlPlane, counted: str
) -> None:
    shown = row(cluster.kubectl("get", "rp", counted, "--output=wide").stdout)

    assert {column: shown[column] for column in ("UNKNOWN", "ACCEPTED", "REASON")} == {
        "UNKNOWN": "1",
        "ACCEPTED": "True",
        "REASON": "Accepted",
    }


def test_kubectl_get_shows_when_an_exemption_expires(cluster: ControlPlane, namespace: str) -> None:
    document = exemption()
    document["metadata"]["namespace"] = namespace
    cluster.kubectl("create", "--filename=-", input=json.dumps(document))

    shown = row(cluster.kubectl("get", "rexempt", "--namespace", namespace).stdout)
    wide = row(cluster.kubectl("get", "rexempt", "--namespace", namespace, "--output=wide").stdout)

    assert list(shown) == ["NAME", "ACTIVE", "EXPIRES", "FINDINGS", "AGE"]
    assert shown["EXPIRES"] == "2026-12-24T18:00:00Z"
    assert wide["CHECKS"] == '["memory-limit-missing"]'
    assert wide["REASON"] == "Is being rewritten, see SHOP-12."


def test_kubectl_get_shows_what_evidence_is_for(cluster: ControlPlane, namespace: str) -> None:
    document = evidence()
    document["metadata"]["namespace"] = namespace
    cluster.kubectl("create", "--filename=-", input=json.dumps(document))

    shown = row(cluster.kubectl("get", "revidence", "--namespace", namespace).stdout)

    assert list(shown) == ["NAME", "ITEM", "CURRENT", "EXPIRES", "WORKLOADS", "AGE"]
    assert (shown["ITEM"], shown["EXPIRES"]) == ("load-testing-performed", "2027-05-10T00:00:00Z")


def test_our_kinds_can_be_listed_together(cluster: ControlPlane, counted: str) -> None:
    assert counted in cluster.kubectl("get", "readiness", "--output=name").stdout


@pytest.mark.parametrize("name", ["baseline", "standard", "strict"])
def test_shipped_policy_can_be_applied_as_it_is(cluster: ControlPlane, name: str) -> None:
    manifest = str(ROOT / "policies" / f"{name}.yaml")

    result = cluster.kubectl("apply", "--dry-run=server", "--filename", manifest)

    assert f"readinesspolicy.readiness.dev/{name} " in result.stdout
    assert result.stderr == ""
