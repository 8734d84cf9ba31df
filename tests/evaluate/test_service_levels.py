"""Service levels: what is asked about a workload, how answers are judged, what policies say."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from readiness.admission.verdict import decide
from readiness.api.vocabulary import Category, Result, Severity
from readiness.checklist.standing import State, standing
from readiness.checks.base import PASS, CannotTell, Finding, Outcome, Scope
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_exemption, compile_policy
from readiness.evaluate.evaluator import Readiness, Report, evaluate
from readiness.evaluate.policy import Policy, combine
from readiness.evaluate.service_levels import ServiceLevel, fill_in, judge, question_about
from readiness.model.inventory import Inventory
from readiness.model.measurement import LevelQuery, Measurement, Question
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import ObjectRef, Workload
from readiness.report.conditions import conditions_of
from tests.support import NOW

QUERY = LevelQuery('sum(errors{namespace="$namespace",pod=~"$pods"})', "", "7d")
WEB = ObjectRef("apps", "Deployment", "shop", "web")


def level(operator: str = "LessThan", objective: str = "0.001", **more: Any) -> ServiceLevel:
    return ServiceLevel("error-rate", QUERY, operator, objective, **more)


def filled(template: str, kind: str = "Deployment", name: str = "web") -> str:
    query = LevelQuery(template, "", "7d")
    return fill_in(template, question_about(query, ObjectRef("apps", kind, "shop", name)))


# What is asked


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('up{n="$namespace"}', 'up{n="shop"}'),
        ('up{n="${namespace}x"}', 'up{n="shopx"}'),
        ('up{w="$workload",k="$kind"}[$window]', 'up{w="web.v2",k="Deployment"}[7d]'),
        ('up{w=~"$workload_regex-.+"}', 'up{w=~"web\\\\.v2-.+"}'),
        ('up{n=~"$namespace_regex"}', 'up{n=~"shop"}'),
        (
            'label_replace(up, "a", "$1", "b", "(.*)$")',
            'label_replace(up, "a", "$1", "b", "(.*)$")',
        ),
        ('up{a="$$namespace costs 5$$"}', 'up{a="$namespace costs 5$"}'),
    ],
)
def test_variables_are_filled_in(template: str, expected: str) -> None:
    assert filled(template, name="web.v2") == expected


def test_values_can_not_end_their_quotes() -> None:
    question = Question(LevelQuery("", "", "1d"), 'a"} or up{b="', "Deployment", "a'\\\n")

    assert fill_in('{n="$namespace"}', question) == '{n="a\\x22} or up{b=\\x22"}'
    assert fill_in('{w="$workload"}', question) == '{w="a\\x27\\\\\\n"}'
    assert fill_in('{w=~"$workload_regex"}', question) == '{w=~"a\\x27\\\\\\\\\\n"}'


LONG = "checkout-service-for-the-autumn-campaign-of-the-shop-x"  # 54 letters


@pytest.mark.parametrize(
    ("kind", "name", "pod", "belongs"),
    [
        ("Deployment", "web", "web-5d8c7b9f6d-x2k4p", True),
        ("Deployment", "web", "web-api-5d8c7b9f6d-x2k4p", False),
        ("Deployment", "web", "web-api-x2k4p", False),
        ("Deployment", "web", "web-0", False),
        ("Deployment", "web", "my-web-5d8c7b9f6d-x2k4p", False),
        ("Deployment", "web.v2", "web-v2-5d8c7b9f6d-x2k4p", False),
        ("Deployment", "a" * 46, f"{'a' * 46}-5d8c7b9f6d-x2k4p", True),
        ("Deployment", "a" * 46, f"{'a' * 46}-5d8c7b9f6dx2k4p", False),
        ("Deployment", "a" * 47, f"{'a' * 47}-5d8c7b9f6dx2k4p", True),  # the 59th is cut
        ("DaemonSet", "a" * 57, f"{'a' * 57}-x2k4p", True),
        ("DaemonSet", "a" * 57, f"{'a' * 57}-x2k4p7", False),
        ("DaemonSet", "web", "web-x2k4p", True),
        ("DaemonSet", "web", "web-5d8c7b9f6d-x2k4p", False),
        ("StatefulSet", "web", "web-0", True),
        ("StatefulSet", "web", "web-12", True),
        ("StatefulSet", "web", "web-x2k4p", False),
        # The name of the ReplicaSet and a dash, cut to 58 letters, and five more.
        ("Deployment", LONG, f"{LONG}-5d8x2k4p", True),
        ("Deployment", LONG, f"{LONG}-bcdx2k4p", True),
        ("Deployment", LONG, f"{LONG[:-1]}y-5d8x2k4p", False),
        ("DaemonSet", LONG + "-agents", f"{LONG}-agex2k4p", True),
    ],
)
def test_pods_are_told_by_their_names(kind: str, name: str, pod: str, *, belongs: bool) -> None:
    expression = json.loads(f'"{filled("$pods", kind, name)}"')

    assert bool(re.fullmatch(expression, pod)) is belongs


def test_workloads_that_a_query_tells_nothing_apart_of_share_a_question() -> None:
    nodes = LevelQuery("sum(nodes_ready)", "", "1h")
    by_namespace = LevelQuery('sum(up{n="$namespace"})', "", "1h")
    by_samples = LevelQuery("1", 'sum(up{n="$workload"})', "1h")
    other = WEB._replace(kind="DaemonSet", name="agent")

    assert question_about(nodes, WEB) == question_about(nodes, other._replace(namespace="till"))
    assert question_about(nodes, WEB) == Question(nodes, "", "", "")
    assert question_about(by_namespace, WEB) == question_about(by_namespace, other)
    assert question_about(by_samples, WEB) != question_about(by_samples, other)
    assert question_about(QUERY, WEB) != question_about(QUERY, WEB._replace(kind="DaemonSet"))
    assert question_about(by_namespace, WEB) == Question(by_namespace, "shop", "", "")


# How an answer is judged


@pytest.mark.parametrize(
    ("operator", "met", "missed", "words"),
    [
        ("LessThan", 0.9, 1.0, "less than"),
        ("LessThanOrEqual", 1.0, 1.1, "at most"),
        ("GreaterThan", 1.1, 1.0, "more than"),
        ("GreaterThanOrEqual", 1.0, 0.9, "at least"),
    ],
)
def test_value_meets_or_misses_the_objective(
    operator: str, met: float, missed: float, words: str
) -> None:
    asked = level(operator, "1")

    assert judge(asked, Measurement(value=met, at=NOW)) == PASS
    message = f'service level "error-rate" must be {words} 1 over 7d, not {missed:.2g}'
    assert judge(asked, Measurement(value=missed, at=NOW)) == [Finding(message, "metadata.name")]


@pytest.mark.parametrize(
    ("operator", "objective", "value", "shown"),
    [
        ("LessThan", "0.001", 0.0042, "0.0042"),
        ("LessThan", "0.001", 0.00421234, "0.0042"),
        ("LessThanOrEqual", "0.001", 0.0010004, "0.0010004"),
        ("GreaterThan", "0.999", 0.9984, "0.998"),
        ("GreaterThan", "0.9999999999999999", 0.9999999999999998, "0.9999999999999998"),
    ],
)
def test_value_that_misses_is_shown_in_as_few_digits_as_say_so(
    operator: str, objective: str, value: float, shown: str
) -> None:
    outcome = judge(level(operator, objective), Measurement(value=value, at=NOW))

    assert isinstance(outcome, list)
    assert outcome[0].message.endswith(f"over 7d, not {shown}")


@pytest.mark.parametrize(
    ("measurement", "reason"),
    [
        (None, "not measured yet"),
        (Measurement("no data"), "no data"),
        (Measurement("no data", at=NOW), "no data"),
        (Measurement("away", value=0.0, at=NOW), "away; it was 0 at 2026-11-24T09:00:00Z"),
        (
            Measurement("away", value=0.00042, at=NOW),
            "away; it was 0.00042 at 2026-11-24T09:00:00Z",
        ),
    ],
)
def test_without_a_value_nothing_can_be_told(measurement: Measurement | None, reason: str) -> None:
    assert judge(level(), measurement) == CannotTell(reason)


@pytest.mark.parametrize(("samples", "enough"), [(None, False), (999.9, False), (1000.0, True)])
def test_value_has_to_stand_on_enough(samples: float | None, *, enough: bool) -> None:
    outcome = judge(level(min_samples=1000), Measurement(value=0.0, samples=samples, at=NOW))

    too_few = CannotTell("fewer than 1000 samples in 7d: too few to judge by")
    assert outcome == (PASS if enough else too_few)


def test_samples_that_nobody_counted_are_none() -> None:
    outcome = judge(level(min_samples=1), Measurement(value=0.0, at=NOW))

    assert outcome == CannotTell("fewer than 1 samples in 7d: too few to judge by")


# In policies


def demand(**changes: Any) -> dict[str, Any]:
    return {
        "name": "error-rate",
        "severity": "Must",
        "query": 'sum(errors{namespace="$namespace",pod=~"$pods"})',
        "objective": {"operator": "LessThan", "value": "0.001"},
        "window": "7d",
    } | changes


def policy(*demands: dict[str, Any], name: str = "slo", **spec: Any) -> Policy:
    spec |= {"serviceLevels": list(demands)}
    return compile_policy({"metadata": {"name": name}, "spec": spec})


class Known:
    """Measurements that a test makes up."""

    def __init__(self, measurement: Measurement | None) -> None:
        self._measurement = measurement

    def latest(self, question: Question) -> Measurement | None:
        assert question == Question(QUERY, "shop", "Deployment", "web")
        return self._measurement


def report_of(
    *policies: Policy,
    measured: Known | None,
    origin: Origin = Origin.CLUSTER,
) -> Report:
    workload = Workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
        }
    )
    snapshot = Snapshot(Inventory(), NOW, origin, measurements=measured)
    return evaluate(workload, snapshot, combine(policies, NOW))


def value(number: float) -> Known:
    return Known(Measurement(value=number, at=NOW))


def test_level_decides_readiness_and_its_condition() -> None:
    report = report_of(policy(demand()), measured=value(0.5))

    assert report.readiness is Readiness.NOT_READY
    assert [(c.type, c.status, c.reason) for c in conditions_of(report)] == [
        ("readiness.dev/ProductionReady", "False", "MustChecksFailing"),
        ("readiness.dev/ServiceLevelsMet", "False", "ServiceLevelErrorRate"),
    ]
    assert report_of(policy(demand()), measured=value(0.0)).readiness is Readiness.READY


def test_level_that_can_not_be_told_is_unknown_and_never_a_pass() -> None:
    report = report_of(policy(demand()), measured=Known(Measurement("no data")))

    assert report.readiness is Readiness.UNKNOWN
    assert [(c.status, c.reason) for c in conditions_of(report)] == [
        ("Unknown", "ChecksCannotTell")
    ] * 2


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (Origin.FILES, "only what runs in a cluster can be measured"),
        (Origin.CLUSTER, "service levels are judged by the controller alone"),
    ],
)
def test_level_is_skipped_where_nothing_is_measured(origin: Origin, reason: str) -> None:
    report = report_of(policy(demand()), measured=None, origin=origin)

    assert [(r.result, r.message) for r in report.results] == [(Result.SKIP, reason)]


def test_level_never_refuses_nor_warns_at_admission() -> None:
    strict = policy(demand(), enforcement="Strict")
    report = report_of(strict, measured=None)
    verdict = decide(report, None, template_changed=True)
    assert (verdict.refused, verdict.told, verdict.waiting) == ((), (), ())

    # Not even if it were measured there.
    (result,) = report_of(strict, measured=value(0.5)).results
    assert result.refused_by == ()
    assert not strict.refuses("service-level-error-rate", NOW)


def test_of_several_policies_the_strictest_counts() -> None:
    lax = policy(demand(severity="Should", objective={"operator": "LessThan", "value": "0.1"}))
    strict = policy(demand(), name="strict")

    assert combine([lax, strict], NOW).measured == (
        ServiceLevel("error-rate", QUERY, "LessThan", "0.001"),
        ServiceLevel("error-rate", QUERY, "LessThan", "0.1"),
    )
    (between,) = report_of(lax, strict, measured=value(0.05)).results
    assert (between.severity, between.policy, between.result) == (
        Severity.MUST,
        "strict",
        Result.FAIL,
    )
    assert combine([policy(demand()), policy(demand(), name="b")], NOW).measured == (
        ServiceLevel("error-rate", QUERY, "LessThan", "0.001"),
    )


def test_only_levels_are_measured() -> None:
    both = policy(demand(), checks=[{"id": "replicas-too-low"}, {"id": "owner-missing"}])

    assert combine([both], NOW).measured == (
        ServiceLevel("error-rate", QUERY, "LessThan", "0.001"),
    )


def test_level_is_known_to_exemptions() -> None:
    spec = {
        "workloads": [{"name": "web"}],
        "checks": ["service-level-error-rate"],
        "reason": "The new pricing is being looked into.",
        "expiresAt": "2099-01-01T00:00:00Z",
    }
    exemption = {"metadata": {"name": "known", "namespace": "shop"}, "spec": spec}

    known = policy(demand(), exemptions={"notExemptable": ["service-level-error-rate"]})
    assert known.custom_checks == {"service-level-error-rate"}
    assert known.not_exemptable == {"service-level-error-rate"}
    assert compile_exemption(exemption, custom_checks=known.custom_checks).checks == {
        "service-level-error-rate"
    }
    with pytest.raises(PolicyError, match='there is no check "service-level-error-rate"'):
        compile_exemption(exemption)


def test_check_of_a_level() -> None:
    check = policy(demand()).settings["service-level-error-rate"].check

    assert (check.category, check.scope) == (Category.SERVICE_LEVELS, Scope.MEASURED)
    assert check.reason == "ServiceLevelErrorRate"
    assert policy(demand()) == policy(demand())


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        (
            {"query": 'up{n="$namespce"}'},
            "InvalidQuery",
            (
                ".query: there is no variable $namespce; there are $namespace, "
                "$workload, $kind, $window, $namespace_regex, $workload_regex, $pods, and $$ for a "
                "dollar sign"
            ),
        ),
        (
            {"minSamples": 10, "samplesQuery": "sum(x[${windows}])"},
            "InvalidQuery",
            (
                ".samplesQuery: there is no variable $windows; there are $namespace, $workload, "
                "$kind, $window, $namespace_regex, $workload_regex, $pods, and $$ for a dollar sign"
            ),
        ),
        (
            {"minSamples": 10},
            "InvalidSpec",
            " must set minSamples and samplesQuery together",
        ),
        (
            {"samplesQuery": "1"},
            "InvalidSpec",
            " must set minSamples and samplesQuery together",
        ),
        (
            {"minSamples": 10.5, "samplesQuery": "1"},
            "InvalidSpec",
            ".minSamples must be a whole number, not the number 10.5",
        ),
        ({"window": "0d"}, "InvalidSpec", ".window must be longer than 0d"),
        (
            {"window": "a week"},
            "InvalidSpec",
            ('.window must be a duration such as 10m, 1h30m or 90d, not the text "a week"'),
        ),
        (
            {"name": "Error Rate"},
            "InvalidSpec",
            (
                ".name must be the name of a service level, such as error-rate, "
                'not the text "Error Rate"'
            ),
        ),
        (
            {"objective": {"operator": "LessThan", "value": "1e-3"}},
            "InvalidSpec",
            ('.objective.value must be a number such as "0.001", not the text "1e-3"'),
        ),
        (
            {"objective": {"operator": "Below", "value": "1"}},
            "InvalidSpec",
            (
                ".objective.operator must be one of LessThan, LessThanOrEqual, "
                'GreaterThan or GreaterThanOrEqual, not the text "Below"'
            ),
        ),
    ],
)
def test_mistakes_are_told_by_field(changes: dict[str, Any], reason: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(demand(**changes))

    assert (caught.value.reason, str(caught.value)) == (reason, f"spec.serviceLevels[0]{message}")


def test_name_that_stands_twice() -> None:
    with pytest.raises(PolicyError) as caught:
        policy(demand(), demand(window="1d"))

    assert str(caught.value) == 'spec.serviceLevels[1].name: "error-rate" stands here twice'
    assert caught.value.reason == "DuplicateCheck"


def test_custom_check_may_not_pose_as_a_level() -> None:
    custom = {
        "id": "service-level-error-rate",
        "severity": "Must",
        "expression": "true",
        "message": "must be so",
    }
    with pytest.raises(PolicyError) as caught:
        policy(customChecks=[custom])

    assert str(caught.value) == (
        "spec.customChecks[0].id: ids that begin with service-level- are those of service levels"
    )
    assert caught.value.reason == "DuplicateCheck"


@pytest.mark.parametrize(
    ("measured", "state", "message"),
    [
        (value(0.0), State.MET, ""),
        (value(0.5), State.MISSING, "must be less than 0.001 over 7d, not 0.5"),
        (Known(Measurement("no data")), State.UNKNOWN, "no data"),
        (None, State.UNKNOWN, "not measured"),
    ],
)
def test_level_answers_items_of_the_checklist(
    measured: Known | None, state: State, message: str
) -> None:
    report = report_of(policy(demand()), measured=measured)

    item = standing(report).items["errors-measured"]
    (part,) = [part for part in item.parts if part.name == "error-rate"]
    assert part.state is state
    assert part.message.endswith(message)


def test_outcome_does_not_change_with_age() -> None:
    """It ends up in conditions: one that held an age would be written anew every minute."""
    outcomes: list[Outcome] = [
        judge(level(), Measurement(value=0.0042, at=NOW + timedelta(minutes=minutes)))
        for minutes in (0, 5)
    ]
    assert outcomes[0] == outcomes[1]
