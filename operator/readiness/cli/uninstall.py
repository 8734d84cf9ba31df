"""`readiness uninstall`: takes away what the operator wrote on other people's objects."""

from __future__ import annotations

import asyncio

import click

from readiness.cli.exit_codes import COULD_NOT_LOOK
from readiness.errors import ReadinessError


@click.command(
    short_help="Take the operator's conditions off all workloads.",
    epilog="Example: readiness uninstall --conditions --dry-run",
)
@click.option(
    "--conditions",
    is_flag=True,
    required=True,
    help="Take every readiness.dev/ condition off Deployments, StatefulSets and DaemonSets.",
)
@click.option("--dry-run", is_flag=True, help="Only say which workloads carry some.")
@click.option(
    "--kubeconfig", metavar="FILE", help="Default: KUBECONFIG, or the cluster it runs in."
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."
)
def uninstall(
    conditions: bool,  # noqa: ARG001 - required, so that taking away is said out loud
    dry_run: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Take away what the operator wrote on other people's objects.

    Stop the operator first (or delete the policies): one that runs puts its conditions back.
    """
    from readiness.controller.uninstall import remove_conditions

    try:
        touched = asyncio.run(remove_conditions(kubeconfig, context, dry_run=dry_run))
    except ReadinessError as error:
        click.echo(f"readiness: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None
    for ref in touched:
        click.echo(f"{ref.kind.lower()}/{ref.name} -n {ref.namespace}")
    noun = "workload carries" if len(touched) == 1 else "workloads carry"
    taken = f"{len(touched)} {noun} conditions of the operator"
    if not dry_run:
        taken = f"conditions taken off {len(touched)} workload{'' if len(touched) == 1 else 's'}"
    click.echo(taken, err=True)
