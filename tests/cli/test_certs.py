"""`readiness certs`: what it writes, what it says, and what it refuses to replace."""

from __future__ import annotations

import base64
import ipaddress
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.cli.support import run

SERVICE = "readiness-webhook.readiness-system.svc"


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_files_are_written_and_the_bundle_is_all_of_stdout(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "certs"

    result = run("certs", "--dns-name", SERVICE, "--directory", str(directory))

    written = contents(directory)
    expires = x509.load_pem_x509_certificate(written["tls.crt"]).not_valid_after_utc
    assert result.exit_code == 0
    assert set(written) == {"ca.crt", "tls.crt", "tls.key"}
    assert base64.b64decode(result.stdout, validate=False) == written["ca.crt"]
    assert result.stderr == (
        f"wrote {directory}/ca.crt\n"
        f"wrote {directory}/tls.crt\n"
        f"wrote {directory}/tls.key\n"
        f"valid until {expires:%Y-%m-%d} for {SERVICE}\n"
    )


def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    run("certs", "--dns-name", SERVICE, "--directory", str(tmp_path))

    assert stat.S_IMODE((tmp_path / "tls.key").stat().st_mode) == 0o600


def test_names_and_days_are_in_the_certificate(tmp_path: Path) -> None:
    arguments = ("--dns-name", SERVICE, "--dns-name", "127.0.0.1", "--dns-name", "*.shop.svc")
    run("certs", *arguments, "--days", "30", "--directory", str(tmp_path))

    certificate = x509.load_pem_x509_certificate((tmp_path / "tls.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [SERVICE, "*.shop.svc"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime == timedelta(days=30, hours=1)


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tls.key").write_text("mine", encoding="utf-8")

    result = run("certs", "--dns-name", SERVICE, "--directory", str(tmp_path))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"readiness: {tmp_path}/tls.key is there already; nothing was written. "
        "Give another --directory, or --force to replace.\n"
    )
    assert contents(tmp_path) == {"tls.key": b"mine"}


def test_force_replaces_all(tmp_path: Path) -> None:
    run("certs", "--dns-name", SERVICE, "--directory", str(tmp_path))
    before = contents(tmp_path)

    result = run("certs", "--dns-name", SERVICE, "--directory", str(tmp_path), "--force")

    after = contents(tmp_path)
    assert result.exit_code == 0
    assert set(after) == set(before)
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize(
    "name",
    ["", "a_b.svc", "-a.svc", "a..svc", "a.svc.", "x" * 64, "a b", ".".join(["a"] * 128)],
)
def test_names_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    result = run("certs", "--dns-name", name, "--directory", str(tmp_path / "certs"))

    assert result.exit_code == 2
    assert (
        f"Error: Invalid value for '--dns-name': \"{name}\" is neither a DNS name nor an IP address"
        in result.stderr
    )
    assert not (tmp_path / "certs").exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / "file" / "certs"

    result = run("certs", "--dns-name", SERVICE, "--directory", str(directory))

    assert result.exit_code == 2
    assert result.stderr == f"readiness: can't write to {directory}: not a directory\n"
