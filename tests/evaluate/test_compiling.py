"""Manifests of policies and exemptions become what can be used, or every mistake is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from annotated_types import Ge

from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks._pod_security import PodSecurityParams
from readiness.checks.base import PodSecurity
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_exemption, compile_policy
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import Policy
from readiness.model.label_selector import LabelSelector, Requirement
from readiness.model.workload_target import WorkloadTarget
from tests.evaluate.conftest import UseChecks
from tests.evaluate.fakes import fake_check

MUST, SHOULD, NICE = Severity.MUST, Severity.SHOULD, Severity.NICE


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a check of these tests."""

    minimum: Annotated[int, Ge(1)] = 2
    ratio: Annotated[float, Ge(1)] = 1.5
    keys: tuple[str, ...] = ("team",)
    strict: bool = False


PLAIN = fake_check("probe-missing", severity=MUST, baseline=True)
LENIENT = fake_check("label-missing", severity=SHOULD)
TUNABLE = fake_check("replicas-too-low", severity=NICE, params=Params)
OPTIONAL = fake_check("limit-missing", severity=None)
PRIVILEGED = fake_check(
    "privileged-container",
    severity=MUST,
    pod_security=(PodSecurity.BASELINE,),
    params=PodSecurityParams,
)
ROOT = fake_check(
    "run-as-root",
    severity=SHOULD,
    pod_security=(PodSecurity.RESTRICTED,),
    params=PodSecurityParams,
)


@pytest.fixture(autouse=True)
def _checks(use_checks: UseChecks) -> None:
    use_checks(PLAIN, LENIENT, TUNABLE, OPTIONAL, PRIVILEGED, ROOT)


def policy_of(spec: object) -> Policy:
    return compile_policy({"metadata": {"name": "shop"}, "spec": spec})


def severities(spec: object) -> dict[str, Severity]:
    return {id: setting.severity for id, setting in policy_of(spec).settings.items()}


STANDARD = {
    "probe-missing": MUST,
    "label-missing": SHOULD,
    "replicas-too-low": NICE,
    "privileged-container": MUST,
    "run-as-root": SHOULD,
}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (None, {}),
        ("none", {}),
        ("baseline", {"probe-missing": MUST}),
        ("standard", STANDARD),
        ("strict", {**STANDARD, "label-missing": MUST, "run-as-root": MUST}),
        ("pod-security-baseline", {"privileged-container": MUST}),
        ("pod-security-restricted", {"privileged-container": MUST, "run-as-root": MUST}),
    ],
)
def test_policy_starts_from_the_profile_it_extends(
    profile: str | None, expected: dict[str, Severity]
) -> None:
    spec = {} if profile is None else {"extends": profile}

    assert expected == severities(spec)


@pytest.mark.parametrize(
    ("extends", "entry", "expected"),
    [
        ("standard", {"id": "probe-missing", "severity": "Nice"}, NICE),
        ("standard", {"id": "probe-missing", "severity": "Off"}, None),
        ("standard", {"id": "probe-missing"}, MUST),
        ("strict", {"id": "label-missing", "enforceFrom": "2027-01-01T00:00:00Z"}, MUST),
        ("none", {"id": "label-missing"}, SHOULD),
        ("none", {"id": "label-missing", "severity": "Off"}, None),
        ("none", {"id": "limit-missing", "severity": "Should"}, SHOULD),
        ("baseline", {"id": "replicas-too-low", "params": {"minimum": 3}}, NICE),
    ],
)
def test_entry_changes_the_severity_only_when_it_says_one(
    extends: str, entry: dict[str, Any], expected: Severity | None
) -> None:
    """An entry without severity keeps the profile's, or takes that of `standard`."""
    found = severities({"extends": extends, "checks": [entry]})

    assert expected == found.get(entry["id"])


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, Params()),
        ({}, Params()),
        ({"minimum": 3}, Params(minimum=3)),
        ({"ratio": 2}, Params(ratio=2)),
        ({"keys": ["owner", "team"], "strict": True}, Params(keys=("owner", "team"), strict=True)),
    ],
)
def test_params_not_given_keep_their_defaults(
    params: dict[str, Any] | None, expected: Params
) -> None:
    entry: dict[str, Any] = {"id": "replicas-too-low"}
    if params is not None:
        entry["params"] = params

    setting = policy_of({"checks": [entry]}).settings["replicas-too-low"]

    assert expected == setting.params


