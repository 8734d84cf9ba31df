"""A liveness probe restarts its container after a few seconds of failure.

It does after failureThreshold (3 by default) times periodSeconds (10 by default).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import at_least
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


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        seconds: how long a container may fail at the least before it is restarted.
    """

    seconds: Annotated[int, at_least(1)] = 10


CHECK = Check(
    id="liveness-probe-hair-trigger",
    title="Liveness probe hair trigger",
    category=Category.PROBES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "A pause of the garbage collector or a short overload is enough to have the container "
        "killed, which makes the overload of the others worse."
    ),
    remediation=(
        "Raise livenessProbe.failureThreshold until failureThreshold times periodSeconds is 30 "
        "seconds or more."
    ),
    reference=Reference(
        checklist="Health Checks: Liveness probes",
        url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each liveness probe that gives up in less than `seconds`."""
    findings = []
    judged = False
    for container in workload.long_running_containers:
        liveness = container.liveness_probe
        if liveness is None:
            continue
        judged = True
        period = liveness.period_seconds
        seconds = liveness.failure_threshold * period
        if seconds < params.seconds:
            threshold = -(-params.seconds // period)
            message = (
                f"must set livenessProbe.failureThreshold to {threshold} or more: it is restarted "
                f"after {seconds} second{'' if seconds == 1 else 's'} of failure"
            )
            fix = safe(
                f"{liveness.path}.failureThreshold",
                threshold,
                "it is restarted later, and never when it was not before",
            )
            findings.append(finding(container, message, "livenessProbe.failureThreshold", fix=fix))
    return findings if judged else Skip("no container has a liveness probe")
