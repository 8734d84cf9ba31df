"""The report of a run as SARIF 2.1.0, for code scanning.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and, for what GitHub reads
of it, https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from typing import Any

from readiness import __version__
from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check
from readiness.evaluate.evaluator import CheckResult
from readiness.report.fingerprints import Identity, identities
from readiness.report.messages import indented_json, workload_title
from readiness.report.summary import Judged, Run

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Severity.MUST: "error", Severity.SHOULD: "warning", Severity.NICE: "note"}


def render_sarif(run: Run) -> str:
    """Return one SARIF log: a rule for each check with findings, a result for each finding.

    What is exempt is a result with a suppression, so that it stays to be seen; what a baseline
    knows is left out; a check that could not look is a notification.
    """
    rules: dict[str, tuple[int, Check]] = {}
    results = []
    notifications = []
    for judged in run.workloads:
        known = identities(judged)
        for number, result in enumerate(judged.report.results):
            if result.result is Result.ERROR:
                notifications.append(_notification(judged, result))
            elif (result.counts or result.exempt) and number not in judged.known:
                index, _ = rules.setdefault(result.check.id, (len(rules), result.check))
                results.append(_result(judged, result, index, known.get(number)))
    driver = {
        "name": "readiness",
        "semanticVersion": __version__,
        "rules": [_rule(check) for _, check in rules.values()],
    }
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [
                    {
                        "executionSuccessful": not run.input_errors,
                        "toolExecutionNotifications": notifications,
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return indented_json(log)


def _rule(check: Check) -> dict[str, Any]:
    severity = check.severity or Severity.SHOULD
    return {
        "id": check.id,
        "name": check.reason,
        "shortDescription": {"text": f"{check.title}."},
        "fullDescription": {"text": check.rationale},
        "help": {
            "text": f"{check.rationale}\n\nHow to fix: {check.remediation}",
            "markdown": f"{check.rationale}\n\n**How to fix:** {check.remediation}",
        },
        "helpUri": check.reference.url,
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["kubernetes", check.category.id], "precision": "very-high"},
    }


def _result(
    judged: Judged, result: CheckResult, rule: int, identity: Identity | None
) -> dict[str, Any]:
    written: dict[str, Any] = {
        "ruleId": result.check.id,
        "ruleIndex": rule,
        "level": _LEVELS[result.severity],
        "message": {"text": f"{workload_title(judged.report.ref)}: {result.message}"},
        "locations": [_location(judged, result)],
        "properties": {"severity": result.severity.value, "policy": result.policy},
    }
    if identity is not None:
        written["partialFingerprints"] = {"readinessFinding/v1": identity.fingerprint}
    # Present in all results or in none of a run, says SARIF 2.1.0 in 3.27.23: readers may look at
    # the first result to learn whether there is anything suppressed.
    accepted = {"kind": "external", "status": "accepted", "justification": result.message}
    written["suppressions"] = [accepted] if result.exempt else []
    return written


def _location(judged: Judged, result: CheckResult) -> dict[str, Any]:
    ref = judged.report.ref
    logical = {"name": ref.name, "fullyQualifiedName": f"{ref.namespace}/{ref.kind}/{ref.name}"}
    if result.path:
        logical["fullyQualifiedName"] += f"/{result.path}"
    logical_locations = [{**logical, "kind": "resource"}]
    if not judged.file:
        return {"logicalLocations": logical_locations}
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(judged.template or judged.file)}}
    if not judged.template:  # the line is one of the rendered text, which nobody has
        physical["region"] = {"startLine": judged.line_of(result)}
    return {"physicalLocation": physical, "logicalLocations": logical_locations}


def _uri(file: str) -> str:
    """Return the URI of a file: relative to where the command ran, unless it was given whole."""
    if file == "-":
        return "stdin"
    path = "".join(
        chr(byte) if chr(byte) in _UNQUOTED else f"%{byte:02X}"
        for byte in file.encode("utf-8", "replace")
    )
    return f"file://{path}" if path.startswith("/") else path.removeprefix("./")


# Source: pchar of RFC 3986, without the colon, which would make a scheme of what is before it.
_UNQUOTED = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=@/"
)


def _notification(judged: Judged, result: CheckResult) -> dict[str, Any]:
    return {
        "level": "error" if result.severity is Severity.MUST else "warning",
        "message": {
            "text": f"{workload_title(judged.report.ref)}: {result.check.id} could not look: "
            f"{result.message}"
        },
        "locations": [_location(judged, result)],
    }
