"""The webhook as its users run it, and the configuration that makes the API server ask it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import yaml

from readiness.admission.certificates import ServingPair, make_pair
from tests.chart.support import CHART, NAMESPACE, RELEASE
from tests.e2e.operator_process import OperatorProcess
from tools.control_plane import ControlPlane


@dataclass(frozen=True)
class Certificates:
    """A pair of files, as a Secret is mounted."""

    directory: Path

    @property
    def options(self) -> tuple[str, ...]:
        cert, key = self.directory / "tls.crt", self.directory / "tls.key"
        return "--tls-cert-file", str(cert), "--tls-key-file", str(key)

    def make(self) -> ServingPair:
        """Write a new pair and return it."""
        pair = make_pair(["127.0.0.1"], valid_for=timedelta(days=1), now=datetime.now(UTC))
        self.directory.mkdir(exist_ok=True)
        (self.directory / "tls.crt").write_bytes(pair.certificate)
        (self.directory / "tls.key").write_bytes(pair.key)
        return pair


class WebhookProcess(OperatorProcess):
    """`readiness run --role webhook`."""

    role = "webhook"

    @property
    def webhook_port(self) -> int:
        """Where it answers reviews."""
        for line in self.log.splitlines():
            record = json.loads(line)
            if record.get("event") == "webhook started":
                return int(record["webhook_port"])
        raise AssertionError(f"not started: {self.log}")


class Balancer:
    """A TCP balancer over webhooks that say they are ready: what a Service does."""

    def __init__(self, *webhooks: WebhookProcess) -> None:
        self.webhooks = list(webhooks)
        self.port = 0
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=10)

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._pass_on, "127.0.0.1", 0)

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ready(self) -> list[int]:
        # Ports are read first: a webhook that is stopped meanwhile has none.
        found = []
        for webhook in self.webhooks:
            with contextlib.suppress(AssertionError, OSError):
                if webhook.running and webhook.get("/readyz")[0] == 200:
                    found.append(webhook.webhook_port)
        return found

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            ports = await asyncio.to_thread(self._ready)
            if not ports:
                return
            port = ports[next(self._turn) % len(ports)]
            try:
                from_backend, to_backend = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            with contextlib.closing(to_backend):
                await asyncio.gather(_copy(reader, to_backend), _copy(from_backend, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def rendered_configuration(
    control_plane: ControlPlane, *, port: int, ca: bytes, failure_policy: str = "Ignore"
) -> dict[str, Any]:
    """Return the ValidatingWebhookConfiguration of the chart, pointed at a local port."""
    rendered = subprocess.run(
        [
            str(control_plane.binary("helm")),
            "template",
            RELEASE,
            str(CHART),
            "--namespace",
            NAMESPACE,
            "--kube-version",
            control_plane.version(),
            "--show-only",
            "templates/webhook-configuration.yaml",
            "--set",
            f"webhook.failurePolicy={failure_policy}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (configuration,) = (
        document
        for document in yaml.safe_load_all(rendered)
        if document and document["kind"] == "ValidatingWebhookConfiguration"
    )
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"] = {
            "url": f"https://127.0.0.1:{port}/validate",
            "caBundle": base64.b64encode(ca).decode(),
        }
    found: dict[str, Any] = configuration
    return found


@contextmanager
def registered(
    control_plane: ControlPlane,
    configuration: dict[str, Any],
    refuses: Callable[[], bool],
) -> Iterator[None]:
    """Register a webhook while the block runs; it begins when the API server asks it."""
    from tests.polling import eventually

    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(configuration))
    try:
        eventually(refuses, within=20)
        yield
    finally:
        control_plane.kubectl(
            "delete", "validatingwebhookconfiguration", configuration["metadata"]["name"]
        )
