"""Disruption budgets: our verdicts are those of the disruption controller and the eviction API.

Every scenario is real: pods that kwok makes Ready, budgets that the controller computes, evictions
that the API server answers. Where an autoscaler is about, a check speaks of the fewest pods it may
leave, or of the most; so the workloads of the scenario are scaled there, in a namespace for each.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from readiness.checks.base import CannotTell, Check, Skip
from readiness.checks.registry import all_checks
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload, workload_kind
from tests.judge.budgets import Manifest, Scenario, scenarios
from tests.judge.judge import Judge, Tally, cases, draw
from tests.polling import eventually
from tests.support import NOW, snapshot_of
from tools.control_plane import ControlPlane

_BATCH = 40  # scenarios at a time, so that their pods fit the nodes
_CHECKS = all_checks()
_BLOCKS = _CHECKS["disruption-budget-blocks-eviction"]
_INEFFECTIVE = _CHECKS["disruption-budget-ineffective"]
_OVERLAP = _CHECKS["disruption-budgets-overlap"]
_LATER = datetime(2100, 1, 1, tzinfo=UTC)  # whatever a status says has been so for long
_NODES = 3
_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "ReplicationController": "/api/v1/namespaces/{}/replicationcontrollers",
    "Pod": "/api/v1/namespaces/{}/pods",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
}


@dataclass
class _Played:
    """A scenario at work in a namespace of its own."""

    scenario: Scenario
    scale: str
    namespace: str
    pods: dict[str, list[str]] = field(default_factory=dict)  # by workload
    budgets: dict[str, Manifest] = field(default_factory=dict)  # with their status
    matched: dict[str, set[str]] = field(default_factory=dict)  # workloads, by budget
    live: list[Manifest] = field(default_factory=list)
    evictions: dict[str, int] = field(default_factory=dict)  # status code, by workload

    @property
    def workloads(self) -> list[Manifest]:
        return self.scenario.scaled(self.scale)

    def selecting(self, workload: str) -> set[str]:
        """Return the budgets that select a workload's pods."""
        return {budget for budget, names in self.matched.items() if workload in names}

    def shown(self, what: str, name: str, form: str) -> dict[str, Any]:
        """Return all that a reader needs to see a disagreement."""
        return {
            "what": what,
            "workload": name,
            "form": form,
            "scale": self.scale,
            "documents": self.scenario.documents,
            "statuses": {budget: seen["status"] for budget, seen in self.budgets.items()},
            "evictions": self.evictions,
        }


def _expected_pods(workload: Manifest) -> int:
    match workload["kind"]:
        case "Pod" | "Job":
            return 1
        case "DaemonSet":
            return _NODES
    return int(workload["spec"]["replicas"])


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _is_done(pod: Manifest) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def _sync_failed(budget: Manifest) -> bool:
    conditions = budget["status"].get("conditions", [])
    return any(condition["reason"] == "SyncFailed" for condition in conditions)


def _create_workloads(judge: Judge, played: _Played) -> None:
    for document in [*played.workloads, *played.scenario.autoscalers]:
        judge.must("POST", _PATHS[document["kind"]].format(played.namespace), document)


def _create_budgets(judge: Judge, played: _Played) -> None:
    for document in played.scenario.budgets:
        judge.must("POST", _PATHS[document["kind"]].format(played.namespace), document)


def _pods_are_there(judge: Judge, played: _Played) -> bool:
    """Note the pods; return whether all of them are Ready, those of Jobs done."""
    found: dict[str, list[Manifest]] = {w["metadata"]["name"]: [] for w in played.workloads}
    for pod in judge.items(_PATHS["Pod"].format(played.namespace)):
        found[pod["metadata"]["labels"]["app"]].append(pod)
    played.pods = {
        name: sorted(pod["metadata"]["name"] for pod in pods) for name, pods in found.items()
    }
    return all(
        len(found[name := workload["metadata"]["name"]]) == _expected_pods(workload)
        and all(
            _is_done(pod) if workload["kind"] == "Job" else _is_ready(pod) for pod in found[name]
        )
        for workload in played.workloads
    )


