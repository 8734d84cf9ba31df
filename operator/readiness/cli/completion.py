"""`readiness completion`: what makes a shell complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_EPILOG = """
\b
Examples:
  source <(readiness completion bash)             in ~/.bashrc
  source <(readiness completion zsh)              in ~/.zshrc, after compinit
  readiness completion fish > ~/.config/fish/completions/readiness.fish
"""


@click.command(short_help="Print what makes a shell complete commands.", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for the shell, which then completes commands, options and file names."""
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has all three
    click.echo(script(ctx.find_root().command, {}, "readiness", "_READINESS_COMPLETE").source())
