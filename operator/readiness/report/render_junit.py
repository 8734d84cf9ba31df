"""The report of a run as JUnit XML: a suite for each workload, a test for each check.

Source: the schema that Jenkins validates with, junit-10.xsd of its xUnit plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult
from readiness.report.messages import plural, workload_title
from readiness.report.summary import Judged, Run


def render_junit(run: Run, fail_on: Severity | None) -> str:
    """Return the XML document.

    A test fails for what makes the command fail, so that the two never disagree; other findings
    stand in its output.

    Args:
        run: what was judged.
        fail_on: the least severity that fails; None for none.
    """
    suites = [_suite(judged, fail_on) for judged in run.workloads]
    totals = {
        name: str(sum(int(suite.attrib[name]) for suite in suites))
        for name in ("tests", "failures", "errors")
    }
    root = Element("testsuites", {"name": "readiness", **totals})
    root.extend(suites)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _suite(judged: Judged, fail_on: Severity | None) -> Element:
    ref = judged.report.ref
    suite = Element("testsuite", {"name": workload_title(ref)})
    by_check: dict[str, list[tuple[int, CheckResult]]] = {}
    for number, result in enumerate(judged.report.results):
        by_check.setdefault(result.check.id, []).append((number, result))
    class_name = xml_text(f"{ref.namespace}.{ref.kind}.{ref.name}")
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    for check_id, numbered in by_check.items():
        test = SubElement(suite, "testcase", {"name": check_id, "classname": class_name})
        for child in _outcome(judged, numbered, fail_on):
            test.append(child)
            if child.tag in counts:
                counts[child.tag] += 1
    suite.attrib |= {
        "name": xml_text(workload_title(ref)),
        **({"file": xml_text(judged.file)} if judged.file else {}),
        "tests": str(len(by_check)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
    }
    return suite


def _outcome(
    judged: Judged, numbered: Sequence[tuple[int, CheckResult]], fail_on: Severity | None
) -> Iterator[Element]:
    """Yield what became of one check: at most one verdict, and what else there is to say."""
    results = [result for _, result in numbered]
    first = results[0]
    found = [result for number, result in numbered if result.counts and number not in judged.known]
    failing = bool(found) and fail_on is not None and first.severity >= fail_on
    if failing:
        noun = plural(len(found), "finding", "findings", count=True)
        yield element(
            "failure",
            "\n".join(f"{_place(judged, result)}: {result.message}" for result in found)
            + f"\n\nHow to fix: {first.check.remediation}",
            type=first.severity.value,
            message=found[0].message if len(found) == 1 else noun,
        )
    elif first.result is Result.ERROR:
        yield element("error", "", type=first.severity.value, message=first.message)
    elif not found and any(result.exempt for result in results):
        exempt = next(result for result in results if result.exempt)
        yield element("skipped", "", message=exempt.message)
    elif first.result is Result.SKIP:
        yield element("skipped", "", message=first.message)
    told = [
        f"{result.severity} {_place(judged, result)}: {result.message}"
        for number, result in numbered
        if result.result in (Result.FAIL, Result.WARN)
        and not (failing and result in found)
        and number not in judged.known
    ]
    told += [
        f"known before: {judged.report.results[n].message}"
        for n, _ in numbered
        if n in judged.known
    ]
    if told:
        yield element("system-out", "\n".join(told))


def _place(judged: Judged, result: CheckResult) -> str:
    if not judged.file:
        return result.path or workload_title(judged.report.ref)
    return f"{judged.template or judged.file}:{judged.line_of(result)}"


def element(tag: str, text: str, **attributes: str) -> Element:
    """Return an element with text and attributes that XML can hold."""
    made = Element(tag, {name: xml_text(value) for name, value in attributes.items()})
    made.text = xml_text(text) or None
    return made


def xml_text(text: str) -> str:
    """Return text that XML 1.0 can hold: other characters make the whole document unreadable."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


# Source: https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
