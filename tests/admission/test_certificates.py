"""The certificate changes while the server runs, and nobody notices but those who look."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import verification
from structlog.testing import capture_logs

from readiness.admission.certificates import ReloadingCertificate, ServingPair, make_pair
from readiness.errors import CertificateError
from readiness.telemetry.metrics import Metrics

YEAR = timedelta(days=365)


def pair(valid_for: timedelta = YEAR) -> ServingPair:
    return make_pair(["127.0.0.1"], valid_for=valid_for, now=datetime.now(UTC))


def serial(made: ServingPair) -> int:
    return x509.load_pem_x509_certificate(made.certificate).serial_number


@dataclass
class Mount:
    """A mounted pair of files."""

    directory: Path

    @property
    def cert(self) -> Path:
        return self.directory / "tls.crt"

    @property
    def key(self) -> Path:
        return self.directory / "tls.key"

    def write(self, made: ServingPair) -> None:
        self.cert.write_bytes(made.certificate)
        self.key.write_bytes(made.key)

    def load(
        self, metrics: Metrics | None = None, clock: Callable[[], datetime] | None = None
    ) -> ReloadingCertificate:
        return ReloadingCertificate(
            self.cert,
            self.key,
            metrics=metrics or Metrics(),
            clock=clock or (lambda: datetime.now(UTC)),
        )


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path)


@asynccontextmanager
async def serving(certificate: ReloadingCertificate) -> AsyncIterator[int]:
    """Serve one byte over TLS to whoever connects; yields the port."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def trusting(*pairs: ServingPair) -> ssl.SSLContext:
    return ssl.create_default_context(cadata="".join(made.ca.decode() for made in pairs))


