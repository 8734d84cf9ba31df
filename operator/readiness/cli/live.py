"""Judges the workloads of a cluster, as the controller does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from readiness.cli.judging import DEFAULT_PROFILE, Inputs
from readiness.errors import ClusterError
from readiness.evaluate.evaluator import Report, evaluate
from readiness.evaluate.policy import PolicySet, profile_policy
from readiness.kube import kinds
from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.context import current_namespace
from readiness.model.snapshot import Origin, Snapshot
from readiness.report.summary import Judged, Run
from readiness.telemetry.logs import set_up_logs
from readiness.watch.cache import ClusterCache
from readiness.watch.listing import list_cluster
from readiness.watch.projection import Observed
from readiness.watch.rulebook import Rulebook

_POLICIES = kinds.unavailable_key(kinds.POLICIES)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cluster is meant, and which namespace of it.

    Attributes:
        namespace: None: that of the context.
    """

    kubeconfig: str | None
    context: str | None
    namespace: str | None
    all_namespaces: bool

    def chosen_namespace(self) -> str:
        """Return the namespace to look at; empty for all."""
        if self.all_namespaces:
            return ""
        return self.namespace or current_namespace(self.kubeconfig, self.context)


@dataclass(slots=True)
class Live:
    """A cluster as it was a moment ago, and the rules to judge it by.

    Attributes:
        namespace: where the workloads are that are meant; empty for all.
    """

    cache: ClusterCache
    rulebook: Rulebook
    kubernetes_version: tuple[int, int]
    namespace: str

    @property
    def workloads(self) -> list[Observed]:
        """The workloads that are meant, by namespace, kind and name."""
        found = [
            (ref.namespace, ref.kind, ref.name, observed)
            for ref, observed in self.cache.workloads.items()
            if self.namespace in ("", ref.namespace) and not observed.deleting
        ]
        return [observed for *_, observed in sorted(found, key=lambda row: row[:3])]


def look(scope: Scope, operator_namespace: str, policies: PolicySet | None) -> Live:
    """Return the cluster as it is now.

    Args:
        scope: where to look.
        operator_namespace: never judged unless a policy includes it by name.
        policies: those to judge by; None: those of the cluster.

    Raises:
        ClusterError: when it can't be reached, or does not show what is needed.
    """
    rulebook = Rulebook(operator_namespace)
    watched = list(kinds.WATCHED)
    if policies is not None:
        watched.remove(kinds.POLICIES)
        for policy in policies:
            rulebook.policies.put(policy)
    namespace = scope.chosen_namespace()

    async def listed() -> Live:
        configuration = await load_configuration(scope.kubeconfig, scope.context)
        set_up_logs("critical", "text")  # what matters of it is said in the end
        async with KubeClient(configuration, user_agent="readiness-cli") as client:
            version = await client.server_version()
            cache = await list_cluster(client, rulebook, namespace, watched)
            return Live(cache, rulebook, version, namespace)

    live = asyncio.run(listed())
    _refuse_blindness(live)
    return live


def _refuse_blindness(live: Live) -> None:
    """Raise ClusterError when workloads or policies may not be looked at."""
    unavailable = live.cache.unavailable
    reasons = [unavailable[kind] for kind in kinds.WORKLOADS if kind in unavailable]
    if reasons:
        way_out = "ask for the ClusterRole view there" if live.namespace else "-n names one you may"
        where = f"namespace {live.namespace}" if live.namespace else "all namespaces"
        raise ClusterError(f"{'; '.join(reasons)} in {where}: {way_out}")
    reason = unavailable.get(_POLICIES, "")
    if reason.startswith("not allowed"):
        raise ClusterError(f"{reason}: name what to judge by with --policy")


Progress = Callable[[Collection[Observed]], AbstractContextManager[Iterable[Observed]]]


def judge_cluster(live: Live, inputs: Inputs, now: datetime, progress: Progress) -> Run:
    """Evaluate every workload of a cluster; what went wrong is put into `inputs`."""
    rulebook = live.rulebook
    if not len(rulebook.policies) and not rulebook.policy_errors:
        rulebook.policies.put(profile_policy(DEFAULT_PROFILE))
        inputs.warnings.append(
            f"note: the cluster has no ReadinessPolicy; judged by the profile {DEFAULT_PROFILE}"
        )
    inputs.errors += _mistakes(rulebook)
    inputs.warnings += [
        f"warning: {reason}"
        for reason in sorted(live.cache.unavailable.values())
        if reason.startswith("not allowed")
    ]
    if not live.workloads:
        where = f"namespace {live.namespace}" if live.namespace else "the cluster"
        inputs.warnings.append(f"no workload found in {where}")
    with progress(live.workloads) as workloads:
        judged = [_judged(observed, live, now) for observed in workloads]
    return Run(
        workloads=tuple(judged),
        policies=tuple(sorted(policy.name for policy in rulebook.policies)),
        companions=sum(map(live.cache.count, kinds.COMPANIONS.values())),
        input_errors=len(inputs.errors),
    )


def _mistakes(rulebook: Rulebook) -> list[str]:
    found = [
        f'ReadinessPolicy "{name}" is not accepted: {error}; the operator goes on with the '
        "version before it, if it knew one"
        for name, error in rulebook.policy_errors.items()
    ]
    for errors in (rulebook.exemption_errors, rulebook.evidence_errors):
        found += [
            f'{key.kind} "{key.name}" in namespace {key.namespace} is not accepted: {error}'
            for key, error in errors.items()
        ]
    return sorted(found)


def _judged(observed: Observed, live: Live, now: datetime) -> Judged:
    workload = observed.workload()
    return Judged(workload.api_version, "", 0, _report(observed, live, now), workload.document)


def _report(observed: Observed, live: Live, now: datetime) -> Report:
    record = observed.record
    policies = live.rulebook.policies
    labels = live.cache.namespace_labels(record.ref.namespace)
    matching = policies.matching(record.ref, record.labels, labels)
    if not matching:
        return Report(record.ref, (), ())
    snapshot = Snapshot(
        live.cache.inventory,
        now,
        Origin.CLUSTER,
        live.kubernetes_version,
        live.cache.unavailable,
        evidence=live.rulebook.evidence,
    )
    return evaluate(
        observed.workload(),
        snapshot,
        policies.effective(matching, now),
        live.rulebook.exemptions_in(record.ref.namespace),
    )
