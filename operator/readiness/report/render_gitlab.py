"""The findings of a run as a Code Quality report of GitLab.

Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.report.fingerprints import identities
from readiness.report.messages import indented_json, workload_title
from readiness.report.summary import Judged, Run

_SEVERITIES = {Severity.MUST: "critical", Severity.SHOULD: "major", Severity.NICE: "minor"}


def render_gitlab(run: Run) -> str:
    """Return a JSON list with an entry for each finding that counts."""
    entries = [
        {
            "description": f"{workload_title(judged.report.ref)}: {result.message}",
            "check_name": result.check.id,
            "fingerprint": identity.fingerprint,
            "severity": _SEVERITIES[result.severity],
            "location": {
                # GitLab insists on a path; for what a cluster holds the workload is the place.
                "path": (judged.template or judged.file or _path(judged)).removeprefix("./"),
                "lines": {"begin": 1 if judged.template else judged.line_of(result) or 1},
            },
        }
        for judged in run.workloads
        for number, identity in identities(judged).items()
        if number not in judged.known
        for result in (judged.report.results[number],)
    ]
    return indented_json(entries)


def _path(judged: Judged) -> str:
    ref = judged.report.ref
    return f"{ref.namespace}/{ref.kind}/{ref.name}"
