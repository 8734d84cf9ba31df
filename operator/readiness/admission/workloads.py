"""Judges workloads at admission, from the cache alone: no call to the API server, no waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from readiness.admission.reviews import AdmissionRequest, Answer, fit_warnings
from readiness.admission.verdict import Verdict, decide
from readiness.api import reasons
from readiness.api.vocabulary import BREAK_GLASS_ANNOTATION, Enforcement, Severity
from readiness.checks.base import Scope
from readiness.errors import FieldError
from readiness.evaluate.evaluator import CheckResult, Report, evaluate
from readiness.evaluate.policy import EffectivePolicy, Policy
from readiness.kube import kinds
from readiness.model.inventory import WorkloadRecord
from readiness.model.snapshot import NEWEST_KNOWN_VERSION, Origin, Snapshot
from readiness.model.workload import ObjectRef, Workload
from readiness.publish.events import EventRecorder, EventRegarding
from readiness.report.admission_texts import (
    break_glass_event,
    exempt_warning,
    finding_warnings,
    let_through,
    refusal,
    too_big,
    waiting_warning,
)
from readiness.telemetry.metrics import Metrics
from readiness.watch.cache import ClusterCache
from readiness.watch.projection import project_workload
from readiness.watch.rulebook import Rulebook

logger = structlog.get_logger(__name__)

ALLOWED = Answer(allowed=True)
# Names of objects whose crashed check has been logged, and sets of policies; each starts again when
# full.
_MOST_REMEMBERED = 1000
# Judging is pure computation, and whoever waits for it waits for all of it: three seconds are what
# the API server gives. Within these bounds all checks take less than one (measured); no pod that a
# node could run comes near them.
_MOST_CONTAINERS = 500
_MOST_ELEMENTS = 5000
# A review of so many bytes holds no more than that: an element takes two, a container 20.
_SMALL = 10_000
_LONGEST_REASON = 300
# What `kubectl rollout restart` sets: the same pods, started again.
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class WorkloadJudge:
    """Answers reviews of workloads by the policies that speak at admission: Warn and Strict.

    Attributes:
        kubernetes_version: of the API server.
    """

    def __init__(
        self,
        cache: ClusterCache,
        rulebook: Rulebook,
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._cache = cache
        self._rulebook = rulebook
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._logged: set[tuple[str, str]] = set()
        self._at_creation: dict[tuple[str, ...], tuple[EffectivePolicy, EffectivePolicy]] = {}
        self.kubernetes_version = NEWEST_KNOWN_VERSION

    def answer(self, request: AdmissionRequest) -> Answer:
        """Return the answer to the review of a workload; what is never judged is allowed."""
        new, old = request.object, request.old_object
        if request.operation not in ("CREATE", "UPDATE") or request.sub_resource or new is None:
            return ALLOWED
        if (new.get("metadata") or {}).get("deletionTimestamp"):
            return ALLOWED
        updated = request.operation == "UPDATE" and old is not None
        if updated and old is not None and new.get("spec") == old.get("spec"):
            return ALLOWED
        try:
            return self._judge(request, new, old if updated else None)
        except FieldError as error:
            # The API server's own validation speaks about what is malformed.
            return Answer(allowed=True, warnings=fit_warnings([f"not judged: {error}"]))

    def _judge(
        self, request: AdmissionRequest, new: dict[str, Any], old: dict[str, Any] | None
    ) -> Answer:
        now = self._clock()
        api_version = kinds.WORKLOADS[request.kind.kind].api_version
        new = _named(new, request)
        workload = project_workload(new, api_version, request.kind.kind)
        ref, labels = workload.ref, workload.labels
        policies = [
            policy
            for policy in self._rulebook.policies.matching(
                ref, labels, self._cache.namespace_labels(ref.namespace)
            )
            if policy.enforcement_at(now) is not Enforcement.AUDIT
        ]
        if not policies:
            return ALLOWED
        if request.size > _SMALL and (size := _too_big(new)):
            return _not_judged(ref, size, policies, now, was_too_big=bool(_too_big(old or {})))
        effective = self._rulebook.policies.effective(policies, now)
        if old is None:
            effective = self._without_minor_companions(effective)
        snapshot = Snapshot(
            self._cache.inventory,
            now,
            Origin.CLUSTER,
            self.kubernetes_version,
            self._cache.unavailable,
            evidence=self._rulebook.evidence,
        )
        started = time.perf_counter()
        with _standing_in(self._cache, workload):
            report = evaluate(
                workload, snapshot, effective, self._rulebook.exemptions_in(ref.namespace)
            )
        self._metrics.evaluation_seconds.observe(time.perf_counter() - started)
        self._note_crashes(report)

        def before(ids: Collection[str]) -> tuple[CheckResult, ...]:
            document = {**_named(old or {}, request), "apiVersion": api_version}
            was = Workload({**document, "kind": request.kind.kind})
            return evaluate(was, snapshot, _only(effective, ids)).results

        verdict = decide(
            report,
            None if old is None else before,
            template_changed=old is None or _template(new) != _template(old),
        )
        uid = str((new.get("metadata") or {}).get("uid") or "")
        return self._answer(request, verdict, uid, workload)

    def _answer(
        self, request: AdmissionRequest, verdict: Verdict, uid: str, workload: Workload
    ) -> Answer:
        warnings = finding_warnings(verdict.told, verdict.existing)
        if verdict.waiting:
            warnings.append(waiting_warning(verdict.waiting))
        if verdict.exempt:
            warnings.append(exempt_warning(verdict.exempt))
        if not verdict.refused:
            return Answer(allowed=True, warnings=fit_warnings(warnings))
        reason = _break_glass_reason(request)
        if reason and verdict.lets_through(request.groups):
            return self._let_through(request, verdict, uid, workload, reason, warnings)
        message = refusal(
            workload.ref,
            verdict.refused,
            [policy.name for policy in verdict.refused_by],
            verdict.break_glass,
            attempted=bool(reason),
        )
        return Answer(
            allowed=False,
            code=403,
            reason="Forbidden",
            message=message,
            warnings=fit_warnings(warnings),
        )

    def _let_through(
        self,
        request: AdmissionRequest,
        verdict: Verdict,
        uid: str,
        workload: Workload,
        reason: str,
        warnings: list[str],
    ) -> Answer:
        """Allow what is refused otherwise, in an emergency, and leave a trace of it."""
        checks = ",".join(dict.fromkeys(finding.check.id for finding in verdict.refused))
        if not request.dry_run:
            self._metrics.break_glass.inc()
            logger.warning(
                "break-glass used", object=str(workload.ref), user=request.user, reason=reason
            )
            self._recorder.record(
                EventRegarding(workload.api_version, workload.ref, uid),
                warning=True,
                reason=reasons.BREAK_GLASS_USED,
                message=break_glass_event(verdict.refused, request.user, reason),
            )
        return Answer(
            allowed=True,
            warnings=fit_warnings([let_through(verdict.refused, reason), *warnings]),
            audit_annotations={"break-glass": reason, "break-glass-checks": checks},
        )

    def _without_minor_companions(self, effective: EffectivePolicy) -> EffectivePolicy:
        """Return what is looked at when a workload is created: half the cost.

        Companions come after their workload, so nothing certain can be said of them yet; only those
        that decide readiness are worth a word.
        """
        known = self._at_creation.get(effective.policies)
        if known is not None and known[0] is effective:
            return known[1]
        checks = tuple(
            c
            for c in effective.checks
            if c.check.scope is Scope.INTRINSIC or c.severity is Severity.MUST
        )
        restricted = replace(effective, checks=checks)
        if len(self._at_creation) >= _MOST_REMEMBERED:
            self._at_creation.clear()
        self._at_creation[effective.policies] = effective, restricted
        return restricted

    def _note_crashes(self, report: Report) -> None:
        for result in report.results:
            if not result.crashed:
                continue
            self._metrics.check_errors.labels(result.check.id).inc()
            key = (result.check.id, str(report.ref))
            if key in self._logged:
                continue
            if len(self._logged) >= _MOST_REMEMBERED:
                self._logged.clear()
            self._logged.add(key)
            logger.error(
                "check crashed",
                check=result.check.id,
                object=str(report.ref),
                reason=result.message,
            )


def _named(manifest: dict[str, Any], request: AdmissionRequest) -> dict[str, Any]:
    """Return a manifest that names its namespace, and itself where its name is still to be made."""
    metadata = manifest.get("metadata") or {}
    if metadata.get("namespace") and metadata.get("name"):
        return manifest
    name = metadata.get("name") or request.name or metadata.get("generateName") or "unnamed"
    return {**manifest, "metadata": {**metadata, "namespace": request.namespace, "name": name}}


def _break_glass_reason(request: AdmissionRequest) -> str:
    """Return the reason somebody gave for getting a workload past Strict, "" when nobody did.

    `kubectl rollout undo` takes all annotations from the ReplicaSet it goes back to, so the one
    set for this very rollback stands on the old object only.
    """
    for manifest in (request.object, request.old_object):
        annotations = ((manifest or {}).get("metadata") or {}).get("annotations") or {}
        reason = annotations.get(BREAK_GLASS_ANNOTATION)
        if isinstance(reason, str) and reason.strip():
            return " ".join(reason.split())[:_LONGEST_REASON]
    return ""


def _template(manifest: dict[str, Any]) -> Any:
    """Return the pod template but for the time of the last restart.

    A restart makes no new version, and somebody in need of one must not be held up by what was
    missing before.
    """
    template = (manifest.get("spec") or {}).get("template") or {}
    metadata = template.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if _RESTARTED_AT not in annotations:
        return template
    others = {key: value for key, value in annotations.items() if key != _RESTARTED_AT}
    # The first restart brings the map, or fills it where it was empty.
    metadata = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**template, "metadata": {**metadata, "annotations": others} if others else metadata}


def _too_big(manifest: dict[str, Any]) -> str:
    """Return what of a workload is too much to be judged in time, "" when nothing is."""
    spec = manifest.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    lists = [pod.get(part) for part in ("initContainers", "containers")]
    containers = sum(len(value) for value in lists if isinstance(value, list))
    if containers > _MOST_CONTAINERS:
        return f"{containers:,} containers, more than {_MOST_CONTAINERS:,}"
    elements = 0
    left: list[Any] = [spec]
    while left:
        value = left.pop()
        if isinstance(value, list):
            elements += len(value)
            left += value
        elif isinstance(value, dict):
            left += value.values()
    if elements > _MOST_ELEMENTS:
        return f"lists with {elements:,} elements, more than {_MOST_ELEMENTS:,}"
    return ""


def _not_judged(
    ref: ObjectRef, size: str, policies: Iterable[Policy], now: datetime, *, was_too_big: bool
) -> Answer:
    """Answer for a workload that is too big: let through, size would be a way around Strict."""
    refusing = sorted(
        policy.name
        for policy in policies
        if policy.enforcement_at(now) is Enforcement.STRICT
        and (policy.denies_existing or not was_too_big)
    )
    if not refusing:
        return Answer(allowed=True, warnings=fit_warnings([f"not judged: spec holds {size}"]))
    return Answer(allowed=False, code=403, reason="Forbidden", message=too_big(ref, size, refusing))


def _only(effective: EffectivePolicy, ids: Collection[str]) -> EffectivePolicy:
    return replace(effective, checks=tuple(c for c in effective.checks if c.check.id in ids))


@contextmanager
def _standing_in(cache: ClusterCache, workload: Workload) -> Iterator[None]:
    """Let a workload stand in the inventory as it will be: budgets count pods of all they match."""
    inventory = cache.inventory
    record = WorkloadRecord(
        ref=workload.ref,
        labels=workload.labels,
        template_labels=workload.template_labels,
        replicas=workload.replicas,
        document=None,
    )
    known = inventory.workloads.get(record.ref)
    try:
        inventory.put_workload(record)
        yield
    finally:
        if known is None:
            inventory.remove_workload(record.ref)
        else:
            inventory.put_workload(known)
