"""Evidence that people give for items of the checklist, found by workload and item."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from readiness.model.workload import ObjectRef
from readiness.model.workload_target import WorkloadTarget, concerns


class Evidence(Struct, frozen=True):
    """A ReadinessEvidence that can be used.

    Attributes:
        item: id of the item of the checklist that it answers.
        attested_by, approved_by: names of users; "" for no approval.
        digests: by container, the digest that its image has to name.
    """

    namespace: str
    name: str
    item: str
    targets: tuple[WorkloadTarget, ...]
    performed_at: datetime
    expires_at: datetime
    attested_by: str
    approved_by: str = ""
    digests: tuple[tuple[str, str], ...] = ()

    def concerns(self, ref: ObjectRef, labels: Mapping[str, str] | None) -> bool:
        """Return whether it is about this workload, expired or not."""
        return ref.namespace == self.namespace and concerns(self.targets, ref, labels)


class EvidenceIndex:
    """All evidence there is.

    Each workload may have evidence of its own for every item, so what names a workload is found by
    that name, without a look at all the rest of its namespace.
    """

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Evidence] = {}
        # By namespace, item and name of a workload; None as the name for what has a selector.
        self._places: dict[tuple[str, str, str | None], dict[str, Evidence]] = defaultdict(dict)
        self._items: dict[str, Counter[str]] = defaultdict(Counter)

    def __len__(self) -> int:
        return len(self._all)

    def get(self, namespace: str, name: str) -> Evidence | None:
        """Return evidence by its own name."""
        return self._all.get((namespace, name))

    def all(self) -> Collection[Evidence]:
        """Return all evidence."""
        return self._all.values()

    def put(self, evidence: Evidence) -> None:
        """Take in evidence, in place of what has its name."""
        self.remove(evidence.namespace, evidence.name)
        self._all[evidence.namespace, evidence.name] = evidence
        for place in _places(evidence):
            self._places[place][evidence.name] = evidence
        self._items[evidence.namespace][evidence.item] += 1

    def remove(self, namespace: str, name: str) -> None:
        """Forget evidence; an unknown name is no error."""
        old = self._all.pop((namespace, name), None)
        if old is None:
            return
        for place in _places(old):
            del self._places[place][name]
            if not self._places[place]:
                del self._places[place]
        items = self._items[namespace]
        items[old.item] -= 1
        if not items[old.item]:
            del items[old.item]
        if not items:
            del self._items[namespace]

    def about(self, ref: ObjectRef, labels: Mapping[str, str] | None, item: str) -> list[Evidence]:
        """Return the evidence about a workload for an item, expired or not, by name."""
        found: dict[str, Evidence] = {}
        for name in (ref.name, None):
            found |= self._places.get((ref.namespace, item, name), {})
        return [found[name] for name in sorted(found) if found[name].concerns(ref, labels)]

    def all_about(self, ref: ObjectRef, labels: Mapping[str, str] | None) -> list[Evidence]:
        """Return the evidence about a workload for any item."""
        items = self._items.get(ref.namespace, ())
        return [evidence for item in items for evidence in self.about(ref, labels, item)]


def _places(evidence: Evidence) -> set[tuple[str, str, str | None]]:
    return {(evidence.namespace, evidence.item, target.name) for target in evidence.targets}