def _finish_jobs(judge: Judge, played: _Played) -> None:
    """Say of done pods what a kubelet says: they are not Ready. kwok forgets to."""
    jobs = {w["metadata"]["name"] for w in played.workloads if w["kind"] == "Job"}
    not_ready = [{"type": type_, "status": "False"} for type_ in ("Ready", "ContainersReady")]
    path = _PATHS["Pod"].format(played.namespace)
    for pod in (pod for name in jobs for pod in played.pods[name]):
        judge.must(
            "PATCH",
            f"{path}/{pod}/status",
            {"status": {"conditions": not_ready}},
            content_type="application/strategic-merge-patch+json",
        )


def _budgets_are_computed(judge: Judge, played: _Played) -> bool:
    """Note the budgets; return whether the controller has seen every pod of them."""
    items = judge.items(_PATHS["PodDisruptionBudget"].format(played.namespace))
    played.budgets = {item["metadata"]["name"]: item for item in items}
    snapshot = snapshot_of([*played.scenario.workloads, *played.scenario.budgets])
    kinds = {w["metadata"]["name"]: w["kind"] for w in played.workloads}
    for workload in played.scenario.workloads:
        for budget in snapshot.budgets_selecting(Workload(workload)):
            played.matched.setdefault(budget.name, set()).add(workload["metadata"]["name"])
    return all(
        _sync_failed(budget)
        or (
            budget["status"].get("observedGeneration") == budget["metadata"]["generation"]
            and budget["status"]["currentHealthy"]
            == sum(
                len(played.pods[name])
                for name in played.matched.get(budget["metadata"]["name"], ())
                if kinds[name] != "Job"
            )
        )
        for budget in items
    )


def _look(judge: Judge, played: _Played) -> None:
    """Note the workloads as they are now, and what the eviction API says of a pod of each."""
    for workload in played.workloads:
        name = workload["metadata"]["name"]
        path = _PATHS[workload["kind"]].format(played.namespace)
        played.live.append(judge.must("GET", f"{path}/{name}"))
        for pod in played.pods[name][:1]:
            body = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": pod, "namespace": played.namespace},
            }
            pods = _PATHS["Pod"].format(played.namespace)
            reply = judge.create(f"{pods}/{pod}/eviction", body, dry_run=True)
            played.evictions[name] = reply.status
    path = _PATHS["HorizontalPodAutoscaler"].format(played.namespace)
    played.live += [*judge.items(path), *played.budgets.values()]


def _play(judge: Judge, batch: Sequence[Scenario]) -> Iterator[list[_Played]]:
    prefix = f"judge-{secrets.token_hex(3)}"
    every = []
    for i, scenario in enumerate(batch):
        scales = ["minReplicas", "maxReplicas"] if scenario.autoscalers else ["minReplicas"]
        every += [_Played(scenario, s, f"{prefix}-{i}-{s[:3]}") for s in scales]
    with judge.namespaces({played.namespace: {} for played in every}):
        for step in (
            _create_workloads,
            partial(_await, _pods_are_there),
            _finish_jobs,
            _create_budgets,
            partial(_await, _budgets_are_computed),
            _look,
        ):
            judge.each(partial(step, judge), every)
        yield every


def _await(done: Callable[[Judge, _Played], bool], judge: Judge, played: _Played) -> None:
    try:
        eventually(lambda: done(judge, played), within=120, every=0.2)
    except AssertionError as error:
        raise AssertionError(
            f"never {done.__name__}: {json.dumps(played.shown('', '', ''))}"
        ) from error


def _named(check: Check, workload: Workload, snapshot: Snapshot) -> set[str] | None:
    """Return the names of the budgets a check finds fault with; None when it can't tell."""
    outcome = check.run(workload, snapshot)
    if isinstance(outcome, CannotTell):
        return None
    if isinstance(outcome, Skip):
        return set()
    return {finding.message.split('"')[1] for finding in outcome}


