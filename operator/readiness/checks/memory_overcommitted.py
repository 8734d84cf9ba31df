"""A container may use far more memory than was set aside for it on its node.

Where the pod has a limit of its own (`spec.resources.limits.memory`), that is what bounds its
containers together, so the pod is judged as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Annotated

from readiness.api.vocabulary import Category, Severity
from readiness.checks._effective_resources import (
    effective_limit,
    effective_request,
    own_request,
    pod_amount,
)
from readiness.checks._limits import at_least
from readiness.checks.base import (
    PASS,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
)
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check.

    Attributes:
        ratio: how many times the request the limit may be.
    """

    ratio: Annotated[float, at_least(1)] = 2


CHECK = Check(
    id="memory-overcommitted",
    title="Memory overcommitted",
    category=Category.RESOURCES,
    severity=Severity.NICE,
    scope=Scope.INTRINSIC,
    rationale=(
        "Memory can't be throttled: when containers use much more than they requested, the node "
        "runs out of it, and the kernel kills the one furthest over its request."
    ),
    remediation=(
        "Set resources.requests.memory to what the container uses under load, and "
        "resources.limits.memory to the same or little more."
    ),
    reference=Reference(
        checklist="Container Security: Resource limits",
        url="https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
    ),
    params=Params,
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Params) -> Outcome:
    """Fail when a limit is over `ratio` times the request it belongs to."""
    pod_request = pod_amount(workload, snapshot, "requests", "memory")
    pod_limit = pod_amount(workload, snapshot, "limits", "memory")
    if pod_limit is not None:
        total = pod_request or _requested_by_containers(workload) or pod_limit
        if not _exceeds(pod_limit, total, params):
            return PASS
        path = f"{workload.pod_path}.resources.limits.memory"
        return [Finding(f"{path} must be {_allowed(pod_limit, total, params)}", path)]
    findings = []
    judged = False
    for container in workload.long_running_containers:
        limit = effective_limit(container, workload, snapshot, "memory")
        if pod_request is None:
            request = effective_request(container, workload, snapshot, "memory")
        else:  # it is shared: no single container can be held against it
            request = own_request(container, "memory")
        if limit is None or request is None:
            continue
        judged = True
        if _exceeds(limit, request, params):
            message = f"must set resources.limits.memory to {_allowed(limit, request, params)}"
            findings.append(finding(container, message, "resources.limits.memory"))
    return findings if judged else Skip("no container has both a memory request and a memory limit")


def _requested_by_containers(workload: Workload) -> Fraction:
    """Return what the pod requests when it does not say so itself (setDefaultPodRequests)."""
    requests = (own_request(c, "memory") for c in workload.long_running_containers)
    return sum((request for request in requests if request is not None), Fraction(0))


def _exceeds(limit: Fraction, request: Fraction, params: Params) -> bool:
    # The ratio is 1 or more; most limits are the request, which takes no multiplication to see.
    return limit > request and limit > request * _exactly(params.ratio)


@cache
def _exactly(ratio: float) -> Fraction:
    """Return a ratio as it was written: 1.1 and not the binary fraction nearest to it."""
    return Fraction(str(ratio))


def _allowed(limit: Fraction, request: Fraction, params: Params) -> str:
    times = float(limit / request)
    return f"at most {params.ratio:g} times its request, not {times:.3g} times"
