"""What must not be open, what should not, and what would be nice."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist import documentation
from readiness.checklist.base import Group, Item, Section, Stage

SECTION = Section(
    "risks",
    "Open risks",
    (
        Group(
            "Must be fixed before production",
            (
                Item(
                    "no-critical-weakness",
                    "No critical weakness is known",
                    (
                        "Running images have no critical vulnerability, and pods do nothing "
                        "that gives away the node."
                    ),
                    Severity.MUST,
                    checks=(
                        "apparmor-profile",
                        "container-runtime-socket-mounted",
                        "dangerous-capabilities",
                        "hard-coded-credential",
                        "host-namespaces",
                        "host-path-volume",
                        "host-process-container",
                        "privilege-escalation-allowed",
                        "privileged-container",
                        "run-as-root-allowed",
                        "run-as-root-user",
                        "seccomp-unconfined",
                        "selinux-options",
                        "unmasked-proc-mount",
                        "unsafe-sysctls",
                    ),
                    service_levels=("critical-vulnerabilities",),
                ),
                Item(
                    "no-data-loss-risk",
                    "No data can be lost unnoticed",
                    "Volumes are backed up, backups are recent, and one was restored.",
                    Severity.MUST,
                    items=("backup-scheduled", "recovery-rehearsed"),
                ),
                Item(
                    "no-collapse-under-load",
                    "Load does not break the service",
                    (
                        "A load test was run, and latency and errors in production are within "
                        "their objectives."
                    ),
                    Severity.MUST,
                    items=("load-testing-performed",),
                    service_levels=("latency-p95", "error-rate"),
                ),
                Item(
                    "no-missing-backup",
                    "No backup is missing",
                    "Every persistent volume has a schedule and a recent backup.",
                    Severity.MUST,
                    items=("backup-in-place",),
                ),
                Item(
                    "no-blind-spot",
                    "Nothing runs unwatched",
                    "The workload is scraped, and alerts concern it.",
                    Severity.MUST,
                    checks=("metrics-not-scraped", "alerts-missing"),
                ),
                Item(
                    "no-missing-health-check",
                    "No health check is missing",
                    "Containers have the probes they need.",
                    Severity.MUST,
                    items=("container-health-checked",),
                ),
            ),
        ),
        Group(
            "Should be fixed before production",
            (
                Item(
                    "minor-weaknesses-fixed",
                    "Lesser weaknesses are dealt with",
                    (
                        "The remaining hardening of pods is done, and no vulnerability of high "
                        "severity is known."
                    ),
                    Severity.SHOULD,
                    checks=(
                        "capabilities-not-dropped",
                        "default-service-account",
                        "host-port",
                        "host-probes",
                        "restricted-volume-types",
                        "run-as-root-group",
                        "seccomp-profile-missing",
                        "service-account-token-mounted",
                        "unmasked-proc-mount-in-user-namespace",
                        "writable-root-filesystem",
                    ),
                    service_levels=("high-vulnerabilities",),
                ),
                Item(
                    "performance-tuned",
                    "Performance has been tuned",
                    "CPU, memory, query times and cache hits are within their objectives.",
                    Severity.SHOULD,
                    service_levels=("cpu-use", "memory-use", "database-latency", "cache-hit-rate"),
                ),
                Item(
                    "documentation-gaps-closed",
                    "No document is missing",
                    "All of the section Documentation holds.",
                    Severity.SHOULD,
                    items=documentation.SECTION.item_ids,
                ),
                Item(
                    "test-gaps-closed",
                    "No test is missing",
                    "Coverage is high enough and critical paths are tested.",
                    Severity.SHOULD,
                    items=("test-coverage-sufficient", "critical-paths-tested"),
                ),
                Item(
                    "monitoring-improved",
                    "Monitoring helps whoever is called",
                    ("Each alert links a runbook, and dependencies and the database are watched."),
                    Severity.SHOULD,
                    checks=("alert-without-runbook",),
                    service_levels=("dependency-availability", "database-availability"),
                ),
            ),
        ),
        Group(
            "Nice to have",
            (
                Item(
                    "features-planned",
                    "Further features are planned",
                    "What was left out for the launch is on a list with an owner.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "performance-plan-made",
                    "Further speed is planned",
                    (
                        "Ideas that would make the service faster or cheaper are on a list with "
                        "an owner."
                    ),
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "interface-polished",
                    "The interface is polished",
                    "Rough edges that users noticed are dealt with or on a list.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "monitoring-plan-made",
                    "Further monitoring is planned",
                    "What could be watched beyond need is on a list with an owner.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "documentation-plan-made",
                    "Further documentation is planned",
                    "What would help readers beyond need is on a list with an owner.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
            ),
        ),
    ),
)
