"""Brings one object up to date: judge, compare, write what differs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from readiness.api import reasons
from readiness.api.vocabulary import PRODUCTION_READY, Enforcement
from readiness.controller.announcer import Announcer
from readiness.controller.enforcement import EnforcementWatch
from readiness.controller.own_kinds import OwnKinds, condition_of, write_own_status
from readiness.controller.reports import KEY_KIND, NO_REPORTS, ReportKeeper, ReportSettings
from readiness.controller.scoreboard import Scoreboard
from readiness.controller.work_queue import Lane, WorkQueue
from readiness.errors import ConflictError, NotFoundError
from readiness.evaluate.evaluator import Readiness, Report, evaluate
from readiness.evaluate.policy import Policy
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind
from readiness.kube.kinds import WORKLOADS
from readiness.measure.monitor import DEFAULT_INTERVAL, ServiceLevelMonitor, Source
from readiness.model.evidence import Evidence
from readiness.model.snapshot import NEWEST_KNOWN_VERSION, Origin, Snapshot
from readiness.model.workload import ObjectRef
from readiness.publish.conditions import apply_conditions, condition_entries
from readiness.publish.events import LONGEST_MESSAGE, EventRecorder, EventRegarding
from readiness.report.conditions import ConditionState, agree, conditions_of
from readiness.report.messages import not_ready_event, ready_event
from readiness.telemetry.metrics import Metrics
from readiness.watch.cache import ClusterCache
from readiness.watch.projection import Observed
from readiness.watch.rulebook import Rulebook, policy_key
from readiness.watch.shard import EVERYTHING, Shard

logger = structlog.get_logger(__name__)

# Counts of a policy change with every workload judged: they are written when no workload waits
# (those of a half-judged cluster would be wrong), and at most this often.
_POLICY_STATUS_SECONDS = 0.5
# The StatefulSet controller drops foreign conditions whenever it writes a status. They are put
# back, but not in step with a rollout that writes its status many times a second.
_DROPPED_CONDITIONS_SECONDS = 5.0
# The first moment at which "not before" is surely over.
_A_MOMENT = 0.05
_SETTLE_SECONDS = 2.0
_MOST_FAILING = 20
_MANY = 100


class Reconciler:
    """Keeps every object true to the policies, exemptions and evidence in force.

    Attributes:
        rulebook: the policies, exemptions and evidence in force.
        cache: the cluster as known.
        queue: what is to be brought up to date.
        scoreboard: the last report of every workload, counted.
        own_kinds: what exemptions and evidence do, and their status.
        enforcement: knows whether anything refuses at admission; to be run.
        on_rules_changed: called when policies or exemptions in force changed.
        service_levels: what is measured of workloads; to be run.
        reports: keeps one report per workload; to be run unless they are off.
        clock: says what time it is.
    """

    def __init__(  # noqa: PLR0913 - one call, in run.py
        self,
        client: KubeClient,
        recorder: EventRecorder,
        metrics: Metrics,
        *,
        operator_namespace: str,
        webhook_configuration: str = "",
        prometheus: Source | None = None,
        service_level_seconds: float = DEFAULT_INTERVAL,
        reports: ReportSettings = NO_REPORTS,
        shard: Shard = EVERYTHING,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._metrics = metrics
        self.clock = clock
        self.kubernetes_version = NEWEST_KNOWN_VERSION
        self.queue: WorkQueue[ObjectRef] = WorkQueue()
        self.queue.accepting = False
        self._shard = shard
        self.cache = ClusterCache(self._touched, self._manifest_changed, shard)
        self.scoreboard = Scoreboard()
        self.announcer = Announcer(_SETTLE_SECONDS)
        self.rulebook = Rulebook(
            operator_namespace,
            self._policy_changed,
            self._exemptions_changed,
            self._evidence_changed,
        )
        self.policies = self.rulebook.policies
        self.on_rules_changed: Callable[[], None] = lambda: None
        self.own_kinds = OwnKinds(client, recorder, self.rulebook, self.cache, self.queue, clock)
        self.enforcement = EnforcementWatch(
            client, webhook_configuration, self._enforcement_changed
        )
        self.service_levels = ServiceLevelMonitor(
            prometheus, self._touched, interval=service_level_seconds, clock=clock
        )
        self.reports = ReportKeeper(client, self.cache, self.queue, self._verdict, clock, reports)
        self._written: dict[ObjectRef, float] = {}
        self._unknown_past: set[ObjectRef] = set()
        # Workloads whose first measurement is still to come: what sums up workloads waits for them.
        self._unmeasured: set[ObjectRef] = set()

    def begin(self) -> None:
        """Begin with everything there is: call when it has been listed and is to be kept true.

        Until then changes only reach the cache. A replica that stands by would otherwise collect
        what the one that writes has long dealt with.
        """
        self._unknown_past = {ref for ref in self.cache.workloads if ref.kind == "StatefulSet"}
        self.queue.accepting = True
        self.look_again()

    def look_again(self) -> None:
        """Have everything brought up to date, known or not to have changed."""
        for key in self.rulebook.manifests:
            self.queue.add(key, Lane.LAST)
        self._touched(set(self.cache.workloads))

    # What changed, and who has to be looked at again.

    def _touched(self, refs: set[ObjectRef]) -> None:
        lane = Lane.URGENT if len(refs) < _MANY else Lane.BULK
        for ref in refs:
            self.queue.add(ref, lane)

    def _manifest_changed(
        self, kind: ResourceKind, namespace: str, name: str, manifest: dict[str, Any] | None
    ) -> None:
        key = self.rulebook.put(kind, namespace, name, manifest)
        self.queue.add(key, Lane.LAST)

    def _policy_changed(self, old: Policy | None, new: Policy | None) -> None:
        """Look again at what a policy was or is about."""
        self.on_rules_changed()
        for ref, observed in self.cache.workloads.items():
            record = observed.record
            labels = self.cache.namespace_labels(ref.namespace)
            if any(
                policy is not None and self.policies.applies(policy, ref, record.labels, labels)
                for policy in (old, new)
            ):
                self.queue.add(ref, Lane.BULK)
        if _about_exemptions(old) != _about_exemptions(new):
            for key in self.rulebook.manifests:
                if key.kind == "ReadinessExemption":
                    self.queue.add(key, Lane.LAST)

    def _enforcement_changed(self) -> None:
        for policy in self.policies:
            self.queue.add(policy_key(policy.name), Lane.LAST)

    def _exemptions_changed(self, namespace: str) -> None:
        """Look again at what the exemptions of a namespace may be about."""
        self.on_rules_changed()
        for ref in self.cache.inventory.workloads_in(namespace):
            self.queue.add(ref)

    def _evidence_changed(self, old: Evidence | None, new: Evidence | None) -> None:
        """Look again at what evidence was or is about."""
        of_namespace = old or new
        if of_namespace is None:
            return
        for ref in self.cache.inventory.workloads_in(of_namespace.namespace):
            labels = self.cache.workloads[ref].record.labels
            if any(e is not None and e.concerns(ref, labels) for e in (old, new)):
                self.queue.add(ref)

    # Bringing one object up to date.

    async def reconcile(self, key: ObjectRef) -> None:
        """Bring one object up to date.

        Raises:
            ClusterError: when a write failed for a reason that time may heal.
        """
        if not self._shard.owns(key.namespace):
            return  # another shard's: a policy, or an exemption known for compiled policies alone
        try:
            if key.kind == "ReadinessPolicy":
                await self._reconcile_policy(key)
            elif self._waits_for_measurements(key):
                self.queue.add_after(key, _POLICY_STATUS_SECONDS, Lane.LAST)
            elif key.kind == "ReadinessExemption":
                await self.own_kinds.reconcile_exemption(key)
            elif key.kind == "ReadinessEvidence":
                await self.own_kinds.reconcile_evidence(key)
            elif key.kind == KEY_KIND:
                await self.reports.reconcile(key)
            else:
                await self._reconcile_workload(key)
        except (NotFoundError, ConflictError) as error:
            # Deleted, or deleted and created again, between the look and the write: the feed will
            # say so. A workload is tried again until it does, for nothing else would make sure
            # that its conditions are right, should the answer have been a passing one.
            if key in self.cache.workloads:
                raise
            logger.debug("object gone", object=str(key), reason=str(error))

    def _waits_for_measurements(self, key: ObjectRef) -> bool:
        """Return whether an object says what it does for workloads that are yet to be judged."""
        return key.kind in ("ReadinessExemption", "ReadinessEvidence") and any(
            ref.namespace == key.namespace for ref in self._unmeasured
        )

    async def _reconcile_workload(self, ref: ObjectRef) -> None:
        observed = self.cache.workloads.get(ref)
        if observed is None or observed.deleting:
            self._forget(ref)
            return
        report = self.judge(ref, observed)
        patience = self.service_levels.patience(ref)
        if patience:  # no verdict is made unknown because the first measurement is still to come
            self._unmeasured.add(ref)
            self.queue.add_after(ref, patience + _A_MOMENT)
            return
        self._unmeasured.discard(ref)
        self._policies_dirty(self.scoreboard.update(report))
        self.own_kinds.workload_judged(ref, observed, report)
        self.reports.judged(ref, observed, report)
        wanted = conditions_of(report)
        before = self._verdict_before(ref, observed)
        if agree(observed.conditions, wanted):
            self.cache.expect_nothing(ref)
        else:
            if self._recently_dropped(ref, observed):
                return
            await self._write(ref, observed, wanted)
        after = next((c.status for c in wanted if c.type == PRODUCTION_READY), None)
        self.announcer.verdict(ref, before, after, partial(self._tell, ref, observed, report))

    def judge(self, ref: ObjectRef, observed: Observed) -> Report:
        """Return what the policies in force say of a workload, as things are now."""
        now = self.clock()
        record = observed.record
        labels = self.cache.namespace_labels(ref.namespace)
        policies = self.policies.matching(ref, record.labels, labels)
        if not policies:
            self.service_levels.want(ref, ())
            return Report(ref, (), ())
        effective = self.policies.effective(policies, now)
        self.service_levels.want(ref, effective.measured)
        snapshot = Snapshot(
            self.cache.inventory,
            now,
            Origin.CLUSTER,
            self.kubernetes_version,
            self.cache.unavailable,
            evidence=self.rulebook.evidence,
            measurements=self.service_levels,
        )
        exemptions = self.rulebook.exemptions_in(ref.namespace)
        started = time.perf_counter()
        report = evaluate(observed.workload(), snapshot, effective, exemptions)
        self._metrics.evaluation_seconds.observe(time.perf_counter() - started)
        for result in report.results:
            if result.crashed:
                self._metrics.check_errors.labels(result.check.id).inc()
                logger.error(
                    "check crashed", check=result.check.id, object=str(ref), reason=result.message
                )
        if report.next_change is not None:
            wait = (report.next_change - now).total_seconds()
            self.queue.add_after(ref, wait + _A_MOMENT)
        return report

    def _verdict(self, ref: ObjectRef, observed: Observed) -> Report | None:
        """Return the report of a workload; None while its first measurement is still to come."""
        report = self.judge(ref, observed)
        return None if self.service_levels.patience(ref) else report

    def _forget(self, ref: ObjectRef) -> None:
        self._written.pop(ref, None)
        self._unknown_past.discard(ref)
        self.announcer.forget(ref)
        self._unmeasured.discard(ref)
        self.service_levels.want(ref, ())
        self._policies_dirty(self.scoreboard.remove(ref))
        self.own_kinds.workload_gone(ref)
        self.reports.forget(ref)

    def _policies_dirty(self, names: set[str]) -> None:
        for name in names:
            self.queue.add_after(policy_key(name), _POLICY_STATUS_SECONDS, Lane.LAST)

    def _recently_dropped(self, ref: ObjectRef, observed: Observed) -> bool:
        """Return whether to wait before putting back conditions that another controller dropped."""
        written = self._written.get(ref)
        if ref.kind != "StatefulSet" or observed.conditions or written is None:
            return False
        left = written + _DROPPED_CONDITIONS_SECONDS - time.monotonic()
        if left <= 0:
            return False
        self.queue.add_after(ref, left + _A_MOMENT)
        return True

    async def _write(
        self, ref: ObjectRef, observed: Observed, wanted: list[ConditionState]
    ) -> None:
        entries = condition_entries(ref.kind, observed.conditions, wanted, self.clock())
        self.cache.expect(ref, wanted)
        stored = await apply_conditions(self._client, ref, observed.uid, entries)
        self._written[ref] = time.monotonic()
        self._metrics.condition_writes.inc()
        self.cache.stored(ref, stored)
        logger.info(
            "conditions written",
            object=str(ref),
            ready=next((c.status for c in wanted if c.type == PRODUCTION_READY), "no policy"),
            failing=[
                c.reason for c in wanted if c.status == "False" and c.type != PRODUCTION_READY
            ],
        )

    def _verdict_before(self, ref: ObjectRef, observed: Observed) -> str | None:
        """Return what ProductionReady said before; "" when that can't be known.

        The condition itself remembers across restarts. A StatefulSet may have lost it: that one was
        there before this process and carries none says nothing.
        """
        if self.announcer.knows(ref):
            return None  # what it told last counts
        for condition in observed.conditions:
            if condition.type == PRODUCTION_READY:
                if condition.status != "Unknown":
                    return condition.status
                return None if condition.reason == reasons.WAITING_FOR_COMPANIONS else ""
        return "" if ref in self._unknown_past else None

    def _tell(self, ref: ObjectRef, observed: Observed, report: Report) -> None:
        """Post the event about a verdict."""
        not_ready = report.readiness is Readiness.NOT_READY
        self._recorder.record(
            EventRegarding(WORKLOADS[ref.kind].api_version, ref, observed.uid),
            warning=not_ready,
            reason=reasons.NOT_PRODUCTION_READY if not_ready else reasons.PRODUCTION_READY,
            message=not_ready_event(report, LONGEST_MESSAGE) if not_ready else ready_event(report),
        )

    # Our own kinds.

    async def _reconcile_policy(self, key: ObjectRef) -> None:
        manifest = self.rulebook.manifests.get(key)
        if manifest is None:
            return
        wanted = self._policy_status(key.name, manifest["metadata"].get("generation") or 0)
        # Counted anew once they are judged; until then the old counts stand.
        if self._unmeasured and self._shard.whole:
            before = manifest.get("status") or {}
            for field in ("workloads", "failing"):
                wanted.pop(field, None)
                if field in before:
                    wanted[field] = before[field]
            self.queue.add_after(key, _POLICY_STATUS_SECONDS, Lane.LAST)
        await write_own_status(
            self._client, self.rulebook, kinds.POLICIES, key, wanted, self.clock()
        )

    def _policy_status(self, name: str, generation: int) -> dict[str, Any]:
        error = self.rulebook.policy_errors.get(name)
        policy = self.policies.get(name)
        status: dict[str, Any] = {"observedGeneration": generation}
        if error is None:
            accepted = ("True", reasons.ACCEPTED, "the policy is used as written" + self._counted())
        else:
            message = str(error)
            if policy is not None:
                message += "; the version accepted before stays in force"
            accepted = ("False", error.reason, message)
        if policy is None:
            enforced = ("False", reasons.NOT_ACCEPTED, "the policy is not accepted")
        else:
            now = self.clock()
            status["enforcement"] = str(policy.enforcement_at(now))
            enforced = self._enforced(policy, now)
            if policy.enforce_from is not None and policy.enforce_from > now:
                wait = (policy.enforce_from - now).total_seconds()
                self.queue.add_after(policy_key(name), wait + _A_MOMENT, Lane.LAST)
        status["conditions"] = [
            condition_of("Accepted", *accepted, generation),
            condition_of("Enforced", *enforced, generation),
        ]
        if not self._shard.whole:
            return status
        counts = self.scoreboard.counts(name)
        status["workloads"] = {
            "matched": counts.total(),
            "ready": counts[Readiness.READY],
            "notReady": counts[Readiness.NOT_READY],
            "unknown": counts[Readiness.UNKNOWN],
        }
        asked = frozenset(policy.settings) if policy is not None else frozenset()
        failing = self.scoreboard.failing(name, asked, _MOST_FAILING)
        if failing:
            status["failing"] = [{"check": id, "workloads": number} for id, number in failing]
        return status

    def _counted(self) -> str:
        """Return where the counts are, when this controller knows but a part of the cluster."""
        if self._shard.whole:
            return ""
        return (
            f"; each of {self._shard.total} shards counts the workloads of its own namespaces: "
            "see sum(readiness_workloads)"
        )

    def _enforced(self, policy: Policy, now: datetime) -> tuple[str, str, str]:
        """Return status, reason and message of the Enforced condition."""
        if policy.enforcement is Enforcement.AUDIT:
            return "False", reasons.AUDIT_ONLY, "enforcement is Audit: findings are reported only"
        if policy.enforcement is Enforcement.WARN:
            return "False", reasons.WARN_ONLY, "enforcement is Warn: nothing is refused"
        if policy.enforcement_at(now) is not Enforcement.STRICT and policy.enforce_from is not None:
            moment = policy.enforce_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return "False", reasons.NOT_YET_IN_FORCE, f"enforced from {moment} on"
        if self.enforcement.enforced:
            return "True", reasons.ENFORCED, self.enforcement.explanation
        return "False", reasons.NO_ADMISSION_WEBHOOK, self.enforcement.explanation


def _about_exemptions(policy: Policy | None) -> tuple[object, ...]:
    """Return what of a policy the status of an exemption depends on."""
    return () if policy is None else (policy.custom_checks, policy.max_exemption)
