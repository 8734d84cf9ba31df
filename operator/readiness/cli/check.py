"""`readiness check`: judges manifests before anybody applies them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

import click
from msgspec import Struct, field
from msgspec.structs import replace

from readiness.api.vocabulary import Severity
from readiness.cli.exit_codes import BAD_INPUT, COULD_NOT_LOOK, FINDINGS, READY
from readiness.cli.judging import (
    Inputs,
    judge,
    locate,
    mark_known,
    policies_for,
    policies_from_options,
    sort_inputs,
)
from readiness.cli.options import (
    FAIL_ON,
    all_namespaces_option,
    cluster_options,
    fail_on_option,
    operator_namespace_option,
    policy_option,
)
from readiness.cli.outputs import FORMATS, Output, Request, parse_outputs, write_file, write_outputs
from readiness.cli.terminal import progress, terminal_look
from readiness.errors import InputError, ReadinessError, ToolMissingError
from readiness.evaluate.policy import PolicySet
from readiness.gather.files import STDIN, Sources, read_sources, read_stream
from readiness.gather.globs import expand
from readiness.gather.lines import Locator, Rendered
from readiness.report.fingerprints import Identity, identities
from readiness.report.messages import plural
from readiness.report.render_text import printable
from readiness.report.summary import Run

_MOST_WARNINGS = 20
_MOST_STALE = 10

_EPILOG = """
\b
Examples:
  readiness check deploy/
  readiness check web.yaml pdb.yaml hpa.yaml --namespace shop
  readiness check --helm ./chart --values prod.yaml --namespace shop
  readiness check --kustomize overlays/prod --policy policies/strict.yaml
  readiness check deploy/ --fail-on should --format json | jq .summary
  readiness check deploy/ --format text --format sarif=readiness.sarif
  readiness check deploy/ --diff ../main/deploy/       only what is new
  readiness check deploy/ --baseline baseline.yaml --update-baseline
  readiness check --cluster -n shop                    what runs now
  readiness check --cluster -A --policy policies/strict.yaml --fail-on never

\b
Exit codes:
  0    everything was judged, nothing found at or over --fail-on
  1    findings at or over --fail-on
  2    wrong usage, or an input that could not be read: the rest was judged
  3    a check that counts could not look, the cluster can't be reached, or
       helm or kustomize is missing