async def serial_of(port: int, trust: ssl.SSLContext, name: str = "127.0.0.1") -> int:
    """Return the serial number of the certificate that is served now."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname=name
    )
    assert await reader.read() == b"!"
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(der).serial_number


async def test_a_new_pair_is_served_by_the_same_listener(mount: Mount) -> None:
    old, new = pair(), pair()
    mount.write(old)
    certificate = mount.load()
    trust = trusting(old, new)
    async with serving(certificate) as port:
        assert await serial_of(port, trust) == serial(old)
        assert not certificate.reload()
        mount.write(new)

        assert certificate.reload()

        assert await serial_of(port, trust) == serial(new)


async def test_clients_that_name_the_server_get_the_new_pair_too(mount: Mount) -> None:
    names = ["readiness-webhook.readiness-system.svc"]
    old, new = (make_pair(names, valid_for=YEAR, now=datetime.now(UTC)) for _ in range(2))
    mount.write(old)
    certificate = mount.load()
    async with serving(certificate) as port:
        mount.write(new)
        certificate.reload()

        assert await serial_of(port, trusting(new), names[0]) == serial(new)


async def test_half_a_change_serves_the_old_pair_and_says_so_once(mount: Mount) -> None:
    old, new = pair(), pair()
    mount.write(old)
    certificate = mount.load()
    async with serving(certificate) as port:
        mount.cert.write_bytes(new.certificate)
        with capture_logs() as logs:
            assert not certificate.reload()
            assert not certificate.reload()

        assert await serial_of(port, trusting(old)) == serial(old)
        mount.key.write_bytes(new.key)
        assert certificate.reload()
        assert await serial_of(port, trusting(new)) == serial(new)
    assert [(entry["log_level"], entry["event"], entry["reason"]) for entry in logs] == [
        (
            "warning",
            "still serving the old certificate",
            (
                f"the certificate in {mount.cert} was not made for the key in {mount.key}; "
                'mount the Secret of the webhook, or make a pair with "readiness certs"'
            ),
        )
    ]


def test_a_problem_that_comes_back_is_logged_again(mount: Mount) -> None:
    old = pair()
    mount.write(old)
    certificate = mount.load()
    with capture_logs() as logs:
        mount.cert.unlink()
        certificate.reload()
        mount.write(old)
        certificate.reload()
        mount.cert.unlink()
        certificate.reload()

    assert [entry["event"] for entry in logs] == ["still serving the old certificate"] * 2


async def test_a_secret_swapped_by_its_symbolic_link_is_noticed(tmp_path: Path) -> None:
    """kubelet: tls.crt -> ..data/tls.crt, ..data -> a directory that is changed at one stroke."""
    old, new = pair(), pair()
    for version, made in (("..v1", old), ("..v2", new)):
        (tmp_path / version).mkdir()
        Mount(tmp_path / version).write(made)
    (tmp_path / "..data").symlink_to("..v1")
    mount = Mount(tmp_path)
    for file in (mount.cert, mount.key):
        file.symlink_to(Path("..data", file.name))
    certificate = mount.load()
    (tmp_path / "..tmp").symlink_to("..v2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")

    assert certificate.reload()

    async with serving(certificate) as port:
        assert await serial_of(port, trusting(new)) == serial(new)


async def test_the_files_are_looked_at_again_and_again(mount: Mount) -> None:
    old, new = pair(), pair()
    mount.write(old)
    certificate = mount.load()
    trust = trusting(old, new)
    async with serving(certificate) as port, asyncio.timeout(30):
        watcher = asyncio.create_task(certificate.run(every=0.01))
        mount.write(new)

        while await serial_of(port, trust) != serial(new):
            assert not watcher.done()

        watcher.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watcher


async def test_no_connection_fails_while_the_pair_changes(mount: Mount) -> None:
    pairs = [pair() for _ in range(6)]
    mount.write(pairs[0])
    certificate = mount.load()
    trust = trusting(*pairs)
    served: list[int] = []
    progress = asyncio.Condition()

    async def hammer(port: int) -> None:
        while True:
            served.append(await serial_of(port, trust))
            async with progress:
                progress.notify_all()

    async def more(connections: int) -> None:
        enough = len(served) + connections
        async with progress:
            await progress.wait_for(lambda: len(served) >= enough or clients_ended())

    def clients_ended() -> bool:
        return any(client.done() for client in clients)

    async with serving(certificate) as port, asyncio.timeout(60):
        clients = [asyncio.create_task(hammer(port)) for _ in range(6)]
        try:
            for made in pairs[1:]:
                mount.cert.write_bytes(made.certificate)
                certificate.reload()
                await more(12)
                mount.key.write_bytes(made.key)
                certificate.reload()
                await more(12)
            assert not clients_ended()
            assert await serial_of(port, trust) == serial(pairs[-1])
        finally:
            for client in clients:
                client.cancel()
            results = await asyncio.gather(*clients, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 6
    assert set(served) == {serial(made) for made in pairs}


async def test_tls_older_than_1_2_is_refused(mount: Mount) -> None:
    made = pair()
    mount.write(made)

    assert mount.load().context.minimum_version == ssl.TLSVersion.TLSv1_2
    async with serving(mount.load()) as port:
        trust = trusting(made)
        trust.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await serial_of(port, trust) == serial(made)


def missing(mount: Mount) -> str:
    mount.key.unlink()
    return f"there is no file {mount.key}; "


def unreadable(mount: Mount) -> str:
    mount.cert.unlink()
    mount.cert.mkdir()
    return f"can't read {mount.cert}: is a directory; "


def no_certificate(mount: Mount) -> str:
    mount.cert.write_text("garbage", encoding="utf-8")
    return f"{mount.cert} holds no certificate in PEM form; "


def no_key(mount: Mount) -> str:
    mount.key.write_bytes(mount.cert.read_bytes())
    return f"{mount.key} holds no private key in PEM form; "


def another_key(mount: Mount) -> str:
    mount.key.write_bytes(pair().key)
    return f"the certificate in {mount.cert} was not made for the key in {mount.key}; "


@pytest.mark.parametrize("damage", [missing, unreadable, no_certificate, no_key, another_key])
def test_what_cannot_be_served_at_the_start_is_named(
    mount: Mount, damage: Callable[[Mount], str]
) -> None:
    mount.write(pair())
    expected = damage(mount)
    way = 'mount the Secret of the webhook, or make a pair with "readiness certs"'

    with pytest.raises(CertificateError) as raised:
        mount.load()

    assert str(raised.value) == expected + way


def test_an_encrypted_key_is_no_reason_to_ask_for_a_password(mount: Mount) -> None:
    made = pair()
    mount.write(made)
    key: Any = load_pem_private_key(made.key, password=None)
    mount.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )

    with pytest.raises(CertificateError) as raised:
        mount.load()

    assert str(raised.value) == (
        f"the key in {mount.key} is encrypted; it must be readable without a password"
    )


def test_the_end_of_the_certificate_is_a_metric_that_follows(mount: Mount) -> None:
    metrics = Metrics()
    old, new = pair(), pair(timedelta(days=30))
    mount.write(old)
    certificate = mount.load(metrics)
    name = "readiness_certificate_expiry_timestamp_seconds"
    assert metrics.registry.get_sample_value(name) == old.expires_at.timestamp()
    mount.write(new)
    certificate.reload()

    assert metrics.registry.get_sample_value(name) == new.expires_at.timestamp()


def test_an_end_that_is_near_is_logged_once_a_day(mount: Mount) -> None:
    made = pair(timedelta(days=20))
    mount.write(made)
    now = datetime.now(UTC)
    certificate = mount.load(clock=lambda: now)
    start = now
    with capture_logs() as logs:
        for hours in (0, 24 * 5, 24 * 6 + 1, 24 * 6 + 2, 24 * 7 + 2, 24 * 20):
            now = start + timedelta(hours=hours)
            certificate.reload()

    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("warning", "the certificate expires"),
        ("warning", "the certificate expires"),
        ("warning", "the certificate has expired"),
    ]
    assert {entry["expires"] for entry in logs} == {made.expires_at.isoformat()}


def test_a_new_certificate_that_ends_soon_is_logged_at_once(mount: Mount) -> None:
    now = datetime.now(UTC)
    old, new = pair(timedelta(days=2)), pair(timedelta(days=3))
    mount.write(old)
    certificate = mount.load(clock=lambda: now)
    certificate.reload()
    mount.write(new)
    with capture_logs() as logs:
        certificate.reload()

    assert [(entry["event"], entry["expires"]) for entry in logs] == [
        ("serving a new certificate", new.expires_at.isoformat()),
        ("the certificate expires", new.expires_at.isoformat()),
    ]


def test_a_pair_is_what_a_strict_client_accepts() -> None:
    made = make_pair(["webhook.ns.svc"], valid_for=YEAR, now=datetime.now(UTC))
    authority = x509.load_pem_x509_certificate(made.ca)
    certificate = x509.load_pem_x509_certificate(made.certificate)
    store = verification.Store([authority])
    verifier = (
        verification.PolicyBuilder()
        .store(store)
        .build_server_verifier(x509.DNSName("webhook.ns.svc"))
    )

    assert verifier.verify(certificate, []) == [certificate, authority]
