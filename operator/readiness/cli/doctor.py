"""`readiness doctor`: what ails an installation of the operator, and what to do about it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from readiness.cli.exit_codes import COULD_NOT_LOOK, FINDINGS
from readiness.cli.options import cluster_options
from readiness.cli.terminal import terminal_look
from readiness.errors import ReadinessError
from readiness.report.messages import indented_json, plural
from readiness.report.render_text import Look, printable

if TYPE_CHECKING:  # brings a Kubernetes client, which `--help` does without
    from readiness.controller.examination import Finding, Installation

_COLORS = {"ok": "32", "warn": "33", "fail": "31"}
_AREA_WIDTH = len("API server") + 2
_INDENT = " " * (len("warn") + 2 + _AREA_WIDTH)

_EPILOG = """
\b
Examples:
  readiness doctor
  readiness doctor --operator-namespace platform
  readiness doctor -o json | jq '.findings[] | select(.state == "fail")'
  readiness doctor --health-url http://127.0.0.1:8080   an operator out of it

\b
Exit codes:
  0    nothing fails; warnings may be worth a look
  1    something fails: it says what to do
  2    wrong usage
  3    the cluster can't be reached
"""


@click.command(short_help="Say what ails the operator, and what to do.", epilog=_EPILOG)
@cluster_options
@click.option(
    "--operator-namespace",
    default="readiness-system",
    show_default=True,
    metavar="NAME",
    help="Namespace of the operator.",
)
@click.option(
    "--service-account",
    default="readiness-operator",
    show_default=True,
    metavar="NAME",
    help="Service account of an operator that has no pods there.",
)
@click.option(
    "--lease-name",
    default="readiness-operator",
    show_default=True,
    metavar="NAME",
    help="Lease of an operator that has no pods there.",
)
@click.option(
    "--health-url",
    "health_urls",
    multiple=True,
    metavar="URL",
    help="Where an operator outside the cluster serves /readyz and /metrics. May be repeated.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the findings.",
)
@click.pass_context
def doctor(
    ctx: click.Context,
    kubeconfig: str | None,
    context: str | None,
    operator_namespace: str,
    service_account: str,
    lease_name: str,
    health_urls: tuple[str, ...],
    output: str,
) -> None:
    """Look at an installation of the operator and say what ails it.

    It looks at the version of the API server, the operator's kinds, its pods and their rights, who
    leads, whether each replica knows the cluster, whether the webhook is called and answers (a bad
    policy is created as a dry run), for how long certificates are good, which policies are not
    accepted, and which exemptions and evidence end soon. Nothing is changed, and no Secret is read.

    It needs the rights of a cluster administrator to see all of that, and says what it could not
    look at.
    """
    from yarl import URL

    from readiness.controller.examination import Installation

    urls = []
    for text in health_urls:
        url = URL(text)
        if url.scheme not in ("http", "https") or not url.host:
            raise click.UsageError(f'--health-url "{text}" is no http:// or https:// address')
        urls.append(url)
    installation = Installation(operator_namespace, service_account, lease_name, tuple(urls))
    findings: list[Finding] = []
    try:
        asyncio.run(_examine(kubeconfig, context, installation, findings, show=output == "text"))
    except ReadinessError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        ctx.exit(COULD_NOT_LOOK)
    counts = Counter(finding.state.value for finding in findings)
    if output == "json":
        click.echo(_as_json(findings, counts))
    else:
        click.echo(f"\n{_summary(counts)}")
    ctx.exit(FINDINGS if counts["fail"] else 0)


async def _examine(
    kubeconfig: str | None,
    context: str | None,
    installation: Installation,
    findings: list[Finding],
    *,
    show: bool,
) -> None:
    """Collect findings; with `show` a person sees each as it comes."""
    from readiness.controller.examination import examine
    from readiness.kube.client import KubeClient, load_configuration
    from readiness.telemetry.logs import set_up_logs

    look = terminal_look()
    configuration = await load_configuration(kubeconfig, context)
    set_up_logs("critical", "text")
    async with KubeClient(configuration, user_agent="readiness-cli") as client:
        async for finding in examine(client, installation, datetime.now(UTC)):
            findings.append(finding)
            if show:
                for line in _lines(finding, look):
                    click.echo(line)


def _lines(finding: Finding, look: Look) -> Iterator[str]:
    state = finding.state.value
    mark = look.paint(state.ljust(4), _COLORS[state])
    first, *more = look.wrap(printable(finding.message), _INDENT)
    yield f"{mark}  {finding.area.ljust(_AREA_WIDTH)}{first.strip()}"
    yield from more
    if finding.remedy:
        # A command stays on one line: it is there to be copied.
        if finding.remedy.startswith("kubectl create"):
            yield f"{_INDENT}> {printable(finding.remedy)}"
        else:
            yield from look.wrap(printable(finding.remedy), f"{_INDENT}  ", f"{_INDENT}> ")


def _summary(counts: Counter[str]) -> str:
    return ", ".join(
        (
            f"{counts['ok']} ok",
            plural(counts["warn"], "warning", "warnings", count=True),
            plural(counts["fail"], "failure", "failures", count=True),
        )
    )


def _as_json(findings: list[Finding], counts: Counter[str]) -> str:
    return indented_json(
        {
            "findings": [
                {
                    "area": finding.area,
                    "state": finding.state.value,
                    "message": finding.message,
                    "remedy": finding.remedy,
                }
                for finding in findings
            ],
            "summary": {state: counts[state] for state in _COLORS},
        }
    )
