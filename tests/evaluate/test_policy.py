"""Which policies apply to a workload, and what they ask for together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks.base import Scope
from readiness.evaluate.policy import (
    DEFAULT_GRACE_PERIOD,
    CheckSetting,
    EffectivePolicy,
    Policy,
    PolicySet,
    Variant,
    combine,
    matches,
    profile_policy,
)
from readiness.model.label_selector import LabelSelector, from_equality_map
from readiness.model.workload import ObjectRef
from tests.evaluate.conftest import UseChecks
from tests.evaluate.fakes import fake_check, policy
from tests.support import NOW

MUST, SHOULD, NICE = Severity.MUST, Severity.SHOULD, Severity.NICE
AUDIT, WARN, STRICT = Enforcement.AUDIT, Enforcement.WARN, Enforcement.STRICT

WEB = from_equality_map({"app": "web"})
PRODUCTION = from_equality_map({"env": "production"})


def ref(namespace: str = "shop", kind: str = "Deployment") -> ObjectRef:
    return ObjectRef("apps", kind, namespace, "web")


MATCHING: list[tuple[dict[str, Any], ObjectRef, bool]] = [
    ({}, ref(), True),
    # namespaces by name
    ({"exclude_namespaces": {"shop"}}, ref(), False),
    ({"exclude_namespaces": {"sandbox"}}, ref(), True),
    ({"include_namespaces": {"kube-system"}}, ref(), True),  # adds, never narrows
    ({}, ref("kube-system"), False),
    ({}, ref("kube-public"), False),
    ({}, ref("kube-node-lease"), False),
    ({}, ref("readiness-system"), False),
    ({}, ref("default"), True),
    ({"include_namespaces": {"kube-system"}}, ref("kube-system"), True),
    ({"include_namespaces": {"kube-system"}}, ref("kube-public"), False),
    ({"include_namespaces": {"readiness-system"}}, ref("readiness-system"), True),
    (
        {"include_namespaces": {"kube-system"}, "exclude_namespaces": {"kube-system"}},
        ref("kube-system"),
        False,
    ),
    # namespaces by label
    ({"namespace_selector": PRODUCTION}, ref(), True),
    ({"namespace_selector": from_equality_map({"env": "test"})}, ref(), False),
    ({"namespace_selector": LabelSelector()}, ref(), True),
    # an included namespace must still be selected
    (
        {
            "include_namespaces": {"kube-system"},
            "namespace_selector": from_equality_map({"env": "test"}),
        },
        ref("kube-system"),
        False,
    ),
    # workloads
    ({"workload_selector": WEB}, ref(), True),
    ({"workload_selector": from_equality_map({"app": "api"})}, ref(), False),
    ({"kinds": {"Deployment"}}, ref(), True),
    ({"kinds": {"StatefulSet", "DaemonSet"}}, ref(), False),
    ({}, ref(kind="CronJob"), True),
    ({"namespace_selector": PRODUCTION, "workload_selector": WEB}, ref(kind="DaemonSet"), True),
    ({"namespace_selector": PRODUCTION, "kinds": {"DaemonSet"}}, ref(), False),
]


@pytest.mark.parametrize(("fields", "about", "expected"), MATCHING)
def test_policy_matches_by_namespace_labels_and_kind(
    fields: dict[str, Any], about: ObjectRef, *, expected: bool
) -> None:
    candidate = Policy(name="p", settings={}, **fields)

    found = matches(candidate, about, {"app": "web"}, {"env": "production"}, "readiness-system")

    assert expected == found


def test_namespace_without_labels_is_not_selected() -> None:
    candidate = Policy(name="p", settings={}, namespace_selector=PRODUCTION)

    assert not matches(candidate, ref(), {}, {}, "")


def test_namespace_that_cannot_be_known_counts_as_selected() -> None:
    candidate = Policy(name="p", settings={}, namespace_selector=PRODUCTION)

    assert matches(candidate, ref(), {}, None, "")


def test_without_an_operator_no_namespace_is_its_own() -> None:
    assert matches(Policy(name="p", settings={}), ref("readiness-system"), {}, {}, "")


TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("enforcement", "enforce_from", "now", "expected"),
    [
        (AUDIT, None, NOW, AUDIT),
        (STRICT, None, NOW, STRICT),
        (STRICT, TOMORROW, NOW, WARN),
        (STRICT, TOMORROW, TOMORROW - timedelta(microseconds=1), WARN),
        (STRICT, TOMORROW, TOMORROW, STRICT),
        (WARN, TOMORROW, NOW, WARN),
        (AUDIT, TOMORROW, NOW, AUDIT),
        (AUDIT, TOMORROW, TOMORROW, AUDIT),
    ],
)
def test_strict_acts_as_warn_until_enforce_from(
    enforcement: Enforcement, enforce_from: datetime | None, now: datetime, expected: Enforcement
) -> None:
    candidate = Policy(name="p", settings={}, enforcement=enforcement, enforce_from=enforce_from)

    assert expected == candidate.enforcement_at(now)


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a check of these tests."""

    minimum: int = 2


