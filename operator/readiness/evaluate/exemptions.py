"""Which findings are accepted for a while, by whom and until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from readiness.model.duration import after
from readiness.model.workload import Workload
from readiness.model.workload_target import WorkloadTarget, concerns, readable_labels


class Exemption(Struct, frozen=True):
    """A ReadinessExemption that can be used.

    Attributes:
        containers: names of containers; None means the whole workload.
        created: when it was made; None offline.
    """

    namespace: str
    name: str
    targets: tuple[WorkloadTarget, ...]
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
        return workload.namespace == self.namespace and concerns(
            self.targets, workload.ref, readable_labels(workload)
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
