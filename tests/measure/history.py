"""Metrics as a workload would have had them, for a real Prometheus to know."""

from __future__ import annotations

from collections.abc import Mapping

_STEP = 300  # seconds between two scrapes: long enough for a month to be made quickly


class History:
    """Counters that grew evenly up to now, in the OpenMetrics text format.

    Args:
        now: the present, in seconds.
        days: how long they have grown.
    """

    def __init__(self, now: int, *, days: int) -> None:
        self._times = range(now - days * 86_400, now, _STEP)
        self._samples: dict[str, list[str]] = {}

    def counter(self, name: str, labels: Mapping[str, str], total: float) -> None:
        """Add a counter that grew by `total` in all that time; its name ends with _total."""
        self._add(name.removesuffix("_total") + " counter", name, labels, total)

    def gauge(self, name: str, labels: Mapping[str, str], total: float) -> None:
        """Add what grows like a counter under a name that OpenMetrics allows for none."""
        self._add(f"{name} gauge", name, labels, total)

    def histogram(self, name: str, labels: Mapping[str, str], below: Mapping[str, float]) -> None:
        """Add a histogram: observations by upper bound, cumulated, `+Inf` included."""
        for bound, total in below.items():
            bucket = {**labels, "le": bound}
            self._add(f"{name} histogram", f"{name}_bucket", bucket, total)
        self._add(f"{name} histogram", f"{name}_count", labels, below["+Inf"])
        self._add(f"{name} histogram", f"{name}_sum", labels, below["+Inf"])

    def _add(self, family: str, name: str, labels: Mapping[str, str], total: float) -> None:
        inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
        last = max(len(self._times) - 1, 1)
        self._samples.setdefault(family, []).extend(
            f"{name}{{{inside}}} {total * index / last} {time}"
            for index, time in enumerate(self._times)
        )

    def text(self) -> str:
        """Return all of it."""
        lines = []
        for family, samples in self._samples.items():
            lines += [f"# TYPE {family}", *samples]
        return "\n".join([*lines, "# EOF", ""])
