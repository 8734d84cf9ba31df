"""The certificate of the webhook: served, read again when its files change, and made for trials.

The API server trusts the webhook by the caBundle of its configuration and nothing else, so the pair
comes from cert-manager, from the chart or from `readiness certs`.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from readiness.errors import CertificateError
from readiness.telemetry.metrics import Metrics

logger = structlog.get_logger(__name__)

POLL_SECONDS = 5.0
WARN_BEFORE = timedelta(days=14)

_WARN_EVERY = timedelta(days=1)
_CLOCK_SKEW = timedelta(hours=1)
_WAY = 'mount the Secret of the webhook, or make a pair with "readiness certs"'


def _now() -> datetime:
    return datetime.now(UTC)


class ReloadingCertificate:
    """A certificate and its key, read again whenever the files change.

    `context` goes to the server once. At each handshake it hands over to a context made of the
    newest pair that was whole, so a change refuses nobody. Loading a new pair into the context that
    is being served does not do: when certificate and key do not match, because a Secret was
    swapped between the reading of the two, OpenSSL drops the old key and every handshake fails.

    Attributes:
        context: for the server; TLS 1.2 and newer.
        expires_at: when the certificate being served ends.
    """

    def __init__(
        self,
        cert_file: Path,
        key_file: Path,
        *,
        metrics: Metrics,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Read the pair for the first time.

        Raises:
            CertificateError: a file is missing or broken, or the two do not belong together.
        """
        self._cert_file = cert_file
        self._key_file = key_file
        self._clock = clock
        self._problem = ""
        self._warned_at: datetime | None = None
        self._digest = b""
        self._current = self._load()
        self.context = _server_context()
        self.context.sni_callback = self._hand_over  # called for clients without SNI, too
        metrics.sample(
            "readiness_certificate_expiry_timestamp_seconds",
            "When the certificate of the webhook expires, in seconds since 1970.",
            (),
            lambda: {(): self.expires_at.timestamp()},
        )

    def reload(self) -> bool:
        """Look at the files once and return whether a new pair is served from now on.

        What is wrong with them is logged once; the old pair stays until it is mended.
        """
        try:
            changed = self._reload()
        except CertificateError as error:
            changed = False
            if str(error) != self._problem:
                logger.warning("still serving the old certificate", reason=str(error))
            self._problem = str(error)
        else:
            self._problem = ""
        self._warn_of_expiry()
        return changed

    async def run(self, *, every: float = POLL_SECONDS) -> None:
        """Look at the files again and again, with this many seconds between; never returns."""
        while True:
            self.reload()
            await asyncio.sleep(every)

    def _reload(self) -> bool:
        # Contents, not times: kubelet changes a mounted Secret by swapping a symbolic link.
        if self._digest == _digest(_read(self._cert_file), _read(self._key_file)):
            return False
        self._current = self._load()
        self._warned_at = None
        logger.info("serving a new certificate", expires=self.expires_at.isoformat())
        return True

    def _load(self) -> ssl.SSLContext:
        cert, key = _read(self._cert_file), _read(self._key_file)
        expires_at = _check_pair(self._cert_file, cert, self._key_file, key)
        context = _server_context()
        try:
            # It reads the files itself. Should they have changed since, it takes a whole pair or
            # none, and the digest makes the next look read them again.
            context.load_cert_chain(self._cert_file, self._key_file)
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(
                f"can't serve {self._cert_file} with {self._key_file}: {error}"
            ) from None
        self._digest = _digest(cert, key)
        self.expires_at = expires_at
        return context

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._current

    def _warn_of_expiry(self) -> None:
        now = self._clock()
        if now < self.expires_at - WARN_BEFORE:
            return
        if self._warned_at is not None and now < self._warned_at + _WARN_EVERY:
            return
        self._warned_at = now
        logger.warning(
            "the certificate has expired" if now >= self.expires_at else "the certificate expires",
            file=str(self._cert_file),
            expires=self.expires_at.isoformat(),
        )


@dataclass(frozen=True, slots=True)
class ServingPair:
    """What a webhook needs to be trusted, in PEM.

    Attributes:
        ca: the certificate that goes into the caBundle; its key was thrown away.
        certificate: the serving certificate.
        key: its private key, PKCS 8, not encrypted.
        expires_at: when both certificates end.
    """

    ca: bytes
    certificate: bytes
    key: bytes
    expires_at: datetime


def make_pair(names: Sequence[str], *, valid_for: timedelta, now: datetime) -> ServingPair:
    """Make a certificate authority and a serving certificate signed by it (EC P-256).

    Args:
        names: DNS names and IP addresses it is good for, at least one.
        valid_for: how long from now on.
        now: it is good an hour earlier already, for clocks that are behind.
    """
    expires_at = (now + valid_for).replace(microsecond=0)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = _common_name("readiness webhook CA")

    def build(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(ca_name)
            .subject_name(subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(expires_at)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )

    ca = (
        build(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        build(_common_name("readiness webhook"), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return ServingPair(
        ca=ca.public_bytes(Encoding.PEM),
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        expires_at=expires_at,
    )


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CertificateError(f"there is no file {file}; {_WAY}") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise CertificateError(f"can't read {file}: {reason}; {_WAY}") from None


def _digest(cert: bytes, key: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(cert).digest() + key).digest()


def _check_pair(cert_file: Path, cert: bytes, key_file: Path, key: bytes) -> datetime:
    """Return when the certificate expires."""
    try:
        certificate = x509.load_pem_x509_certificates(cert)[0]
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{cert_file} holds no certificate in PEM form; {_WAY}") from None
    try:
        private_key = load_pem_private_key(key, password=None)
    except TypeError:
        raise CertificateError(
            f"the key in {key_file} is encrypted; it must be readable without a password"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{key_file} holds no private key in PEM form; {_WAY}") from None
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    belong_together = certificate.public_key().public_bytes(
        *public
    ) == private_key.public_key().public_bytes(*public)
    if not belong_together:
        raise CertificateError(
            f"the certificate in {cert_file} was not made for the key in {key_file}; {_WAY}"
        )
    return certificate.not_valid_after_utc


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
