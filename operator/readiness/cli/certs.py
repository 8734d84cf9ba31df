"""`readiness certs`: a certificate for the webhook, for trying it out."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import tempfile
from pathlib import Path

import click

from readiness.cli.exit_codes import BAD_INPUT

# RFC 1123, section 2.1: labels of letters, digits and dashes; the first may be a wildcard.
_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")

_EPILOG = """
\b
Examples:
  readiness certs --directory certs \\
    --dns-name readiness-webhook.readiness-system.svc
  kubectl create secret tls readiness-webhook -n readiness-system \\
    --cert certs/tls.crt --key certs/tls.key

Standard output holds the caBundle for the webhook configuration and nothing else. In production let
cert-manager or the chart make the certificates: they renew them in time.
"""


def _check_names(
    ctx: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    for name in names:
        if not _is_ip_address(name) and (len(name) > 253 or not _DNS_NAME.fullmatch(name)):
            raise click.BadParameter(
                f'"{name}" is neither a DNS name nor an IP address', ctx=ctx, param=param
            )
    return names


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@click.command(short_help="Make a certificate for the webhook.", epilog=_EPILOG)
@click.option(
    "--dns-name",
    "names",
    metavar="NAME",
    callback=_check_names,
    multiple=True,
    required=True,
    help="What the API server calls: SERVICE.NAMESPACE.svc, or an IP address. Repeatable.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long it is valid.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="Where ca.crt, tls.crt and tls.key are written; made when it is missing.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def certs(names: tuple[str, ...], days: int, directory: Path, force: bool) -> None:
    """Make a certificate authority and a certificate signed by it.

    The key of the authority is thrown away: the next call makes a new one, with another caBundle.
    """
    from datetime import UTC, datetime, timedelta

    from readiness.admission.certificates import make_pair

    targets = [directory / name for name in ("ca.crt", "tls.crt", "tls.key")]
    taken = [str(file) for file in targets if file.exists()]
    if taken and not force:
        verb = "is" if len(taken) == 1 else "are"
        click.echo(
            f"readiness: {', '.join(taken)} {verb} there already; nothing was written. "
            "Give another --directory, or --force to replace.",
            err=True,
        )
        raise click.exceptions.Exit(BAD_INPUT)
    pair = make_pair(names, valid_for=timedelta(days=days), now=datetime.now(UTC))
    contents = (pair.ca, pair.certificate, pair.key)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_all(dict(zip(targets, contents, strict=True)))
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        click.echo(f"readiness: can't write to {directory}: {reason}", err=True)
        raise click.exceptions.Exit(BAD_INPUT) from None
    for file in targets:
        click.echo(f"wrote {file}", err=True)
    click.echo(f"valid until {pair.expires_at:%Y-%m-%d} for {', '.join(names)}", err=True)
    click.echo(base64.b64encode(pair.ca).decode())


def _write_all(contents: dict[Path, bytes]) -> None:
    """Write all files, the key for its owner alone; none is replaced before all are whole."""
    with tempfile.TemporaryDirectory(dir=next(iter(contents)).parent) as temporary:
        for file, content in contents.items():
            new = Path(temporary, file.name)
            new.touch(mode=0o600 if file.suffix == ".key" else 0o644)
            new.write_bytes(content)
        for file in contents:
            Path(temporary, file.name).replace(file)
