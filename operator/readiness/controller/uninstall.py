"""Takes away what the operator wrote into a cluster."""

from __future__ import annotations

from readiness.errors import ConflictError, NotFoundError
from readiness.kube.client import KubeClient, load_configuration
from readiness.kube.kinds import WORKLOADS
from readiness.model.workload import ObjectRef
from readiness.publish import compiled_policies, policy_reports
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


async def remove_compiled_policies(
    kubeconfig: str | None, context: str | None, *, dry_run: bool
) -> list[tuple[str, str]]:
    """Return kind and name of the compiled policies; unless `dry_run` they are gone.

    Raises:
        ClusterError: when the cluster can't be reached or does not allow it.
    """
    async with KubeClient(await load_configuration(kubeconfig, context)) as client:
        # Bindings before their policies.
        found = sorted(await compiled_policies.written_before(client), reverse=True)
        if not dry_run:
            for key in found:
                await compiled_policies.delete(client, key)
    return found


async def remove_reports(
    kubeconfig: str | None, context: str | None, *, dry_run: bool
) -> list[tuple[str, str, str]]:
    """Return kind, namespace and name of the reports; unless `dry_run` they are gone.

    Raises:
        ClusterError: when the cluster can't be reached or does not allow it.
    """
    found = []
    async with KubeClient(await load_configuration(kubeconfig, context)) as client:
        for kind in policy_reports.KINDS.values():
            try:
                async for report in policy_reports.written_before(client, kind):
                    if not dry_run:
                        await policy_reports.delete(client, kind, report.namespace, report.name)
                    found.append((kind.kind, report.namespace, report.name))
            except NotFoundError:
                continue  # the kind is not installed
    return found
