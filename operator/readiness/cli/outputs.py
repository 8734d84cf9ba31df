"""Where reports go: the forms by name, standard output and files."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from msgspec import Struct

from readiness.api.vocabulary import Severity
from readiness.errors import InputError
from readiness.report.render_text import Look
from readiness.report.summary import Run


class Request(Struct, frozen=True):
    """What a report is made from.

    Attributes:
        fail_on: the least severity that fails, None for none.
        look: how text is to look.
    """

    run: Run
    fail_on: Severity | None
    look: Look


class Output(Struct, frozen=True):
    """One report that is asked for; `file` None: on standard output."""

    format: str
    file: str | None


# Each imports its renderer when it is asked for.
def _text(request: Request) -> str:
    from readiness.report.render_text import render_text

    return render_text(request.run, request.look) if request.run.workloads else ""


def _json(request: Request) -> str:
    from readiness.report.render_json import render_json

    return render_json(request.run)


def _sarif(request: Request) -> str:
    from readiness.report.render_sarif import render_sarif

    return render_sarif(request.run)


def _junit(request: Request) -> str:
    from readiness.report.render_junit import render_junit

    return render_junit(request.run, request.fail_on)


def _github(request: Request) -> str:
    from readiness.report.render_github import render_github

    return render_github(request.run)


def _gitlab(request: Request) -> str:
    from readiness.report.render_gitlab import render_gitlab

    return render_gitlab(request.run)


def _markdown(request: Request) -> str:
    from readiness.report.render_markdown import render_markdown

    return render_markdown(request.run)


def _policy_report(request: Request) -> str:
    import yaml

    from readiness.report.policy_report import policy_report

    documents = [policy_report(j.report, j.api_version) for j in request.run.workloads]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=1000)


FORMATS: Mapping[str, Callable[[Request], str]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "junit": _junit,
    "github": _github,
    "gitlab": _gitlab,
    "markdown": _markdown,
    "policyreport": _policy_report,
}


def parse_outputs(values: Sequence[str]) -> list[Output]:
    """Return what `--format` asks for.

    Raises:
        click.BadParameter: for an unknown form, or two reports in one place.
    """
    outputs: list[Output] = []
    for value in values:
        name, equals, file = value.partition("=")
        if name not in FORMATS:
            raise click.BadParameter(f'"{name}" is none of {", ".join(FORMATS)}')
        if equals and not file:
            raise click.BadParameter(f'"{value}" lacks the name of a file after the "="')
        output = Output(name, file or None)
        if any(other.file == output.file for other in outputs):
            place = output.file or "standard output"
            raise click.BadParameter(
                f"two reports would go to {place}: give files, as in --format sarif=report.sarif"
            )
        outputs.append(output)
    return outputs


def write_outputs(outputs: Sequence[Output], request: Request) -> list[str]:
    """Write the reports that are asked for; return what could not be written."""
    errors = []
    for output in outputs:
        if output.file is None:
            text = FORMATS[output.format](request)
            if text:
                click.echo(text.rstrip("\n"))
            continue
        # A file has neither colours nor a width of its own.
        look = Look(verbose=request.look.verbose, fixes=request.look.fixes)
        text = FORMATS[output.format](Request(request.run, request.fail_on, look))
        try:
            write_file(output.file, text.rstrip("\n") + "\n")
        except InputError as error:
            errors.append(str(error))
    return errors


def write_file(name: str, text: str) -> None:
    """Write a file, or replace it: whoever reads it finds the old text or the new one, whole.

    Raises:
        InputError: when it can't be written; the old one is then as it was.
    """
    import tempfile  # it takes 3 ms, and most reports go to standard output

    data = text.encode("utf-8", "backslashreplace")
    target = Path(os.path.realpath(name))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_bytes(data)  # a pipe, or a device such as /dev/stderr
            return
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            Path(temporary).chmod(mode)
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: can't be written: {reason[:1].lower()}{reason[1:]}") from None


def _umask() -> int:
    """Return the mask for the modes of new files; it can't be read but by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
