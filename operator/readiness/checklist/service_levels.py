"""The service levels that items of the checklist refer to: what is measured, and how good is good.

Policies say how each is measured. The objectives are those that the checklist names as measures of
success; where it names none, the policy has to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """One thing to measure.

    Attributes:
        name: as a policy names it.
        title: for people.
        measures: what the number is, with its unit.
        objective: what the checklist asks of it, in words; empty where it does not say.
    """

    name: str
    title: str
    measures: str
    objective: str = ""


SERVICE_LEVELS = (
    ServiceLevel("availability", "Availability", "share of time or requests served", "over 99.9 %"),
    ServiceLevel("error-rate", "Error rate", "failed requests as a share of all", "below 0.1 %"),
    ServiceLevel(
        "latency-p95", "Latency", "95th percentile of the response time in seconds", "below 0.2 s"
    ),
    ServiceLevel("throughput", "Throughput", "requests a second", "as much as the load expected"),
    ServiceLevel(
        "deployment-success",
        "Deployment success",
        "rollouts that completed as a share of all",
        "over 99 %",
    ),
    ServiceLevel(
        "mttr", "Time to restore", "mean time from alert to recovery in minutes", "below 15 min"
    ),
    ServiceLevel("test-coverage", "Test coverage", "share of the code that tests run", "over 90 %"),
    ServiceLevel(
        "critical-vulnerabilities",
        "Critical vulnerabilities",
        "vulnerabilities of critical severity in the running images",
        "none",
    ),
    ServiceLevel(
        "high-vulnerabilities",
        "High vulnerabilities",
        "vulnerabilities of high severity in the running images",
    ),
    ServiceLevel(
        "fixable-vulnerabilities",
        "Fixable vulnerabilities",
        "vulnerabilities in the running images for which a fix exists",
    ),
    ServiceLevel(
        "certificate-lifetime",
        "Certificate lifetime",
        "days until the first certificate in use expires",
    ),
    ServiceLevel(
        "throttled-requests", "Throttled requests", "requests refused by a limit as a share of all"
    ),
    ServiceLevel(
        "rate-limit-headers",
        "Rate limit headers",
        "share of probes that found the client's limits in the headers of the answer",
    ),
    ServiceLevel(
        "preflight-success",
        "Preflight success",
        "share of probes with OPTIONS that got the right headers",
    ),
    ServiceLevel(
        "security-headers",
        "Security headers",
        "share of probes that found every security header that policy asks for",
    ),
    ServiceLevel("cpu-use", "CPU use", "CPU in use as a share of what is requested"),
    ServiceLevel("memory-use", "Memory use", "memory in use as a share of the limit"),
    ServiceLevel("memory-growth", "Memory growth", "growth of the memory in use, bytes an hour"),
    ServiceLevel(
        "thread-growth", "Thread growth", "growth of goroutines or threads, number an hour"
    ),
    ServiceLevel("disk-io", "Disk I/O", "share of time the disks are busy"),
    ServiceLevel("volume-use", "Volume use", "share in use of the fullest volume"),
    ServiceLevel("network-errors", "Network errors", "share of packets with errors or dropped"),
    ServiceLevel(
        "container-restarts", "Container restarts", "restarts of containers in the window"
    ),
    ServiceLevel(
        "scheduling-delay", "Scheduling delay", "longest time a pod waited for a node in seconds"
    ),
    ServiceLevel("node-health", "Node health", "share of the nodes that are ready"),
    ServiceLevel(
        "dependency-availability",
        "Availability of dependencies",
        "share of probes of what it depends on that succeeded",
    ),
    ServiceLevel(
        "database-availability",
        "Availability of the database",
        "share of probes of the database that succeeded",
    ),
    ServiceLevel(
        "database-connection-use",
        "Use of database connections",
        "connections in use as a share of those allowed",
    ),
    ServiceLevel(
        "database-latency", "Database latency", "95th percentile of the time of a query in seconds"
    ),
    ServiceLevel(
        "database-cache-hit-rate",
        "Hit rate of the database's cache",
        "reads that the database answers from memory as a share of all",
    ),
    ServiceLevel(
        "database-statistics-age",
        "Age of planner statistics",
        "hours since the tables were analysed, the oldest",
    ),
    ServiceLevel(
        "log-archive-age",
        "Age of the log archive",
        "seconds since the last transaction log was archived",
    ),
    ServiceLevel("index-use", "Use of indexes", "share of table reads that go through an index"),
    ServiceLevel("cache-hit-rate", "Hit rate of the cache", "lookups that hit as a share of all"),
    ServiceLevel(
        "log-delivery",
        "Log delivery",
        "lines of the workload that reach the central store a second",
    ),
    ServiceLevel(
        "secret-encryption",
        "Encryption of Secrets",
        "share of writes of the API server to its store that are encrypted",
    ),
    ServiceLevel(
        "metric-retention", "Retention of metrics", "days that metrics and alerts are kept"
    ),
    ServiceLevel(
        "configuration-drift",
        "Configuration drift",
        "share of objects that differ from version control",
    ),
    ServiceLevel("audit-events", "Audit events", "audit events of the API server a second"),
)
