"""`readiness run`: the operator itself."""

from __future__ import annotations

import asyncio
import os
import socket
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click
from yarl import URL

from readiness.cli.exit_codes import COULD_NOT_LOOK
from readiness.errors import ReadinessError

if TYPE_CHECKING:  # brings a Kubernetes client, which `--help` does without
    from readiness.watch.shard import Shard

Address = tuple[str, int]


class HostPort(click.ParamType[Address]):
    """`0.0.0.0:8080`, `:8080` or `[::]:8080`."""

    name = "HOST:PORT"

    def convert(
        self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            self.fail(f'"{value}" is not HOST:PORT', param, ctx)
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as the option says


class PrometheusUrl(click.ParamType[URL]):
    """`https://prometheus.monitoring.svc:9090`, with or without a path."""

    name = "URL"

    def convert(
        self, value: str | URL, param: click.Parameter | None, ctx: click.Context | None
    ) -> URL:
        """Return the address."""
        from readiness.measure.prometheus import parse_url

        if not isinstance(value, str):
            return value
        try:
            return parse_url(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ShardOption(click.ParamType["Shard"]):
    """`0/2`: the first of two parts of all namespaces."""

    name = "INDEX/TOTAL"

    def convert(
        self, value: str | Shard, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        """Return the shard."""
        from readiness.watch.shard import Shard

        if not isinstance(value, str):
            return value
        try:
            return Shard.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _pod_name() -> str:
    return os.environ.get("POD_NAME") or socket.gethostname()


@click.command(
    short_help="Run the operator.",
    epilog="""\b
Examples:
  readiness run --role controller --kubeconfig ~/.kube/config
  readiness certs --dns-name localhost --directory certs
  readiness run --role webhook \\
      --tls-cert-file certs/tls.crt --tls-key-file certs/tls.key
""",
)
@click.option(
    "--role",
    type=click.Choice(["controller", "webhook"]),
    required=True,
    help="controller: judges workloads, writes their conditions and events. "
    "webhook: answers the API server before it stores a workload, refuses in Strict.",
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
    "--pod-name",
    metavar="NAME",
    default=_pod_name,
    help="How this replica calls itself. Default: $POD_NAME, or the name of the host.",
)
@click.option(
    "--listen",
    type=HostPort(),
    default="0.0.0.0:8080",
    show_default=True,
    help="Where /healthz, /readyz and /metrics are served.",
)
@click.option(
    "--sweep-interval",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How often everything is listed again, to find what watches missed.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=False,
    help="controller: write only while holding a Lease, so that several replicas can run. "
    "Default: no, this is the only replica.",
)
@click.option(
    "--lease-name",
    metavar="NAME",
    default="readiness-operator",
    show_default=True,
    help="controller: the Lease, in the operator's namespace; with --shard 1/2 that of the same "
    "name with -shard-1 after it.",
)
@click.option(
    "--shard",
    type=ShardOption(),
    default="0/1",
    help="controller: judge a part of the namespaces alone, 0/2 the first half; another controller "
    "runs with 1/2. Default: all namespaces.",
)
@click.option(
    "--webhook-configuration",
    metavar="NAME",
    default="",
    help="controller: the ValidatingWebhookConfiguration of this operator; policies say in their "
    "status whether it is there. Default: none, Strict refuses nothing.",
)
@click.option(
    "--compile-policies",
    is_flag=True,
    help="controller: keep ValidatingAdmissionPolicies of the Strict policies in the cluster. Of "
    "several shards the first does.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="controller: objects brought up to date at once.",
)
@click.option(
    "--qps",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    help="controller: most writing calls to the API server a second; 0: no limit.",
)
@click.option("--burst", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--prometheus-url",
    type=PrometheusUrl(),
    help="controller: the Prometheus that measures the serviceLevels of policies, such as "
    "https://prometheus.monitoring.svc:9090. Default: none, they can't be told.",
)
@click.option(
    "--prometheus-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="controller: the bearer token for it; read again for every query.",
)
@click.option(
    "--prometheus-ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="controller: the CA that signed its certificate. Default: those the system trusts.",
)
@click.option(
    "--service-level-interval",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="controller: how often each service level of a workload is measured.",
)
@click.option(
    "--reports",
    type=click.Choice(["auto", "wgpolicyk8s.io/v1alpha2", "openreports.io/v1alpha1", "off"]),
    default="auto",
    show_default=True,
    help="controller: keep a report for each workload, as PolicyReport (wgpolicyk8s.io) or Report "
    "(openreports.io). auto: the first of the two that is installed.",
)
@click.option(
    "--report-passes",
    is_flag=True,
    help="controller: list in reports what passes or does not apply, too.",
)
@click.option(
    "--max-reports",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="controller: most reports there may be; of its shard.",
)
@click.option(
    "--webhook-listen",
    type=HostPort(),
    default="0.0.0.0:9443",
    show_default=True,
    help="webhook: where reviews are answered, at /validate, over TLS.",
)
@click.option(
    "--tls-cert-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="webhook: its certificate; read again when it changes.",
)
@click.option(
    "--tls-key-file", type=click.Path(path_type=Path), metavar="FILE", help="webhook: its key."
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="webhook: how long it goes on accepting reviews when told to stop.",
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
    role: str,
    kubeconfig: str | None,
    context: str | None,
    operator_namespace: str,
    pod_name: str,
    listen: Address,
    sweep_interval: float,
    leader_elect: bool,
    lease_name: str,
    shard: Shard,
    webhook_configuration: str,
    compile_policies: bool,
    workers: int,
    qps: float,
    burst: int,
    prometheus_url: URL | None,
    prometheus_token_file: Path | None,
    prometheus_ca_file: Path | None,
    service_level_interval: float,
    reports: str,
    report_passes: bool,
    max_reports: int,
    webhook_listen: Address,
    tls_cert_file: Path | None,
    tls_key_file: Path | None,
    drain_seconds: float,
    log_level: str,
    log_format: str,
) -> None:
    """Run the operator until it is told to stop (SIGTERM, Ctrl-C)."""
    from readiness.telemetry.logs import set_up_logs

    if role == "webhook":
        from readiness.admission.run import WebhookSettings, run_webhook
        from readiness.admission.server import ServerSettings

        if not shard.whole:
            raise click.UsageError(
                "--shard is for --role controller: every webhook answers for all namespaces"
            )
        if tls_cert_file is None or tls_key_file is None:
            raise click.UsageError(
                "--role webhook needs --tls-cert-file and --tls-key-file; "
                "`readiness certs` makes a pair to try it out"
            )
        running = run_webhook(
            WebhookSettings(
                tls_cert_file=tls_cert_file,
                tls_key_file=tls_key_file,
                kubeconfig=kubeconfig,
                context=context,
                operator_namespace=operator_namespace,
                pod_name=pod_name,
                listen_host=listen[0],
                listen_port=listen[1],
                server=ServerSettings(
                    host=webhook_listen[0], port=webhook_listen[1], drain_seconds=drain_seconds
                ),
                sweep_seconds=sweep_interval,
            )
        )
    else:
        from readiness.controller.reports import ReportSettings
        from readiness.controller.run import ControllerSettings, run_controller

        if leader_elect and not operator_namespace:
            raise click.UsageError(
                "--leader-elect needs --operator-namespace: the Lease lives there"
            )
        if prometheus_url is None and (prometheus_token_file or prometheus_ca_file):
            raise click.UsageError(
                "--prometheus-token-file and --prometheus-ca-file need --prometheus-url"
            )
        running = run_controller(
            ControllerSettings(
                kubeconfig=kubeconfig,
                context=context,
                operator_namespace=operator_namespace,
                pod_name=pod_name,
                leader_elect=leader_elect,
                lease_name=lease_name,
                shard=shard,
                webhook_configuration=webhook_configuration,
                compile_policies=compile_policies,
                listen_host=listen[0],
                listen_port=listen[1],
                workers=workers,
                qps=qps,
                burst=burst,
                sweep_seconds=sweep_interval,
                prometheus_url=prometheus_url,
                prometheus_token_file=prometheus_token_file,
                prometheus_ca_file=prometheus_ca_file,
                service_level_seconds=service_level_interval,
                reports=ReportSettings(
                    api=reports,
                    passes=report_passes,
                    most=max_reports,
                    sweep_seconds=sweep_interval,
                ),
            )
        )
    # Of Kopf's, when its thread is abandoned at the end of the process: nobody can help it.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    set_up_logs(log_level, log_format)  # type: ignore[arg-type] # click.Choice has checked it
    try:
        asyncio.run(running)
    except ReadinessError as error:
        click.echo(f"readiness: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None
