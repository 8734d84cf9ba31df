"""Incidents, disasters, maintenance and updates."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "operations",
    "Operational readiness",
    (
        Group(
            "Incidents",
            (
                Item(
                    "incident-response-prepared",
                    "Incidents are met with a plan",
                    (
                        "The workload links its runbook, and service is restored within the "
                        "objective."
                    ),
                    Severity.MUST,
                    checks=("runbook-missing",),
                    service_levels=("mttr",),
                ),
                Item(
                    "incident-escalation-defined",
                    "It is known whom to call",
                    "The workload names its owner and who is on call.",
                    Severity.MUST,
                    checks=("on-call-missing", "owner-missing"),
                    cited_as="Incident Management: Escalation procedures",
                ),
                Item(
                    "incident-communication-planned",
                    "Who tells whom is planned",
                    (
                        "Users, support and management hear of an incident from somebody named, "
                        "by a known channel."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "incident-reviews-held",
                    "Incidents are reviewed",
                    (
                        "After an incident people look for causes without blame, and what was "
                        "decided gets done."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Disasters",
            (
                Item(
                    "backup-in-place",
                    "Backups are in place",
                    "Backups are scheduled and the last good one is recent.",
                    Severity.MUST,
                    checks=("backup-schedule-missing", "backup-stale"),
                ),
                Item(
                    "recovery-procedure-written",
                    "Recovering has a procedure",
                    "The recovery runbook exists.",
                    Severity.MUST,
                    items=("recovery-runbook-written",),
                ),
                Item(
                    "recovery-objectives-defined",
                    "Recovery objectives are defined",
                    (
                        "It is settled how much data and how much time may be lost, and backups "
                        "are fresh enough for it."
                    ),
                    Severity.MUST,
                    checks=("backup-stale",),
                    evidence=True,
                ),
                Item(
                    "recovery-tested",
                    "Recovery was tried",
                    "A restore has been rehearsed.",
                    Severity.MUST,
                    items=("recovery-rehearsed",),
                ),
            ),
        ),
        Group(
            "Maintenance",
            (
                Item(
                    "maintenance-possible",
                    "Nodes can be drained on schedule",
                    (
                        "Maintenance is scheduled, and disruption budgets let pods move without "
                        "an outage."
                    ),
                    Severity.SHOULD,
                    checks=("disruption-budget-missing", "disruption-budget-blocks-eviction"),
                    evidence=True,
                ),
                Item(
                    "maintenance-procedure-written",
                    "Maintenance has a procedure",
                    (
                        "Recurring work on the service is written down and automated where it "
                        "can be."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "changes-managed",
                    "Changes are reviewed and traceable",
                    (
                        "Each change in production is approved and can be traced to a person "
                        "and a reason, and most deployments succeed."
                    ),
                    Severity.SHOULD,
                    service_levels=("deployment-success",),
                    evidence=True,
                ),
                Item(
                    "maintenance-announced",
                    "Maintenance is announced",
                    "Users hear in time of maintenance that they may notice.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Updates",
            (
                Item(
                    "updates-routine",
                    "Updating is routine",
                    "Releases roll out without an outage, and nearly all of them succeed.",
                    Severity.SHOULD,
                    checks=("rollout-loses-all-capacity", "recreate-strategy"),
                    service_levels=("deployment-success",),
                ),
                Item(
                    "patches-managed",
                    "Patches are managed",
                    (
                        "It is settled who watches for patches of nodes, images and databases, "
                        "and how soon each is installed."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "security-updates-installed",
                    "Security updates are installed",
                    "Running images have no known vulnerability for which a fix exists.",
                    Severity.MUST,
                    service_levels=("fixable-vulnerabilities",),
                ),
                Item(
                    "dependencies-updated",
                    "Dependencies are kept current",
                    (
                        "Updates of libraries are proposed by a tool and merged regularly, and "
                        "no fixable vulnerability is left."
                    ),
                    Severity.SHOULD,
                    service_levels=("fixable-vulnerabilities",),
                    evidence=True,
                ),
            ),
        ),
    ),
)
