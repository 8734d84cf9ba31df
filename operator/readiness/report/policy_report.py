"""One PolicyReport for one workload, as Kyverno, Policy Reporter and others read them.

Sources: wgpolicyk8s.io/v1alpha2 of the Kubernetes policy working group (policyreport_types.go), and
its successor openreports.io/v1alpha1, which has the same fields under another name.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from readiness.api.vocabulary import FIELD_MANAGER, GROUP, Result, Severity
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.report.messages import plural

API_VERSION = "wgpolicyk8s.io/v1alpha2"
KINDS = {API_VERSION: "PolicyReport", "openreports.io/v1alpha1": "Report"}
MANAGED_BY = "app.kubernetes.io/managed-by"
SEVERITIES = {Severity.MUST: "high", Severity.SHOULD: "medium", Severity.NICE: "low"}

_SOURCE = "readiness"
_LONGEST_NAME = 253
# A report of `strict` over a bad workload of ten containers holds 135 results in 49 KB (measured).
_MOST_RESULTS = 250
_MOST_BYTES = 128 * 1024
_LONGEST_MESSAGE = 1024
_LEFT_OUT = "results-left-out"
_UNREMARKABLE = (Result.PASS, Result.SKIP)
# What is kept first when not everything can be.
_RANKS = {Result.FAIL: 0, Result.ERROR: 1, Result.WARN: 2, Result.SKIP: 3, Result.PASS: 4}
_EXEMPT_RANK = 2


def policy_report(report: Report, api_version: str, uid: str = "") -> dict[str, Any]:
    """Return the PolicyReport of one workload; the same for the same report, without times.

    Args:
        report: what the policies say of the workload.
        api_version: of the workload, such as `apps/v1`.
        uid: of the workload, in a cluster; empty for a manifest.
    """
    return _document(report, api_version, uid, [_result(result) for result in report.results])


def stored_report(
    report: Report, api_version: str, uid: str, *, stored_as: str, passes: bool
) -> dict[str, Any]:
    """Return the report to keep in the cluster for one workload, without times.

    It belongs to the workload, so that Kubernetes deletes it with it, and its size is bounded: what
    is left out is counted in a last result, and the summary counts everything.

    Args:
        report: what the policies say of the workload.
        api_version: of the workload.
        uid: of the workload.
        stored_as: the apiVersion of the report, one of `KINDS`.
        passes: whether checks that pass or do not apply are listed too.
    """
    shown = [
        result
        for result in report.results
        if passes or result.exempt or result.result not in _UNREMARKABLE
    ]
    document = _document(report, api_version, uid, _bounded(shown))
    document["apiVersion"] = stored_as
    document["kind"] = KINDS[stored_as]
    document["metadata"]["labels"] = {MANAGED_BY: FIELD_MANAGER}
    document["metadata"]["ownerReferences"] = [
        {"apiVersion": api_version, "kind": report.ref.kind, "name": report.ref.name, "uid": uid}
    ]
    return document


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return 16 characters that differ for reports that differ."""
    data = msgspec.json.encode(document)
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def report_name(kind: str, name: str) -> str:
    """Return the name of a workload's report, unique in its namespace: `deployment-web`.

    A name that would be too long is cut and ends with a hash of all of it.
    """
    full = f"{kind.lower()}-{name}"
    if len(full) <= _LONGEST_NAME:
        return full
    ending = hashlib.blake2b(full.encode(), digest_size=8).hexdigest()
    return f"{full[: _LONGEST_NAME - 1 - len(ending)].rstrip('-.')}-{ending}"


def _document(
    report: Report, api_version: str, uid: str, results: list[dict[str, Any]]
) -> dict[str, Any]:
    ref = report.ref
    scope = {
        "apiVersion": api_version,
        "kind": ref.kind,
        "name": ref.name,
        "namespace": ref.namespace,
    }
    if uid:
        scope["uid"] = uid
    return {
        "apiVersion": API_VERSION,
        "kind": KINDS[API_VERSION],
        "metadata": {
            "name": report_name(ref.kind, ref.name),
            "namespace": ref.namespace,
            "labels": {MANAGED_BY: _SOURCE},
        },
        "scope": scope,
        "summary": _summary(report.results),
        "results": results,
    }


def _summary(results: Sequence[CheckResult]) -> dict[str, int]:
    counts = Counter(result.result for result in results)
    return {result.value: counts[result] for result in Result}


def _bounded(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Return results as written, the worst of them when they are too many or too large."""
    written = [_cut(_result(result)) for result in results]
    if len(written) <= _MOST_RESULTS and len(msgspec.json.encode(written)) <= _MOST_BYTES:
        return written
    sizes = [len(msgspec.json.encode(result)) + 1 for result in written]
    kept: set[int] = set()
    size = 0
    # One place is for the result that says what is missing.
    for index in sorted(range(len(results)), key=lambda index: _rank(results[index])):
        size += sizes[index]
        if len(kept) == _MOST_RESULTS - 1 or size > _MOST_BYTES:
            break
        kept.add(index)
    left_out = [result for index, result in enumerate(results) if index not in kept]
    return [*(written[index] for index in sorted(kept)), _those_left_out(left_out)]


def _rank(result: CheckResult) -> int:
    return _EXEMPT_RANK if result.exempt else _RANKS[result.result]


def _cut(written: dict[str, Any]) -> dict[str, Any]:
    """Return a result with its message cut to what a report may hold."""
    message = written.get("message", "")
    if len(message) > _LONGEST_MESSAGE:
        written["message"] = message[: _LONGEST_MESSAGE - 3] + "..."
    return written


def _those_left_out(results: Sequence[CheckResult]) -> dict[str, Any]:
    """Return the result that stands for others."""
    counts = Counter(result.result for result in results)
    listed = ", ".join(f"{counts[result]} {result.value}" for result in Result if counts[result])
    return {
        "source": _SOURCE,
        "policy": _SOURCE,
        "rule": _LEFT_OUT,
        "result": Result.SKIP.value,
        "scored": False,
        "message": f"{plural(len(results), 'result is', 'results are', count=True)} left out here "
        f"({listed}): the report would be too large; the summary counts them",
        "properties": {f"{GROUP}/left-out": str(len(results))},
    }


def _result(result: CheckResult) -> dict[str, Any]:
    written: dict[str, Any] = {
        "source": _SOURCE,
        "policy": result.policy,
        "rule": result.check.id,
        "category": result.check.category.title,
        "severity": SEVERITIES[result.severity],
        "result": result.result.value,
        # PolicyReport's word for what counts against the workload.
        "scored": result.severity is Severity.MUST,
    }
    if result.message:
        written["message"] = result.message
    properties = {}
    if result.container:
        properties[f"{GROUP}/container"] = result.container
    if result.path:
        properties[f"{GROUP}/path"] = result.path
    if result.exempt:
        properties[f"{GROUP}/exempt"] = "true"
    if properties:
        written["properties"] = properties
    return written
