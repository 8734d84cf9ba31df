"""Keeps one report for each workload that policies match, where a kind for reports is installed.

Of a report only a fingerprint of what it should say is known here, and of what the one in the
cluster says. Where the two differ, the workload waits in the last lane of the queue; it is judged
again when its turn comes, and the report written. Reports are listed now and then: that finds
those deleted or changed by hand, those of a controller before this one, and a kind that was
installed meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog

from readiness.api.vocabulary import GROUP
from readiness.controller.work_queue import Lane, WorkQueue
from readiness.errors import ClusterError, ConflictError, ForbiddenError, NotFoundError
from readiness.evaluate.evaluator import Report
from readiness.kube.client import KubeClient, ResourceKind, backoff
from readiness.kube.kinds import WORKLOADS
from readiness.model.workload import ObjectRef
from readiness.publish import policy_reports as publish
from readiness.report.policy_report import fingerprint, report_name, stored_report
from readiness.watch.cache import ClusterCache
from readiness.watch.projection import Observed

logger = structlog.get_logger(__name__)

AUTO, OFF = "auto", "off"
KEY_KIND = "PolicyReport"
# How often to look whether a kind for reports has come.
_LOOK_SECONDS = 15.0
_REST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What is to be kept.

    Attributes:
        api: apiVersion of the reports; `auto`: the first that is installed; `off`: none is kept.
        passes: whether checks that pass or do not apply are listed too.
        most: how many reports there may be in the namespaces that are judged.
        sweep_seconds: how often they are listed.
    """

    api: str = OFF
    passes: bool = False
    most: int = 20_000
    sweep_seconds: float = 300.0


NO_REPORTS = ReportSettings()


def report_key(ref: ObjectRef) -> ObjectRef:
    """Return the key under which the report of a workload waits in the queue."""
    return ObjectRef(GROUP, KEY_KIND, ref.namespace, f"{ref.kind}/{ref.name}")


def workload_of(key: ObjectRef) -> ObjectRef:
    """Return the workload whose report waits under a key."""
    kind, name = key.name.split("/")
    return ObjectRef(WORKLOADS[kind].group, kind, key.namespace, name)