def test_params_equal_to_the_defaults_are_equal_to_them() -> None:
    """Two policies that ask for the same are judged once."""
    written = policy_of({"checks": [{"id": "replicas-too-low", "params": {"minimum": 2}}]})

    assert TUNABLE.default_params == written.settings["replicas-too-low"].params


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ""),
        ({"podSecurityVersion": "v1.30"}, "v1.30"),
        ({"checks": [{"id": "run-as-root", "params": {"version": "v1.31"}}]}, "v1.31"),
        (
            {
                "podSecurityVersion": "v1.30",
                "checks": [{"id": "run-as-root", "params": {"version": "v1.31"}}],
            },
            "v1.31",
        ),
        ({"podSecurityVersion": "v1.30", "checks": [{"id": "run-as-root"}]}, "v1.30"),
    ],
)
def test_pod_security_version_reaches_the_checks_that_take_it(
    spec: dict[str, Any], expected: str
) -> None:
    settings = policy_of({"extends": "pod-security-restricted", **spec}).settings

    assert PodSecurityParams(version=expected) == settings["run-as-root"].params


def test_pod_security_version_is_no_business_of_other_checks() -> None:
    settings = policy_of({"extends": "standard", "podSecurityVersion": "v1.30"}).settings

    assert settings["probe-missing"].params is None
    assert Params() == settings["replicas-too-low"].params


def test_entry_keeps_when_it_is_enforced() -> None:
    entry = {"id": "probe-missing", "enforceFrom": "2027-01-01T00:00:00+01:00"}

    setting = policy_of({"checks": [entry]}).settings["probe-missing"]

    assert datetime(2026, 12, 31, 23, tzinfo=UTC) == setting.enforce_from


def test_policy_that_says_nothing_judges_everything_by_nothing() -> None:
    assert Policy(name="shop", settings={}) == policy_of({})


def test_every_field_of_a_policy_arrives() -> None:
    policy = policy_of(
        {
            "enforcement": "Strict",
            "enforceFrom": "2026-12-01T00:00:00Z",
            "match": {
                "namespaceSelector": {"matchLabels": {"env": "production"}},
                "excludeNamespaces": ["sandbox"],
                "includeNamespaces": ["kube-system"],
                "workloadSelector": {
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["web", "api"]},
                        {"key": "legacy", "operator": "DoesNotExist"},
                    ]
                },
                "kinds": ["Deployment", "StatefulSet"],
            },
            "strict": {"gracePeriod": "1h30m"},
            "exemptions": {"maxDuration": "90d", "notExemptable": ["privileged-container"]},
        }
    )

    assert (
        Policy(
            name="shop",
            settings={},
            enforcement=Enforcement.STRICT,
            enforce_from=datetime(2026, 12, 1, tzinfo=UTC),
            namespace_selector=LabelSelector(labels=(("env", "production"),)),
            exclude_namespaces=frozenset({"sandbox"}),
            include_namespaces=frozenset({"kube-system"}),
            workload_selector=LabelSelector(
                expressions=(
                    Requirement("tier", "In", frozenset({"web", "api"})),
                    Requirement("legacy", "DoesNotExist", frozenset()),
                )
            ),
            kinds=frozenset({"Deployment", "StatefulSet"}),
            grace_period=timedelta(minutes=90),
            max_exemption=timedelta(days=90),
            not_exemptable=frozenset({"privileged-container"}),
        )
        == policy
    )


def test_no_grace_period_at_all_can_be_asked_for() -> None:
    assert timedelta(0) == policy_of({"strict": {"gracePeriod": "0s"}}).grace_period


def test_empty_selector_selects_everything() -> None:
    policy = policy_of({"match": {"workloadSelector": {}}})

    assert LabelSelector() == policy.workload_selector


LEVEL = {
    "name": "error-rate",
    "severity": "Must",
    "query": "1",
    "objective": {"operator": "LessThan", "value": "0.001"},
    "window": "7d",
}

_CHOICES = "none, baseline, standard, strict, pod-security-baseline or pod-security-restricted"