When several hold, 2 wins over 1, and 1 over 3.
"""


def _outputs(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001 - click's signature
    values: tuple[str, ...],
) -> list[Output]:
    return parse_outputs(values or ("text",))


def _complete_format(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[str]:
    return [name for name in FORMATS if name.startswith(incomplete)]


@click.command(short_help="Judge manifests or what runs in a cluster.", epilog=_EPILOG)
@click.argument("inputs", nargs=-1, type=click.Path(), metavar="FILE|DIRECTORY|PATTERN|-...")
@click.option(
    "--helm",
    type=click.Path(),
    metavar="CHART",
    help="Judge what `helm template CHART` renders.",
)
@click.option(
    "--values",
    "-f",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Values for --helm. May be repeated.",
)
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="A value for --helm. May be repeated."
)
@click.option("--release", metavar="NAME", help="Name of the release for --helm.")
@click.option(
    "--kustomize",
    "-k",
    type=click.Path(),
    metavar="DIRECTORY",
    help="Judge what `kustomize build DIRECTORY` makes.",
)
@click.option(
    "--cluster",
    is_flag=True,
    help="Judge what is in a cluster, with all that stands around it there, and by its own "
    "policies unless --policy names others.",
)
@policy_option
@click.option(
    "--namespace",
    "-n",
    metavar="NAME",
    help="Namespace of objects that name none.  [default: default]  With --cluster, the one to "
    "judge.  [default: that of the context]",
)
@all_namespaces_option
@cluster_options
@operator_namespace_option
@fail_on_option
@click.option(
    "--diff",
    "base",
    type=click.Path(),
    metavar="BASE",
    help="Only what is new counts: BASE is read as the input is, and what is found there too is "
    "left out. A file or directory; with --helm another chart, with --kustomize another directory.",
)
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="Only what is new counts: findings that the file holds are left out.",
)
@click.option(
    "--update-baseline", is_flag=True, help="Write all findings of now into the --baseline FILE."
)
@click.option(
    "--format",
    "outputs",
    multiple=True,
    metavar="FORMAT[=FILE]",
    callback=_outputs,
    shell_complete=_complete_format,
    help=f"Form of the report: {', '.join(FORMATS)}. On standard output, or in a file. May be "
    "repeated.  [default: text]",
)
@click.option("--verbose", "-v", is_flag=True, help="Show what passed and what does not apply too.")
@click.option("--no-fix", is_flag=True, help="Leave out how to fix what was found.")
@click.pass_context
def check(
    ctx: click.Context,
    inputs: tuple[str, ...],
    helm: str | None,
    values: tuple[str, ...],
    sets: tuple[str, ...],
    release: str | None,
    kustomize: str | None,
    policy_names: tuple[str, ...],
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
    operator_namespace: str,
    fail_on: str,
    base: str | None,
    baseline: str | None,
    outputs: list[Output],
    *,
    cluster: bool,
    all_namespaces: bool,
    update_baseline: bool,
    verbose: bool,
    no_fix: bool,
) -> None:
    """Judge the workloads in files, directories, standard input (-) or a cluster.

    Every Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and Pod is judged together
    with all that is named at once: disruption budgets, autoscalers, Services, network policies and
    the rest count when they are among the input, and so do ReadinessPolicy and ReadinessExemption
    manifests. The verdict is the one the operator comes to in a cluster with the same objects.

    Directories are read with all below: *.yaml, *.yml and *.json, but neither hidden directories
    nor node_modules or vendor. Findings go to standard output, everything else to standard error.
    """
    # What is read and judged is there to the end, and nothing of it is a cycle: looking for garbage
    # again and again costs a tenth of the time (measured).
    gc.disable()
    asked = _Asked(inputs, helm, values, sets, release, kustomize, namespace or "default")
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE, which it writes")
    if cluster:
        if asked.names or base is not None:
            raise click.UsageError("--cluster stands alone: neither files nor --diff go with it")
        scope = kubeconfig, context, namespace, all_namespaces
        found = _judge_cluster(scope, operator_namespace, policy_names)
    else:
        asked.refuse_nonsense()
        if kubeconfig or context or all_namespaces:
            raise click.UsageError(
                "--kubeconfig, --context and --all-namespaces are for --cluster, which is missing"
            )
        found = _judge_files(asked, policy_names, base)
    sorted_inputs, known = found.inputs, found.known
    if baseline is not None and not update_baseline:
        known |= _in_baseline(baseline, found.run, sorted_inputs)
    run = mark_known(found.run, known)
    report_problems(sorted_inputs, found.names)
    if baseline is not None and update_baseline:
        _write_baseline(baseline, run, sorted_inputs)
    run = replace(run, input_errors=len(sorted_inputs.errors))
    look = terminal_look(verbose=verbose, fixes=not no_fix)
    unwritten = write_outputs(outputs, Request(run, FAIL_ON[fail_on], look))
    for line in unwritten:
        click.echo(printable(line), err=True)
    code = exit_code(run, None if update_baseline else FAIL_ON[fail_on])
    ctx.exit(BAD_INPUT if unwritten else code)


class _Found(Struct):
    """What was judged.

    Attributes:
        names: what was read, for a person; empty when nothing was: a cluster.
        inputs: with what went wrong.
        known: what was found in the tree to compare with.
    """

    names: list[str]
    inputs: Inputs
    run: Run
    known: set[Identity] = field(default_factory=set)


def _judge_files(asked: _Asked, policy_names: Sequence[str], base: str | None) -> _Found:
    """Judge what files hold or tools render; ends the command when a tool is missing."""
    try:
        gathered = _gather(asked, sys.stdin.buffer)
        inputs = gathered.sort(asked.namespace)
        policies = policies_for(inputs, policy_names, sys.stdin.buffer)
        now = datetime.now(UTC)
        run = judge(inputs, gathered.sources, policies, now, progress)
        found = _Found(asked.names, inputs, locate(run, Locator(gathered.rendered)))
        if base is not None:
            found.known |= _found_in(asked.for_base(base), policies, now, inputs)
    except ToolMissingError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None
    return found


def _judge_cluster(
    scope: tuple[str | None, str | None, str | None, bool],
    operator_namespace: str,
    policy_names: Sequence[str],
) -> _Found:
    """Judge what is in a cluster; ends the command when it can't be looked at."""
    from readiness.cli.live import Scope, judge_cluster, look

    inputs = Inputs("")
    policies = None
    if policy_names:
        policies, inputs.errors = policies_from_options(policy_names, sys.stdin.buffer)
    try:
        live = look(Scope(*scope), operator_namespace, policies)
    except ReadinessError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        raise click.exceptions.Exit(COULD_NOT_LOOK) from None
    run = judge_cluster(live, inputs, datetime.now(UTC), progress)
    return _Found([], inputs, run)


class _Asked(Struct, frozen=True):
    """What is to be judged, as the command line says it."""

    inputs: tuple[str, ...]
    helm: str | None
    values: tuple[str, ...]
    sets: tuple[str, ...]
    release: str | None
    kustomize: str | None
    namespace: str

    @property
    def names(self) -> list[str]:
        """What is to be read, for a person."""
        rendered = [name for name in (self.helm, self.kustomize) if name is not None]
        return [*self.inputs, *rendered]

    def refuse_nonsense(self) -> None:
        """Raise UsageError when there is nothing to read, or an option without its partner."""
        if not self.names:
            raise click.UsageError(
                "name what to judge: files, directories, - for standard input, --helm CHART or "
                "--kustomize DIRECTORY"
            )
        for option, value in (
            ("--values", self.values),
            ("--set", self.sets),
            ("--release", self.release),
        ):
            if value and self.helm is None:
                raise click.UsageError(f"{option} is for --helm CHART, which is missing")

    def for_base(self, base: str) -> _Asked:
        """Return what to compare with: the base in the place of the one thing that is judged."""
        if len(self.names) > 1 and (self.helm or self.kustomize):
            raise click.UsageError("--diff compares one --helm, one --kustomize or files alone")
        if self.helm is not None:
            return replace(self, helm=base)
        if self.kustomize is not None:
            return replace(self, kustomize=base)
        return replace(self, inputs=(base,))


