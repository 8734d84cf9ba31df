"""What a person reads in the terminal when admission refuses a workload or warns about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from readiness.api.vocabulary import BREAK_GLASS_ANNOTATION, Severity
from readiness.evaluate.evaluator import CheckResult
from readiness.model.moment import rfc3339
from readiness.model.workload import ObjectRef
from readiness.report.messages import plural

# A refusal has to fit into a terminal of 24 lines of 80 characters, whatever a manifest holds. The
# program's own words before it, the ways around it and the names of other checks take half of that:
# in the rest checks are told with field and fix, at least one.
_COLUMNS = 80
_LINES_IN_FULL = 11
_FINDINGS_IN_FULL = 2
_BY_NAME_WITH_PLACES = 4
_CHECKS_BY_NAME = 16
_PLACES = 3
_GROUPS = 5
# The names and values in a message are those of the manifest, so they may be of any length.
_LONGEST_LINE = 240
# Warnings of one answer: with more nobody reads any.
_MOST_WARNINGS = 10


def refusal(
    ref: ObjectRef,
    findings: Sequence[CheckResult],
    policies: Sequence[str],
    break_glass: Collection[str],
    *,
    attempted: bool,
) -> str:
    """Return why a workload is refused, what to do, and the ways around it.

    Args:
        ref: names the workload.
        findings: all findings that refuse it.
        policies: names of the policies that do.
        break_glass: groups whose members may get it past all of these policies; may be empty.
        attempted: whether it carries the break-glass annotation, of somebody in none of the groups.
    """
    by_check = _by_check(findings)
    number = plural(len(by_check), "Must check", "Must checks", count=True)
    names = ", ".join(f'"{name}"' for name in policies)
    asking = f"{plural(len(policies), 'policy', 'policies')} {names}"
    lines = [f"{ref.kind} {ref.name} fails {number} of {asking}:"]
    groups = list(by_check.values())
    in_full = 0
    room = _LINES_IN_FULL
    for found in groups:
        told = _in_full(found)
        room -= sum(-(-len(line) // _COLUMNS) for line in told)
        if in_full and room < 0:
            break
        lines += told
        in_full += 1
    if others := groups[in_full:]:
        lines.append(f"- and {_by_name(others)}")
    lines.append(
        f"More: readiness explain {groups[0][0].check.id}. To accept a finding for a while: a "
        f"ReadinessExemption in namespace {ref.namespace}."
    )
    if attempted:
        lines.append(_not_yours(break_glass))
    elif break_glass:
        lines.append(
            f"In an emergency members of {_any_of(break_glass)} may set the annotation "
            f'{BREAK_GLASS_ANNOTATION}: "<reason>".'
        )
    return "\n".join(lines)


def too_big(ref: ObjectRef, size: str, policies: Sequence[str]) -> str:
    """Return why a workload is refused that can't be judged in time.

    Args:
        ref: names the workload.
        size: what is too much: "600 containers, more than 500".
        policies: names of the policies that refuse it.
    """
    names = ", ".join(f'"{name}"' for name in policies)
    asking = f"{plural(len(policies), 'policy', 'policies')} {names}"
    return (
        f"{ref.kind} {ref.name} is too big to be judged by {asking}: spec holds {size}.\n"
        "fix: Split it, or have spec.match of the policy leave it out."
    )


def let_through(findings: Sequence[CheckResult], reason: str) -> str:
    """Return the warning for a workload that got past Strict in an emergency."""
    return f'let through by break-glass ("{reason}") although it fails {_ids(findings)}'


def break_glass_event(findings: Sequence[CheckResult], user: str, reason: str) -> str:
    """Return what the event about that says."""
    return (
        f'{user} got this past Strict by break-glass ("{reason}") although it fails '
        f"{_ids(findings)}"
    )


def finding_warnings(findings: Iterable[CheckResult], existing: Collection[str]) -> list[str]:
    """Return one warning for each check with findings, the most severe first.

    Args:
        findings: what is told and not refused.
        existing: ids of the checks that would refuse, had the workload not failed them before.
    """
    by_check = _by_check(sorted(findings, key=lambda finding: finding.severity, reverse=True))
    texts = []
    for id, found in by_check.items():
        more = f" (+{len(found) - 1} more)" if len(found) > 1 else ""
        before = ", as before" if id in existing else ""
        texts.append(f"{id} ({found[0].severity}{before}): {found[0].message}{more}")
    if len(texts) > _MOST_WARNINGS:
        left = len(texts) - _MOST_WARNINGS + 1
        counts = ", ".join(
            f"{n} {severity}"
            for severity in (Severity.MUST, Severity.SHOULD, Severity.NICE)
            if (n := _count(list(by_check.values())[-left:], severity))
        )
        texts[-left:] = [f"and {left} more checks ({counts}): `readiness check` lists them"]
    return texts


def waiting_warning(findings: Sequence[CheckResult]) -> str:
    """Return the warning about companions that may still come."""
    ends = [finding.waits_until for finding in findings if finding.waits_until is not None]
    until = f"until {rfc3339(min(ends))} " if ends else ""
    return f"companions may come {until}for {_ids(findings)}"


def exempt_warning(findings: Sequence[CheckResult]) -> str:
    """Return the warning about findings that exemptions accept."""
    return f"exempt for now: {_ids(findings)}"


def _in_full(findings: Sequence[CheckResult]) -> list[str]:
    first = findings[0]
    same = [finding for finding in findings[1:] if _says_the_same(finding, first)]
    rest = [finding for finding in findings[1:] if not _says_the_same(finding, first)]
    shown, more = rest[: _FINDINGS_IN_FULL - 1], rest[_FINDINGS_IN_FULL - 1 :]
    lines = _told(first)
    if same:
        lines.append(f"  also: {_places(same)}")
    for finding in shown:
        lines += _told(finding)
    if more:
        lines.append(f"  and {len(more)} more: {_places(more)}")
    if first.check.remediation:
        lines.append(f"  fix: {_first_sentence(first.check.remediation)}")
    return lines


def _told(finding: CheckResult) -> list[str]:
    lines = [f"- {_cut(finding.message)} ({finding.check.id})"]
    if finding.path:
        lines.append(f"  at {_cut(finding.path)}")
    return lines


def _says_the_same(one: CheckResult, other: CheckResult) -> bool:
    """Return whether two findings ask the same of two containers."""
    if not one.container or not other.container:
        return False
    return one.message.replace(f'"{one.container}"', "") == other.message.replace(
        f'"{other.container}"', ""
    )


def _by_name(others: Sequence[Sequence[CheckResult]]) -> str:
    """Return what else fails: with the places when it is little, else what fits."""
    if len(others) <= _BY_NAME_WITH_PLACES:
        named = [_in_short(findings) for findings in others]
    else:
        named = [findings[0].check.id for findings in others[:_CHECKS_BY_NAME]]
    if left := len(others) - len(named):
        named.append(f"{left} more")
    return "; ".join(named)


def _in_short(findings: Sequence[CheckResult]) -> str:
    places = _places(findings)
    return f"{findings[0].check.id} ({places})" if places else findings[0].check.id


def _places(findings: Sequence[CheckResult]) -> str:
    """Return the containers findings are about, or their fields."""
    places = dict.fromkeys(f.container or f.path for f in findings)
    places.pop("", None)
    shown = ", ".join(_cut(place) for place in list(places)[:_PLACES])
    return f"{shown} and {len(places) - _PLACES} more" if len(places) > _PLACES else shown


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"


def _by_check(findings: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    found: dict[str, list[CheckResult]] = {}
    for finding in findings:
        found.setdefault(finding.check.id, []).append(finding)
    return found


def _count(groups: Iterable[Sequence[CheckResult]], severity: Severity) -> int:
    return sum(group[0].severity is severity for group in groups)


def _ids(findings: Iterable[CheckResult]) -> str:
    return ", ".join(dict.fromkeys(finding.check.id for finding in findings))


def _any_of(groups: Collection[str]) -> str:
    named = sorted(groups)
    shown = [_cut(name) for name in named[:_GROUPS]]
    if left := len(named) - len(shown):
        shown.append(f"{left} other groups")
    return " or ".join(shown)


def _not_yours(break_glass: Collection[str]) -> str:
    if not break_glass:
        return f"The annotation {BREAK_GLASS_ANNOTATION} helps nobody here: no group may use it."
    return (
        f"The annotation {BREAK_GLASS_ANNOTATION} helps only members of {_any_of(break_glass)}; "
        "you are not one."
    )


def _first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + dot.rstrip()
