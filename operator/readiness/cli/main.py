"""The command `readiness`: finds the subcommand, imports no other, ends with the right code."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from readiness import __version__
from readiness.cli.exit_codes import COULD_NOT_LOOK, INTERRUPTED, PIPE_CLOSED

# Where each subcommand is, and what `readiness --help` says of it: importing them all would cost
# every start half a second.
SUBCOMMANDS: Mapping[str, tuple[str, str]] = {
    "certs": ("readiness.cli.certs:certs", "Make a certificate for the webhook."),
    "check": ("readiness.cli.check:check", "Judge manifests or what runs in a cluster."),
    "checklist": (
        "readiness.cli.checklist:checklist",
        "Show the readiness checklist, or where workloads stand on it.",
    ),
    "checks": ("readiness.cli.checks:checks", "List all checks, with their severities."),
    "completion": (
        "readiness.cli.completion:completion",
        "Print what makes a shell complete commands.",
    ),
    "doctor": ("readiness.cli.doctor:doctor", "Say what ails the operator, and what to do."),
    "explain": ("readiness.cli.explain:explain", "Say what a check finds, why, and how to fix it."),
    "fix": ("readiness.cli.fix:fix", "Change manifests where the fix is certain."),
    "policy": (
        "readiness.cli.policy:policy",
        "Test policies, or compile them for the API server.",
    ),
    "run": ("readiness.cli.run:run", "Run the operator."),
    "status": ("readiness.cli.status:status", "Show where the workloads of a cluster stand."),
    "uninstall": (
        "readiness.cli.uninstall:uninstall",
        "Take away what the operator wrote into the cluster.",
    ),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the subcommands."""
        return list(SUBCOMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return a subcommand, None when there is none of that name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _, name = SUBCOMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{SUBCOMMANDS[cmd_name][0]} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand asked for; say which one may be meant when there is none."""
        name = args[0]
        if name not in SUBCOMMANDS and not name.startswith("-"):
            close = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(SUBCOMMANDS)}"
            ctx.fail(f'There is no command "{name}": {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in SUBCOMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; a reader of our output that went away ends it quietly."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            raise click.exceptions.Exit(PIPE_CLOSED) from None
        return result


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`readiness COMMAND --help` says more about each, with examples.",
)
@click.version_option(__version__, prog_name="readiness", message="%(prog)s %(version)s")
def cli() -> None:
    """Hold Kubernetes workloads against a production readiness policy.

    `readiness check` judges manifests before they are applied; the operator, `readiness run`,
    judges what runs in a cluster. Both use the same checks and come to the same verdict.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the terminal can't show must not end the report
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name=_program_name(), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _discard_output()
        code = INTERRUPTED
    except Exception:  # noqa: BLE001 - Python's own exit code, 1, would mean findings
        traceback.print_exc()
        click.echo("readiness: this is a bug, please report it with the lines above", err=True)
        code = COULD_NOT_LOOK
    sys.exit(code or 0)


def _program_name() -> str:
    """Return what the user typed: kubectl runs a plugin by the name of its file."""
    plugin = os.path.basename(sys.argv[0]) == "kubectl-readiness"  # noqa: PTH119 - pathlib costs time
    return "kubectl readiness" if plugin else "readiness"


def _discard_output() -> None:
    """Send what is still buffered nowhere: the interpreter would complain when it flushes."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
