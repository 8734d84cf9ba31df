"""A container that runs for the life of its pod has no liveness probe.

A startup probe alone does not count: it stops once it has succeeded. For native sidecars a liveness
probe is a matter of taste, for plain init containers it is not allowed.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._probes import ends_by_itself, is_set
from readiness.checks.base import LONG_RUNNING_KINDS, Check, Outcome, Reference, Scope, finding
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="liveness-probe-missing",
    title="Liveness probe missing",
    category=Category.PROBES,
    severity=Severity.SHOULD,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Without a liveness probe a container whose process hangs, in a deadlock for example, is "
        "never restarted: somebody has to notice and delete the pod."
    ),
    remediation=(
        "Set livenessProbe on the container to an endpoint that looks at the process alone, never "
        "at a database or another service, with a failureThreshold that outlasts a short overload."
    ),
    reference=Reference(
        checklist="Health Checks: Liveness probes",
        url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    ),
    kinds=LONG_RUNNING_KINDS,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each app container without a liveness probe."""
    skip = ends_by_itself(workload)
    if skip is not None:
        return skip
    return [
        finding(container, "must set livenessProbe", "livenessProbe")
        for container in workload.app_containers
        if not is_set(container.liveness_probe)
    ]
