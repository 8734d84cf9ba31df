"""`readiness checks`: the catalogue."""

from __future__ import annotations

import json
from typing import Any

import click

from readiness.api.vocabulary import Severity
from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.cli.terminal import terminal_look
from readiness.report.check_docs import parameters_of, severities_of
from readiness.report.render_text import SEVERITY_COLOR

_PROFILES = ("baseline", "standard", "strict")
_COLUMN = len("standard") + 2

_EPILOG = """
\b
Examples:
  readiness checks
  readiness checks | grep probe
  readiness checks --format json | jq -r '.[] | select(.scope == "companion").id'

`readiness explain CHECK` says what a check finds, why, and how to fix it.
"""


@click.command(short_help="List all checks, with their severities.", epilog=_EPILOG)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json holds everything `readiness explain` tells.",
)
def checks(output_format: str) -> None:
    """List all checks by category, with their severity in each profile.

    An intrinsic check looks at the workload alone; a companion check needs other objects too, such
    as autoscalers or disruption budgets. A check without a severity is off until a policy asks for
    it.
    """
    catalogue = all_checks()
    if output_format == "json":
        click.echo(json.dumps([check_as_json(c) for c in catalogue.values()], indent=2))
        return
    look = terminal_look()
    identifiers = max(map(len, catalogue)) + 4
    scopes = len("companion") + 2
    header = "CHECK".ljust(identifiers) + "SCOPE".ljust(scopes)
    header += "".join(name.upper().ljust(_COLUMN) for name in _PROFILES)
    click.echo(look.paint(header.rstrip(), "1"))
    category = None
    for check in catalogue.values():
        if check.category is not category:
            category = check.category
            click.echo(look.paint(category.id, "1"))
        line = f"  {check.id}".ljust(identifiers) + check.scope.value.ljust(scopes)
        severities = severities_of(check)
        for name in _PROFILES:
            severity = severities[name]
            color = SEVERITY_COLOR[Severity(severity)] if severity else "2"
            line += look.paint((severity or "-").ljust(_COLUMN), color)
        click.echo(line.rstrip())
    click.echo(f"{len(catalogue)} checks", err=True)


def check_as_json(check: Check) -> dict[str, Any]:
    """Return all that is known of a check, for programs."""
    return {
        "id": check.id,
        "title": check.title,
        "category": check.category.id,
        "scope": check.scope.value,
        "kinds": list(check.kinds),
        "severity": severities_of(check),
        "since": check.since,
        "params": [
            {
                "name": parameter.name,
                "type": parameter.type,
                "default": parameter.default,
                "description": parameter.description,
            }
            for parameter in parameters_of(check)
        ],
        "rationale": check.rationale,
        "remediation": check.remediation,
        "reference": {"checklist": check.reference.checklist, "url": check.reference.url},
    }