PROBES = fake_check("probe-missing")
BUDGET = fake_check("budget-missing", scope=Scope.COMPANION)
REPLICAS = fake_check("replicas-too-low", params=Params, scope=Scope.COMPANION)


@pytest.fixture
def _checks(use_checks: UseChecks) -> None:
    use_checks(PROBES, BUDGET, REPLICAS)


def asking(name: str, severity: Severity, minimum: int, **fields: Any) -> Policy:
    setting = CheckSetting(REPLICAS, severity, Params(minimum))
    return Policy(name=name, settings={REPLICAS.id: setting}, **fields)


@pytest.mark.usefixtures("_checks")
class TestCombine:
    def test_no_policy_asks_for_nothing(self) -> None:
        assert EffectivePolicy((), (), AUDIT, None, None) == combine([], NOW)

    def test_policies_are_named_in_order(self) -> None:
        assert combine([policy("b"), policy("a")], NOW).policies == ("a", "b")

    def test_checks_stand_in_the_order_of_the_registry(self) -> None:
        combined = combine([policy("a", REPLICAS), policy("b", BUDGET, PROBES)], NOW)

        assert [effective.check for effective in combined.checks] == [PROBES, BUDGET, REPLICAS]

    @pytest.mark.parametrize(
        ("severities", "expected", "named"),
        [
            ([SHOULD, MUST], MUST, "b"),
            ([MUST, SHOULD], MUST, "a"),
            ([NICE, SHOULD], SHOULD, "b"),
            ([SHOULD, SHOULD], SHOULD, "a"),
        ],
    )
    def test_strictest_severity_wins_and_names_its_policy(
        self, severities: list[Severity], expected: Severity, named: str
    ) -> None:
        """Between equals the first by name is named, so that messages never flap."""
        a = policy("a", PROBES, severity=severities[0])
        b = policy("b", PROBES, severity=severities[1])

        for order in ([a, b], [b, a]):
            (effective,) = combine(order, NOW).checks

            assert expected == effective.severity
            assert (Variant(None, expected, named),) == effective.variants

    def test_check_that_one_policy_switches_off_stays_on_for_another(self) -> None:
        (effective,) = combine([policy("a", PROBES), policy("b")], NOW).checks

        assert effective.variants == (Variant(None, MUST, "a"),)

    def test_each_set_of_params_is_a_variant_strictest_first(self) -> None:
        policies = [
            asking("a", SHOULD, 3),
            asking("b", MUST, 2),
            asking("c", NICE, 3),
            asking("d", NICE, 5),
        ]

        (effective,) = combine(policies, NOW).checks

        assert effective.severity == MUST
        assert (
            Variant(Params(2), MUST, "b"),
            Variant(Params(3), SHOULD, "a"),
            Variant(Params(5), NICE, "d"),
        ) == effective.variants

    @pytest.mark.parametrize(
        ("enforcements", "expected"),
        [
            ([AUDIT], AUDIT),
            ([AUDIT, WARN], WARN),
            ([STRICT, AUDIT], STRICT),
            ([WARN, STRICT], STRICT),
        ],
    )
    def test_strictest_enforcement_wins(
        self, enforcements: list[Enforcement], expected: Enforcement
    ) -> None:
        policies = [
            policy(f"p{index}", enforcement=enforcement)
            for index, enforcement in enumerate(enforcements)
        ]

        assert expected == combine(policies, NOW).enforcement

    def test_enforcement_to_come_is_not_yet_in_force(self) -> None:
        policies = [
            policy("a", enforcement=AUDIT),
            policy("b", enforcement=STRICT, enforce_from=TOMORROW),
        ]

        assert combine(policies, NOW).enforcement == WARN
        assert combine(policies, TOMORROW).enforcement == STRICT

    @pytest.mark.parametrize(
        ("moments", "expected"),
        [
            ([], None),
            ([None, None], None),
            ([NOW - timedelta(days=1), NOW], None),  # both have come
            ([TOMORROW + timedelta(days=1), TOMORROW, None], TOMORROW),
        ],
    )
    def test_next_change_is_the_first_enforce_from_to_come(
        self, moments: list[datetime | None], expected: datetime | None
    ) -> None:
        policies = [
            policy(f"p{index}", enforce_from=moment, enforcement=STRICT)
            for index, moment in enumerate(moments)
        ]

        assert expected == combine(policies, NOW).next_change

    @pytest.mark.parametrize(
        ("limits", "expected"),
        [
            ([None], None),
            ([None, 90], 90),
            ([90, 30, None], 30),
            ([0, 30], 0),
        ],
    )
    def test_shortest_limit_on_exemptions_wins(
        self, limits: list[int | None], expected: int | None
    ) -> None:
        policies = [
            policy(f"p{i}", max_exemption=None if days is None else timedelta(days=days))
            for i, days in enumerate(limits)
        ]

        limit = None if expected is None else timedelta(days=expected)
        assert limit == combine(policies, NOW).max_exemption

    def test_check_is_not_exemptable_when_one_policy_that_asks_says_so(self) -> None:
        a = policy("a", PROBES, BUDGET)
        b = policy("b", PROBES, not_exemptable=frozenset({"probe-missing", "budget-missing"}))

        combined = combine([a, b], NOW)

        assert {effective.check.id: effective.exemptable for effective in combined.checks} == {
            "probe-missing": False,
            "budget-missing": True,
        }

    @pytest.mark.parametrize(
        ("policies", "expected"),
        [
            ([policy("a", BUDGET, enforcement=STRICT)], DEFAULT_GRACE_PERIOD),
            ([policy("a", BUDGET, enforcement=WARN)], timedelta(0)),
            ([policy("a", BUDGET, enforcement=AUDIT)], timedelta(0)),
            (
                [policy("a", BUDGET, enforcement=STRICT, enforce_from=TOMORROW)],
                timedelta(0),
            ),
            ([policy("a", PROBES, enforcement=STRICT)], timedelta(0)),  # intrinsic: nothing to come
            (
                [
                    policy("a", BUDGET, enforcement=STRICT, grace_period=timedelta(minutes=30)),
                    policy("b", BUDGET, enforcement=STRICT, grace_period=timedelta(minutes=5)),
                    policy("c", BUDGET, enforcement=AUDIT, grace_period=timedelta(minutes=1)),
                    policy("d", enforcement=STRICT, grace_period=timedelta(minutes=2)),
                ],
                timedelta(minutes=5),
            ),
        ],
    )
    def test_grace_period_is_the_shortest_of_the_strict_policies_that_ask(
        self, policies: list[Policy], expected: timedelta
    ) -> None:
        (effective,) = combine(policies, NOW).checks

        assert expected == effective.grace_period


