"""The report of a run as JSON, for programs; its form is a contract."""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Result
from readiness.evaluate.evaluator import CheckResult, Readiness
from readiness.remediate.patch import operations
from readiness.report.messages import indented_json
from readiness.report.summary import Judged, Run


def render_json(run: Run) -> str:
    """Return one JSON object with the workloads and a summary."""
    document = {
        "workloads": [_workload(judged) for judged in run.workloads],
        "summary": _summary(run),
    }
    return indented_json(document)


def _workload(judged: Judged) -> dict[str, Any]:
    ref = judged.report.ref
    return {
        "apiVersion": judged.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "file": judged.file,
        "line": judged.line,
        # Neither what can't be told nor what no policy applies to is ready.
        "ready": judged.readiness is Readiness.READY,
        "results": [
            _result(result, judged, known=number in judged.known)
            for number, result in enumerate(judged.report.results)
        ],
    }


def _result(result: CheckResult, judged: Judged, *, known: bool) -> dict[str, Any]:
    written: dict[str, Any] = {
        "check": result.check.id,
        "category": result.check.category.id,
        "severity": result.severity.value,
        "result": result.result.value,
        "message": result.message,
        "path": result.path,
        "line": judged.line_of(result),
        "exempt": result.exempt,
        "policy": result.policy,
        "known": known,
    }
    if result.fix is not None and result.counts:
        written["fix"] = {
            "safety": result.fix.safety.value,
            "explanation": result.fix.explanation,
            "patch": operations(judged.document, result.fix),
        }
    return written


def _summary(run: Run) -> dict[str, Any]:
    return {
        "workloads": len(run.workloads),
        "ready": run.by_readiness[Readiness.READY],
        "notReady": run.by_readiness[Readiness.NOT_READY],
        "unknown": run.by_readiness[Readiness.UNKNOWN],
        "withoutPolicy": run.by_readiness[None],
        "results": {result.value: run.by_result[result] for result in Result},
        "exempt": run.exempt,
        "known": run.known,
        "policies": list(run.policies),
        "files": run.files,
        "inputErrors": run.input_errors,
    }
