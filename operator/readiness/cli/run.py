"""`readiness run`: the operator itself."""

from __future__ import annotations

import asyncio
import os

import click

from readiness.cli.exit_codes import COULD_NOT_LOOK
from readiness.errors import ReadinessError


@click.command(
    short_help="Run the operator.",
    epilog="Example: readiness run --role controller --kubeconfig ~/.kube/config",
)
@click.option(
    "--role",
    type=click.Choice(["controller"]),
    required=True,
    help="controller: judges workloads, writes their conditions and events.",
)
@click.option(
    "--kubeconfig", metavar="FILE", help="Default: KUBECONFIG, or the cluster it runs in."
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."
)
@click.option(
    "--operator-namespace",
    metavar="NAME",
    default=lambda: os.environ.get("POD_NAMESPACE", ""),
    help="Namespace of the operator, never judged by default. Default: $POD_NAMESPACE.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="0.0.0.0:8080",
    show_default=True,
    help="Where /healthz, /readyz and /metrics are served.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option(
    "--qps",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    help="Most writing calls to the API server a second; 0: no limit.",
)
@click.option("--burst", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--sweep-interval",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How often everything is listed again, to find what watches missed.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "text"]),
    default="auto",
    show_default=True,
    help="auto: text on a terminal, JSON elsewhere.",
)
def run(
    role: str,  # noqa: ARG001 - the only role so far
    kubeconfig: str | None,
    context: str | None,
    operator_namespace: str,
    listen: str,
    workers: int,
    qps: float,
    burst: int,
    sweep_interval: float,
    log_level: str,
    log_format: str,
) -> None:
    """Run the operator until it is told to stop (SIGTERM, Ctrl-C)."""
    from readiness.controller.run import ControllerSettings, run_controller
    from readiness.telemetry.logs import set_up_logs

    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f'"{listen}" is not HOST:PORT', param_hint="--listen")
    set_up_logs(log_level, log_format)  # type: ignore[arg-type] # click.Choice has checked it
    settings = ControllerSettings(
        kubeconfig=kubeconfig,
        context=context,
        operator_namespace=operator_namespace,
        listen_host=host.strip("[]") or "0.0.0.0",  # noqa: S104 - as the option says
        listen_port=int(port),
        workers=workers,
        qps=qps,
        burst=burst,
        sweep_seconds=sweep_interval,
    )
    try:
        asyncio.run(run_controller(settings))
    except ReadinessError as error:
        click.echo(f"readiness: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None
