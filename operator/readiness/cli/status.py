"""`readiness status`: where the workloads of a cluster stand."""

from __future__ import annotations

import asyncio
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from readiness.cli.exit_codes import COULD_NOT_LOOK
from readiness.cli.options import all_namespaces_option, cluster_options
from readiness.cli.terminal import terminal_look
from readiness.errors import ReadinessError
from readiness.report.render_status import Standing, render_status, standing_of, status_as_json
from readiness.report.render_text import printable

if TYPE_CHECKING:  # both bring a Kubernetes client, which `--help` does without
    from readiness.cli.live import Scope
    from readiness.watch.following import WorkloadCache

_SETTLE_SECONDS = 0.2
_AGE_SECONDS = 30.0
_LINES_BESIDES = 6  # header, counts, and what stands around them

_EPILOG = """
\b
Examples:
  readiness status -n shop
  readiness status -A --watch
  readiness status -A -o wide
  readiness status -A -o json | jq '.workloads[] | select(.ready == "False")'

\b
Exit codes:
  0    told, whatever there is to tell
  2    wrong usage
  3    the cluster can't be reached, or does not show its workloads
"""


@click.command(short_help="Show where the workloads of a cluster stand.", epilog=_EPILOG)
@click.option(
    "--namespace",
    "-n",
    metavar="NAME",
    help="Namespace to look at. Default: that of the context.",
)
@all_namespaces_option
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "wide", "json"]),
    default="table",
    show_default=True,
    help="wide cuts nothing off; json holds the conditions too.",
)
@click.option("--watch", "-w", is_flag=True, help="Show it again whenever it changes.")
@cluster_options
def status(
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
    output: str,
    *,
    all_namespaces: bool,
    watch: bool,
) -> None:
    """Show where the workloads of a cluster stand, the worst first.

    This is what the operator wrote into their conditions; nothing is judged anew (that is
    `readiness check --cluster`). READY says whether every Must check passes. SCORE says how many
    categories of checks are as they should be, of those the policies ask for. WHAT FAILS names the
    Must and Should checks that fail: `readiness explain CHECK` says what to do about one.
    """
    from readiness.cli.live import Scope

    if watch and output == "json":
        raise click.UsageError("--watch is for people: leave out -o json, or --watch")
    scope = Scope(kubeconfig, context, namespace, all_namespaces)
    try:
        asyncio.run(_show(scope, output, watch=watch))
    except ReadinessError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None


async def _show(scope: Scope, output: str, *, watch: bool) -> None:
    from readiness.kube.client import KubeClient, load_configuration
    from readiness.kube.kinds import WORKLOADS
    from readiness.telemetry.logs import set_up_logs
    from readiness.watch.following import WorkloadCache, fill, follow

    namespace = scope.chosen_namespace()
    cache = WorkloadCache()
    kinds = list(WORKLOADS.values())
    configuration = await load_configuration(scope.kubeconfig, scope.context)
    set_up_logs("critical", "text")
    async with KubeClient(configuration, user_agent="readiness-cli") as client:
        for kind in kinds:
            await fill(client, cache, kind, namespace)
        if not watch:
            _write(_standings(cache), output, namespace)
            return
        changed = asyncio.Event()
        following = asyncio.create_task(follow(client, cache, kinds, namespace, changed.set))
        try:
            await _redraw(cache, output, namespace, changed, following)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _redraw(
    cache: WorkloadCache,
    output: str,
    namespace: str,
    changed: asyncio.Event,
    following: asyncio.Task[None],
) -> None:
    """Show standings, and again whenever they change, until cancelled."""
    screen = sys.stdout.isatty()
    shown = None
    while not following.done():
        standings = _standings(cache)
        if standings != shown:
            if screen:
                click.clear()
            elif shown is not None:
                click.echo()
            _write(standings, output, namespace, rows=_rows() if screen else 0)
            sys.stdout.flush()
            shown = standings
        changed.clear()
        waiting = asyncio.create_task(changed.wait())
        done, _ = await asyncio.wait(
            {waiting, following},
            timeout=_AGE_SECONDS if screen else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if not done:
            shown = None  # nothing changed but how long ago things changed
        await asyncio.sleep(_SETTLE_SECONDS)  # a rollout changes several in a moment
    following.result()


def _rows() -> int:
    """Return how many workloads a terminal has room for."""
    return max(1, shutil.get_terminal_size((80, 24)).lines - _LINES_BESIDES)


def _standings(cache: WorkloadCache) -> list[Standing]:
    return [
        standing_of(ref, observed.conditions, cache.verdicts.get(ref, ""))
        for ref, observed in cache.workloads.items()
        if not observed.deleting
    ]


def _write(standings: list[Standing], output: str, namespace: str, *, rows: int = 0) -> None:
    where = f"namespace {namespace}" if namespace else "the cluster"
    if output == "json":
        click.echo(status_as_json(standings))
        return
    if not standings:
        click.echo(f"no workload found in {printable(where)}", err=True)
        return
    look = terminal_look(verbose=output == "wide")
    text = render_status(standings, datetime.now(UTC), look, namespaces=not namespace, most=rows)
    click.echo(text, nl=False)
    if not any(standing.ready for standing in standings):
        click.echo(
            f"no workload in {printable(where)} carries a verdict: no policy is about any, or the "
            "operator does not run; `readiness doctor` tells which",
            err=True,
        )
