"""What an operator that begins with nothing would write: the yardstick after every fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

from readiness.controller.reconciler import Reconciler
from readiness.kube.client import KubeClient, load_configuration
from readiness.publish.events import EventRecorder
from readiness.report.conditions import agree, conditions_of
from readiness.telemetry.metrics import Metrics
from readiness.watch.sync import Synchroniser


def wrongly_judged(kubeconfig: Path, namespace: str) -> list[str]:
    """Return the workloads of a namespace whose conditions are not those of a fresh evaluation."""
    return asyncio.run(_wrongly_judged(kubeconfig, namespace))


async def _wrongly_judged(kubeconfig: Path, namespace: str) -> list[str]:
    async with KubeClient(await load_configuration(str(kubeconfig))) as client:
        reconciler = Reconciler(client, EventRecorder(client), Metrics(), operator_namespace="")
        await Synchroniser(client, reconciler.cache, sweep_seconds=3600).sweep_all()
        return [
            str(ref)
            for ref, observed in reconciler.cache.workloads.items()
            if ref.namespace == namespace
            and not agree(observed.conditions, conditions_of(reconciler.judge(ref, observed)))
        ]
