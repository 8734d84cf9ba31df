"""`readiness policy`: what can be done with ReadinessPolicies themselves."""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import yaml

from readiness.admission_policies.compiler import CompiledPolicy, compile_policies
from readiness.cli.exit_codes import BAD_INPUT
from readiness.cli.judging import (
    compile_exemptions,
    sort_inputs,
)
from readiness.cli.judging import compile_policies as read_policies
from readiness.cli.options import inputs_argument, namespace_option
from readiness.cli.outputs import write_file
from readiness.cli.policy_test import test
from readiness.errors import InputError
from readiness.evaluate.policy import PolicySet
from readiness.gather.files import STDIN, read_sources
from readiness.model.moment import rfc3339
from readiness.model.snapshot import NEWEST_KNOWN_VERSION
from readiness.report.messages import plural
from readiness.report.render_text import printable

_NEWEST = "v{}.{}".format(*NEWEST_KNOWN_VERSION)
_VERSION = re.compile(r"v1\.([0-9]{1,3})")
_WIDTH = 100

_EPILOG = """
\b
Examples:
  readiness policy compile policy.yaml | kubectl apply -f -
  readiness policy compile policies/ exemptions/ --output admission.yaml
  readiness policy compile policy.yaml --operator-namespace readiness-system

\b
Exit codes:
  0    every policy was read; standard error says what became of each
  2    wrong usage, or an input that could not be read or used: nothing is written
"""


@click.group(
    short_help="Test policies, or compile them for the API server.",
    epilog="""\b
Examples:
  readiness policy test policies/
  readiness policy compile policy.yaml | kubectl apply -f -
""",
)
def policy() -> None:
    """Work with ReadinessPolicy manifests."""


policy.add_command(test)


def _version(
    ctx: click.Context,
    param: click.Parameter,
    value: str,
) -> tuple[int, int]:
    found = _VERSION.fullmatch(value)
    if found is None:
        raise click.BadParameter(f'"{value}" is no version such as {_NEWEST}', ctx=ctx, param=param)
    return 1, int(found[1])


@policy.command(
    "compile", short_help="Make ValidatingAdmissionPolicies of Strict policies.", epilog=_EPILOG
)
@inputs_argument
@namespace_option
@click.option(
    "--kubernetes-version",
    default=_NEWEST,
    show_default=True,
    metavar="VERSION",
    callback=_version,
    help="Version of the cluster: its Pod Security Standards count where a policy names none.",
)
@click.option(
    "--operator-namespace",
    default="",
    metavar="NAME",
    help="Namespace of the operator, to be left alone unless a policy includes it by name.",
)
@click.option(
    "--output",
    "-o",
    default=STDIN,
    show_default=True,
    metavar="FILE|-",
    help="Where the manifests go.",
)
@click.pass_context
def compile_(
    ctx: click.Context,
    inputs: tuple[str, ...],
    namespace: str,
    kubernetes_version: tuple[int, int],
    operator_namespace: str,
    output: str,
) -> None:
    """Make ValidatingAdmissionPolicies of the ReadinessPolicies in files or directories.

    The API server (Kubernetes 1.30 or newer) then refuses by itself what violates a Must check of
    a Strict policy, even while neither operator nor webhook runs. What it can't decide alone, as
    whether a disruption budget exists, is left to the webhook, and the output says so.

    ReadinessExemptions among the input are heeded. What a date decides is decided now: compile
    again when an enforceFrom comes or an exemption ends.
    """
    stdin = sys.stdin.buffer
    sources = read_sources(inputs, stdin)
    found = sort_inputs(sources.documents, namespace)
    errors = [*map(str, sources.errors), *found.errors]
    policies = PolicySet()
    errors += read_policies(found.policies.values(), policies)
    exemptions, mistakes = compile_exemptions(found.exemptions.values(), namespace, policies)
    errors += mistakes
    if not errors and not found.policies:
        errors.append(f"no ReadinessPolicy found in {', '.join(inputs)}")
    for line in (*errors, *found.warnings):
        click.echo(printable(line), err=True)
    if errors:
        ctx.exit(BAD_INPUT)
    compiled = compile_policies(
        policies,
        [exemption for several in exemptions.values() for exemption in several],
        datetime.now(UTC),
        kubernetes_version,
        operator_namespace,
    )
    text = _render(compiled, kubernetes_version)
    if output == STDIN:
        click.echo(text, nl=False)
    else:
        try:
            write_file(output, text)
        except InputError as error:
            click.echo(printable(str(error)), err=True)
            ctx.exit(BAD_INPUT)
    for one in compiled:
        click.echo(_summary(one), err=True)


def _summary(compiled: CompiledPolicy) -> str:
    if not compiled.manifests:
        reason = compiled.left_out.get("", "the API server can enforce none of its Must checks")
        return f"{compiled.policy}: not compiled: {reason}"
    done = plural(len(compiled.checks), "check", "checks", count=True)
    left = len(compiled.left_out)
    more = f", {left} left out: the comments in the output say why" if left else ""
    return f"{compiled.policy}: {done} compiled{more}"


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, and what stands in several places in full."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _render(compiled: Iterable[CompiledPolicy], version: tuple[int, int]) -> str:
    """Return the manifests as YAML, before each policy's what it does and what it does not."""
    parts = ["# Made of ReadinessPolicies by `readiness policy compile`: change those, not this.\n"]
    for one in compiled:
        comments = "".join(f"# {line}".rstrip() + "\n" for line in _comments(one, version))
        documents = yaml.dump_all(
            one.manifests,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=sys.maxsize,
            explicit_start=True,
        )
        parts.append(f"#\n{comments}{documents if one.manifests else ''}")
    return "".join(parts)


def _comments(compiled: CompiledPolicy, version: tuple[int, int]) -> Iterator[str]:
    yield f'ReadinessPolicy "{compiled.policy}"'
    if compiled.checks:
        yield from _listed("enforced by the API server", compiled.checks)
        yield "  Where it names no version of the Pod Security Standards, v{}.{} counts.".format(
            *version
        )
    by_reason: dict[str, list[str]] = defaultdict(list)
    for what, reason in compiled.left_out.items():
        by_reason[reason].append(what)
    for reason, several in by_reason.items():
        if several == [""]:
            yield f"  not compiled: {reason}"
        else:
            yield from _listed(f"left out: {reason}", several)
    if compiled.next_change is not None:
        yield f"  Compile it again at {rfc3339(compiled.next_change)}: something changes then."


def _listed(title: str, items: Iterable[str]) -> Iterator[str]:
    yield f"  {title}:"
    yield from textwrap.wrap(
        ", ".join(items),
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
