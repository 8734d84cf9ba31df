"""`readiness check`: judges manifests before anybody applies them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from readiness.api.vocabulary import Severity
from readiness.cli.exit_codes import BAD_INPUT, COULD_NOT_LOOK, FINDINGS, READY
from readiness.cli.judging import Inputs, judge, policies_for, sort_inputs
from readiness.cli.options import (
    FAIL_ON,
    fail_on_option,
    inputs_argument,
    namespace_option,
    policy_option,
)
from readiness.cli.terminal import terminal_look
from readiness.gather.files import read_sources
from readiness.report.render_json import render_json
from readiness.report.render_text import printable, render_text
from readiness.report.summary import Run

_MOST_WARNINGS = 20

_EPILOG = """
\b
Examples:
  readiness check deploy/
  readiness check web.yaml pdb.yaml hpa.yaml --namespace shop
  helm template ./chart | readiness check -
  kustomize build overlays/prod | readiness check - --policy policies/strict.yaml
  readiness check deploy/ --fail-on should --format json | jq .summary

\b
Exit codes:
  0    everything was judged, nothing found at or over --fail-on
  1    findings at or over --fail-on
  2    wrong usage, or an input that could not be read: the rest was judged
  3    a check that counts could not look
When several hold, 2 wins over 1, and 1 over 3.
"""


@click.command(short_help="Judge manifests from files, directories or stdin.", epilog=_EPILOG)
@inputs_argument
@policy_option
@namespace_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the report on standard output.",
)
@fail_on_option
@click.option("--verbose", "-v", is_flag=True, help="Show what passed and what does not apply too.")
@click.option("--no-fix", is_flag=True, help="Leave out how to fix what was found.")
@click.pass_context
def check(
    ctx: click.Context,
    inputs: tuple[str, ...],
    policy_names: tuple[str, ...],
    namespace: str,
    output_format: str,
    fail_on: str,
    *,
    verbose: bool,
    no_fix: bool,
) -> None:
    """Judge the workloads in files, directories or standard input (-).

    Every Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and Pod is judged together
    with all that is named at once: disruption budgets, autoscalers, Services, network policies and
    the rest count when they are among the input, and so do ReadinessPolicy and ReadinessExemption
    manifests. The verdict is the one the operator comes to in a cluster with the same objects.

    Directories are read with all below: *.yaml, *.yml and *.json, but neither hidden directories
    nor node_modules. Findings go to standard output, everything else to standard error.
    """
    stdin = sys.stdin.buffer
    sources = read_sources(inputs, stdin)
    sorted_inputs = sort_inputs(sources.documents, namespace)
    sorted_inputs.errors[:0] = map(str, sources.errors)
    policies = policies_for(sorted_inputs, policy_names, stdin)
    run = judge(sorted_inputs, sources, policies, datetime.now(UTC))
    report_problems(sorted_inputs, inputs)
    if output_format == "json":
        click.echo(render_json(run))
    elif run.workloads:
        click.echo(render_text(run, terminal_look(verbose=verbose, fixes=not no_fix)), nl=False)
    ctx.exit(exit_code(run, FAIL_ON[fail_on]))


def report_problems(inputs: Inputs, names: Sequence[str]) -> None:
    """Write to standard error what could not be read or used."""
    for line in (*inputs.errors, *_shortened(inputs.warnings)):
        click.echo(printable(line), err=True)
    if not inputs.workloads:
        click.echo(f"no workload found in {', '.join(map(printable, names))}", err=True)


def _shortened(warnings: list[str]) -> list[str]:
    """Return the first warnings: a tree of overlays can hold an object a hundred times."""
    if len(warnings) <= _MOST_WARNINGS:
        return warnings
    left = len(warnings) - _MOST_WARNINGS
    return [*warnings[:_MOST_WARNINGS], f"... and {left} more warnings"]


def exit_code(run: Run, fail_on: Severity | None) -> int:
    """Return what to tell the caller; `fail_on`: the least severity that counts, None for none."""
    if run.input_errors or not run.workloads:
        return BAD_INPUT
    if fail_on is not None and any(
        n for severity, n in run.findings.items() if severity >= fail_on
    ):
        return FINDINGS
    counts = fail_on or Severity.MUST
    if any(number for severity, number in run.errors.items() if severity >= counts):
        return COULD_NOT_LOOK
    return READY