class ReportKeeper:
    """Keeps reports true to what policies say.

    Attributes:
        writes: how many reports were written or deleted, by outcome.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: ClusterCache,
        queue: WorkQueue[ObjectRef],
        judge: Callable[[ObjectRef, Observed], Report | None],
        clock: Callable[[], datetime],
        settings: ReportSettings,
    ) -> None:
        """Prepare.

        Args:
            client: to list and write with.
            cache: the workloads.
            queue: where keys of reports wait.
            judge: returns the report of a workload; None while no verdict is possible.
            clock: the time, for results.
            settings: what is to be kept.
        """
        self._client = client
        self._cache = cache
        self._queue = queue
        self._judge = judge
        self._clock = clock
        self._settings = settings
        self._candidates = [
            kind for name, kind in publish.KINDS.items() if settings.api in (AUTO, name)
        ]
        self._kind: ResourceKind | None = None
        # Fingerprints by workload: of what its report should say, empty where there should be none,
        # and of what the one in the cluster says.
        self._wanted: dict[ObjectRef, str] = {}
        self._found: dict[ObjectRef, str] = {}
        self._changed_meanwhile: set[ObjectRef] = set()
        self._left_over: set[ResourceKind] = set()  # kinds to remove what was kept as before
        self._creating = 0
        self._full = False
        self._told: set[ObjectRef] = set()
        self._problem = ""
        self._rests_until = 0.0
        self.writes: Counter[str] = Counter()

    def counts(self) -> dict[tuple[str, ...], float]:
        """Return how many reports there are, and how many are yet to be written or deleted."""
        pending = sum(wanted != self._found.get(ref, "") for ref, wanted in self._wanted.items())
        return {("written",): len(self._found), ("pending",): pending}

    # What is wanted

    def judged(self, ref: ObjectRef, observed: Observed, report: Report) -> None:
        """Take note of what the report of a workload should say."""
        if self._kind is None:
            return
        _, self._wanted[ref] = self._document(self._kind, observed, report)
        self._ask(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Take note that a workload is gone; Kubernetes deletes its report."""
        self._wanted.pop(ref, None)
        self._note(ref, "")
        self._told.discard(ref)

    def _document(
        self, kind: ResourceKind, observed: Observed, report: Report
    ) -> tuple[dict[str, Any], str]:
        """Return a report and its fingerprint, empty when there should be none."""
        document = stored_report(
            report,
            WORKLOADS[report.ref.kind].api_version,
            observed.uid,
            stored_as=kind.api_version,
            passes=self._settings.passes,
        )
        return document, fingerprint(document) if report.policies else ""

    def _ask(self, ref: ObjectRef) -> None:
        """Have the report of a workload looked at, unless it is known to be right."""
        if self._wanted.get(ref) != self._found.get(ref, ""):
            self._queue.add(report_key(ref), Lane.DETAILS)

    # What is there

    async def run(self, leading: asyncio.Event) -> None:
        """List the reports again and again, until cancelled; starts when this replica leads."""
        await leading.wait()
        attempt = 0
        while True:
            try:
                await self.look()
            except ClusterError as error:
                logger.warning("reports not looked at", reason=str(error))
                await backoff(attempt, longest=60.0)
                attempt += 1
                continue
            attempt = 0
            pause = self._settings.sweep_seconds
            await asyncio.sleep(pause if self._kind is not None else min(pause, _LOOK_SECONDS))

    async def look(self) -> None:
        """Find out which reports there are, and whether a kind for them came or went.

        Raises:
            ClusterError: when the API server can't tell.
        """
        for kind in self._candidates:
            self._changed_meanwhile.clear()
            try:
                found = [report async for report in self._written_before(kind)]
            except NotFoundError:
                if await publish.defined(self._client, kind):
                    raise  # an API server that has just started misses for a moment what it has
                continue
            except ForbiddenError as error:
                self._trouble(str(error))
                continue
            await self._take_in(kind, found)
            return
        if self._kind is not None:
            logger.info("no reports are kept any more: their kind is gone", kind=self._kind.kind)
        self._kind = None
        self._wanted.clear()
        self._found.clear()

    async def _written_before(self, kind: ResourceKind) -> AsyncIterator[publish.WrittenReport]:
        """Yield the reports in the namespaces whose workloads are judged here."""
        async for report in publish.written_before(self._client, kind):
            if self._cache.shard.owns(report.namespace):
                yield report

    async def _take_in(self, kind: ResourceKind, found: list[publish.WrittenReport]) -> None:
        workloads = self._cache.workloads
        meanwhile = {ref: self._found.get(ref, "") for ref in self._changed_meanwhile}
        self._found = {
            # The key that the cache holds already: two of 10,000 would be 2 MB more.
            workloads[report.owner].record.ref if report.owner in workloads else report.owner: (
                report.content
            )
            for report in found
            if report.owner is not None
        }
        for ref, content in meanwhile.items():
            self._note(ref, content)
        if kind == self._kind:
            concerned = {*self._wanted, *self._found}
        else:
            logger.info("reports are kept", api=kind.api_version, found=len(found))
            self._kind = kind
            self._wanted.clear()
            self._left_over = {other for other in publish.KINDS.values() if other != kind}
            concerned = set(workloads)
        for ref in concerned:
            self._ask(ref)
        # Whatever fails from here on is tried again with the next look.
        for other in list(self._left_over):
            await self._remove_all(other)
            self._left_over.discard(other)
        for report in found:
            if report.owner is None:
                await publish.delete(self._client, kind, report.namespace, report.name)
                self.writes["deleted"] += 1

    async def _remove_all(self, kind: ResourceKind) -> None:
        """Delete what was kept as another kind before."""
        try:
            async for report in self._written_before(kind):
                await publish.delete(self._client, kind, report.namespace, report.name)
                self.writes["deleted"] += 1
        except (NotFoundError, ForbiddenError):
            return

    def _note(self, ref: ObjectRef, content: str) -> None:
        """Take note of what the report of a workload says now, empty when there is none."""
        if content:
            self._found[ref] = content
        else:
            self._found.pop(ref, None)
        self._changed_meanwhile.add(ref)

    # Making it so

    async def reconcile(self, key: ObjectRef) -> None:
        """Write, rewrite or delete the report of a workload if that is still due.

        Raises:
            ClusterError: when it failed for a reason that is this report's own.
        """
        ref = workload_of(key)
        kind = self._kind
        observed = self._cache.workloads.get(ref)
        if kind is None or observed is None or observed.deleting:
            return
        if self._wanted.get(ref) == self._found.get(ref, ""):
            return
        left = self._rests_until - time.monotonic()
        if left > 0:
            self._queue.add_after(key, left, Lane.DETAILS)
            return
        report = self._judge(ref, observed)
        if report is None:
            return
        document, content = self._document(kind, observed, report)
        self._wanted[ref] = content
        try:
            await self._bring_up_to_date(kind, ref, document, content)
        except ConflictError as error:
            if ref not in self._told:
                self._told.add(ref)
                logger.warning(
                    "report not written: another one has its name",
                    object=str(ref),
                    reason=str(error),
                )
        except ClusterError as error:
            self.writes["failed"] += 1
            if not _namespace_ends(error):
                self._failed(key, error)

    def _failed(self, key: ObjectRef, error: ClusterError) -> None:
        """Take a rest from all reports if none can be written; raise what is this one's own."""
        if not _is_everybodys(error):
            if error.server_is_ill:  # it may have been written all the same
                self._note(workload_of(key), publish.UNKNOWN)
            raise error
        self._trouble(str(error))
        self._rests_until = time.monotonic() + _REST_SECONDS
        self._queue.add_after(key, _REST_SECONDS, Lane.DETAILS)

    async def _bring_up_to_date(
        self, kind: ResourceKind, ref: ObjectRef, document: dict[str, Any], content: str
    ) -> None:
        there = self._found.get(ref, "")
        if there == content:
            return
        if there and (not content or there == publish.CHANGED):
            # What others own of it goes with it.
            name = report_name(ref.kind, ref.name)
            await publish.delete(self._client, kind, ref.namespace, name)
            self._note(ref, "")
            self.writes["deleted"] += 1
        if not content:
            return
        new = ref not in self._found
        if new and self._is_full():
            return
        self._creating += new
        try:
            await publish.write(self._client, kind, document, content, self._clock())
        finally:
            self._creating -= new
        self._note(ref, content)
        self.writes["written"] += 1
        self._problem = ""

    def _is_full(self) -> bool:
        """Return whether there are as many reports as there may be, and say so once."""
        full = len(self._found) + self._creating >= self._settings.most
        if full and not self._full:
            logger.error(
                "no more reports are created",
                reason=f"there are {self._settings.most}, the most there may be",
                remedy="raise --max-reports if etcd has room for more; see docs/reports.md",
            )
        self._full = full
        return full

    def _trouble(self, problem: str) -> None:
        """Say, once, that reports can't be written and why."""
        if not self._problem:
            logger.error(
                "reports are not written",
                reason=problem,
                remedy="see docs/reports.md, or --reports off",
            )
        self._problem = problem


def _namespace_ends(error: ClusterError) -> bool:
    return isinstance(error, ForbiddenError) and "being terminated" in str(error)


def _is_everybodys(error: ClusterError) -> bool:
    """Return whether an error of one write is that of all: a lack of room or of rights."""
    return (
        isinstance(error, ForbiddenError)
        or error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        or "database space exceeded" in str(error)
        or "request is too large" in str(error)
    )
