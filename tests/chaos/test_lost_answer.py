"""A write that was done, but whose answer never came, is not taken for one that was not done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from readiness.controller.reconciler import Reconciler
from readiness.errors import ClusterError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, load_configuration
from readiness.model.workload import ObjectRef
from readiness.publish.events import EventRecorder
from readiness.telemetry.metrics import Metrics
from readiness.watch.sync import Synchroniser
from tests.chaos.faulty_proxy import NO_FAULT, Fault, FaultyProxy
from tests.e2e.conftest import Cluster
from tests.e2e.workloads import budget, deployment

BUDGETS = next(kind for kind in kinds.WATCHED if kind.plural == "poddisruptionbudgets")

LATER = 10**15  # a resourceVersion that the budget's own controller will not reach


def test_it_shows_later_and_is_put_right(
    cluster: Cluster, namespace: str, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    """Meanwhile the verdict has turned back to what the cache still shows: nothing is to be done.

    The write that was thought to have failed then shows up, and it is not what is wanted.
    """
    cluster.kubectl("label", "namespace", namespace, f"test={namespace}")
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessPolicy",
            "metadata": {"name": namespace},
            "spec": {
                "match": {"namespaceSelector": {"matchLabels": {"test": namespace}}},
                "checks": [{"id": "disruption-budget-missing", "severity": "Must"}],
            },
        },
        deployment(namespace),
        budget(namespace, "web"),
    )
    there = cluster.get("-n", namespace, "poddisruptionbudget", "web")
    web = ObjectRef("apps", "Deployment", namespace, "web")

    async def play(proxy: FaultyProxy) -> list[str]:
        async with KubeClient(await load_configuration(str(proxy.kubeconfig))) as client:
            reconciler = Reconciler(client, EventRecorder(client), Metrics(), operator_namespace="")
            cache = reconciler.cache
            synchroniser = Synchroniser(client, cache, sweep_seconds=3600)
            await synchroniser.sweep_all()
            await reconciler.reconcile(web)
            seen = [cluster.ready(namespace, "deployment/web")]

            cache.delete(BUDGETS, namespace, "web", LATER)
            proxy.set(Fault(lose_answers=True))
            with pytest.raises(ClusterError, match="Server disconnected"):
                await reconciler.reconcile(web)
            proxy.set(NO_FAULT)
            seen.append(cluster.ready(namespace, "deployment/web"))

            cache.put(BUDGETS, as_of(there, LATER + 1))
            await reconciler.reconcile(web)
            reconciler.begin()
            while len(reconciler.queue):
                reconciler.queue.done(await reconciler.queue.get())

            await synchroniser.sweep_all()
            while len(reconciler.queue):
                key = await reconciler.queue.get()
                await reconciler.reconcile(key)
                reconciler.queue.done(key)
            return [*seen, cluster.ready(namespace, "deployment/web")]

    with FaultyProxy(operator_kubeconfig, tmp_path) as proxy:
        seen = asyncio.run(play(proxy))
    cluster.kubectl("delete", "readinesspolicy", namespace)

    assert seen == ["True", "False", "True"]


def as_of(manifest: dict[str, Any], version: int) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(version)}}
