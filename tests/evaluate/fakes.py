"""Checks, workloads and snapshots that answer as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import PASS, Check, Finding, Outcome, PodSecurity, Reference, Scope
from readiness.evaluate.evaluator import CheckResult
from readiness.evaluate.policy import CheckSetting, Policy
from readiness.model.inventory import Inventory
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload
from tests.support import NOW


def fake_check(  # noqa: PLR0913 - a check has many sides
    id: str,
    outcome: Outcome | Exception | Callable[[Any], Outcome] = PASS,
    *,
    severity: Severity | None = Severity.MUST,
    scope: Scope = Scope.INTRINSIC,
    category: Category = Category.PROBES,
    baseline: bool = False,
    pod_security: tuple[PodSecurity, ...] = (),
    params: type[Any] | None = None,
) -> Check:
    """Return a check with this outcome: given, raised, or made from the parameters."""
    check = Check(
        id=id,
        title=id,
        category=category,
        severity=severity,
        scope=scope,
        rationale="",
        remediation="",
        reference=Reference("", ""),
        baseline=baseline,
        pod_security=pod_security,
        params=params,
    )

    @check.rule
    def evaluate(_: Workload, __: Snapshot, params: Any) -> Outcome:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome(params) if callable(outcome) else outcome

    return check


def failing(*messages: str, container: str = "") -> list[Finding]:
    """Return findings with these messages."""
    return [Finding(message, "spec.x", container) for message in messages]


def workload(
    name: str = "web",
    *,
    kind: str = "Deployment",
    namespace: str = "shop",
    labels: dict[str, Any] | None = None,
    created: datetime | None = None,
) -> Workload:
    """Return a workload of no content."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels or {}}
    if created is not None:
        metadata["creationTimestamp"] = created.isoformat()
    return Workload({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {}})


def snapshot(*, now: datetime = NOW, origin: Origin = Origin.CLUSTER) -> Snapshot:
    """Return a snapshot of nothing."""
    return Snapshot(Inventory(), now, origin)


def policy(name: str, *checks: Check, severity: Severity = Severity.MUST, **fields: Any) -> Policy:
    """Return a policy that asks for these checks with their default parameters."""
    settings = {check.id: CheckSetting(check, severity, check.default_params) for check in checks}
    return Policy(name=name, settings=settings, **fields)


def summary(results: tuple[CheckResult, ...]) -> list[tuple[str, str, str]]:
    """Return check, result and message of each result."""
    return [(r.check.id, r.result.value, r.message) for r in results]