@pytest.mark.usefixtures("_checks")
class TestPolicySet:
    def test_policies_are_put_replaced_and_removed(self) -> None:
        policies = PolicySet()
        first, second = policy("a", PROBES), policy("a", BUDGET)

        policies.put(first)
        policies.put(second)
        policies.put(policy("b"))
        policies.remove("b")
        policies.remove("never there")

        assert second is policies.get("a")
        assert policies.get("b") is None
        assert [second] == list(policies)
        assert len(policies) == 1

    def test_only_matching_policies_apply(self) -> None:
        policies = PolicySet(operator_namespace="readiness-system")
        everything = policy("all")
        elsewhere = policy("other", namespace_selector=from_equality_map({"env": "test"}))
        policies.put(everything)
        policies.put(elsewhere)

        assert [everything] == policies.matching(ref(), {}, {"env": "production"})
        assert [everything, elsewhere] == policies.matching(ref(), {}, None)
        assert policies.matching(ref("readiness-system"), {}, {}) == []

    def test_what_is_asked_for_is_combined_once(self) -> None:
        policies = PolicySet()
        a, b = policy("a", PROBES), policy("b", BUDGET)
        policies.put(a)
        policies.put(b)

        combined = policies.effective([a, b], NOW)

        assert combined is policies.effective([b, a], TOMORROW)
        assert combined is not policies.effective([a], NOW)

    def test_changed_policy_is_combined_anew(self) -> None:
        policies = PolicySet()
        policies.put(policy("a", PROBES))
        before = policies.effective(list(policies), NOW)

        policies.put(policy("a", BUDGET))
        after = policies.effective(list(policies), NOW)

        assert [effective.check for effective in before.checks] == [PROBES]
        assert [effective.check for effective in after.checks] == [BUDGET]

    def test_enforce_from_is_heeded_the_moment_it_comes(self) -> None:
        policies = PolicySet()
        policies.put(policy("a", PROBES, enforcement=STRICT, enforce_from=TOMORROW))
        moments = [NOW, TOMORROW - timedelta(seconds=1), TOMORROW]

        found = [policies.effective(list(policies), moment) for moment in moments]

        assert [combined.enforcement for combined in found] == [WARN, WARN, STRICT]
        assert [combined.next_change for combined in found] == [TOMORROW, TOMORROW, None]


