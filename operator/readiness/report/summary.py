"""What was judged in one run: reports with the places of their workloads, and the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult, Readiness, Report
from readiness.model.fields import Fields


@dataclass(frozen=True, slots=True)
class Judged:
    """One workload with its report, the place it was read from, and its manifest."""

    api_version: str
    file: str
    line: int
    report: Report
    document: Fields

    @property
    def readiness(self) -> Readiness | None:
        """Where it stands; None when no policy applies to it."""
        return self.report.readiness if self.report.policies else None


@dataclass(frozen=True)
class Run:
    """All that was judged, and how much was looked at.

    Attributes:
        workloads: in the order of files and lines.
        policies: names of the policies in use, sorted.
        files: files read.
        companions: objects that workloads were judged with.
        other: Kubernetes objects that no check looks at.
        ignored: documents that are no Kubernetes objects.
        input_errors: what could not be read or used.
    """

    workloads: tuple[Judged, ...]
    policies: tuple[str, ...]
    files: int = 0
    companions: int = 0
    other: int = 0
    ignored: int = 0
    input_errors: int = 0

    @cached_property
    def by_readiness(self) -> Counter[Readiness | None]:
        """How many workloads stand where."""
        return Counter(judged.readiness for judged in self.workloads)

    @cached_property
    def by_result(self) -> Counter[Result]:
        """How many results there are of each word."""
        return Counter(result.result for result in self._results)

    @cached_property
    def findings(self) -> Counter[Severity]:
        """How many findings count, by severity."""
        return Counter(result.severity for result in self._results if result.counts)

    @cached_property
    def errors(self) -> Counter[Severity]:
        """How many checks could not look, by severity."""
        return Counter(r.severity for r in self._results if r.result is Result.ERROR)

    @cached_property
    def exempt(self) -> int:
        """How many findings are exempt."""
        return sum(result.exempt for result in self._results)

    @property
    def _results(self) -> list[CheckResult]:
        return [result for judged in self.workloads for result in judged.report.results]
