"""What the commands that judge files ask their user."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from readiness.api.vocabulary import Severity
from readiness.cli.judging import DEFAULT_PROFILE, PROFILE_NAMES
from readiness.gather.files import STDIN

FAIL_ON: Mapping[str, Severity | None] = {
    "must": Severity.MUST,
    "should": Severity.SHOULD,
    "nice": Severity.NICE,
    "never": None,
}

F = TypeVar("F", bound=Callable[..., Any])


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


def inputs_argument(function: F) -> F:
    """Add the manifests to look at, as the parameter `inputs`."""
    return click.argument("inputs", nargs=-1, required=True, metavar="FILE|DIRECTORY|-...")(
        function
    )


def policy_option(function: F) -> F:
    """Add `--policy`, as the parameter `policy_names`."""
    return click.option(
        "--policy",
        "policy_names",
        multiple=True,
        metavar="PROFILE|FILE|DIRECTORY",
        callback=_check_policies,
        help=f"Policy to judge by: a profile ({', '.join(PROFILE_NAMES)}) or ReadinessPolicy "
        "manifests. May be given several times; of each check the strictest counts. "
        f"Default: the policies among the input, or else the profile {DEFAULT_PROFILE}.",
    )(function)


def cluster_options(function: F) -> F:
    """Add what says which cluster is meant: `--kubeconfig` and `--context`."""
    for option in (
        click.option(
            "--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."
        ),
        click.option(
            "--kubeconfig",
            type=click.Path(),
            metavar="FILE",
            help="Default: KUBECONFIG, ~/.kube/config, or the cluster it runs in.",
        ),
    ):
        function = option(function)
    return function


def all_namespaces_option(function: F) -> F:
    """Add `--all-namespaces`."""
    return click.option("--all-namespaces", "-A", is_flag=True, help="Look in all namespaces.")(
        function
    )


def operator_namespace_option(function: F) -> F:
    """Add `--operator-namespace`."""
    return click.option(
        "--operator-namespace",
        default="readiness-system",
        show_default=True,
        metavar="NAME",
        help="Namespace of the operator; it judges nothing there unless a policy asks for it.",
    )(function)


def namespace_option(function: F) -> F:
    """Add `--namespace`."""
    return click.option(
        "--namespace",
        "-n",
        default="default",
        show_default=True,
        metavar="NAME",
        help="Namespace of objects that name none.",
    )(function)


def fail_on_option(function: F) -> F:
    """Add `--fail-on`: a key of FAIL_ON."""
    return click.option(
        "--fail-on",
        type=click.Choice(list(FAIL_ON), case_sensitive=False),
        default="must",
        show_default=True,
        help="Least severity of a finding that makes the exit code 1.",
    )(function)
