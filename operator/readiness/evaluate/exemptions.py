"""Which findings are accepted for a while, by whom and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from readiness.errors import FieldError
from readiness.model.duration import after
from readiness.model.label_selector import LabelSelector
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class ExemptionTarget:
    """Workloads by kind (None: any) and by name or selector."""

    kind: str | None
    name: str | None
    selector: LabelSelector | None

    def matches(self, workload: Workload) -> bool:
        """Return whether the workload is meant."""
        if self.kind is not None and workload.ref.kind != self.kind:
            return False
        if self.name is not None:
            return workload.name == self.name
        if self.selector is None:
            return False
        try:
            return self.selector.matches(workload.labels)
        except FieldError:  # labels that nobody can read accept nothing: the findings count
            return False


@dataclass(frozen=True, slots=True)
class Exemption:
    """A ReadinessExemption that can be used.

    Attributes:
        containers: names of containers; None means the whole workload.
        created: when it was made; None offline.
    """

    namespace: str
    name: str
    targets: tuple[ExemptionTarget, ...]
    containers: frozenset[str] | None
    checks: frozenset[str]
    reason: str
    expires_at: datetime
    created: datetime | None

    def ends(self, max_duration: timedelta | None) -> datetime:
        """Return when it ends: at its expiry, or earlier where a policy limits how long."""
        if max_duration is None or self.created is None:
            return self.expires_at
        return min(self.expires_at, after(self.created, max_duration))

    def concerns(self, workload: Workload) -> bool:
        """Return whether it is about this workload, expired or not."""
        return workload.namespace == self.namespace and any(
            target.matches(workload) for target in self.targets
        )

    def covers(self, check_id: str, container: str) -> bool:
        """Return whether it accepts a finding of this check about this container ("": none)."""
        if check_id not in self.checks:
            return False
        return self.containers is None or container in self.containers


def exemptions_of(workload: Workload, exemptions: Iterable[Exemption]) -> list[Exemption]:
    """Return the exemptions about a workload, the longest lasting first, then by name."""
    found = [exemption for exemption in exemptions if exemption.concerns(workload)]
    found.sort(key=lambda e: e.name)
    found.sort(key=lambda e: e.expires_at, reverse=True)
    return found
