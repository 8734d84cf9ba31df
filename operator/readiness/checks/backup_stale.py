"""The last backup of the data is too old.

Read from status: lastBackup of a Velero Schedule, lastSnapshotTime of a SnapshotSchedule,
lastSuccessfulBackup of the Cluster that a ScheduledBackup of CloudNativePG names. K8up does not
say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._backups import SCHEDULE_KINDS, Schedule, schedules_of
from readiness.checks._claims import Claim, persistent_claims
from readiness.checks._limits import DURATION
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks.base import Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.data_protection import K8upSchedule, PostgresCluster, ScheduledBackup
from readiness.model.duration import after, parse_duration
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """What a policy may set.

    Attributes:
        maxAge: how old the last backup may be, such as `26h`.
    """

    maxAge: Annotated[str, DURATION] = "26h"  # noqa: N815


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
    longest = parse_duration(params.maxAge)
    covered = judged = False
    found = []
    for claim in claims:
        schedules = list(schedules_of(claim, workload, snapshot))
        covered = covered or bool(schedules)
        times = [(last, s) for s in schedules if (last := _last(s, snapshot)) is not None]
        newest = max(times, key=lambda pair: pair[0], default=None)
        if newest is None:
            continue
        if not snapshot.is_past(after(newest[0], longest)):
            judged = True
        elif len(times) == len(schedules):  # else one that does not say may be fresh
            judged = True
            found.append(_stale(claim, *newest, workload, params))
    if judged:
        return found
    if covered:
        return Skip("its backup schedules do not say when they last made a backup")
    return all_unavailable(snapshot, *SCHEDULE_KINDS) or Skip(
        "no backup schedule covers its claims"
    )


def _last(schedule: Schedule, snapshot: Snapshot) -> datetime | None:
    """Return when a schedule last made a backup; None when it does not say.

    One that has made none since it was created says when that was.
    """
    if isinstance(schedule, K8upSchedule):
        return None
    if isinstance(schedule, ScheduledBackup):
        # None too where a plugin makes the backups: the field is not set then.
        cluster = snapshot.companion(PostgresCluster, schedule.namespace, schedule.cluster)
        return cluster.last_backup if cluster is not None else None
    return schedule.last_backup or schedule.created


def _stale(
    claim: Claim, last: datetime, schedule: Schedule, workload: Workload, params: Params
) -> Finding:
    never = not isinstance(schedule, ScheduledBackup | K8upSchedule) and not schedule.last_backup
    since = f"{'none since' if never else 'the last was at'} {last:%Y-%m-%dT%H:%M:%SZ}"
    return Finding(
        f'{schedule.title_from(workload.namespace)} must back up claim "{claim.name}" at least '
        f"every {params.maxAge} ({since})",
        claim.path,
    )
