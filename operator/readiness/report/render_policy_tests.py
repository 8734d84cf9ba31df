"""What came of tests of policies, as text and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from msgspec import Struct

from readiness.api.vocabulary import Result
from readiness.evaluate.evaluator import CheckResult
from readiness.report.messages import plural
from readiness.report.render_junit import element, xml_text
from readiness.report.render_text import Look, printable

_BOLD, _RED, _GREEN = "1", "31", "32"


class Case(Struct, frozen=True):
    """One expectation and what became of it.

    Attributes:
        check: id of a check; `*` for all that no other case is about.
        actual: empty when the workload is not there.
        messages: what the check said.
    """

    workload: str
    check: str
    expected: str
    actual: str
    messages: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether it came as expected."""
        return self.actual == self.expected


class Tested(Struct, frozen=True):
    """One test with its cases."""

    name: str
    cases: tuple[Case, ...]

    @property
    def unmet(self) -> list[Case]:
        """What did not come as expected."""
        return [case for case in self.cases if not case.met]


def outcome_of(results: Sequence[CheckResult]) -> str:
    """Return what a check says of a workload in one word: the worst of its results."""
    for wanted in (Result.FAIL, Result.WARN, Result.ERROR):
        if any(result.result is wanted for result in results):
            return wanted.value
    if any(result.exempt for result in results):
        return "exempt"
    return results[0].result.value if results else "not-asked"


def render_tested(tests: Sequence[Tested], look: Look) -> str:
    """Return a line for each test, below it what did not come as expected, and the counts."""
    lines = []
    for test in tests:
        unmet = test.unmet
        total = plural(len(test.cases), "expectation", "expectations", count=True)
        good, bad = ("+", "x") if look.plain_marks else ("✓", "✗")
        if not unmet:
            lines.append(f"{look.paint(good, _GREEN)} {printable(test.name)}: {total} met")
            continue
        said = f"{len(unmet)} of {total} not met"
        lines.append(f"{look.paint(bad, _RED)} {look.paint(printable(test.name), _BOLD)}: {said}")
        lines += _difference(unmet, look)
    failed = sum(bool(test.unmet) for test in tests)
    noun = plural(len(tests), "test", "tests", count=True)
    lines += ["", look.paint(f"{noun}: {len(tests) - failed} passed, {failed} failed", _BOLD)]
    return "\n".join(lines) + "\n"


def _difference(unmet: Sequence[Case], look: Look) -> Iterator[str]:
    workload = None
    width = max(len(case.check) for case in unmet)
    for case in unmet:
        if case.workload != workload:
            workload = case.workload
            yield f"  {printable(workload)}"
        if not case.actual:
            yield f"    {printable(case.messages[0])}"
            continue
        yield (
            f"    {printable(case.check).ljust(width)}  "
            f"expected {look.paint(case.expected, _GREEN)}, got {look.paint(case.actual, _RED)}"
        )
        for message in case.messages:
            yield from look.wrap(printable(message), " " * 8)


def render_tested_junit(tests: Sequence[Tested]) -> str:
    """Return JUnit XML: a suite for each test, a test case for each expectation."""
    root = Element(
        "testsuites",
        {
            "name": "readiness policy test",
            "tests": str(sum(len(test.cases) for test in tests)),
            "failures": str(sum(len(test.unmet) for test in tests)),
            "errors": "0",
        },
    )
    for test in tests:
        suite = SubElement(
            root,
            "testsuite",
            {
                "name": xml_text(test.name),
                "tests": str(len(test.cases)),
                "failures": str(len(test.unmet)),
                "errors": "0",
                "skipped": "0",
            },
        )
        for case in test.cases:
            written = element("testcase", "", name=case.check, classname=case.workload)
            suite.append(written)
            if not case.met:
                told = "\n".join(case.messages)
                message = f"expected {case.expected}, got {case.actual}" if case.actual else told
                written.append(element("failure", told, type="difference", message=message))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")
