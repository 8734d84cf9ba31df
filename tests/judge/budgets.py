"""Scenarios of workloads, autoscalers and the disruption budgets over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Manifest = dict[str, Any]

SCALED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_KINDS = (*SCALED[:1] * 4, *SCALED[1:2] * 2, *SCALED[2:], "Pod", "Pod", "Job", "DaemonSet")
_REPLICAS = (0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10)
_SELECTORS: tuple[Manifest | None, ...] = (
    {},
    None,
    *({"matchLabels": {"app": f"work-{i}"}} for i in (0, 0, 1)),
    {"matchLabels": {"tier": "front"}},
    {"matchLabels": {"tier": "front", "app": "work-0"}},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["work-0", "work-1"]}]},
    {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["work-1"]}]},
    {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
    {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},
    {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]},
    {
        "matchLabels": {"tier": "back"},
        "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["work-2"]}],
    },
)
_AMOUNTS = st.integers(0, 12) | st.sampled_from(
    ["0%", "1%", "10%", "25%", "34%", "50%", "51%", "66%", "67%", "90%", "99%", "100%"]
)
_RULES: SearchStrategy[Manifest] = st.one_of(
    st.builds(lambda amount: {"maxUnavailable": amount}, _AMOUNTS),
    st.builds(lambda amount: {"minAvailable": amount}, _AMOUNTS),
    st.sampled_from([{"maxUnavailable": 1}, {"minAvailable": 1}, {"minAvailable": 2}, {}]),
)


@dataclass(frozen=True)
class Scenario:
    """Objects of one namespace, as their authors wrote them."""

    workloads: tuple[Manifest, ...]
    autoscalers: tuple[Manifest, ...]
    budgets: tuple[Manifest, ...]

    @property
    def documents(self) -> list[Manifest]:
        return [*self.workloads, *self.autoscalers, *self.budgets]

    def scaled(self, field: str) -> list[Manifest]:
        """Return the workloads with the replicas that this field of their autoscalers says.

        Without metrics an autoscaler leaves a number within its bounds alone. One at 0 replicas
        is off, so that its lowest number is that.
        """
        wanted = {a["spec"]["scaleTargetRef"]["name"]: a["spec"][field] for a in self.autoscalers}
        found = []
        for workload in self.workloads:
            replicas = wanted.get(workload["metadata"]["name"])
            off = field == "minReplicas" and workload["spec"].get("replicas") == 0
            if replicas is None or off:
                found.append(workload)
            else:
                found.append({**workload, "spec": {**workload["spec"], "replicas": replicas}})
        return found


def _workload(kind: str, name: str, replicas: int, labels: dict[str, str]) -> Manifest:
    pod_spec: Manifest = {"containers": [{"name": "app", "image": "registry.example.com/web:1"}]}
    template: Manifest = {"metadata": {"labels": labels}, "spec": pod_spec}
    metadata: Manifest = {"name": name}
    spec: Manifest = {"template": template}
    match kind:
        case "Pod":
            return {
                "apiVersion": "v1",
                "kind": kind,
                "metadata": {"name": name, "labels": labels},
                "spec": pod_spec,
            }
        case "Job":
            pod_spec["restartPolicy"] = "Never"
            return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": spec}
        case "ReplicationController":
            spec |= {"selector": {"app": name}, "replicas": replicas}
            return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    spec["selector"] = {"matchLabels": {"app": name}}
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _autoscaler(target: Manifest, minimum: int, more: int) -> Manifest:
    name = target["metadata"]["name"]
    reference = {"apiVersion": target["apiVersion"], "kind": target["kind"], "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": reference,
            "minReplicas": minimum,
            "maxReplicas": minimum + more,
        },
    }


@st.composite
def _scenarios(draw: DrawFn) -> Scenario:
    workloads, autoscalers, budgets = [], [], []
    for i in range(draw(st.sampled_from([1, 1, 2, 2, 3]))):
        name = f"work-{i}"
        kind = draw(st.sampled_from(SCALED[:2] if i == 0 else _KINDS))
        labels = {"app": name, "tier": draw(st.sampled_from(["front", "front", "back"]))}
        workload = _workload(kind, name, draw(st.sampled_from(_REPLICAS)), labels)
        workloads.append(workload)
        if kind in SCALED and draw(st.sampled_from([False, False, True])):
            minimum, more = draw(st.tuples(st.integers(1, 4), st.integers(0, 6)))
            autoscalers.append(_autoscaler(workload, minimum, more))
    for i in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        selector = draw(st.sampled_from(_SELECTORS))
        budgets.append(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": f"budget-{i}"},
                "spec": {**({} if selector is None else {"selector": selector}), **draw(_RULES)},
            }
        )
    return Scenario(tuple(workloads), tuple(autoscalers), tuple(budgets))


def scenarios() -> SearchStrategy[Scenario]:
    """Return the strategy of scenarios."""
    return _scenarios()
