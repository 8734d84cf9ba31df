"""Which of several replicas writes: the one that holds a Lease (coordination.k8s.io/v1).

The protocol is client-go's (tools/leaderelection), so `kubectl get leases` reads as for every other
controller. Nobody's clock is compared with anybody else's: a candidate takes the Lease when the
record has not changed for as long as it says it is good for, counted from when the candidate saw it
change; two that try at once are told apart by resourceVersion.

The holder stops writing some seconds before others may start. It counts from the moment at which
its last renewal was sent, the others from when they saw it, which is later. What it counts by goes
on while the machine sleeps (CLOCK_BOOTTIME, where there is one) and while the process is paused. It
does not go on in a virtual machine that its hypervisor holds; nothing inside can see that.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from readiness.errors import ClusterError, LostLeadershipError, NotFoundError
from readiness.kube.client import KubeClient, ResourceKind

logger = structlog.get_logger(__name__)

LEASES = ResourceKind("coordination.k8s.io", "v1", "Lease", "leases")

# The exit code of a process whose event loop hangs: that of every operator that could not go on.
HANGS = 3
_LOOK_SECONDS = 1.0
_RELEASE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """The times of an election, in seconds; the defaults are client-go's.

    Attributes:
        duration: how long others wait after they last saw the Lease renewed.
        renew_deadline: how long after its last renewal the holder goes on writing; what is under
            way then has until `duration` to end.
        retry: between two attempts to renew or to take it.
        patience: how long an event loop that does not take note of the deadline may do so.
    """

    duration: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0
    patience: float = 3.0


def boot_clock() -> float:
    """Return seconds from a clock that only goes forward and goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LeaderElector:
    """Campaigns for a Lease, keeps it, gives it up.

    Args:
        client: calls without a rate limit: renewals must not wait behind other writes.
        namespace, name: of the Lease.
        identity: of this replica; no other may ever have the same.
        times: of the election.
        clock: seconds; goes forward only.

    Attributes:
        leading: set once this replica holds the Lease; losing it ends `run`, so it is never unset.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        times: LeaseTimes = LeaseTimes(),
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times
        self._clock = clock
        self._record: dict[str, Any] = {}
        self._record_seen = 0.0
        self._renewed: float | None = None
        self._problem = ""
        self._lost = ""
        self._ended = threading.Event()
        self.leading = asyncio.Event()

    @property
    def _lease(self) -> str:
        return f"{self._namespace}/{self._name}"

    def guard(self) -> float:
        """Return how many seconds a write may take that begins now.

        Raises:
            LostLeadershipError: when this replica may not write, for whatever reason.
        """
        if self._renewed is None:
            raise LostLeadershipError(f"the Lease {self._lease} is not held by this replica")
        age = self._clock() - self._renewed
        if not self._lost and age >= self._times.renew_deadline:
            why = f" ({self._problem})" if self._problem else ""
            self._lost = f"not renewed for {age:.0f} s{why}"
        if self._lost:
            raise LostLeadershipError(f"lost the Lease {self._lease}: {self._lost}")
        return self._times.duration - age

    def is_leader(self) -> bool:
        """Return whether this replica may write."""
        try:
            self.guard()
        except LostLeadershipError:
            return False
        return True

    async def run(self) -> None:
        """Wait for the Lease, then keep it for as long as that goes.

        Raises:
            LostLeadershipError: when it was held and is no more.
            ClusterError: when it can't be had for a reason that time does not heal.
        """
        try:
            await self._acquire()
            logger.info("became leader", lease=self._lease, identity=self._identity)
            threading.Thread(target=self._watch_loop, name="lease", daemon=True).start()
            self.leading.set()
            while True:
                await self._keep()
        finally:
            self._ended.set()

    async def release(self) -> None:
        """Give the Lease up, if it is held, so that nobody has to wait for its end.

        Call when nothing is written any more. What goes wrong here costs the others the wait, so
        it is only logged.
        """
        if self._renewed is None or self._lost:
            return
        self._lost = "given up"
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                lease = await self._get()
                if lease is None or _holder(lease["spec"]) != self._identity:
                    return
                spec = {
                    **lease["spec"],
                    **self._times_now(acquired=True),
                    "leaseDurationSeconds": 1,
                }
                spec.pop("holderIdentity")
                await self._put({**lease, "spec": spec})
        except (ClusterError, TimeoutError) as error:
            logger.warning("lease not released", lease=self._lease, reason=_text(error))
        else:
            logger.info("lease released", lease=self._lease)

    # As a candidate

    async def _acquire(self) -> None:
        """Return when the Lease is held.

        Raises:
            ClusterError: when the API server refuses what is asked, time and again.
        """
        holder = reason = ""
        refused_since: float | None = None
        while True:
            try:
                if await self._attempt():
                    return
                reason = ""
                refused_since = None
            except (ClusterError, TimeoutError) as error:
                text = _text(error)
                if text != reason:
                    logger.warning("waiting for the lease", lease=self._lease, reason=text)
                reason = text
                if not isinstance(error, ClusterError) or not _refused(error):
                    refused_since = None
                elif refused_since is None:
                    # An API server that has just started refuses for a moment what it will allow.
                    refused_since = self._clock()
                elif self._clock() >= refused_since + self._times.renew_deadline:
                    raise ClusterError(self._remedy(error), status=error.status) from None
            if not reason and _holder(self._record) != holder:
                holder = _holder(self._record)
                logger.info("standing by", lease=self._lease, leader=holder)
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Return how long to wait for the next attempt: shorter if the Lease ends before it."""
        pause = self._times.retry * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, no secret
        left = self._record_seen + _duration(self._record) - self._clock()
        return min(pause, left) if left > 0 else pause

    def _remedy(self, error: ClusterError) -> str:
        ways = "or run one replica with --no-leader-elect"
        if error.status in (401, 403):
            return (
                f"can't use the Lease {self._lease}: {error}; grant it: kubectl create role "
                f"readiness-lease -n {self._namespace} --verb=get,create,update "
                f"--resource=leases.coordination.k8s.io, with a rolebinding, {ways}"
            )
        return (
            f"can't use the Lease {self._lease}: {error}; see that the namespace exists and that "
            f"--operator-namespace and --lease-name are right, {ways}"
        )

    # As the holder

    async def _keep(self) -> None:
        """Renew the Lease once, or find that it can't be renewed.

        Raises:
            LostLeadershipError: when it is lost.
        """
        await asyncio.sleep(self._times.retry)
        self.guard()  # after the deadline the Lease may be another's, whatever it says
        try:
            if await self._attempt():
                self._problem = ""
            else:
                self._lost = f"{_holder(self._record)} holds it"
        except (ClusterError, TimeoutError) as error:
            self._problem = _text(error)
            logger.warning("lease not renewed", lease=self._lease, reason=self._problem)
        self.guard()

    def _watch_loop(self) -> None:
        """End the process when its event loop hangs, a while after the Lease was lost."""
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self.guard()
            except LostLeadershipError as error:
                # A process that was paused takes note of it itself, given a moment.
                if not self._ended.wait(self._times.patience):
                    sys.stderr.write(f"readiness: {error}, and the event loop hangs\n")
                    sys.stderr.flush()
                    os._exit(HANGS)

    # The Lease itself

    async def _attempt(self) -> bool:
        """Take or renew the Lease if that may be done now; return whether it is held.

        Raises:
            ClusterError: when the API server can't be reached or refuses.
            TimeoutError: when it does not answer in time for another attempt.
        """
        async with asyncio.timeout(self._times.renew_deadline / 2):
            lease = await self._get()
            if lease is None:
                lease = {
                    "apiVersion": LEASES.api_version,
                    "kind": LEASES.kind,
                    "metadata": {"name": self._name, "namespace": self._namespace},
                    "spec": {"leaseTransitions": 0},
                }
            spec = lease.get("spec") or {}
            holder = _holder(spec)
            self._observe(spec)
            ours = holder == self._identity
            good_until = self._record_seen + _duration(spec)
            if holder and not ours and self._clock() < good_until:
                return False
            transitions = int(spec.get("leaseTransitions") or 0)
            created = "resourceVersion" not in lease["metadata"]
            lease["spec"] = {
                **spec,
                **self._times_now(acquired=not ours),
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._times.duration,
                "leaseTransitions": transitions if ours or created else transitions + 1,
            }
            # From before it is sent: the others may see it renewed no earlier.
            sent = self._clock()
            stored = await self._put(lease)
        self._observe(stored["spec"])
        self._renewed = sent
        return True

    def _observe(self, spec: dict[str, Any]) -> None:
        if spec != self._record:
            self._record = spec
            self._record_seen = self._clock()

    async def _get(self) -> dict[str, Any] | None:
        try:
            lease: dict[str, Any] = await self._client.call(
                "GET", LEASES.path(self._namespace, self._name)
            )
        except NotFoundError:
            return None
        return lease

    async def _put(self, lease: dict[str, Any]) -> dict[str, Any]:
        """Create the Lease, or update it as long as it is the one that was looked at."""
        stored: dict[str, Any]
        if "resourceVersion" in lease["metadata"]:
            path = LEASES.path(self._namespace, self._name)
            stored = await self._client.call("PUT", path, body=lease)
        else:
            stored = await self._client.call("POST", LEASES.path(self._namespace), body=lease)
        return stored

    def _times_now(self, *, acquired: bool) -> dict[str, str]:
        """Return the times to write; only people read them."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"renewTime": now, **({"acquireTime": now} if acquired else {})}


def _holder(spec: dict[str, Any]) -> str:
    return str(spec.get("holderIdentity") or "")


def _duration(spec: dict[str, Any]) -> float:
    return float(spec.get("leaseDurationSeconds") or 0)


def _refused(error: ClusterError) -> bool:
    """Return whether the API server said no, and not for a reason that passes."""
    return 400 <= error.status < 500 and error.status not in (409, 429)


def _text(error: Exception) -> str:
    return str(error) or "no answer in time"