class _Gathered(Struct):
    """What was read; `rendered`: the texts of it that stand in no file."""

    sources: Sources
    rendered: dict[str, Rendered] = field(default_factory=dict)

    def sort(self, namespace: str) -> Inputs:
        """File the objects by what they are for."""
        inputs = sort_inputs(self.sources.documents, namespace)
        inputs.errors[:0] = map(str, self.sources.errors)
        return inputs


def _gather(asked: _Asked, stdin: BinaryIO) -> _Gathered:
    """Read all that is asked for.

    Raises:
        ToolMissingError: when helm or kustomize is needed and not there.
    """
    unmatched = Sources()
    paths = expand(asked.inputs, unmatched)
    remembered = _Remembered(stdin)
    sources = read_sources(paths, remembered)
    sources.errors[:0] = unmatched.errors
    gathered = _Gathered(sources)
    if STDIN in paths:
        gathered.rendered[STDIN] = Rendered(remembered.data)
    if asked.helm is None and asked.kustomize is None:
        return gathered

    from readiness.gather.rendering import (
        ChartOptions,
        kustomization_file,
        render_chart,
        render_kustomization,
    )

    def pass_on(written: bytes) -> None:
        click.echo(written, nl=False, err=True)

    def add(name: str, rendered: Rendered) -> None:
        gathered.rendered[name] = rendered
        read_stream(sources, name, BytesIO(rendered.data))

    try:
        if asked.helm is not None:
            options = ChartOptions(asked.release or "", asked.namespace, asked.values, asked.sets)
            data = render_chart(asked.helm, options, pass_on)
            add(f"helm template {asked.helm}", Rendered(data, chart=asked.helm.rstrip("/")))
        if asked.kustomize is not None:
            data = render_kustomization(asked.kustomize, pass_on)
            source = kustomization_file(asked.kustomize)
            add(f"kustomize build {asked.kustomize}", Rendered(data, source=source))
    except InputError as error:
        sources.errors.append(error)
    return gathered


class _Remembered(BytesIO):
    """Standard input, read once and kept: to find lines in it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.data = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read from the stream."""
        data = self._stream.read(-1 if size is None else size)
        self.data += data
        return data


def _found_in(asked: _Asked, policies: PolicySet, now: datetime, inputs: Inputs) -> set[Identity]:
    """Return what is found in the tree to compare with; its errors are put into `inputs`.

    Where the base can't be read everything would be new, so it is an error like any other.
    """
    gathered = _gather(asked, BytesIO())
    based = gathered.sort(asked.namespace)
    run = judge(based, gathered.sources, policies, now, progress)
    inputs.errors += based.errors
    return {identity for judged in run.workloads for identity in identities(judged).values()}


def _in_baseline(file: str, run: Run, inputs: Inputs) -> frozenset[Identity]:
    """Return what a baseline holds; tell what of it is no longer found."""
    from readiness.gather.baseline import read_baseline

    try:
        known = read_baseline(file)
    except InputError as error:
        inputs.errors.append(str(error))
        return frozenset()
    found = {identity for judged in run.workloads for identity in identities(judged).values()}
    stale = sorted(known - found)
    if stale:
        noun = plural(len(stale), "entry is", "entries are", count=True)
        inputs.warnings.append(
            f"{file}: {noun} no longer found: fixed, or not among the input; --update-baseline "
            "takes them out"
        )
        inputs.warnings += [
            f"  {workload}: {check_id}{f' at {at}' if at else ''}"
            for workload, check_id, at in stale[:_MOST_STALE]
        ]
        if len(stale) > _MOST_STALE:
            inputs.warnings.append(f"  ... and {len(stale) - _MOST_STALE} more")
    return known


def _write_baseline(file: str, run: Run, inputs: Inputs) -> None:
    """Write what was found into a baseline; not when there may be more to find."""
    from readiness.gather.baseline import word_baseline

    if inputs.errors:
        inputs.errors.append(f"{file}: not written: some of the input could not be read")
        click.echo(printable(inputs.errors[-1]), err=True)
        return
    found = [identity for judged in run.workloads for identity in identities(judged).values()]
    try:
        write_file(file, word_baseline(found))
    except InputError as error:
        inputs.errors.append(str(error))
        click.echo(printable(str(error)), err=True)
        return
    noun = plural(len(found), "finding", "findings", count=True)
    click.echo(f"{printable(file)}: written with {noun}", err=True)


def report_problems(inputs: Inputs, names: Sequence[str]) -> None:
    """Write to standard error what could not be read or used."""
    for line in (*inputs.errors, *_shortened(inputs.warnings)):
        click.echo(printable(line), err=True)
    if names and not inputs.workloads:
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