REFUSED_POLICIES: list[tuple[Any, str, str]] = [
    # what the schema says too: offline nothing else says it
    (None, "InvalidSpec", "spec must be a map, not null"),
    ([], "InvalidSpec", "spec must be a map, not a list"),
    ({"enforcment": "Audit"}, "InvalidSpec", "spec.enforcment: there is no such field"),
    ({"enforce_from": None}, "InvalidSpec", "spec.enforce_from: there is no such field"),
    (
        {"enforcement": "Block"},
        "InvalidSpec",
        'spec.enforcement must be one of Audit, Warn or Strict, not the text "Block"',
    ),
    (
        {"extends": "production"},
        "InvalidSpec",
        f'spec.extends must be one of {_CHOICES}, not the text "production"',
    ),
    (
        {"podSecurityVersion": "v1.24"},
        "InvalidSpec",
        'spec.podSecurityVersion must be v1.25 or a newer version, not the text "v1.24"',
    ),
    (
        {"podSecurityVersion": 1.36},
        "InvalidSpec",
        "spec.podSecurityVersion must be text, not the number 1.36",
    ),
    *(
        (
            {"enforceFrom": value},
            "InvalidSpec",
            (
                'spec.enforceFrom must be an RFC 3339 time such as "2026-12-01T00:00:00Z", '
                f"not {shown}"
            ),
        )
        for value, shown in (
            ("tomorrow", 'the text "tomorrow"'),
            ("2026-12-01", 'the text "2026-12-01"'),
            ("2026-12-01T00:00:00", 'the text "2026-12-01T00:00:00"'),
            ("2026-13-01T00:00:00Z", 'the text "2026-13-01T00:00:00Z"'),
            (1796083200, "the number 1796083200"),
        )
    ),
    *(
        (
            {"strict": {"gracePeriod": value}},
            "InvalidSpec",
            (
                "spec.strict.gracePeriod must be a duration such as 10m, 1h30m or 90d, "
                f'not the text "{value}"'
            ),
        )
        for value in ("10 minutes", "-5m", "1m1h", "1.5h", "100000d")
    ),
    (
        {"strict": {"gracePeriod": ""}},
        "InvalidSpec",
        "spec.strict.gracePeriod must have at least 2 characters, not 0",
    ),
    *(
        (
            {"evidence": [{"item": "a", "severity": "Must", "approvalRequired": value}]},
            "InvalidSpec",
            f"spec.evidence[0].approvalRequired must be true or false, not {shown}",
        )
        for value, shown in (("yes", 'the text "yes"'), (1, "the number 1"), (2, "the number 2"))
    ),
    *(
        (
            {"serviceLevels": [{**LEVEL, "samplesQuery": "1", "minSamples": value}]},
            "InvalidSpec",
            f"spec.serviceLevels[0].minSamples must be a whole number, not {shown}",
        )
        for value, shown in (
            (True, "true"),
            ("10", 'the text "10"'),
            (10.5, "the number 10.5"),
            (1e30, "the number 1e+30"),
        )
    ),
    (
        {"extends": "\ud83e"},
        "InvalidSpec",
        'spec.extends must be Unicode text, not the text "\ud83e"',
    ),
    (
        {"match": {"kinds": ["Deployment", "DaemonSet", "Deployment"]}},
        "InvalidSpec",
        'spec.match.kinds: "Deployment" stands here twice',
    ),
    (
        {"exemptions": {"maxDuration": 90}},
        "InvalidSpec",
        "spec.exemptions.maxDuration must be text, not the number 90",
    ),
    (
        {"match": {"kinds": ["CronJob"]}},
        "InvalidSpec",
        (
            "spec.match.kinds[0] must be one of Deployment, StatefulSet or DaemonSet, "
            'not the text "CronJob"'
        ),
    ),
    (
        {"match": {"kinds": []}},
        "InvalidSpec",
        "spec.match.kinds must not be empty",
    ),
    (
        {"match": {"excludeNamespaces": ["Sandbox"]}},
        "InvalidSpec",
        (
            "spec.match.excludeNamespaces[0] must be a name of lower-case letters, digits, - and "
            '., not the text "Sandbox"'
        ),
    ),
    (
        {"match": {"workloadSelector": {"matchLabels": {"app.kubernetes.io/name": "a b"}}}},
        "InvalidSpec",
        (
            'spec.match.workloadSelector.matchLabels["app.kubernetes.io/name"] must be a label '
            'value, not the text "a b"'
        ),
    ),
    (
        {"match": {"workloadSelector": {"matchLabels": {"a b": "c"}}}},
        "InvalidSpec",
        'spec.match.workloadSelector.matchLabels: a key must be a label key, not the text "a b"',
    ),
    ({"checks": [{}]}, "InvalidSpec", "spec.checks[0].id must be set"),
    ({"checks": {"id": "x"}}, "InvalidSpec", "spec.checks must be a list, not a map"),
    (
        {"checks": [{"id": "Probe Missing"}]},
        "InvalidSpec",
        (
            "spec.checks[0].id must be the id of a check, such as memory-limit-missing, "
            'not the text "Probe Missing"'
        ),
    ),
    (
        {"checks": [{"id": "probe-missing", "severity": "High"}]},
        "InvalidSpec",
        'spec.checks[0].severity must be one of Must, Should, Nice or Off, not the text "High"',
    ),
    (
        {"checks": [{"id": "probe-missing", "severity": False}]},
        "InvalidSpec",
        (
            "spec.checks[0].severity must be one of Must, Should, Nice or Off, not false; "
            'YAML takes a bare Off for false: write "Off"'
        ),
    ),
    (
        {"checks": [{"id": "probe-missing", "params": ["x"]}]},
        "InvalidSpec",
        "spec.checks[0].params must be a map, not a list",
    ),
    # what the schema can't say
    (
        {"checks": [{"id": "limit-missing"}]},
        "InvalidSpec",
        'spec.checks[0].severity must be set: "limit-missing" has no default',
    ),
    (
        {"checks": [{"id": "prob-missing"}]},
        "UnknownCheck",
        'spec.checks[0].id: there is no check "prob-missing", did you mean "probe-missing"?',
    ),
    (
        {"checks": [{"id": "zebra", "severity": "Off"}]},
        "UnknownCheck",
        'spec.checks[0].id: there is no check "zebra"; `readiness checks` lists them',
    ),
    (
        {"exemptions": {"notExemptable": ["probe-missing", "zebra"]}},
        "UnknownCheck",
        (
            "spec.exemptions.notExemptable[1]: there is no check "
            '"zebra"; `readiness checks` lists them'
        ),
    ),
    (
        {"checks": [{"id": "probe-missing"}, {"id": "probe-missing", "severity": "Off"}]},
        "DuplicateCheck",
        'spec.checks[1].id: "probe-missing" stands here twice',
    ),
    (
        {"checks": [{"id": "probe-missing", "params": {"minimum": 3}}]},
        "InvalidParams",
        "spec.checks[0].params.minimum: there is no such field",
    ),
    (
        {"match": {"namespaceSelector": {"matchLabels": {"a..b/env": "production"}}}},
        "InvalidSelector",
        'spec.match.namespaceSelector.matchLabels must be a label key, not the text "a..b/env"',
    ),
    (
        {"match": {"workloadSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "InvalidSelector",
        "spec.match.workloadSelector.matchExpressions[0].values must be set for In, not null",
    ),
    (
        {
            "match": {
                "workloadSelector": {
                    "matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]
                }
            }
        },
        "InvalidSelector",
        (
            "spec.match.workloadSelector.matchExpressions[0].values must be absent for Exists, "
            "not a list"
        ),
    ),
]


@pytest.mark.parametrize(
    ("spec", "reason", "message"), REFUSED_POLICIES, ids=[row[2][:60] for row in REFUSED_POLICIES]
)
def test_mistake_in_a_policy_is_named(spec: object, reason: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(spec)

    assert (reason, message) == (caught.value.reason, str(caught.value))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"minimum": 0}, "minimum must be at least 1, not the number 0"),
        ({"minimum": "3"}, 'minimum must be a whole number, not the text "3"'),
        ({"minimum": 2.5}, "minimum must be a whole number, not the number 2.5"),
        ({"minimum": True}, "minimum must be a whole number, not true"),
        ({"minimum": None}, "minimum must be a whole number, not null"),
        ({"ratio": 0.5}, "ratio must be at least 1, not the number 0.5"),
        ({"ratio": "2"}, 'ratio must be a number, not the text "2"'),
        ({"keys": "owner"}, 'keys must be a list, not the text "owner"'),
        ({"keys": ["owner", 1]}, "keys[1] must be text, not the number 1"),
        ({"strict": "yes"}, 'strict must be true or false, not the text "yes"'),
        ({"maximum": 3}, "maximum: there is no such field"),
    ],
)
@pytest.mark.parametrize("severity", ["Must", "Off"])
def test_params_are_taken_as_they_are_or_not_at_all(
    params: dict[str, Any], message: str, severity: str
) -> None:
    """Nothing is coerced, even for a check that is Off: it may be switched on one day."""
    entry = {"id": "replicas-too-low", "severity": severity, "params": params}

    with pytest.raises(PolicyError) as caught:
        policy_of({"checks": [entry]})

    assert ("InvalidParams", f"spec.checks[0].params.{message}") == (
        caught.value.reason,
        str(caught.value),
    )


