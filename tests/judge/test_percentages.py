"""Whole numbers and percentages: what controllers make of them, and what the API server refuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from hypothesis import strategies as st

from readiness.errors import FieldError
from readiness.model.companions import DisruptionBudget, parse_companion
from readiness.model.int_or_percent import IntOrPercent, parse_int_or_percent
from tests.judge.judge import Judge, Tally, cases, draw, weighted
from tests.polling import eventually

_RULES = st.tuples(
    st.sampled_from(["minAvailable", "maxUnavailable"]),
    st.integers(0, 12)
    | st.integers(0, 100).map("{}%".format)
    | st.sampled_from(["0%", "1%", "33%", "34%", "50%", "51%", "66%", "67%", "99%", "100%"]),
    st.integers(1, 12),  # pods
)
_ODD = ("", "%", "050%", "+5%", "-5%", "5 %", " 5%", "5%%", "1.5%", "5%\n", "half", "5")
_WRITTEN = weighted(
    (2, st.integers(-3, 2**31 - 1)),
    (3, st.integers(0, 250).map("{}%".format)),
    (1, st.sampled_from(_ODD)),
    (1, st.text("0123456789%+-. ", max_size=5)),
)


def test_budgets_need_as_many_pods_as_the_disruption_controller_says(
    judge: Judge, namespace: str
) -> None:
    """Over workloads of 1 to 12 pods; every budget matches one of them."""
    apps = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    policy = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    for replicas in range(1, 13):
        labels = {"app": f"web-{replicas}"}
        template = {"containers": [{"name": "app", "image": "registry.example.com/web:1"}]}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"web-{replicas}"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": template},
            },
        }
        judge.must("POST", apps, body)
    eventually(
        lambda: all(
            item.get("status", {}).get("readyReplicas") == item["spec"]["replicas"]
            for item in judge.items(apps)
        ),
        within=60,
    )

    rules = draw(_RULES, cases(200, 1000))

    def create(numbered: tuple[int, tuple[str, int | str, int]]) -> None:
        number, (field, value, replicas) = numbered
        selector = {"matchLabels": {"app": f"web-{replicas}"}}
        body = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"one-{number}"},
            "spec": {"selector": selector, field: value},
        }
        judge.must("POST", policy, body)

    judge.each(create, enumerate(rules))

    def computed() -> dict[str, dict[str, Any]] | None:
        budgets = {item["metadata"]["name"]: item for item in judge.items(policy)}
        done = all(
            item["status"].get("observedGeneration") == 1 and item["status"]["expectedPods"]
            for item in budgets.values()
        )
        return budgets if done else None

    tally = Tally("percentages")
    budgets = eventually(computed, within=60) or {}
    for number, rule in enumerate(rules):
        document = budgets[f"one-{number}"]
        budget = parse_companion(document)
        assert isinstance(budget, DisruptionBudget)
        expected = rule[2]
        status = document["status"]
        tally.compare(
            (expected, budget.desired_healthy(expected), budget.disruptions_allowed(expected)),
            (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]),
            rule,
        )
    tally.settle()


def test_what_we_refuse_as_number_or_percentage_the_api_server_refuses(
    judge: Judge, namespace: str
) -> None:
    """And no more: maxSurge is the field that takes the most. It has no upper bound."""

    def ask(value: int | str) -> bool:
        labels = {"app": "web"}
        template = {"containers": [{"name": "app", "image": "registry.example.com/web:1"}]}
        rolling = {"maxSurge": value, "maxUnavailable": 1}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": labels},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
                "template": {"metadata": {"labels": labels}, "spec": template},
            },
        }
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        reply = judge.create(path, body, dry_run=True)
        assert reply.status in (
            HTTPStatus.CREATED,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ), (reply.body, value)
        return reply.status == HTTPStatus.CREATED

    values = draw(_WRITTEN, cases(200, 1000))
    tally = Tally("numbers and percentages as written")
    for value, theirs in zip(values, judge.each(ask, values), strict=True):
        tally.compare(_parsed(value) is not None, theirs, value)
        tally.count("refused by both", int(not theirs))
    tally.settle()


def _parsed(value: int | str) -> IntOrPercent | None:
    try:
        return parse_int_or_percent(value, "maxSurge")
    except FieldError:
        return None
