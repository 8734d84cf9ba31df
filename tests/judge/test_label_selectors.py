"""Label selectors: valid to us what is valid to the API server, and matching the same objects."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from readiness.errors import FieldError
from readiness.model.label_selector import LabelSelector, parse_label_selector
from tests.judge.judge import Judge, Tally, cases, draw, weighted

# Few enough of each that selectors match something, and forms that are just or just not allowed.
_KEYS = ("app", "tier", "example.com/team", "app.kubernetes.io/name", "A_b-c.1")
_VALUES = ("web", "shop", "", "v1.2", "A_b", "0")
_LONG = "x" * 63
_ODD_KEYS = (
    *("", "/", "a/", "/a", "a/b/c", "-a", "a-", ".a", "a_", "A.com/x", "a..b/x", "a b", "ä"),
    *(_LONG, _LONG + "x", f"{'a.' * 126}a/x", f"{'a.' * 127}a/x", "-a/x", "a-/x", "a_b/x", "x\n"),
    f"{'a' * 64}.com/x",
)
_ODD_VALUES = ("-", "a-", ".a", "a b", _LONG, _LONG + "x", "ä", "a/b", "a,b", "_", "x\n", "a:1")

_LABELS = st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(_VALUES), max_size=4)
_EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(_KEYS),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(_VALUES), min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {"key": st.sampled_from(_KEYS), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
    ),
)
_GOOD: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(
            st.sampled_from(_KEYS), st.sampled_from(_VALUES), max_size=2
        ),
        "matchExpressions": st.lists(_EXPRESSIONS, max_size=2),
    },
)
_ODD: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda key: {"matchLabels": {key: "web"}}, st.sampled_from(_ODD_KEYS)),
    st.builds(lambda value: {"matchLabels": {"app": value}}, st.sampled_from(_ODD_VALUES)),
    st.builds(lambda key: {"matchLabels": {key: "web"}}, st.text("aA0-._/", max_size=6)),
    st.builds(lambda value: {"matchLabels": {"app": value}}, st.text("aA0-._/", max_size=4)),
    st.builds(
        lambda expression: {"matchExpressions": [expression]},
        st.fixed_dictionaries(
            {
                "key": st.sampled_from((*_KEYS, *_ODD_KEYS)),
                "operator": st.sampled_from(
                    ["In", "NotIn", "Exists", "DoesNotExist", "in", "Gt", "Equals", ""]
                ),
            },
            optional={
                "values": st.lists(st.sampled_from((*_VALUES, *_ODD_VALUES)), max_size=2)
                | st.none()
            },
        ),
    ),
    st.sampled_from([{"matchLabels": None}, {"matchExpressions": None}]),
)
_SELECTORS = weighted((3, _GOOD), (1, _ODD))
_OBJECTS = 60


def _ours(selector: dict[str, Any]) -> LabelSelector | None:
    try:
        return parse_label_selector(selector, "spec.selector")
    except FieldError:
        return None


def _query(selector: dict[str, Any]) -> str:
    """Write a selector as the text that the API server takes in a list request."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], ",".join(expression.get("values") or [])
        match expression["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)


def test_label_selectors_match_what_the_api_server_selects(judge: Judge, namespace: str) -> None:
    """The API server validates them in a budget and matches them in a list of ConfigMaps."""
    core = f"/api/v1/namespaces/{namespace}/configmaps"
    labels = {f"one-{i}": labels for i, labels in enumerate(draw(_LABELS, _OBJECTS))}

    def create(name: str) -> None:
        metadata = {"name": name, "labels": labels[name]}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        judge.must("POST", core, body)

    judge.each(create, labels)

    def ask(selector: dict[str, Any]) -> list[str] | None:
        body = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "one"},
            "spec": {"selector": selector, "maxUnavailable": 1},
        }
        path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
        reply = judge.create(path, body, dry_run=True)
        if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return None
        assert reply.status == HTTPStatus.CREATED, (reply.body, selector)
        found = judge.items(f"{core}?labelSelector={quote(_query(selector))}")
        # kube-root-ca.crt, which every namespace has, is none of ours.
        return sorted({item["metadata"]["name"] for item in found} & labels.keys())

    selectors = draw(_SELECTORS, cases(200, 1000))
    tally = Tally("label selectors")
    for selector, theirs in zip(selectors, judge.each(ask, selectors), strict=True):
        parsed = _ours(selector)
        ours = parsed and sorted(name for name in labels if parsed.matches(labels[name]))
        tally.compare(ours, theirs, selector)
        tally.count("refused by both", int(theirs is None))
        tally.count("that match some", int(bool(theirs) and len(theirs or []) < len(labels)))
    tally.settle()
