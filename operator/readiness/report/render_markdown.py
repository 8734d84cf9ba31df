"""The report of a run as Markdown, for a comment on a pull request or the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult, Readiness
from readiness.report.messages import plural
from readiness.report.summary import Judged, Run

LONGEST = 65_536  # characters of a comment on GitHub

_SEVERITIES = (Severity.MUST, Severity.SHOULD, Severity.NICE)
_SIGNS = {
    Readiness.READY: "✅ ready",
    Readiness.NOT_READY: "❌ not ready",
    Readiness.UNKNOWN: "❔ cannot tell",
    None: "❕ no policy applies",
}
# By it a bot finds its comment again, to change it and not to add another.
_MARK = "<!-- readiness check -->"


def render_markdown(run: Run) -> str:
    """Return a heading, a table of the workloads and the findings of each, to be unfolded.

    Of what does not fit into a comment the end is left out and counted.
    """
    text = "\n".join([_MARK, *_summary(run), ""])
    left = 0
    for block in _blocks(run):
        if left or len(text) + len(block) + 200 > LONGEST:
            left += 1
        else:
            text += block
    if left:
        noun = plural(left, "workload", "workloads", count=True)
        text += f"\n… and the findings of {noun} more: too long for a comment.\n"
    return text.rstrip("\n")


def _summary(run: Run) -> Iterator[str]:
    verdict = "no workload found"
    if run.workloads:
        ready = run.by_readiness[Readiness.READY]
        verdict = (
            f"{ready} of {plural(len(run.workloads), 'workload', 'workloads', count=True)} ready"
        )
    yield f"### Production readiness: {verdict}"
    yield ""
    numbers = [f"**{run.findings[severity]} {severity}**" for severity in _SEVERITIES]
    parts = [f"{', '.join(numbers)} {plural(sum(run.findings.values()), 'finding', 'findings')}"]
    if run.known:
        parts.append(f"{run.known} known before")
    if run.exempt:
        parts.append(f"{run.exempt} exempt")
    if run.by_result[Result.ERROR]:
        noun = plural(run.by_result[Result.ERROR], "check", "checks", count=True)
        parts.append(f"{noun} could not look")
    if run.input_errors:
        noun = plural(run.input_errors, "error", "errors", count=True)
        parts.append(f"**{noun} in the input: not everything was judged**")
    yield "; ".join(parts) + "."
    if not run.workloads:
        return
    yield ""
    yield "| Workload | Verdict | Must | Should | Nice | File |"
    yield "|--|--|--:|--:|--:|--|"
    shown = sorted(run.workloads, key=_rank)
    for judged in shown[:_MOST_ROWS]:
        counts = " | ".join(_count(judged, severity) for severity in _SEVERITIES)
        yield (
            f"| {_workload(judged)} | {_SIGNS[judged.readiness]} | {counts} "
            f"| {_code(_place(judged)) if judged.file else ''} |"
        )
    if len(shown) > _MOST_ROWS:
        yield f"| … and {len(shown) - _MOST_ROWS} more | | | | | |"


_MOST_ROWS = 100
_RANKS = (Readiness.NOT_READY, Readiness.UNKNOWN, None, Readiness.READY)


def _rank(judged: Judged) -> int:
    return _RANKS.index(judged.readiness)


def _count(judged: Judged, severity: Severity) -> str:
    number = sum(result.severity is severity for result in judged.findings)
    return str(number) if number else "·"


def _blocks(run: Run) -> Iterator[str]:
    """Yield the findings of each workload that has some, the worst workloads first."""
    for judged in sorted(run.workloads, key=_rank):
        errors = [r for r in judged.report.results if r.result is Result.ERROR]
        exempt = [r for r in judged.report.results if r.exempt]
        rows = [_row(str(result.severity), judged, result) for result in judged.findings]
        rows += [_row("error", judged, result) for result in errors]
        rows += [_row("exempt", judged, result) for result in exempt]
        if rows:
            noun = plural(len(judged.findings), "finding", "findings", count=True)
            yield (
                f"\n<details><summary>{_workload(judged, html=True)}: {noun}</summary>\n\n"
                "| | Check | What must change | Line |\n|--|--|--|--:|\n"
                + "".join(rows)
                + "\n</details>\n"
            )


def _row(label: str, judged: Judged, result: CheckResult) -> str:
    check = f"[{result.check.id}]({result.check.reference.url})"
    line = "" if judged.template or not judged.file else judged.line_of(result)
    return f"| {label} | {check} | {_escape(result.message)} | {line} |\n"


def _place(judged: Judged) -> str:
    return f"{judged.template or judged.file}:{judged.line}"


def _workload(judged: Judged, *, html: bool = False) -> str:
    ref = judged.report.ref
    name = f"{ref.kind.lower()}/{ref.name}"
    if html:
        return f"<b>{_escape(name)}</b> ({_escape(ref.namespace)})"
    return f"**{_escape(name)}** ({_escape(ref.namespace)})"


def _code(text: str) -> str:
    """Return text as code, whatever it holds: between backticks nothing can be escaped."""
    return f"<code>{_escape(text)}</code>"


# What Markdown, HTML or GitHub (mentions, references) would read as more than text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+!|~@])")


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"&#{ord(match[1])};", _one_line(text).replace("&", "&amp;"))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
