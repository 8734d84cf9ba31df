"""Keeps the status of exemptions and evidence true: what they do for whom, and when they end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from readiness.api import reasons
from readiness.controller.work_queue import Lane, WorkQueue
from readiness.errors import FieldError
from readiness.evaluate.evaluator import Report
from readiness.evaluate.evidence import image_problem
from readiness.evaluate.exemptions import Exemption
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind
from readiness.model.evidence import Evidence
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef
from readiness.model.workload_target import concerns
from readiness.publish.events import EventRecorder, EventRegarding
from readiness.publish.own_status import apply_own_status, with_times
from readiness.report.messages import evidence_expiring, exemption_expiring
from readiness.watch.cache import ClusterCache
from readiness.watch.projection import Observed
from readiness.watch.rulebook import Rulebook, evidence_key, exemption_key

WARN_BEFORE = timedelta(days=14)
# What they do for workloads changes with every workload judged: it is written at most this often.
_STATUS_SECONDS = 0.5
# The first moment at which "not before" is surely over.
_A_MOMENT = 0.05
# Events about one that ends soon are posted on this many of its workloads at most.
_MOST_TOLD = 20
_MOST_NAMED = 20


class OwnKinds:
    """Knows what each exemption accepts and whom each piece of evidence serves, and says so."""

    def __init__(
        self,
        client: KubeClient,
        recorder: EventRecorder,
        rulebook: Rulebook,
        cache: ClusterCache,
        queue: WorkQueue[ObjectRef],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._rulebook = rulebook
        self._cache = cache
        self._queue = queue
        self._clock = clock
        # By exemption or evidence and workload: findings accepted; whether the evidence serves it.
        self._done: dict[ObjectRef, dict[ObjectRef, int]] = defaultdict(dict)
        # The same by workload.
        self._doing: dict[ObjectRef, Mapping[ObjectRef, int]] = {}

    # Taking note of workloads.

    def workload_judged(self, ref: ObjectRef, observed: Observed, report: Report) -> None:
        """Take note of what exemptions and evidence do for a workload."""
        accepted = Counter(r.exempted_by for r in report.results if r.exempted_by)
        doing = {exemption_key(ref.namespace, name): n for name, n in accepted.items()}
        for evidence in self._rulebook.evidence.all_about(ref, observed.record.labels):
            doing[evidence_key(ref.namespace, evidence.name)] = _serves(evidence, observed)
        self._note(ref, doing)

    def workload_gone(self, ref: ObjectRef) -> None:
        """Forget a workload."""
        self._note(ref, {})

    def _note(self, ref: ObjectRef, doing: Mapping[ObjectRef, int]) -> None:
        before = self._doing.pop(ref, {})
        if doing:
            self._doing[ref] = doing
        for key in before.keys() | doing.keys():
            now = doing.get(key)
            if now == before.get(key):
                continue
            if now is None:
                del self._done[key][ref]
                if not self._done[key]:
                    del self._done[key]
            else:
                self._done[key][ref] = now
            self._queue.add_after(key, _STATUS_SECONDS, Lane.LAST)

    # Bringing one up to date.

    async def reconcile_exemption(self, key: ObjectRef) -> None:
        """Write the status of an exemption where it differs, and warn of its end.

        Raises:
            ClusterError: when the write failed.
        """
        manifest = self._rulebook.manifests.get(key)
        if manifest is None:
            return
        exemption = self._rulebook.exemption(key)
        done = dict(self._done.get(key, {}))  # it may change while the status is written
        exempted = {"workloads": 0, "findings": 0}
        if exemption is None:
            error = self._rulebook.exemption_errors.get(key)
            conditions = [("Active", "False", reasons.INVALID, str(error))]
        else:
            now = self._clock()
            end = self._end(exemption)
            limited = " by a policy that limits exemptions" if end < exemption.expires_at else ""
            if now >= end:
                over = f"ended at {rfc3339(end)}{limited}; findings count again"
                conditions = [("Active", "False", reasons.EXPIRED, over)]
            else:
                exempted = {"workloads": len(done), "findings": sum(done.values())}
                until = f"findings are accepted until {rfc3339(end)}{limited}"
                conditions = [
                    ("Active", "True", reasons.IN_FORCE, until),
                    self._expiring(key, end, now, affected=len(done)),
                    _unneeded(exempted["findings"]),
                ]
        if await self._write(kinds.EXEMPTIONS, key, manifest, conditions, {"exempted": exempted}):
            assert exemption is not None  # noqa: S101 - only what is in force ends soon
            told = [(ref, exemption_expiring(exemption, end)) for ref in sorted(done)]
            self._tell(reasons.EXEMPTION_EXPIRING, told)

    async def reconcile_evidence(self, key: ObjectRef) -> None:
        """Write the status of evidence where it differs, and warn of its end.

        Raises:
            ClusterError: when the write failed.
        """
        manifest = self._rulebook.manifests.get(key)
        if manifest is None:
            return
        evidence = self._rulebook.evidence.get(key.namespace, key.name)
        done = self._done.get(key, {})
        served = sorted(ref for ref, serves in done.items() if serves)
        workloads: dict[str, Any] = {"matched": len(done), "served": len(served)}
        if served:
            names = [f"{ref.kind.lower()}/{ref.name}" for ref in served]
            workloads["names"] = names[:_MOST_NAMED]
        if evidence is None:
            error = self._rulebook.evidence_errors.get(key)
            conditions = [("Current", "False", reasons.INVALID, str(error))]
        else:
            now = self._clock()
            conditions = [_current(evidence, now, unserved=bool(done) and not served)]
            if now < evidence.performed_at:
                self._queue.add_after(key, _until(evidence.performed_at, now), Lane.LAST)
            if now < evidence.expires_at:
                expiring = self._expiring(key, evidence.expires_at, now, affected=len(served))
                conditions.append(expiring)
        if await self._write(kinds.EVIDENCE, key, manifest, conditions, {"workloads": workloads}):
            assert evidence is not None  # noqa: S101 - only what can be used ends soon
            text = evidence_expiring(evidence)
            self._recorder.record(
                EventRegarding(kinds.EVIDENCE.api_version, key, manifest["metadata"]["uid"]),
                warning=True,
                reason=reasons.EVIDENCE_EXPIRING,
                message=text,
            )
            left = [(ref, text) for ref in served if not self._outlasted(evidence, ref)]
            self._tell(reasons.EVIDENCE_EXPIRING, left)

    def _end(self, exemption: Exemption) -> datetime:
        """Return when the last finding stops being accepted: policies may limit how long."""
        policies = self._rulebook.policies
        labels = self._cache.namespace_labels(exemption.namespace)
        ends = []
        for ref in self._cache.inventory.workloads_in(exemption.namespace):
            own = self._cache.workloads[ref].record.labels
            if concerns(exemption.targets, ref, own):
                matching = policies.matching(ref, own, labels)
                limit = policies.effective(matching, self._clock()).max_exemption
                ends.append(exemption.ends(limit))
        return max(ends, default=exemption.expires_at)

    def _expiring(
        self, key: ObjectRef, end: datetime, now: datetime, *, affected: int
    ) -> tuple[str, str, str, str]:
        """Return the condition that remembers whether its end was warned of.

        While no workload is affected there is nobody to warn.
        """
        self._queue.add_after(key, _until(end, now), Lane.LAST)
        soon = end - WARN_BEFORE
        if now < soon:
            self._queue.add_after(key, _until(soon, now), Lane.LAST)
            return "Expiring", "False", reasons.NOT_SOON, f"warned of from {rfc3339(soon)} on"
        if not affected:
            message = f"ends at {rfc3339(end)} and affects no workload"
            return "Expiring", "False", reasons.NOBODY_AFFECTED, message
        return "Expiring", "True", reasons.EXPIRES_SOON, f"ends at {rfc3339(end)}"

    def _outlasted(self, evidence: Evidence, ref: ObjectRef) -> bool:
        """Return whether a workload has other evidence for the item, for longer than it warns."""
        observed = self._cache.workloads.get(ref)
        if observed is None:
            return True
        about = self._rulebook.evidence.about(ref, observed.record.labels, evidence.item)
        late = self._clock() + WARN_BEFORE
        return any(e.expires_at > late and _serves(e, observed) for e in about if e != evidence)

    async def _write(
        self,
        kind: ResourceKind,
        key: ObjectRef,
        manifest: dict[str, Any],
        conditions: Iterable[tuple[str, str, str, str]],
        further: Mapping[str, Any],
    ) -> bool:
        """Write a status where it differs; return whether its end is to be warned of from now on.

        The condition Expiring remembers: a restart warns of nothing twice.
        """
        generation = manifest["metadata"].get("generation") or 0
        wanted = {
            "observedGeneration": generation,
            "conditions": [condition_of(*one, generation) for one in conditions],
            **further,
        }
        warned = _is_true(manifest.get("status") or {}, "Expiring")
        await write_own_status(self._client, self._rulebook, kind, key, wanted, self._clock())
        return _is_true(wanted, "Expiring") and not warned

    def _tell(self, reason: str, told: list[tuple[ObjectRef, str]]) -> None:
        for ref, text in told[:_MOST_TOLD]:
            observed = self._cache.workloads.get(ref)
            if observed is not None:
                self._recorder.record(
                    EventRegarding(kinds.WORKLOADS[ref.kind].api_version, ref, observed.uid),
                    warning=True,
                    reason=reason,
                    message=text,
                )

    # For the metrics.

    def exemption_days_left(self) -> dict[tuple[str, ...], float]:
        """Return, by namespace, the days until the first exemption in force ends."""
        return self._days_left(
            (e.namespace, e.expires_at)
            for e in self._rulebook.exemptions()
            if self._cache.shard.owns(e.namespace)
        )

    def evidence_days_left(self) -> dict[tuple[str, ...], float]:
        """Return, by namespace, the days until the first evidence that counts expires."""
        every = self._rulebook.evidence.all()
        return self._days_left((e.namespace, e.expires_at) for e in every)

    def _days_left(self, ends: Iterable[tuple[str, datetime]]) -> dict[tuple[str, ...], float]:
        now = self._clock()
        left: dict[tuple[str, ...], float] = {}
        for namespace, end in ends:
            if end > now:
                days = (end - now) / timedelta(days=1)
                left[namespace,] = min(days, left.get((namespace,), days))
        return left


def condition_of(
    type_: str, status: str, reason: str, message: str, generation: int
) -> dict[str, Any]:
    """Return a condition of one of our kinds, without its time."""
    return {
        "type": type_,
        "status": status,
        "observedGeneration": generation,
        "reason": reason,
        "message": message,
    }


async def write_own_status(
    client: KubeClient,
    rulebook: Rulebook,
    kind: ResourceKind,
    key: ObjectRef,
    wanted: Mapping[str, Any],
    now: datetime,
) -> None:
    """Write the status of one of our objects, and remember it, where it differs from what is there.

    Raises:
        ClusterError: when the write failed.
    """
    manifest = rulebook.manifests[key]
    status = with_times(manifest.get("status") or {}, wanted, now)
    if status is None:
        return
    stored = await apply_own_status(client, kind, manifest, status)
    if key in rulebook.manifests:
        rulebook.manifests[key] = stored


def _current(evidence: Evidence, now: datetime, *, unserved: bool) -> tuple[str, str, str, str]:
    """Return whether evidence counts; `unserved`: there are workloads, but with other images."""
    until = rfc3339(evidence.expires_at)
    if now >= evidence.expires_at:
        return "Current", "False", reasons.EXPIRED, f"expired at {until}"
    if now < evidence.performed_at:
        since = rfc3339(evidence.performed_at)
        return "Current", "False", reasons.NOT_YET_PERFORMED, f"performedAt, {since}, is to come"
    if unserved:
        message = "every workload it is about runs other images than those it is bound to"
        return "Current", "False", reasons.OTHER_IMAGES, message
    return "Current", "True", reasons.CURRENT, f"counts until {until}"


def _unneeded(findings: int) -> tuple[str, str, str, str]:
    if findings:
        return "Unneeded", "False", reasons.FINDINGS_ACCEPTED, "it accepts findings"
    message = (
        "it accepts no finding: its checks find nothing here, are not asked for, or another "
        "exemption that lasts longer accepts what they find"
    )
    return "Unneeded", "True", reasons.NOTHING_TO_EXEMPT, message


def _serves(evidence: Evidence, observed: Observed) -> bool:
    """Return whether a workload runs the images that evidence is bound to."""
    if not evidence.digests:
        return True
    try:
        return not image_problem(evidence, observed.workload())
    except FieldError:
        return False


def _until(time: datetime, now: datetime) -> float:
    return (time - now).total_seconds() + _A_MOMENT


def _is_true(status: Mapping[str, Any], type_: str) -> bool:
    return any(
        c.get("type") == type_ and c.get("status") == "True" for c in status.get("conditions") or ()
    )
