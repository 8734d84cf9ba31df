"""`readiness checklist`: the production readiness checklist, and where workloads stand on it."""

from __future__ import annotations

import difflib
import sys
from datetime import UTC, datetime

import click

from readiness.checklist.base import Stage
from readiness.checklist.standing import evidence_given, standing
from readiness.cli.check import report_problems
from readiness.cli.exit_codes import BAD_INPUT, READY
from readiness.cli.judging import Inputs, judge, policies_for, sort_inputs
from readiness.cli.options import namespace_option, policy_option
from readiness.cli.terminal import terminal_look
from readiness.gather.files import read_sources
from readiness.model.workload import ObjectRef
from readiness.report.checklist_words import Located

_STAGES = {stage.id: stage for stage in Stage}

_EPILOG = """
\b
Examples:
  readiness checklist
  readiness checklist --stage launch --format json | jq .summary
  readiness checklist deploy/
  readiness checklist deploy/ --workload shop/deployment/web
  helm template ./chart | readiness checklist - --format html > readiness.html

\b
Exit codes:
  0    all of the input was read and judged, whatever is missing
  2    wrong usage, or an input that could not be read: the rest is shown
"""


@click.command(
    short_help="Show the readiness checklist, or where workloads stand on it.", epilog=_EPILOG
)
@click.argument("inputs", nargs=-1, metavar="[FILE|DIRECTORY|-]...")
@click.option(
    "--workload",
    metavar="NAMESPACE/KIND/NAME",
    help="Show this one of the workloads among the input, such as shop/deployment/web.",
)
@click.option(
    "--stage",
    "stage_id",
    type=click.Choice(list(_STAGES)),
    default=Stage.LIVE.id,
    show_default=True,
    help="Show what has to hold by then: one week before launch, on its day, one week after it.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="Form of what is written to standard output; html is one page without anything outside.",
)
@policy_option
@namespace_option
@click.pass_context
def checklist(
    ctx: click.Context,
    inputs: tuple[str, ...],
    workload: str | None,
    stage_id: str,
    output_format: str,
    policy_names: tuple[str, ...],
    namespace: str,
) -> None:
    """Show the production readiness checklist, or where workloads stand on it.

    Without input this lists every item and how it is answered: by checks, by service levels that
    are measured, by evidence that a person gives, or by several of them, all of which are needed.

    With manifests, read as `readiness check` reads them, it says for each item whether the workload
    meets it, what is missing and who can provide it. Evidence among them counts. Files hold no
    measurements: items that need them are unknown. Several workloads are shown as a table, unless
    --workload names one.
    """
    stage = _STAGES[stage_id]
    if not inputs:
        if workload is not None or policy_names:
            option = "--policy" if workload is None else "--workload"
            raise click.UsageError(
                f"{option} needs manifests to look at: name files, directories or -"
            )
        click.echo(_catalogue(stage, output_format), nl=False)
        return
    stdin = sys.stdin.buffer
    sources = read_sources(inputs, stdin)
    sorted_inputs = sort_inputs(sources.documents, namespace)
    sorted_inputs.errors[:0] = map(str, sources.errors)
    wanted = None if workload is None else _find(workload, sorted_inputs)
    policies = policies_for(sorted_inputs, policy_names, stdin)
    now = datetime.now(UTC)
    run = judge(sorted_inputs, sources, policies, now)
    report_problems(sorted_inputs, inputs)
    standings = []
    for judged, (found, _) in zip(run.workloads, sorted_inputs.workloads.values(), strict=True):
        if wanted is None or found.ref == wanted:
            evidence = evidence_given(found, judged.report, sorted_inputs.attested, now)
            stands = standing(judged.report, evidence, stage=stage)
            standings.append(Located(stands, judged.file, judged.line))
    if standings or output_format == "json":
        click.echo(_standings(standings, stage, output_format), nl=False)
    ctx.exit(BAD_INPUT if sorted_inputs.errors or not standings else READY)


def _find(name: str, inputs: Inputs) -> ObjectRef:
    """Return the workload that `--workload` names.

    Raises:
        click.BadParameter: when the input holds none of that name.
    """
    there = {
        f"{workload.namespace}/{workload.ref.kind.lower()}/{workload.name}": workload.ref
        for workload, _ in inputs.workloads.values()
    }
    namespace, slash, rest = name.partition("/")
    kind, second_slash, object_name = rest.partition("/")
    key = f"{namespace}/{kind.lower()}/{object_name}"
    if key in there:
        return there[key]
    if not slash or not second_slash:
        problem = f'"{name}" is not NAMESPACE/KIND/NAME'
    else:
        problem = f'there is no workload "{name}" among the input'
    close = (
        difflib.get_close_matches(key, there, n=1)
        or [k for k in there if k.rpartition("/")[2] == name.rpartition("/")[2]][:1]
    )
    hint = f', did you mean "{close[0]}"?' if close else ""
    raise click.BadParameter(problem + hint, param_hint="'--workload'")


def _catalogue(stage: Stage, output_format: str) -> str:
    match output_format:
        case "json":
            from readiness.report.render_checklist_json import catalogue_json

            return catalogue_json(stage) + "\n"
        case "markdown":
            from readiness.report.render_checklist_markdown import catalogue_markdown

            return catalogue_markdown(stage)
        case "html":
            from readiness.report.render_checklist_html import catalogue_html

            return catalogue_html(stage)
        case _:
            from readiness.report.render_checklist_text import catalogue_text

            return catalogue_text(stage, terminal_look())


def _standings(standings: list[Located], stage: Stage, output_format: str) -> str:
    match output_format:
        case "json":
            from readiness.report.render_checklist_json import standings_json

            return standings_json(standings, stage) + "\n"
        case "markdown":
            from readiness.report.render_checklist_markdown import standings_markdown

            return standings_markdown(standings)
        case "html":
            from readiness.report.render_checklist_html import standings_html

            return standings_html(standings)
        case _:
            from readiness.report.render_checklist_text import standings_text

            return standings_text(standings, terminal_look())
