"""Speed, leaks, caches and load."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "performance",
    "Performance",
    (
        Group(
            "Code",
            (
                Item(
                    "profiling-performed",
                    "The service has been profiled",
                    (
                        "CPU and memory were profiled under realistic load, and the worst spots "
                        "dealt with."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "memory-growth-bounded",
                    "Memory does not leak",
                    "Memory in use does not grow over days of steady load.",
                    Severity.MUST,
                    service_levels=("memory-growth",),
                ),
                Item(
                    "goroutine-growth-bounded",
                    "Goroutines and threads do not leak",
                    (
                        "The number of goroutines, threads or tasks does not grow over days of "
                        "steady load."
                    ),
                    Severity.SHOULD,
                    service_levels=("thread-growth",),
                ),
                Item(
                    "cpu-use-reasonable",
                    "CPU use is reasonable",
                    "CPU in use stays well within what the containers request.",
                    Severity.SHOULD,
                    service_levels=("cpu-use",),
                ),
            ),
        ),
        Group(
            "Caches",
            (
                Item(
                    "cache-hits-measured",
                    "Cache hit rates are measured",
                    (
                        "The share of lookups that the cache answers is measured and within its "
                        "objective."
                    ),
                    Severity.SHOULD,
                    service_levels=("cache-hit-rate",),
                ),
                Item(
                    "cache-invalidation-designed",
                    "Stale cache entries go away",
                    (
                        "It is designed when entries expire or are dropped, and what a stale "
                        "one may cause."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "cache-warming-implemented",
                    "A cold cache is survivable",
                    (
                        "After a restart the cache is warmed, or the service bears the load "
                        "without it."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "cache-compression-considered",
                    "Large cache entries are compressed",
                    ("Large values are compressed, or it was measured that this does not pay."),
                    Severity.NICE,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Database access",
            (
                Item(
                    "queries-optimised",
                    "Queries are fast enough",
                    "Time spent in queries is within its objective.",
                    Severity.SHOULD,
                    items=("database-queries-analysed",),
                ),
                Item(
                    "index-use-optimised",
                    "Indexes are in use",
                    "Rows are read by an index.",
                    Severity.SHOULD,
                    items=("database-indexes-optimised",),
                ),
                Item(
                    "connection-reuse",
                    "Connections are reused",
                    "Requests share pooled connections.",
                    Severity.SHOULD,
                    items=("database-connections-pooled",),
                ),
                Item(
                    "query-results-cached",
                    "Repeated reads come from memory",
                    (
                        "The share of reads that the database answers from its cache is within "
                        "its objective."
                    ),
                    Severity.NICE,
                    service_levels=("database-cache-hit-rate",),
                ),
            ),
        ),
        Group(
            "Load",
            (
                Item(
                    "load-testing-performed",
                    "A load test was run",
                    (
                        "The expected peak was held for long enough with latency and errors "
                        "within their objectives."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "stress-testing-performed",
                    "The breaking point is known",
                    (
                        "Load was raised until something gave way, and the service recovered by "
                        "itself."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "capacity-planned",
                    "Capacity is planned",
                    (
                        "It is known how many replicas the expected peak and its growth need, "
                        "and that quota and nodes suffice."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "performance-baseline-recorded",
                    "A baseline is on record",
                    (
                        "Latency and throughput are measured over a window, to compare each "
                        "release with."
                    ),
                    Severity.SHOULD,
                    service_levels=("latency-p95", "throughput"),
                ),
            ),
        ),
        Group(
            "Resources",
            (
                Item(
                    "cpu-watched",
                    "CPU is watched",
                    "CPU in use is measured for each pod.",
                    Severity.MUST,
                    service_levels=("cpu-use",),
                ),
                Item(
                    "memory-watched",
                    "Memory is watched",
                    "Memory in use is measured for each pod and stays below its limit.",
                    Severity.MUST,
                    service_levels=("memory-use",),
                ),
                Item(
                    "disk-io-watched",
                    "Disk I/O is watched",
                    "Reads, writes and the time spent on them are measured.",
                    Severity.SHOULD,
                    service_levels=("disk-io",),
                ),
                Item(
                    "network-watched",
                    "Network traffic is watched",
                    "Traffic and its errors are measured for each pod.",
                    Severity.SHOULD,
                    service_levels=("network-errors",),
                ),
            ),
        ),
    ),
)
