"""A probe may take as long as the pause between two tries, or longer.

Defaults: timeoutSeconds 1, periodSeconds 10.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._probes import probe_name
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
    id="probe-timeout-too-long",
    title="Probe timeout too long",
    category=Category.PROBES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "The kubelet runs the tries of a probe one after the other, so tries that last a whole "
        "period delay each other, and a hung container is noticed later than the probe says."
    ),
    remediation=(
        "Set timeoutSeconds of the probe below its periodSeconds: to little more than the "
        "slowest answer of a healthy container."
    ),
    reference=Reference(
        checklist="Health Checks: Liveness probes",
        url="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each probe whose timeout is not below its period."""
    findings = []
    judged = False
    for container in workload.long_running_containers:
        for probe in container.probes:
            judged = True
            timeout, period = probe.timeout_seconds, probe.period_seconds
            if timeout >= period:
                name = probe_name(probe)
                message = (
                    f"must set {name}.timeoutSeconds ({timeout}) below periodSeconds ({period})"
                )
                # A shorter timeout would make probes fail that did not.
                fix = safe(
                    f"{probe.path}.periodSeconds",
                    timeout + 1,
                    "it is asked less often, and no probe fails that did not before",
                )
                findings.append(finding(container, message, f"{name}.timeoutSeconds", fix=fix))
    return findings if judged else Skip("no container has a probe")
