"""Connections, speed, backups and the integrity of what is stored."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "database",
    "Database",
    (
        Group(
            "Connections",
            (
                Item(
                    "database-connections-pooled",
                    "Connections come from a pool",
                    (
                        "The pool reports how many of its connections are in use, which only a "
                        "pool can."
                    ),
                    Severity.SHOULD,
                    service_levels=("database-connection-use",),
                ),
                Item(
                    "database-connections-limited",
                    "The number of connections is bounded",
                    (
                        "The share of allowed connections in use is known and leaves room at "
                        "peak, over all replicas together."
                    ),
                    Severity.MUST,
                    service_levels=("database-connection-use",),
                ),
                Item(
                    "database-timeouts-configured",
                    "Waiting for the database ends",
                    ("Connecting, waiting for the pool and running a query each have a time- out."),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "database-reads-split",
                    "Reads go to replicas where that helps",
                    (
                        "It is settled whether reads go to replicas, and the code copes with "
                        "their lag; needless without replicas."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Speed",
            (
                Item(
                    "database-indexes-optimised",
                    "Indexes fit the queries",
                    "Rows are read by an index rather than by reading whole tables.",
                    Severity.SHOULD,
                    service_levels=("index-use",),
                ),
                Item(
                    "database-queries-analysed",
                    "Query times are known",
                    "Time spent in queries is measured and within its objective.",
                    Severity.SHOULD,
                    service_levels=("database-latency",),
                ),
                Item(
                    "slow-queries-logged",
                    "Slow queries are logged",
                    ("The database logs queries over a threshold, and somebody looks at them."),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "database-statistics-fresh",
                    "Planner statistics are fresh",
                    "Tables are analysed often enough for the planner to choose well.",
                    Severity.SHOULD,
                    service_levels=("database-statistics-age",),
                ),
            ),
        ),
        Group(
            "Backup and recovery",
            (
                Item(
                    "backup-scheduled",
                    "Backups run by themselves",
                    ("Every persistent volume of the workload is covered by a backup schedule."),
                    Severity.MUST,
                    checks=("backup-schedule-missing",),
                    cited_as="Backup & Recovery: Automated backup schedule",
                ),
                Item(
                    "backup-retention-defined",
                    "How long backups are kept is defined",
                    "Retention meets legal and business needs, and old backups do go away.",
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "recovery-rehearsed",
                    "A restore has been rehearsed",
                    (
                        "The last backup is recent, and somebody restored one into an empty "
                        "environment and measured how long it took."
                    ),
                    Severity.MUST,
                    checks=("backup-stale",),
                    evidence=True,
                    cited_as="Backup & Recovery: Recovery testing performed",
                ),
                Item(
                    "point-in-time-recovery-enabled",
                    "Data can be restored to a moment",
                    (
                        "Transaction logs are archived all the time, so little is lost since "
                        "the last backup."
                    ),
                    Severity.SHOULD,
                    service_levels=("log-archive-age",),
                ),
                Item(
                    "backup-encrypted",
                    "Backups are encrypted",
                    "Backups are encrypted, and their keys are kept apart from them.",
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Watching",
            (
                Item(
                    "database-health-watched",
                    "The database's health is watched",
                    "A probe asks the database all the time whether it answers.",
                    Severity.MUST,
                    service_levels=("database-availability",),
                ),
                Item(
                    "database-connections-watched",
                    "Connections are watched",
                    "The number of connections in use is measured.",
                    Severity.SHOULD,
                    service_levels=("database-connection-use",),
                ),
                Item(
                    "database-queries-watched",
                    "Query performance is watched",
                    "Latency of queries is measured as long as the service runs.",
                    Severity.SHOULD,
                    service_levels=("database-latency",),
                ),
                Item(
                    "disk-space-watched",
                    "Disk space is watched",
                    (
                        "The share of each volume in use is measured, with time to act before "
                        "it is full."
                    ),
                    Severity.MUST,
                    service_levels=("volume-use",),
                ),
            ),
        ),
        Group(
            "Migrations",
            (
                Item(
                    "migrations-tested",
                    "Migrations are tested",
                    (
                        "Every migration has run on a copy of real data, under load where "
                        "tables are large."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "migration-rollback-tested",
                    "Undoing a migration is tested",
                    (
                        "Each migration can be undone, or the old code runs with the new "
                        "schema, and somebody tried."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "migrations-versioned",
                    "Migrations are versioned",
                    (
                        "Migrations are in version control, run in order and are recorded in "
                        "the database."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "data-migrations-scripted",
                    "Data is moved by scripts",
                    "Changes to data are scripts that can be run again, reviewed like code.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Integrity",
            (
                Item(
                    "foreign-keys-constrained",
                    "References between tables are constrained",
                    "Foreign keys are declared, or what replaces them is.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "values-constrained",
                    "Impossible values are refused",
                    "Check constraints refuse values that would break the service.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "uniqueness-constrained",
                    "What must be unique is",
                    "Unique constraints stand where the service relies on uniqueness.",
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "data-validated",
                    "Data is validated before it is stored",
                    (
                        "The service checks form and range of what it stores and answers errors "
                        "that say what is wrong."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
    ),
)
