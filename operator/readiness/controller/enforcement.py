"""Whether anything refuses at admission: policies say so in their status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from readiness.errors import ClusterError, NotFoundError
from readiness.kube.client import KubeClient, ResourceKind

logger = structlog.get_logger(__name__)

WEBHOOK_CONFIGURATIONS = ResourceKind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
WORKLOADS_WEBHOOK = "workloads.readiness.dev"
_LOOK_SECONDS = 15.0


class EnforcementWatch:
    """Looks now and then whether the API server is told to ask the operator's webhook.

    Attributes:
        enforced: whether it is.
        explanation: what the status of a Strict policy says about it.
    """

    def __init__(self, client: KubeClient, name: str, on_change: Callable[[], None]) -> None:
        """Prepare.

        Args:
            client: to look with.
            name: of the ValidatingWebhookConfiguration; "" when there is none.
            on_change: called when the answer changed.
        """
        self._client = client
        self._name = name
        self._on_change = on_change
        self.enforced = False
        self.explanation = (
            "no admission webhook of this operator runs here: findings are reported and not refused"
        )

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while self._name:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.Event().wait()

    async def look(self) -> None:
        """Look once; an API server that does not answer changes nothing."""
        try:
            configuration = await self._client.call(
                "GET", WEBHOOK_CONFIGURATIONS.path(name=self._name)
            )
        except NotFoundError:
            self._conclude(enforced=False, why=f"there is no {self._described}")
        except ClusterError as error:
            logger.warning("can't see whether Strict is enforced", reason=str(error))
        else:
            self._conclude(*_judge(configuration, self._described))

    @property
    def _described(self) -> str:
        return f'ValidatingWebhookConfiguration "{self._name}"'

    def _conclude(self, enforced: bool, why: str) -> None:  # noqa: FBT001 - takes _judge's answer
        explanation = (
            f"violations of Must checks are refused at admission: {why}"
            if enforced
            else f"{why}: findings are reported and not refused"
        )
        if (enforced, explanation) == (self.enforced, self.explanation):
            return
        self.enforced, self.explanation = enforced, explanation
        logger.info("enforcement", enforced=enforced, reason=why)
        self._on_change()


def _judge(configuration: dict[str, Any], described: str) -> tuple[bool, str]:
    """Return whether the API server asks the webhook, and what to say about it."""
    for webhook in configuration.get("webhooks") or ():
        if webhook.get("name") != WORKLOADS_WEBHOOK:
            continue
        if not (webhook.get("clientConfig") or {}).get("caBundle"):
            return False, f"{described} has no caBundle yet"
        return True, f"{described}, failurePolicy {webhook.get('failurePolicy')}"
    return False, f"{described} has no webhook {WORKLOADS_WEBHOOK}"
