"""`readiness check`: judges manifests before anybody applies them."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from readiness.api.vocabulary import Severity
from readiness.cli.exit_codes import BAD_INPUT, COULD_NOT_LOOK, FINDINGS, READY
from readiness.cli.judging import (
    DEFAULT_PROFILE,
    PROFILE_NAMES,
    compile_policies,
    judge,
    policies_from_options,
    sort_inputs,
)
from readiness.cli.terminal import terminal_look
from readiness.evaluate.policy import PolicySet, profile_policy
from readiness.gather.files import STDIN, read_sources
from readiness.report.render_json import render_json
from readiness.report.render_text import printable, render_text
from readiness.report.summary import Run

_FAIL_ON: Mapping[str, Severity | None] = {
    "must": Severity.MUST,
    "should": Severity.SHOULD,
    "nice": Severity.NICE,
    "never": None,
}

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


def _check_policies(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001 - click's signature
    values: tuple[str, ...],
) -> tuple[str, ...]:
    for value in values:
        if value not in PROFILE_NAMES and value != STDIN and not Path(value).exists():
            close = difflib.get_close_matches(value, PROFILE_NAMES, n=1)
            hint = f', did you mean "{close[0]}"?' if close else ""
            raise click.BadParameter(
                f'"{value}" is neither a file nor a profile ({", ".join(PROFILE_NAMES)}){hint}'
            )
    return values


@click.command(short_help="Judge manifests from files, directories or stdin.", epilog=_EPILOG)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE|DIRECTORY|-...")
@click.option(
    "--policy",
    "policy_names",
    multiple=True,
    metavar="PROFILE|FILE|DIRECTORY",
    callback=_check_policies,
    help=f"Policy to judge by: a profile ({', '.join(PROFILE_NAMES)}) or ReadinessPolicy "
    "manifests. May be given several times; of each check the strictest counts. "
    f"Default: the policies among the input, or else the profile {DEFAULT_PROFILE}.",
)
@click.option(
    "--namespace",
    "-n",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Namespace of objects that name none.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the report on standard output.",
)
@click.option(
    "--fail-on",
    type=click.Choice(list(_FAIL_ON), case_sensitive=False),
    default="must",
    show_default=True,
    help="Least severity of a finding that makes the exit code 1.",
)
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
    if policy_names:
        policies, errors = policies_from_options(policy_names, stdin)
    else:
        policies = PolicySet()
        errors = compile_policies(sorted_inputs.policies.values(), policies)
        if not sorted_inputs.policies:
            policies.put(profile_policy(DEFAULT_PROFILE))
    sorted_inputs.errors += errors
    run = judge(sorted_inputs, sources, policies, datetime.now(UTC))
    for line in (*sorted_inputs.errors, *_shortened(sorted_inputs.warnings)):
        click.echo(printable(line), err=True)
    if not run.workloads:
        click.echo(f"no workload found in {', '.join(map(printable, inputs))}", err=True)
    if output_format == "json":
        click.echo(render_json(run))
    elif run.workloads:
        click.echo(render_text(run, terminal_look(verbose=verbose, fixes=not no_fix)), nl=False)
    ctx.exit(_exit_code(run, _FAIL_ON[fail_on]))


def _shortened(warnings: list[str]) -> list[str]:
    """Return the first warnings: a tree of overlays can hold an object a hundred times."""
    if len(warnings) <= _MOST_WARNINGS:
        return warnings
    left = len(warnings) - _MOST_WARNINGS
    return [*warnings[:_MOST_WARNINGS], f"... and {left} more warnings"]


def _exit_code(run: Run, fail_on: Severity | None) -> int:
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