def _compare(tally: Tally, played: _Played, form: str) -> None:
    if form == "as written":
        documents, now, origin = played.scenario.documents, NOW, Origin.FILES
    else:
        documents, now, origin = played.live, _LATER, Origin.CLUSTER
    snapshot = snapshot_of(documents, now=now, origin=origin)
    for document in documents:
        if workload_kind(document) is None:
            continue
        workload = Workload(document)
        if not played.pods[workload.name]:
            continue
        if workload.kind.kind != "Job":  # whose pods are done: anybody may evict them
            _compare_overlap(tally, played, form, workload, snapshot)
        if workload.kind.kind not in _BLOCKS.kinds:
            continue
        if played.scale == "minReplicas":
            _compare_blocks(tally, played, form, workload, snapshot)
        if played.scale == "maxReplicas" or not played.scenario.autoscalers:
            selecting = played.selecting(workload.name)
            tally.compare(
                sorted(_named(_INEFFECTIVE, workload, snapshot) or ()),
                sorted(b for b in selecting if _protects_nothing(played.budgets[b])),
                played.shown("ineffective", workload.name, form),
            )


def _compare_overlap(
    tally: Tally, played: _Played, form: str, workload: Workload, snapshot: Snapshot
) -> None:
    outcome = _OVERLAP.run(workload, snapshot)
    tally.compare(
        bool(outcome) and not isinstance(outcome, Skip),
        played.evictions[workload.name] == HTTPStatus.INTERNAL_SERVER_ERROR,
        played.shown("overlap", workload.name, form),
    )


def _compare_blocks(
    tally: Tally, played: _Played, form: str, workload: Workload, snapshot: Snapshot
) -> None:
    shown = played.shown("blocks", workload.name, form)
    selecting = played.selecting(workload.name)
    theirs = {b for b in selecting if played.budgets[b]["status"]["disruptionsAllowed"] == 0}
    ours = _named(_BLOCKS, workload, snapshot)
    if ours is None:
        tally.count("can't tell")
    else:
        tally.compare(sorted(ours), sorted(theirs), shown)
    if ours is not None and len(selecting) == 1:  # two are a server error, whatever they allow
        refused = played.evictions[workload.name] == HTTPStatus.TOO_MANY_REQUESTS
        tally.compare(bool(ours), refused, {**shown, "what": "eviction"})
        tally.count("refused evictions", int(refused))


def _protects_nothing(budget: Manifest) -> bool:
    """Return what our check calls ineffective, from what the controller computed.

    `maxUnavailable: 1` over a single pod accepts its downtime; what says so in other words is
    taken for it, but 100% and a minAvailable of 0 are not.
    """
    if _sync_failed(budget):
        return True
    status, spec = budget["status"], budget["spec"]
    if status["desiredHealthy"] or not status["disruptionsAllowed"]:
        return False
    return status["expectedPods"] > 1 or "minAvailable" in spec or spec["maxUnavailable"] == "100%"


@pytest.mark.timeout(1200)
def test_budgets_get_the_verdict_of_the_disruption_controller(
    judge: Judge, control_plane: ControlPlane
) -> None:
    """Blocks eviction, overlap and ineffective, as written and as the cluster has them."""
    wanted = draw(scenarios(), cases(40, 400))
    tally = Tally("disruption budgets")
    tally.count("scenarios", len(wanted))
    for batch in _batches(wanted):
        for every in _play(judge, batch):
            for played in every:
                tally.count("budgets", len(played.budgets))
                tally.count("pods", sum(len(pods) for pods in played.pods.values()))
                _compare(tally, played, "as written")
                _compare(tally, played, "as stored")
    tally.settle()


def _batches(every: Sequence[Scenario]) -> Iterator[Sequence[Scenario]]:
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]
