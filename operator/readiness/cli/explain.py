"""`readiness explain`: one check in full."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

import click

from readiness.checklist.service_levels import SERVICE_LEVELS
from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.cli.terminal import terminal_look
from readiness.evaluate.evidence import evidence_checks
from readiness.evaluate.service_levels import service_level_check
from readiness.report.check_docs import SCOPES, kinds_of, parameters_of, severities_of
from readiness.report.render_text import Look

_EPILOG = """
\b
Examples:
  readiness explain memory-limit-missing
  readiness explain MemoryLimitMissing     as the reason of a condition has it
"""


@click.command(short_help="Say what a check finds, why, and how to fix it.", epilog=_EPILOG)
@click.argument("check_id", metavar="CHECK")
def explain(check_id: str) -> None:
    """Say what a check finds, why that matters in production, and how to fix it.

    CHECK is the id of a check, as `readiness checks` lists them, or the word for it in the reason
    of a condition.
    """
    levels = [service_level_check(level.name) for level in SERVICE_LEVELS]
    catalogue = {**all_checks(), **evidence_checks(), **{check.id: check for check in levels}}
    by_reason = {check.reason: check for check in catalogue.values()}
    check = catalogue.get(check_id) or by_reason.get(check_id)
    if check is None:
        close = difflib.get_close_matches(check_id, [*catalogue, *by_reason], n=1)
        hint = f'did you mean "{close[0]}"?' if close else "`readiness checks` lists them"
        raise click.UsageError(f'There is no check "{check_id}": {hint}')
    click.echo("\n".join(_lines(check, terminal_look())))


def _lines(check: Check, look: Look) -> Iterator[str]:
    yield f"{look.paint(check.id, '1')}: {check.title}"
    yield ""
    severities = severities_of(check)
    profiles: dict[str, list[str]] = {}
    for name, severity in severities.items():
        if severity:
            profiles.setdefault(severity, []).append(name)
    asked = [f"{severity} in {', '.join(names)}" for severity, names in profiles.items()]
    for term, text in (
        ("Category", f"{check.category.id} (condition {check.category.condition_type})"),
        ("Severity", "; ".join(asked) or "off, until a policy asks for it"),
        ("Looks at", SCOPES[check.scope]),
        ("Kinds", kinds_of(check)),
        ("Since", check.since),
    ):
        yield from look.wrap(text, " " * 12, first=f"  {term:<10}")
    yield from _section("Why", check.rationale, look)
    yield from _section("How to fix", check.remediation, look)
    parameters = parameters_of(check)
    if parameters:
        yield ""
        yield look.paint("Parameters", "1")
        for parameter in parameters:
            default = json.dumps(parameter.default, ensure_ascii=False)
            text = f"{parameter.name}: {parameter.type}, default {default}"
            yield from look.wrap(text, "    ", first="  ")
            yield from look.wrap(parameter.description, "    ")
    yield ""
    yield look.paint("References", "1")
    yield from look.wrap(f"Readiness checklist, {check.reference.checklist}", "    ", first="  ")
    yield f"  {check.reference.url}"


def _section(title: str, text: str, look: Look) -> Iterator[str]:
    yield ""
    yield look.paint(title, "1")
    yield from look.wrap(text, "  ")
