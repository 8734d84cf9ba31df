"""The data of the workload is in no backup.

Allowed: each persistent claim is covered by a Schedule of Velero or K8up, a ScheduledBackup of
CloudNativePG or a SnapshotSchedule of snapscheduler that is not paused. A Velero Schedule counts
only when it saves the content of volumes.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._backups import SCHEDULE_KINDS, schedules_of
from readiness.checks._claims import persistent_claims
from readiness.checks._optional_kinds import all_unavailable
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="backup-schedule-missing",
    title="Backup schedule missing",
    category=Category.DATA,
    severity=Severity.MUST,
    scope=Scope.COMPANION,
    rationale=(
        "A deleted namespace, a lost disk or a bad migration takes the data with it, for good."
    ),
    remediation=(
        "Add a Velero Schedule whose template.includedNamespaces has the namespace, or a schedule "
        "of K8up, CloudNativePG or snapscheduler in it, and rehearse a restore."
    ),
    reference=Reference(
        checklist="Backup & Recovery: Automated backup schedule",
        url="https://velero.io/docs/main/api-types/schedule/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each persistent claim that no schedule covers."""
    claims = persistent_claims(workload, snapshot)
    if not claims:
        return Skip("it has no persistent claims")
    missing = [c for c in claims if next(schedules_of(c, workload, snapshot), None) is None]
    if not missing:
        return PASS
    return all_unavailable(snapshot, *SCHEDULE_KINDS) or [
        Finding(
            f'claim "{claim.name}" must be covered by a schedule of Velero, K8up, CloudNativePG or '
            "snapscheduler",
            claim.path,
        )
        for claim in missing
    ]
