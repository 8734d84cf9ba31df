"""The findings of a run as annotations of GitHub Actions, which shows them beside the lines.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands, and
for the escapes packages/core/src/command.ts of actions/toolkit.
"""

from __future__ import annotations

from readiness.api.vocabulary import Result, Severity
from readiness.evaluate.evaluator import CheckResult
from readiness.report.messages import workload_title
from readiness.report.render_text import printable
from readiness.report.summary import Judged, Run

_COMMANDS = {Severity.MUST: "error", Severity.SHOULD: "warning", Severity.NICE: "notice"}


def render_github(run: Run) -> str:
    """Return a workflow command for each finding, the most severe first.

    GitHub shows the first ten of each kind for a step.
    """
    found = [(judged, result) for judged in run.workloads for result in judged.findings]
    found.sort(key=lambda pair: pair[1].severity, reverse=True)
    lines = [
        _command(
            _COMMANDS[result.severity], judged, result, f"{result.severity}: {result.check.id}"
        )
        for judged, result in found
    ]
    lines += [
        _command("warning", judged, result, f"could not look: {result.check.id}")
        for judged in run.workloads
        for result in judged.report.results
        if result.result is Result.ERROR
    ]
    return "\n".join(lines)


def _command(command: str, judged: Judged, result: CheckResult, title: str) -> str:
    place = ""
    if judged.template:
        place = f"file={_property(judged.template)},"
    elif judged.file not in ("-", ""):
        place = f"file={_property(judged.file)},line={judged.line_of(result)},"
    message = _data(f"{workload_title(judged.report.ref)}: {result.message}")
    return f"::{command} {place}title={_property(title)}::{message}"


def _data(text: str) -> str:
    # Line ends would need escapes too (%0A), but no control character is left to be one.
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
