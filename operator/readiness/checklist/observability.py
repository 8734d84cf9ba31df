"""Logs, metrics, health checks and alerts."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "observability",
    "Monitoring and observability",
    (
        Group(
            "Log content",
            (
                Item(
                    "logs-structured",
                    "Logs are structured",
                    "Every line is one JSON object with time, level and message.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "log-levels-configurable",
                    "Log levels are set for each environment",
                    ("The level can be changed without a build, and debug is off in production."),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "correlation-ids-logged",
                    "Lines of one request can be found together",
                    "Each request has an id or trace id that all services log and pass on.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "logs-free-of-secrets",
                    "Logs hold nothing sensitive",
                    ("Passwords, tokens and personal data are filtered before they are written."),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Log handling",
            (
                Item(
                    "logs-centralised",
                    "Logs reach a central store",
                    "The lines of the workload arrive in the central store all the time.",
                    Severity.MUST,
                    service_levels=("log-delivery",),
                ),
                Item(
                    "log-volume-bounded",
                    "Logs cannot fill a disk",
                    (
                        "Local storage of the containers is bounded, and whatever writes log "
                        "files rotates them."
                    ),
                    Severity.SHOULD,
                    checks=("ephemeral-storage-limit-missing",),
                    evidence=True,
                ),
                Item(
                    "log-retention-defined",
                    "How long logs are kept is defined",
                    (
                        "Retention meets legal needs and reaches back far enough to investigate "
                        "an incident."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "logs-searchable",
                    "Logs can be searched",
                    (
                        "The people on call can search and chart logs, and have saved the "
                        "queries they need."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Service metrics",
            (
                Item(
                    "requests-measured",
                    "Requests are measured",
                    "Prometheus scrapes the workload and sees requests.",
                    Severity.MUST,
                    checks=("metrics-not-scraped",),
                    service_levels=("throughput",),
                    cited_as="Application Metrics: Request/response metrics",
                ),
                Item(
                    "errors-measured",
                    "Errors are measured",
                    "The share of failed requests is measured and within its objective.",
                    Severity.MUST,
                    service_levels=("error-rate",),
                ),
                Item(
                    "latency-measured",
                    "Latency is measured as percentiles",
                    "The 95th percentile of latency is measured and within its objective.",
                    Severity.MUST,
                    service_levels=("latency-p95",),
                ),
                Item(
                    "throughput-measured",
                    "Throughput is measured",
                    "Requests a second are measured and match the load expected.",
                    Severity.SHOULD,
                    service_levels=("throughput",),
                ),
            ),
        ),
        Group(
            "Platform metrics",
            (
                Item(
                    "nodes-measured",
                    "Nodes are measured",
                    ("The nodes that run the workload report that they are healthy and have room."),
                    Severity.SHOULD,
                    service_levels=("node-health",),
                ),
                Item(
                    "database-measured",
                    "Databases are measured",
                    "The databases of the service report metrics.",
                    Severity.SHOULD,
                    service_levels=("database-availability",),
                ),
                Item(
                    "cache-measured",
                    "Caches are measured",
                    "The caches of the service report metrics.",
                    Severity.SHOULD,
                    service_levels=("cache-hit-rate",),
                ),
                Item(
                    "network-measured",
                    "The network is measured",
                    "Errors and drops on the network of the pods are measured.",
                    Severity.SHOULD,
                    service_levels=("network-errors",),
                ),
            ),
        ),
        Group(
            "Health checks",
            (
                Item(
                    "liveness-probed",
                    "A hung container is restarted",
                    (
                        "Long-running containers have a liveness probe that is neither too "
                        "eager nor the same as readiness."
                    ),
                    Severity.MUST,
                    checks=(
                        "liveness-probe-missing",
                        "probes-identical",
                        "startup-probe-missing",
                        "probe-timeout-too-long",
                        "liveness-probe-hair-trigger",
                    ),
                    cited_as="Health Checks: Liveness probes",
                ),
                Item(
                    "readiness-probed",
                    "Traffic waits until a container can serve",
                    "Containers that serve have a readiness probe on a port that exists.",
                    Severity.MUST,
                    checks=("readiness-probe-missing", "probe-port-unknown"),
                    cited_as="Health Checks: Readiness probes",
                ),
                Item(
                    "dependencies-probed",
                    "Dependencies are probed",
                    "What the service depends on is asked all the time whether it answers.",
                    Severity.SHOULD,
                    service_levels=("dependency-availability",),
                ),
                Item(
                    "health-check-meaningful",
                    "Health checks test what matters",
                    (
                        "Probes ask the pod itself, and the endpoint they call tests what the "
                        "service needs in order to work."
                    ),
                    Severity.SHOULD,
                    checks=("host-probes",),
                    evidence=True,
                    cited_as="Health Checks: Custom health checks",
                ),
            ),
        ),
        Group(
            "Alerts",
            (
                Item(
                    "error-alerts-configured",
                    "Errors raise an alert",
                    "Alerts concern the workload, and one of them fires on its error rate.",
                    Severity.MUST,
                    checks=("alerts-missing",),
                    evidence=True,
                    cited_as="Alert Configuration: Error rate alerts",
                ),
                Item(
                    "latency-alerts-configured",
                    "Slowness raises an alert",
                    "Alerts concern the workload, and one of them fires on latency.",
                    Severity.MUST,
                    checks=("alerts-missing",),
                    evidence=True,
                ),
                Item(
                    "saturation-alerts-configured",
                    "Exhaustion raises an alert",
                    (
                        "Alerts concern the workload, and one of them fires before CPU, memory "
                        "or disk run out."
                    ),
                    Severity.SHOULD,
                    checks=("alerts-missing",),
                    evidence=True,
                ),
                Item(
                    "health-alerts-configured",
                    "Failing health checks raise an alert",
                    (
                        "Alerts concern the workload, and one of them fires when its pods "
                        "restart or are not ready."
                    ),
                    Severity.MUST,
                    checks=("alerts-missing",),
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Alert handling",
            (
                Item(
                    "alert-escalation-defined",
                    "Alerts nobody answers are escalated",
                    (
                        "The workload says who is on call, and the paging service passes on "
                        "what is not answered in time."
                    ),
                    Severity.MUST,
                    checks=("on-call-missing",),
                    evidence=True,
                ),
                Item(
                    "alert-suppression-defined",
                    "Known noise is silenced on purpose",
                    (
                        "Maintenance and follow-on alerts are silenced by rules that end by "
                        "themselves."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "alert-acknowledgement-tracked",
                    "Somebody takes each alert",
                    (
                        "Alerts are acknowledged by name, so that two people do not do the same "
                        "or nothing."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "alert-history-kept",
                    "Past alerts can be looked up",
                    "What fired when is kept long enough to see patterns.",
                    Severity.NICE,
                    service_levels=("metric-retention",),
                ),
            ),
        ),
    ),
)
