"""The liveness probe asks what the readiness probe asks, and gives up no later.

Two probes ask the same when, ports resolved and defaults filled in, handler, scheme, host, path,
headers, port, gRPC service and command are equal. That is fine as long as liveness is slower:
failureThreshold times periodSeconds must be more than that of readiness.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._probes import asked
from readiness.checks.base import (
    Check,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
    safe,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="probes-identical",
    title="Probes identical",
    category=Category.PROBES,
    severity=Severity.SHOULD,
    scope=Scope.INTRINSIC,
    rationale=(
        "A container that is merely busy should get no requests for a while; with a liveness "
        "probe that fails at the same moment it is killed instead, and its load goes to the "
        "others, which are killed next."
    ),
    remediation=(
        "Raise livenessProbe.failureThreshold until the container has been unready for a while "
        "before it is restarted, or let livenessProbe ask something cheaper."
    ),
    reference=Reference(
        checklist="Health Checks: Liveness probes",
        url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each container whose liveness probe is its readiness probe, and not slower."""
    findings = []
    judged = False
    for container in workload.long_running_containers:
        liveness, readiness = container.liveness_probe, container.readiness_probe
        if liveness is None or readiness is None:
            continue
        judged = True
        if asked(liveness, container) != asked(readiness, container):
            continue
        patience = readiness.failure_threshold * readiness.period_seconds
        if liveness.failure_threshold * liveness.period_seconds > patience:
            continue
        threshold = patience // liveness.period_seconds + 1
        findings.append(
            finding(
                container,
                f"must set livenessProbe.failureThreshold to {threshold} or more, "
                "or to another handler than that of readinessProbe",
                "livenessProbe.failureThreshold",
                fix=safe(
                    f"{liveness.path}.failureThreshold",
                    threshold,
                    "it is restarted later, and never when it was not before",
                ),
            )
        )
    return findings if judged else Skip("no container has both a liveness and a readiness probe")