def test_half_a_surrogate_pair_in_params_stands_for_no_character() -> None:
    """As the API server reads it; nobody could print a text that holds one."""
    keys = ["a\ud83eb", "\ud83e\udd86", "ü"]

    policy = policy_of({"checks": [{"id": "replicas-too-low", "params": {"keys": keys}}]})
    with pytest.raises(PolicyError) as caught:
        policy_of({"checks": [{"id": "replicas-too-low", "params": {"minimum": "\ud83e"}}]})

    assert policy.settings["replicas-too-low"].params == Params(keys=("a\ufffdb", "🦆", "ü"))
    assert str(caught.value) == (
        'spec.checks[0].params.minimum must be a whole number, not the text "\ufffd"'
    )


def test_version_of_one_check_is_validated_too() -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of({"checks": [{"id": "run-as-root", "params": {"version": "latest"}}]})

    assert str(caught.value) == (
        'spec.checks[0].params.version must be a version such as v1.34, not the text "latest"'
    )


def test_all_mistakes_are_told_at_once() -> None:
    """The reason is that of the first; the message has them all."""
    with pytest.raises(PolicyError) as caught:
        policy_of(
            {
                "match": {"namespaceSelector": {"matchLabels": {"a..b/env": "x"}}},
                "checks": [
                    {"id": "zebra"},
                    {"id": "replicas-too-low", "params": {"minimum": 0, "maximum": 1}},
                ],
            }
        )

    assert caught.value.reason == "InvalidSelector"
    assert str(caught.value) == (
        'spec.match.namespaceSelector.matchLabels must be a label key, not the text "a..b/env"; '
        'spec.checks[0].id: there is no check "zebra"; `readiness checks` lists them; '
        "spec.checks[1].params.minimum must be at least 1, not the number 0; "
        "spec.checks[1].params.maximum: there is no such field"
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "metadata must be set; spec must be set"),
        ({"metadata": {}, "spec": {}}, "metadata.name must be set"),
        ({"metadata": {"name": "shop"}}, "spec must be set"),
        ([], "the manifest must be a map, not a list"),
    ],
)
def test_document_that_is_no_policy_is_refused(document: Any, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(document)

    assert message == str(caught.value)


EXEMPTION: dict[str, Any] = {
    "workloads": [{"name": "web"}],
    "checks": ["probe-missing"],
    "reason": "Has no endpoint to probe yet, see SHOP-12.",
    "expiresAt": "2026-12-24T18:00:00Z",
}


def exemption_of(**changes: Any) -> Exemption:
    spec = {key: value for key, value in {**EXEMPTION, **changes}.items() if value is not ...}
    return compile_exemption({"metadata": {"name": "legacy"}, "spec": spec}, "shop")


def test_exemption_arrives() -> None:
    expected = Exemption(
        namespace="shop",
        name="legacy",
        targets=(WorkloadTarget(kind=None, name="web", selector=None),),
        containers=None,
        checks=frozenset({"probe-missing"}),
        reason="Has no endpoint to probe yet, see SHOP-12.",
        expires_at=datetime(2026, 12, 24, 18, tzinfo=UTC),
        created=None,
    )

    assert expected == exemption_of()


def test_every_field_of_an_exemption_arrives() -> None:
    exemption = compile_exemption(
        {
            "metadata": {
                "name": "legacy",
                "namespace": "till",
                "creationTimestamp": "2026-11-01T00:00:00Z",
                "uid": "1",
            },
            "spec": {
                **EXEMPTION,
                "workloads": [
                    {"kind": "Deployment", "name": "web"},
                    {"selector": {"matchLabels": {"app": "web"}}},
                ],
                "containers": ["app"],
            },
        }
    )

    assert exemption.namespace == "till"
    assert (
        WorkloadTarget("Deployment", "web", None),
        WorkloadTarget(None, None, LabelSelector(labels=(("app", "web"),))),
    ) == exemption.targets
    assert frozenset({"app"}) == exemption.containers
    assert datetime(2026, 11, 1, tzinfo=UTC) == exemption.created


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"reason": ...}, "InvalidSpec", "spec.reason must be set"),
        (
            {"reason": "because"},
            "InvalidSpec",
            "spec.reason must have at least 10 characters, not 7",
        ),
        ({"expiresAt": ...}, "InvalidSpec", "spec.expiresAt must be set"),
        (
            {"expiresAt": "never"},
            "InvalidSpec",
            (
                'spec.expiresAt must be an RFC 3339 time such as "2026-12-01T00:00:00Z", '
                'not the text "never"'
            ),
        ),
        ({"checks": []}, "InvalidSpec", "spec.checks must not be empty"),
        ({"workloads": []}, "InvalidSpec", "spec.workloads must not be empty"),
        (
            {"workloads": [{"name": "web"}, {}]},
            "InvalidSpec",
            "spec.workloads[1] must set exactly one of name and selector",
        ),
        (
            {"workloads": [{"name": "web", "selector": {}}]},
            "InvalidSpec",
            "spec.workloads[0] must set exactly one of name and selector",
        ),
        (
            {"workloads": [{"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]},
            "InvalidSelector",
            "spec.workloads[0].selector.matchExpressions[0].values must be set for In, not null",
        ),
        (
            {"checks": ["label-missing", "probe-mising"]},
            "UnknownCheck",
            'spec.checks[1]: there is no check "probe-mising", did you mean "probe-missing"?',
        ),
    ],
)
def test_mistake_in_an_exemption_is_named(
    changes: dict[str, Any], reason: str, message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        exemption_of(**changes)

    assert (reason, message) == (caught.value.reason, str(caught.value))


@pytest.mark.parametrize(
    ("strict", "denies_existing", "groups"),
    [
        ({}, False, set()),
        ({"existingViolations": "Allow"}, False, set()),
        ({"existingViolations": "Deny"}, True, set()),
        ({"breakGlass": {"groups": ["sre-oncall", "root"]}}, False, {"sre-oncall", "root"}),
    ],
)
def test_what_strict_refuses_and_who_may_break_the_glass(
    strict: dict[str, Any], groups: set[str], *, denies_existing: bool
) -> None:
    policy = policy_of({"strict": strict})

    assert policy.denies_existing is denies_existing
    assert set(policy.break_glass) == groups


def test_an_exemption_that_names_no_namespace_is_in_default() -> None:
    """As kubectl applies it."""
    spec = {
        "workloads": [{"name": "web"}],
        "checks": ["probe-missing"],
        "reason": "Moves out this year.",
        "expiresAt": "2026-12-24T00:00:00Z",
    }

    exemption = compile_exemption({"metadata": {"name": "legacy"}, "spec": spec})

    assert exemption.namespace == "default"


def test_a_check_that_is_off_hides_none_after_it() -> None:
    settings = policy_of(
        {
            "extends": "standard",
            "checks": [
                {"id": "probe-missing", "severity": "Off"},
                {"id": "label-missing", "severity": "Must"},
            ],
        }
    ).settings

    assert "probe-missing" not in settings
    assert settings["label-missing"].severity is MUST


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        (
            {"id": "zebra"},
            'spec.checks[0].id: there is no check "zebra"; `readiness checks` lists them',
        ),
        (
            {"id": "probe-missing", "params": {"x": 1}},
            "spec.checks[0].params.x: there is no such field",
        ),
        (
            {"id": "limit-missing"},
            'spec.checks[0].severity must be set: "limit-missing" has no default',
        ),
    ],
)
def test_a_mistake_hides_none_after_it(entry: dict[str, Any], mistake: str) -> None:
    after = {"id": "replicas-too-low", "params": {"minimum": 0}}

    with pytest.raises(PolicyError) as caught:
        policy_of({"checks": [entry, after]})

    assert str(caught.value) == (
        f"{mistake}; spec.checks[1].params.minimum must be at least 1, not the number 0"
    )


def test_the_nearest_id_is_proposed() -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of({"checks": [{"id": "probe-mising"}]})

    assert str(caught.value) == (
        'spec.checks[0].id: there is no check "probe-mising", did you mean "probe-missing"?'
    )
