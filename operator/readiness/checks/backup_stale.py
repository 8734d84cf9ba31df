"""The last backup of the data is too old.

Read from status: lastBackup of a Velero Schedule, lastSnapshotTime of a SnapshotSchedule,
lastSuccessfulBackup of the Cluster that a ScheduledBackup of CloudNativePG names. K8up does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from readiness.api.vocabulary import Category, Severity
from readiness.checks._backups import SCHEDULE_KINDS, Schedule, schedules_of
from readiness.checks._claims import persistent_claims
from readiness.checks._routes import all_unavailable
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.data_protection import K8upSchedule, PostgresCluster, ScheduledBackup
from readiness.model.duration import parse_duration
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        maxAge: how old the last backup may be, such as `26h`.
    """

    maxAge: str = "26h"  # noqa: N815

    def __post_init__(self) -> None:
        """Raise ValueError when `maxAge` is no duration."""
        parse_duration(self.maxAge)


CHECK = Check(
    id="backup-stale",
    title="Backup stale",
    category=Category.DATA,
    severity=Severity.MUST,
    scope=Scope.COMPANION,
    rationale=(
        "A schedule that has stopped working looks like one that works, until the day somebody "
        "needs what it did not save."
    ),
    remediation=(
        "Find out why the schedule makes no backups (velero backup describe, the operator's log), "
        "and alert on it; raise params.maxAge only where backups are meant to be rarer."
    ),
    reference=Reference(
        checklist="Backup & Recovery: Recovery testing performed",
        url="https://velero.io/docs/main/api-types/schedule/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each claim whose schedules have all made no backup for too long."""
    claims = persistent_claims(workload, snapshot)
    if not claims:
        return Skip("it has no persistent claims")
    if snapshot.origin is Origin.FILES:
        return Skip("only a cluster knows when a backup was made")
    oldest = snapshot.now - parse_duration(params.maxAge)
    covered = judged = False
    found = []
    for claim in claims:
        schedules = list(schedules_of(claim, workload, snapshot))
        covered = covered or bool(schedules)
        telling = [s for s in schedules if not isinstance(s, K8upSchedule)]
        judged = judged or bool(telling)
        if len(telling) < len(schedules) or not schedules:
            continue  # whether K8up made one is not known; none at all is another check's news
        last = max(((_last_backup(s, snapshot), s.title_from(workload.namespace)) for s in telling))
    return found
