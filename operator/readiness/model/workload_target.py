"""Which workloads of its namespace an exemption or a piece of evidence is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from readiness.errors import FieldError
from readiness.model.label_selector import LabelSelector
from readiness.model.workload import ObjectRef, Workload


class WorkloadTarget(Struct, frozen=True):
    """Workloads by kind (None: any) and by name or selector; with neither of these, none."""

    kind: str | None
    name: str | None
    selector: LabelSelector | None

    def matches(self, ref: ObjectRef, labels: Mapping[str, str] | None) -> bool:
        """Return whether a workload is meant; labels nobody can read (None) meet no selector."""
        if self.kind is not None and ref.kind != self.kind:
            return False
        if self.name is not None:
            return ref.name == self.name
        if self.selector is None or labels is None:
            return False
        return self.selector.matches(labels)


def concerns(
    targets: Iterable[WorkloadTarget], ref: ObjectRef, labels: Mapping[str, str] | None
) -> bool:
    """Return whether one of these targets means a workload of the same namespace."""
    return any(target.matches(ref, labels) for target in targets)


def readable_labels(workload: Workload) -> Mapping[str, str] | None:
    """Return a workload's own labels, None when nobody can read them."""
    try:
        return workload.labels
    except FieldError:
        return None
