"""A container that starts slowly is given a long initial delay instead of a startup probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._limits import at_least
from readiness.checks.base import (
    REMOVED,
    Check,
    Edit,
    Fix,
    Outcome,
    Reference,
    Safety,
    Scope,
    Skip,
    finding,
)
from readiness.model.containers import Probe
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        seconds: initial delay of a liveness probe from which on a startup probe is wanted.
    """

    seconds: Annotated[int, at_least(1)] = 30


CHECK = Check(
    id="startup-probe-missing",
    title="Startup probe missing",
    category=Category.PROBES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "A fixed delay is too short on a slow day, and the container is killed while it starts, "
        "for ever; on all other days it leaves a hung container alone for longer than needed."
    ),
    remediation=(
        "Set startupProbe to the handler of livenessProbe with failureThreshold times "
        "periodSeconds above the slowest start, and remove livenessProbe.initialDelaySeconds."
    ),
    reference=Reference(
        checklist="Health Checks: Liveness probes",
        url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail for each liveness probe with a long initial delay and no startup probe beside it."""
    findings = []
    judged = False
    for container in workload.long_running_containers:
        liveness = container.liveness_probe
        if liveness is None:
            continue
        judged = True
        delay = liveness.initial_delay_seconds
        if delay >= params.seconds and container.startup_probe is None:
            message = f"must set startupProbe instead of livenessProbe.initialDelaySeconds: {delay}"
            findings.append(finding(container, message, "startupProbe", fix=_fix(liveness)))
    return findings if judged else Skip("no container has a liveness probe")


_NOT_COPIED = ("initialDelaySeconds", "successThreshold")


def _fix(liveness: Probe) -> Fix:
    """Return a startup probe that asks the same and is as patient as the liveness probe was."""
    tries = -(-liveness.initial_delay_seconds // liveness.period_seconds)
    fields = {key: value for key, value in liveness.fields.items() if key not in _NOT_COPIED}
    fields["failureThreshold"] = tries + liveness.failure_threshold
    return Fix(
        (
            Edit(f"{liveness.path.rpartition('.')[0]}.startupProbe", fields),
            Edit(f"{liveness.path}.initialDelaySeconds", REMOVED),
        ),
        Safety.UNSAFE,
        "it is asked from its first second on, and gets no traffic before it answers",
    )
