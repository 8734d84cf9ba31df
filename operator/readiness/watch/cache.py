"""The cluster as the operator knows it, and who is touched when it changes.

Fed by watch events and by lists, in any order: each object's resourceVersion says which is newer,
and what a list no longer holds is gone. Not thread-safe: it lives in one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from readiness.errors import FieldError
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.companions import COMPANION_KINDS, Namespace, parse_companion
from readiness.model.inventory import Inventory
from readiness.model.workload import ObjectRef
from readiness.report.conditions import ConditionState, agree
from readiness.watch.projection import Observed, observe_workload, resource_version
from readiness.watch.shard import EVERYTHING, Shard

logger = structlog.get_logger(__name__)

Touched = set[ObjectRef]


class ClusterCache:
    """Workloads, companions, policies, exemptions and evidence of a cluster.

    Attributes:
        inventory: what checks look at.
        workloads: what is known of each workload.
        unavailable: kinds that can't be looked at, with the reason; see Snapshot.
        on_touched: called with the workloads whose verdict a change may alter.
        on_manifest: called with kind, namespace, name and manifest (None: gone) for our own kinds.
        shard: the part of the namespaces whose workloads are judged; of others nothing is kept but
            what is about these.
    """

    def __init__(
        self,
        on_touched: Callable[[Touched], None],
        on_manifest: Callable[[ResourceKind, str, str, dict[str, Any] | None], None],
        shard: Shard = EVERYTHING,
    ) -> None:
        self.inventory = Inventory()
        self.workloads: dict[ObjectRef, Observed] = {}
        self.unavailable: dict[str, str] = {}
        self.on_touched = on_touched
        self.on_manifest = on_manifest
        self.shard = shard
        # By kind: resourceVersion of each object known, and of those deleted during a sweep.
        self._versions: dict[ResourceKind, dict[tuple[str, str], int]] = {}
        self._expected: dict[ObjectRef, Sequence[ConditionState]] = {}
        self._deleted: dict[ResourceKind, dict[tuple[str, str], int]] = {}

    def count(self, kind: ResourceKind) -> int:
        """Return how many objects of a kind are known."""
        return len(self._versions.get(kind, ()))

    def known(self, kind: ResourceKind, manifest: dict[str, Any]) -> bool:
        """Return whether this very state of an object is known already."""
        metadata = manifest["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        return self._versions.get(kind, {}).get(key) == resource_version(manifest)

    def put(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        """Take in an object, unless it is of no concern or a newer state of it is known."""
        metadata = manifest["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        if not self.shard.needs(kind, key[0]):
            return
        version = resource_version(manifest)
        versions = self._versions.setdefault(kind, {})
        newest = max(versions.get(key, 0), self._deleted.get(kind, {}).get(key, 0))
        if version <= newest:
            return
        versions[key] = version
        self._store(kind, manifest)

    def delete(self, kind: ResourceKind, namespace: str, name: str, version: int) -> None:
        """Forget an object that was deleted at this resourceVersion, unless it came back since."""
        key = (namespace, name)
        versions = self._versions.get(kind, {})
        if kind in self._deleted:
            self._deleted[kind][key] = max(version, self._deleted[kind].get(key, 0))
        if key not in versions or versions[key] > version:
            return
        del versions[key]
        self._forget(kind, namespace, name)

    def begin_sweep(self, kind: ResourceKind) -> None:
        """Remember deletions from now on: a list under way may still hold what they removed."""
        self._deleted[kind] = {}

    def end_sweep(self, kind: ResourceKind, seen: Iterable[tuple[str, str]], version: int) -> int:
        """Forget what a complete list of a kind did not hold; return how many objects that was.

        Args:
            kind: the kind listed.
            seen: namespace and name of everything the list held.
            version: resourceVersion of the list; what came later can't have been in it.
        """
        self._deleted.pop(kind, None)
        held = set(seen)
        gone = [
            key
            for key, known in self._versions.get(kind, {}).items()
            if key not in held and known <= version
        ]
        for namespace, name in gone:
            self.delete(kind, namespace, name, version)
        return len(gone)

    def abandon_sweep(self, kind: ResourceKind) -> None:
        """Forget a sweep that could not be finished."""
        self._deleted.pop(kind, None)

    def set_unavailable(self, kind: ResourceKind, reason: str | None) -> None:
        """Say that a kind can't be looked at and why, or with None that it can."""
        key = kinds.unavailable_key(kind)
        if self.unavailable.get(key) == reason:
            return
        if reason is None:
            del self.unavailable[key]
        else:
            self.unavailable[key] = reason
            for namespace, name in list(self._versions.get(kind, ())):
                self._forget(kind, namespace, name)
            self._versions.pop(kind, None)
        self.on_touched(set(self.workloads))

    def expect(self, ref: ObjectRef, conditions: Sequence[ConditionState]) -> None:
        """Take note of conditions about to be written: seeing them on the watch is no news.

        That lasts until the answer comes, `stored`, or something else is wanted: a write whose
        answer was lost may show up at any time later.
        """
        self._expected[ref] = conditions

    def expect_nothing(self, ref: ObjectRef) -> None:
        """Take note that a workload is to stay as it is known: any other conditions are news."""
        self._expected.pop(ref, None)

    def stored(self, ref: ObjectRef, manifest: Mapping[str, Any]) -> None:
        """Take in the answer to our own write, so that its echo on the watch is no news."""
        self._expected.pop(ref, None)
        self.put(kinds.WORKLOADS[ref.kind], dict(manifest))

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """Return the labels of a namespace; only its name label when it is not known."""
        namespace = self.inventory.companion(Namespace, "", name)
        return {"kubernetes.io/metadata.name": name} if namespace is None else namespace.labels

    def _store(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        if kind.kind in kinds.WORKLOADS:
            self._store_workload(kind, manifest)
        elif (kind.group, kind.kind) in COMPANION_KINDS:
            self._store_companion(kind, manifest)
        else:
            metadata = manifest["metadata"]
            self.on_manifest(kind, metadata.get("namespace") or "", metadata["name"], manifest)

    def _store_workload(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        observed = observe_workload(manifest, kind.api_version, kind.kind)
        ref = observed.record.ref
        old = self.workloads.get(ref)
        self.workloads[ref] = observed
        if old is not None and old.record.document == observed.record.document:
            # Status or generation moved, nothing we judge; our conditions may have been touched.
            observed.record = old.record
            expected = self._expected.get(ref)
            ours = expected is not None and agree(observed.conditions, expected)
            if old.conditions != observed.conditions and not ours:
                self.on_touched({ref})
            return
        self.on_touched(self.inventory.put_workload(observed.record))

    def _store_companion(self, kind: ResourceKind, manifest: dict[str, Any]) -> None:
        manifest = {**manifest, "apiVersion": kind.api_version, "kind": kind.kind}
        try:
            companion = parse_companion(manifest, keep_values=False)
        except FieldError as error:
            # Kinds from CRDs may hold anything their schema lets through.
            metadata = manifest["metadata"]
            logger.warning(
                "object ignored",
                kind=kind.kind,
                namespace=metadata.get("namespace"),
                name=metadata["name"],
                reason=str(error),
            )
            self._forget(kind, metadata.get("namespace") or "", metadata["name"])
            return
        touched = self.inventory.put_companion(companion)
        if touched:
            self.on_touched(touched)

    def _forget(self, kind: ResourceKind, namespace: str, name: str) -> None:
        if kind.kind in kinds.WORKLOADS:
            ref = ObjectRef(kind.group, kind.kind, namespace, name)
            self.workloads.pop(ref, None)
            self._expected.pop(ref, None)
            self.on_touched(self.inventory.remove_workload(ref) | {ref})
        elif (kind.group, kind.kind) in COMPANION_KINDS:
            companion_type = COMPANION_KINDS[kind.group, kind.kind].type
            touched = self.inventory.remove_companion(companion_type, namespace, name)
            if touched:
                self.on_touched(touched)
        else:
            self.on_manifest(kind, namespace, name, None)
