"""Metrics about the operator and about what it found; no label ever holds a workload's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CONTENT_TYPE = CONTENT_TYPE_LATEST

Samples = Mapping[tuple[str, ...], float]


class _Sampled(Collector):
    """A gauge whose samples are read when it is scraped."""

    def __init__(
        self, name: str, documentation: str, labels: tuple[str, ...], read: Callable[[], Samples]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge with what is true now."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for every counter, read by nobody
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._calls = Counter(
            "readiness_api_calls",
            "Calls to the API server by method and HTTP status (0: no answer).",
            ["method", "code"],
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "readiness_api_call_seconds",
            "Time of calls to the API server.",
            ["method"],
            buckets=_SLOW,
            registry=self.registry,
        )
        self.evaluation_seconds = Histogram(
            "readiness_evaluation_seconds",
            "Time to judge one workload by all its policies.",
            buckets=_FAST,
            registry=self.registry,
        )
        self.condition_writes = Counter(
            "readiness_condition_writes",
            "Workloads whose conditions were written.",
            registry=self.registry,
        )
        self.failures = Counter(
            "readiness_reconcile_failures",
            "Attempts to bring an object up to date that failed and will be repeated.",
            ["kind"],
            registry=self.registry,
        )
        self.check_errors = Counter(
            "readiness_check_errors",
            "Checks that crashed; each is a bug of the operator.",
            ["check"],
            registry=self.registry,
        )
        self.break_glass = Counter(
            "readiness_admission_break_glass",
            "Workloads let through in an emergency although a Strict policy refuses them.",
            registry=self.registry,
        )
        self.synced = Gauge(
            "readiness_synced",
            "1 once every kind has been listed.",
            registry=self.registry,
        )

    def api_call(self, method: str, status: int, seconds: float) -> None:
        """Count one call to the API server."""
        self._calls.labels(method, str(status)).inc()
        self._call_seconds.labels(method).observe(seconds)

    def sample(
        self, name: str, documentation: str, labels: tuple[str, ...], read: Callable[[], Samples]
    ) -> None:
        """Add a gauge that is read when scraped; `read` returns values by label values."""
        self.registry.register(_Sampled(name, documentation, labels, read))

    def exposition(self) -> bytes:
        """Return all metrics in the OpenMetrics text format."""
        text: bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]
        return text
