"""Admission while things break: replicas killed and replaced, certificates rotated, no API server.

Every figure is counted over real requests to the real API server.
"""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.e2e.conftest import Cluster
from tests.e2e.webhook_process import (
    Balancer,
    Certificates,
    WebhookProcess,
    registered,
    rendered_configuration,
)
from tests.e2e.workloads import deployment
from tests.polling import eventually

BAD_IMAGE = "registry.example.com/shop/web:latest"
POLICY = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "admission-faults"},
    "spec": {
        "enforcement": "Strict",
        "match": {"namespaceSelector": {"matchLabels": {"admission-faults": "yes"}}},
        "checks": [{"id": "mutable-image-tag", "severity": "Must"}],
    },
}
OPTIONS = ("--webhook-listen", "127.0.0.1:0")


@pytest.fixture
def strict_namespace(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A namespace in which a mutable image tag is refused."""
    cluster.kubectl("label", "namespace", namespace, "admission-faults=yes")
    cluster.apply(POLICY)
    yield namespace
    cluster.kubectl("delete", "readinesspolicy", "admission-faults")


class Fleet:
    """Webhooks behind a balancer, registered with the API server."""

    def __init__(self, cluster: Cluster, kubeconfig: Path, directory: Path, replicas: int) -> None:
        self.cluster = cluster
        self.certificates = Certificates(directory)
        self.pair = self.certificates.make()
        options = (*self.certificates.options, *OPTIONS, "--drain-seconds", "1")
        self.replicas = [WebhookProcess(kubeconfig, *options) for _ in range(replicas)]

    @contextmanager
    def serving(self, namespace: str, failure_policy: str) -> Iterator[None]:
        """Run and register them while the block runs."""
        for replica in self.replicas:
            replica.start()
        control_plane = self.cluster.control_plane
        try:
            with Balancer(*self.replicas) as balancer:
                configuration = rendered_configuration(
                    control_plane,
                    port=balancer.port,
                    ca=self.pair.ca,
                    failure_policy=failure_policy,
                )
                with registered(control_plane, configuration, lambda: self._refuses(namespace)):
                    yield
        finally:
            for replica in self.replicas:
                if replica.running:
                    replica.stop()

    def _refuses(self, namespace: str) -> bool:
        bad = yaml.safe_dump(deployment(namespace, image=BAD_IMAGE))
        answer = self.cluster.control_plane.kubectl(
            "apply", "--dry-run=server", "-f", "-", input=bad, check=False
        )
        return "mutable-image-tag" in answer.stderr


Create = Callable[[str, bool], Awaitable[str]]


def outcome(status: int, body: str) -> str:
    """Return what became of a request: created, refused by us, or failed for want of us."""
    if status == 201:
        return "created"
    if status == 403 and "denied the request" in body:
        return "refused"
    return f"failed {status}: {re.sub(r'[0-9.:]+', '#', body)[:300]}"


async def hammer(
    cluster: Cluster, namespace: str, requests: int, at_once: int, meanwhile: Callable[[], None]
) -> Counter[tuple[str, str]]:
    """Create good and bad Deployments in turn, while something happens in another thread.

    Returns:
        How often what was wanted ("good" or "bad") had which outcome.
    """
    context = ssl.create_default_context(cafile=str(cluster.control_plane.ca_file))
    headers = {"Authorization": f"Bearer {cluster.control_plane.token}"}
    url = f"{cluster.control_plane.url}/apis/apps/v1/namespaces/{namespace}/deployments"
    counts: Counter[tuple[str, str]] = Counter()
    numbers = iter(range(requests))
    done = asyncio.Event()

    async with aiohttp.ClientSession(
        headers=headers, connector=aiohttp.TCPConnector(ssl=context)
    ) as session:

        async def create(number: int) -> None:
            good = number % 2 == 0
            image = {} if good else {"image": BAD_IMAGE}
            manifest = deployment(namespace, f"load-{number}", replicas=0, **image)
            # dryRun: the API server asks the webhook alike, and the cluster does not fill up.
            async with session.post(url, json=manifest, params={"dryRun": "All"}) as answer:
                key = ("good" if good else "bad", outcome(answer.status, await answer.text()))
                counts[key] += 1

        async def worker() -> None:
            for number in numbers:
                await create(number)
            # Whatever happens meanwhile happens under load until its end.
            extra = requests
            while not done.is_set():
                await create(extra)
                extra += 1

        async def change() -> None:
            try:
                await asyncio.to_thread(meanwhile)
            finally:
                done.set()

        await asyncio.gather(change(), *(worker() for _ in range(at_once)))
    print(dict(counts))  # noqa: T201 - the figures, for who runs it with --capture=no
    return counts


@pytest.mark.parametrize("failure_policy", ["Ignore", "Fail"])
async def test_killed_in_the_middle_of_200_applies(
    cluster: Cluster,
    strict_namespace: str,
    webhook_kubeconfig: Path,
    tmp_path: Path,
    failure_policy: str,
) -> None:
    """The only replica dies: with Ignore the bad pass from then on, with Fail nothing does."""
    fleet = Fleet(cluster, webhook_kubeconfig, tmp_path / "certificates", 1)
    (webhook,) = fleet.replicas

    def kill() -> None:
        eventually(lambda: reviews(webhook) >= 60, within=30)
        assert webhook.stop(with_signal=signal.SIGKILL) == -signal.SIGKILL

    with fleet.serving(strict_namespace, failure_policy):
        counts = await hammer(cluster, strict_namespace, 200, 4, kill)

    failed = {key: n for key, n in counts.items() if key[1].startswith("failed")}
    assert counts.total() >= 200
    assert counts["good", "created"] > 0
    assert counts["bad", "refused"] > 0
    if failure_policy == "Ignore":
        assert failed == {}
        assert counts["good", "refused"] == 0
        assert counts["bad", "created"] > 0  # nobody was there to refuse
    else:
        assert counts["bad", "created"] == 0
        assert sum(failed.values()) > 0
        assert {"failed calling webhook" in outcome for _, outcome in failed} == {True}


def reviews(webhook: WebhookProcess) -> float:
    """Return how many reviews of Deployments a webhook has answered."""
    return sum(
        webhook.metric(
            "readiness_admission_reviews_total",
            kind="Deployment",
            operation="CREATE",
            verdict=verdict,
        )
        for verdict in ("allowed", "refused", "warned")
    )


async def test_a_rolling_restart_of_two_replicas_fails_no_request(
    cluster: Cluster, strict_namespace: str, webhook_kubeconfig: Path, tmp_path: Path
) -> None:
    fleet = Fleet(cluster, webhook_kubeconfig, tmp_path / "certificates", 2)

    def restart() -> None:
        for replica in fleet.replicas:
            assert replica.stop() == 0
            replica.start()

    with fleet.serving(strict_namespace, "Fail"):
        counts = await hammer(cluster, strict_namespace, 200, 8, restart)

    assert set(counts) == {("good", "created"), ("bad", "refused")}


async def test_certificates_are_rotated_without_a_failed_request(
    cluster: Cluster, strict_namespace: str, webhook_kubeconfig: Path, tmp_path: Path
) -> None:
    """The API server trusts both authorities, as it does while a chart rotates its own."""
    fleet = Fleet(cluster, webhook_kubeconfig, tmp_path / "certificates", 1)
    (webhook,) = fleet.replicas
    newer = Certificates(tmp_path / "newer")
    pair = newer.make()
    fleet.pair = replace(fleet.pair, ca=fleet.pair.ca + pair.ca)

    def rotate() -> None:
        eventually(lambda: reviews(webhook) >= 60, within=30)
        (fleet.certificates.directory / "tls.crt").write_bytes(pair.certificate)
        (fleet.certificates.directory / "tls.key").write_bytes(pair.key)
        eventually(lambda: "serving a new certificate" in webhook.log, within=30)

    with fleet.serving(strict_namespace, "Fail"):
        counts = await hammer(cluster, strict_namespace, 200, 8, rotate)
        # Connections stay open: only a new one shows the new certificate.
        assert await asyncio.to_thread(served, webhook.webhook_port) == pair.certificate

    assert set(counts) == {("good", "created"), ("bad", "refused")}


def served(port: int) -> bytes:
    """Return the certificate that a port serves."""
    return ssl.get_server_certificate(("127.0.0.1", port)).encode()


def test_it_answers_while_the_api_server_is_gone(
    cluster: Cluster, strict_namespace: str, webhook_kubeconfig: Path, tmp_path: Path
) -> None:
    """Asked directly, for nobody else is there to ask; then by the API server come back."""
    fleet = Fleet(cluster, webhook_kubeconfig, tmp_path / "certificates", 1)
    (webhook,) = fleet.replicas
    with fleet.serving(strict_namespace, "Fail"):
        before = webhook.metric("readiness_cache_age_seconds")
        cluster.control_plane.stop_api_server()
        try:
            for _ in range(20):
                assert ask(webhook, fleet, strict_namespace, image=BAD_IMAGE) is False
                assert ask(webhook, fleet, strict_namespace) is True
            assert webhook.get("/readyz") == (200, "ok\n")
            eventually(lambda: webhook.metric("readiness_cache_age_seconds") > before, within=20)
        finally:
            cluster.control_plane.start_api_server()
        eventually(lambda: fleet._refuses(strict_namespace), within=30)


def ask(webhook: WebhookProcess, fleet: Fleet, namespace: str, **container: Any) -> bool:
    """Ask a webhook as the API server would; return whether it allows."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "name": "web",
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "ann"},
            "object": deployment(namespace, **container),
        },
    }

    async def post() -> bool:
        context = ssl.create_default_context(cadata=fleet.pair.ca.decode())
        url = f"https://127.0.0.1:{webhook.webhook_port}/validate?timeout=3s"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=review, ssl=context) as answer,
        ):
            allowed: bool = (await answer.json())["response"]["allowed"]
            return allowed

    return asyncio.run(post())
