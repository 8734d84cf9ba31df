"""Takes the operator's conditions off every workload."""

from __future__ import annotations

from readiness.errors import ConflictError, NotFoundError
from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.kinds import WORKLOADS
from readiness.model.workload import ObjectRef
from readiness.publish.conditions import apply_conditions
from readiness.watch.projection import our_conditions


async def remove_conditions(
    kubeconfig: str | None, context: str | None, *, dry_run: bool
) -> list[ObjectRef]:
    """Return the workloads that carried conditions of ours; unless `dry_run` they do no more.

    Raises:
        ClusterError: when the cluster can't be reached or does not allow it.
    """
    touched = []
    async with KubeClient(await load_configuration(kubeconfig, context)) as client:
        for kind in WORKLOADS.values():
            async for page in client.pages(kind):
                for manifest in page.items:
                    if not our_conditions((manifest.get("status") or {}).get("conditions") or ()):
                        continue
                    metadata = manifest["metadata"]
                    ref = ObjectRef(kind.group, kind.kind, metadata["namespace"], metadata["name"])
                    if not dry_run:
                        try:
                            await apply_conditions(client, ref, metadata["uid"], [])
                        except (NotFoundError, ConflictError):
                            continue  # deleted meanwhile, and the conditions with it
                    touched.append(ref)
    return touched