@pytest.mark.usefixtures("_checks")
def test_profile_is_a_policy_of_its_name() -> None:
    standard = profile_policy("standard")

    assert standard.name == "standard"
    assert standard.enforcement == AUDIT
    assert {
        "probe-missing": CheckSetting(PROBES, MUST, None),
        "budget-missing": CheckSetting(BUDGET, MUST, None),
        "replicas-too-low": CheckSetting(REPLICAS, MUST, Params()),
    } == standard.settings


def test_unknown_profile_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="production"):
        profile_policy("production")


class TestRefusing:
    """Who refuses at admission: policies that ask for this very thing as a Must under Strict."""

    @pytest.fixture(autouse=True)
    def only_probes(self, use_checks: UseChecks) -> None:
        use_checks(PROBES)

    @staticmethod
    def refusers(*policies: Policy, now: datetime = NOW) -> list[tuple[object, list[str]]]:
        (check,) = combine(policies, now).checks
        return [(v.params, [p.name for p in v.refused_by]) for v in check.variants]

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"enforcement": STRICT}, ["a"]),
            ({"enforcement": WARN}, []),
            ({"enforcement": AUDIT}, []),
            ({"enforcement": STRICT, "severity": Severity.SHOULD}, []),
            ({"enforcement": STRICT, "enforce_from": TOMORROW}, []),
        ],
    )
    def test_only_a_must_under_strict_in_force(
        self, fields: dict[str, Any], expected: list[str]
    ) -> None:
        assert self.refusers(policy("a", PROBES, **fields)) == [(None, expected)]

    def test_a_check_enforced_later_is_not_refused_before(self) -> None:
        setting = CheckSetting(PROBES, Severity.MUST, None, enforce_from=TOMORROW)
        later = Policy(name="a", settings={PROBES.id: setting}, enforcement=STRICT)

        assert self.refusers(later) == [(None, [])]
        assert self.refusers(later, now=TOMORROW) == [(None, ["a"])]
        assert combine([later], NOW).next_change == TOMORROW

    def test_an_audit_policy_is_not_enforced_by_a_strict_one(self) -> None:
        """Nobody asks for a refusal: the Must is of Audit, the Strict policy has a Should."""
        policies = (
            policy("audit", PROBES),
            policy("strict", PROBES, enforcement=STRICT, severity=Severity.SHOULD),
        )

        assert self.refusers(*policies) == [(None, [])]
        assert combine(policies, NOW).checks[0].severity is Severity.MUST

    def test_what_is_refused_is_looked_at_first(self) -> None:
        def asking(name: str, minimum: int, **fields: Any) -> Policy:
            setting = CheckSetting(PROBES, Severity.MUST, minimum)
            return Policy(name=name, settings={PROBES.id: setting}, **fields)

        policies = (asking("a", 5), asking("b", 2, enforcement=STRICT), asking("c", 2))

        assert self.refusers(*policies) == [(2, ["b"]), (5, [])]
