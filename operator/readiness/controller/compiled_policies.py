"""Keeps the compiled form of Strict policies in the cluster: it holds while no pod of ours runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from readiness.admission_policies.compiler import compile_policies
from readiness.errors import ClusterError
from readiness.kube.client import KubeClient, backoff
from readiness.publish import compiled_policies as publish
from readiness.watch.rulebook import Rulebook

logger = structlog.get_logger(__name__)

# Several edits in a row, as those of a `kubectl apply` of a directory, cost one compilation.
_SETTLE_SECONDS = 0.5
_A_MOMENT = 0.05


class PolicyCompiler:
    """Compiles the policies in force again whenever they or their exemptions change."""

    def __init__(
        self,
        client: KubeClient,
        rulebook: Rulebook,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._rulebook = rulebook
        self._clock = clock
        self._changed = asyncio.Event()
        self._written: dict[publish.Key, dict[str, Any]] | None = None
        self._leftovers: set[publish.Key] = set()

    def changed(self) -> None:
        """Take note that policies or exemptions changed."""
        self._changed.set()

    async def run(self, leading: asyncio.Event) -> None:
        """Compile and write until cancelled; starts when this replica leads."""
        await leading.wait()
        attempt = 0
        while True:
            self._changed.clear()
            try:
                next_change = await self._bring_up_to_date()
            except ClusterError as error:
                logger.warning("compiled policies not written", reason=str(error))
                await backoff(attempt, longest=60.0)
                attempt += 1
                continue
            attempt = 0
            wait = None
            if next_change is not None:
                wait = (next_change - self._clock()).total_seconds() + _A_MOMENT
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _bring_up_to_date(self) -> datetime | None:
        """Write what differs; return when time alone changes the result next."""
        if self._written is None:
            self._leftovers = await publish.written_before(self._client)
            self._written = {}
        compiled = compile_policies(
            self._rulebook.policies,
            list(self._rulebook.exemptions()),
            self._clock(),
            await self._client.server_version(),
            self._rulebook.policies.operator_namespace,
        )
        wanted = {publish.key_of(m): m for policy in compiled for m in policy.manifests}
        for key, manifest in wanted.items():
            if self._written.get(key) != manifest:
                await publish.write(self._client, manifest)
                self._written[key] = manifest
                logger.info("compiled policy written", kind=key[0], name=key[1])
        gone = [key for key in (*self._written, *self._leftovers) if key not in wanted]
        for key in sorted(set(gone), reverse=True):  # bindings before their policies
            await publish.delete(self._client, key)
            self._written.pop(key, None)
            logger.info("compiled policy deleted", kind=key[0], name=key[1])
        self._leftovers.clear()
        return min((c.next_change for c in compiled if c.next_change is not None), default=None)
