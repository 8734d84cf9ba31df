"""What was judged in one run: reports with the places of their workloads, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from operator import attrgetter

from msgspec import Struct, field

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult, Readiness, Report
from readiness.model.fields import Fields

SEVERITIES = (Severity.MUST, Severity.SHOULD, Severity.NICE)


class Judged(Struct, frozen=True, dict=True):
    """One workload with its report, the place it was read from, and its manifest.

    Attributes:
        file: as the user named it; of a rendered chart, the template; empty for what a cluster
            holds.
        line: of the manifest, from 1; 0 where there is no file.
        lines: of the fields that results name, or of their nearest parents, by path.
        template: what a rendered manifest was made from, where lines of `file` are lines of nothing
            that a person could open; else empty.
        known: numbers of the results that were found before, in a baseline or in the tree that
            this one is compared with. They count no more.
    """

    api_version: str
    file: str
    line: int
    report: Report
    document: Fields
    lines: Mapping[str, int] = field(default_factory=dict)
    template: str = ""
    known: frozenset[int] = frozenset()

    @cached_property
    def readiness(self) -> Readiness | None:
        """Where it stands; None when no policy applies to it."""
        return self.report.readiness if self.report.policies else None

    @cached_property
    def notable(self) -> list[tuple[int, CheckResult]]:
        """What is more than a pass or does not apply, with its number among the results.

        One result in five: all others are looked at once (profiled).
        """
        return [
            (number, result)
            for number, result in enumerate(self.report.results)
            if result.result is not Result.PASS
            and (result.result is not Result.SKIP or result.exempt)
        ]

    @cached_property
    def findings(self) -> list[CheckResult]:
        """What counts and was not known before, the most severe first."""
        known = self.known
        found = [r for number, r in self.notable if r.counts and number not in known]
        return [r for severity in SEVERITIES for r in found if r.severity is severity]

    @cached_property
    def by_severity(self) -> Mapping[Severity, int]:
        """How many findings there are of each severity."""
        return Counter([result.severity for result in self.findings])

    @cached_property
    def errors(self) -> list[CheckResult]:
        """The checks that could not look."""
        return [result for _, result in self.notable if result.result is Result.ERROR]

    @cached_property
    def exempt(self) -> int:
        """How many findings are exempt."""
        return sum(result.exempt for _, result in self.notable)

    @property
    def place(self) -> str:
        """Where its manifest stands, as in `web.yaml:12`; empty when it comes from a cluster."""
        return f"{self.file}:{self.line}" if self.file else ""

    def line_of(self, result: CheckResult) -> int:
        """Return the line of the field a result is about, or of the nearest parent there is."""
        return self.lines.get(result.path, self.line)


class Run(Struct, frozen=True, dict=True):
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
        results = chain.from_iterable(judged.report.results for judged in self.workloads)
        return Counter(map(attrgetter("result"), results))

    @cached_property
    def findings(self) -> Counter[Severity]:
        """How many findings count and are new, by severity."""
        total: Counter[Severity] = Counter()
        for judged in self.workloads:
            total.update(judged.by_severity)
        return total

    @cached_property
    def known(self) -> int:
        """How many findings were known before."""
        return sum(len(judged.known) for judged in self.workloads)

    @cached_property
    def errors(self) -> Counter[Severity]:
        """How many checks could not look, by severity."""
        return Counter(error.severity for judged in self.workloads for error in judged.errors)

    @cached_property
    def exempt(self) -> int:
        """How many findings are exempt."""
        return sum(judged.exempt for judged in self.workloads)
