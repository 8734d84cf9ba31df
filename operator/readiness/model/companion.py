"""What every object has that a workload is judged with, and how the operator finds it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from readiness.model.fields import Fields
from readiness.model.workload import ObjectRef


class _Named(Struct, frozen=True):
    ref: ObjectRef


class Companion(_Named, frozen=True, kw_only=True):
    """What all companions have: a name. Cluster-scoped ones have the namespace "".

    Attributes:
        ref: names it.
        api_version: the apiVersion as written, empty when it is the one the operator watches.
    """

    api_version: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.ref.name

    @property
    def title(self) -> str:
        """How messages name it: `PodDisruptionBudget "web"`."""
        return f'{self.ref.kind} "{self.ref.name}"'

    def title_from(self, namespace: str) -> str:
        """Return the title as seen from a namespace: `Schedule "velero/daily"` from any other."""
        if self.namespace in ("", namespace):
            return self.title
        return f'{self.ref.kind} "{self.namespace}/{self.name}"'

    @property
    def namespace(self) -> str:
        """Its namespace, "" for cluster-scoped kinds."""
        return self.ref.namespace


class CompanionKind(Struct, frozen=True):
    """One kind of companion and how the operator finds it.

    Attributes:
        group, version, plural: its REST resource; version is the one the operator watches.
        optional: whether a cluster may lack the kind (it comes with a CRD).
        type: the class it is parsed into.
        offline_only: whether it is read from files alone; the operator never asks a cluster for it.
        former_groups: groups that served the kind before; files may still use them.
        known_as: its key in `Snapshot.unavailable` where the bare kind would be ambiguous.
    """

    group: str
    version: str
    kind: str
    plural: str
    type: type[Companion]
    parse: Callable[[Fields, ObjectRef], Companion]
    namespaced: bool = True
    optional: bool = False
    offline_only: bool = False
    former_groups: tuple[str, ...] = ()
    known_as: str = ""

    @property
    def key(self) -> str:
        """Its key in `Snapshot.unavailable`: the kind, but for the few whose kind is ambiguous."""
        return self.known_as or self.kind
