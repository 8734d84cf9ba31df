"""What is asked of a monitoring system about a workload, and what it answered last."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import Struct


class LevelQuery(Struct, frozen=True):
    """How a service level is measured.

    Attributes:
        query: PromQL with variables such as $namespace; its value is the service level.
        samples_query: PromQL whose value says how much the query stands on; "" for none.
        window: what $window stands for, as PromQL writes a duration.
    """

    query: str
    samples_query: str
    window: str


class Question(NamedTuple):
    """A query about one workload.

    What the query does not mention is "", so that workloads it tells nothing apart of share one.
    """

    query: LevelQuery
    namespace: str
    kind: str
    workload: str


class Measurement(Struct, frozen=True):
    """What came of a question the last time it was asked.

    Attributes:
        problem: why there is no value now; "" when there is.
        value: the value; with a problem the last one there was, None when there was none or when
            it is too old to be of use.
        samples: what the query for samples said with it; None without one.
        at: when the value was measured; None without a value.
    """

    problem: str = ""
    value: float | None = None
    samples: float | None = None
    at: datetime | None = None


class Measurements(Protocol):
    """Everything measured, in memory: to look something up asks nobody."""

    def latest(self, question: Question) -> Measurement | None:
        """Return what came of a question last; None when it is still to be asked."""
