"""`readiness uninstall`: takes away what the operator wrote into the cluster."""

from __future__ import annotations

import asyncio

import click

from readiness.cli.exit_codes import COULD_NOT_LOOK
from readiness.errors import ReadinessError


@click.command(
    short_help="Take away what the operator wrote into the cluster.",
    epilog="Example: readiness uninstall --conditions --compiled-policies --reports --dry-run",
)
@click.option(
    "--conditions",
    is_flag=True,
    help="Take every readiness.dev/ condition off Deployments, StatefulSets and DaemonSets.",
)
@click.option(
    "--compiled-policies",
    is_flag=True,
    help="Delete the ValidatingAdmissionPolicies that the operator compiled, and their bindings.",
)
@click.option(
    "--reports",
    is_flag=True,
    help="Delete the reports of workloads that the operator keeps.",
)
@click.option("--dry-run", is_flag=True, help="Only say what is there.")
@click.option(
    "--kubeconfig", metavar="FILE", help="Default: KUBECONFIG, or the cluster it runs in."
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."
)
def uninstall(
    conditions: bool,
    compiled_policies: bool,
    reports: bool,
    dry_run: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Take away what the operator wrote into the cluster.

    Stop the operator first (or delete the policies): one that runs puts it back.
    """
    if not (conditions or compiled_policies or reports):
        raise click.UsageError(
            "say what to take away: --conditions, --compiled-policies, --reports"
        )
    try:
        if conditions:
            _conditions(kubeconfig, context, dry_run)
        if compiled_policies:
            _compiled_policies(kubeconfig, context, dry_run)
        if reports:
            _reports(kubeconfig, context, dry_run)
    except ReadinessError as error:
        click.echo(f"readiness: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None


def _conditions(kubeconfig: str | None, context: str | None, dry_run: bool) -> None:
    from readiness.controller.uninstall import remove_conditions

    touched = asyncio.run(remove_conditions(kubeconfig, context, dry_run=dry_run))
    for ref in touched:
        click.echo(f"{ref.kind.lower()}/{ref.name} -n {ref.namespace}")
    noun = "workload carries" if len(touched) == 1 else "workloads carry"
    taken = f"{len(touched)} {noun} conditions of the operator"
    if not dry_run:
        taken = f"conditions taken off {len(touched)} workload{'' if len(touched) == 1 else 's'}"
    click.echo(taken, err=True)


def _compiled_policies(kubeconfig: str | None, context: str | None, dry_run: bool) -> None:
    from readiness.controller.uninstall import remove_compiled_policies

    found = asyncio.run(remove_compiled_policies(kubeconfig, context, dry_run=dry_run))
    for kind, name in found:
        click.echo(f"{kind.lower()}/{name}")
    noun = "object" if len(found) == 1 else "objects"
    verb = "found" if dry_run else "deleted"
    click.echo(f"{len(found)} {noun} of compiled policies {verb}", err=True)


def _reports(kubeconfig: str | None, context: str | None, dry_run: bool) -> None:
    from readiness.controller.uninstall import remove_reports

    found = asyncio.run(remove_reports(kubeconfig, context, dry_run=dry_run))
    for kind, namespace, name in found:
        click.echo(f"{kind.lower()}/{name} -n {namespace}")
    noun = "report" if len(found) == 1 else "reports"
    verb = "found" if dry_run else "deleted"
    click.echo(f"{len(found)} {noun} {verb}", err=True)
