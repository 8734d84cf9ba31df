"""What holds one week before the launch, on its day and one week after."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist import documentation, security
from readiness.checklist.base import Group, Item, Section, Stage

SECTION = Section(
    "launch",
    "Launch",
    (
        Group(
            "One week before",
            (
                Item(
                    "all-security-answered",
                    "The security section is done",
                    "All of the section Security holds.",
                    Severity.MUST,
                    items=security.SECTION.item_ids,
                ),
                Item(
                    "performance-tests-done",
                    "Performance was tested",
                    "The service was profiled, loaded, stressed and hit by peaks.",
                    Severity.MUST,
                    items=(
                        "profiling-performed",
                        "load-testing-performed",
                        "stress-testing-performed",
                        "spike-tested",
                    ),
                ),
                Item(
                    "load-test-done",
                    "The load test is done",
                    "A load test was run.",
                    Severity.MUST,
                    items=("load-testing-performed",),
                ),
                Item(
                    "backup-tested",
                    "Backups were tested",
                    "Backups run, and one was restored.",
                    Severity.MUST,
                    items=("backup-scheduled", "recovery-rehearsed"),
                ),
                Item(
                    "monitoring-configured",
                    "Monitoring is in place",
                    "Requests, errors, latency, CPU and memory are measured.",
                    Severity.MUST,
                    items=(
                        "requests-measured",
                        "errors-measured",
                        "latency-measured",
                        "cpu-watched",
                        "memory-watched",
                    ),
                ),
                Item(
                    "alerting-configured",
                    "Alerting is in place",
                    (
                        "Errors, slowness, exhaustion and failing health checks raise alerts "
                        "that reach somebody."
                    ),
                    Severity.MUST,
                    items=(
                        "error-alerts-configured",
                        "latency-alerts-configured",
                        "saturation-alerts-configured",
                        "health-alerts-configured",
                        "alert-escalation-defined",
                    ),
                ),
                Item(
                    "documentation-current",
                    "Documentation is current",
                    "All of the section Documentation holds.",
                    Severity.SHOULD,
                    items=documentation.SECTION.item_ids,
                ),
                Item(
                    "team-trained",
                    "The team is trained",
                    (
                        "Those on call have followed the runbooks once and have the access they "
                        "need."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Launch day",
            (
                Item(
                    "final-health-confirmed",
                    "Everything is healthy",
                    "Probes are set, and the service is available.",
                    Severity.MUST,
                    items=("liveness-probed", "readiness-probed"),
                    service_levels=("availability",),
                    stage=Stage.LAUNCH,
                ),
                Item(
                    "dashboards-active",
                    "Dashboards show the launch",
                    (
                        "The workload is scraped, and a dashboard with its data is on the "
                        "screens of those who watch."
                    ),
                    Severity.MUST,
                    checks=("metrics-not-scraped",),
                    evidence=True,
                    stage=Stage.LAUNCH,
                ),
                Item(
                    "response-team-ready",
                    "People are ready to respond",
                    "The workload names who is on call, and they know of the launch.",
                    Severity.MUST,
                    checks=("on-call-missing",),
                    evidence=True,
                    stage=Stage.LAUNCH,
                ),
                Item(
                    "communication-open",
                    "Channels are open",
                    "Everybody taking part knows the channel and is in it.",
                    Severity.SHOULD,
                    evidence=True,
                    stage=Stage.LAUNCH,
                ),
                Item(
                    "rollback-ready",
                    "Going back is prepared",
                    "A release can be taken back.",
                    Severity.MUST,
                    items=("rollback-possible",),
                    stage=Stage.LAUNCH,
                ),
                Item(
                    "launch-announced",
                    "The launch is announced",
                    "Users and neighbouring teams were told.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LAUNCH,
                ),
            ),
        ),
        Group(
            "One week after",
            (
                Item(
                    "performance-reviewed",
                    "Performance was reviewed",
                    (
                        "Latency and throughput of the first week are within their objectives, "
                        "and somebody compared them with the plan."
                    ),
                    Severity.SHOULD,
                    service_levels=("latency-p95", "throughput"),
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "errors-stayed-low",
                    "Errors stayed low",
                    "The share of failed requests was within its objective.",
                    Severity.MUST,
                    service_levels=("error-rate",),
                    stage=Stage.LIVE,
                ),
                Item(
                    "feedback-collected",
                    "Users were heard",
                    "Feedback of users and support was collected and sorted.",
                    Severity.NICE,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "stability-confirmed",
                    "The service is stable",
                    "It was available, and its containers were not restarted.",
                    Severity.MUST,
                    service_levels=("availability", "container-restarts"),
                    stage=Stage.LIVE,
                ),
                Item(
                    "launch-reviewed",
                    "The launch was reviewed",
                    "Those who took part looked back on it together.",
                    Severity.SHOULD,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
                Item(
                    "lessons-recorded",
                    "Lessons are on record",
                    (
                        "What the next launch should do otherwise is written down where it will "
                        "be found."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                    stage=Stage.LIVE,
                ),
            ),
        ),
    ),
)
