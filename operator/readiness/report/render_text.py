"""The report of a run as text, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check
from readiness.evaluate.evaluator import CheckResult, Readiness
from readiness.report.messages import plural
from readiness.report.summary import Judged, Run

_SEVERITIES = (Severity.MUST, Severity.SHOULD, Severity.NICE)
_LABEL_WIDTH = len("exempt")
_INDENT = " " * (2 + _LABEL_WIDTH + 2)

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
SEVERITY_COLOR = {Severity.MUST: _RED, Severity.SHOULD: _YELLOW, Severity.NICE: _CYAN}

_MARKS = {
    Readiness.READY: ("✓", "+", _GREEN),
    Readiness.NOT_READY: ("✗", "x", _RED),
    Readiness.UNKNOWN: ("?", "?", _YELLOW),
    None: ("-", "-", _DIM),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How the text is to look.

    Attributes:
        width: columns.
        color: whether the reader is a terminal that wants colour.
        plain_marks: whether only ASCII can be shown.
        verbose: whether to show what passed and what does not apply.
        fixes: whether to say how to fix what was found.
    """

    width: int = 80
    color: bool = False
    plain_marks: bool = False
    verbose: bool = False
    fixes: bool = True

    def paint(self, text: str, *codes: str) -> str:
        """Return text in colours or weights of the terminal."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.color and text else text

    def wrap(self, text: str, indent: str, first: str | None = None) -> list[str]:
        """Break text into lines; words, such as field paths, are never broken."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def render_text(run: Run, look: Look) -> str:
    """Return the findings of every workload, how to fix them, and a summary."""
    lines: list[str] = []
    after_block = False
    for judged in run.workloads:
        block = [line for result in _shown(judged, look) for line in _result(result, run, look)]
        if after_block or (block and lines):
            lines.append("")
        lines += _headline(judged, look)
        lines += block
        after_block = bool(block)
    if look.fixes and (fixes := list(_fixes(run, look))):
        lines += ["", look.paint("How to fix", _BOLD), *fixes]
    if lines:
        lines.append("")
    lines += _summary(run, look)
    return "\n".join(lines) + "\n"


def printable(text: str) -> str:
    """Return text without control characters: names in manifests may hold escape sequences."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _headline(judged: Judged, look: Look) -> list[str]:
    ref = judged.report.ref
    sign, plain, color = _MARKS[judged.readiness]
    name = printable(f"{ref.kind.lower()}/{ref.name}")
    namespace = printable(f"({ref.namespace})")
    place = printable(f"{judged.file}:{judged.line}")
    verdict = _verdict(judged)
    mark = look.paint(plain if look.plain_marks else sign, color)
    start = f"{mark} {look.paint(name, _BOLD)} {namespace}  {look.paint(place, _DIM)}"
    written = f"x {name} {namespace}  {place}  {verdict}"
    verdict = look.paint(verdict, color)
    if len(written) <= look.width:
        return [f"{start}  {verdict}"]
    return [start, f"  {verdict}"]


def _verdict(judged: Judged) -> str:
    if judged.readiness is None:
        return "no policy applies"
    counts = []
    for severity in _SEVERITIES:
        number = sum(r.counts and r.severity is severity for r in judged.report.results)
        if number:
            counts.append(f"{number} {severity}")
    errors = sum(r.result is Result.ERROR for r in judged.report.results)
    if errors:
        counts.append(f"{plural(errors, 'check', 'checks', count=True)} could not look")
    exempt = sum(r.exempt for r in judged.report.results)
    if exempt:
        counts.append(f"{exempt} exempt")
    verdict = "cannot tell" if judged.readiness is Readiness.UNKNOWN else judged.readiness.value
    return f"{verdict}: {', '.join(counts)}" if counts else verdict


def _shown(judged: Judged, look: Look) -> list[CheckResult]:
    """Return the results to show: findings by severity, then errors, exempt ones, the rest."""
    shown = [r for r in judged.report.results if look.verbose or _rank(r) < _RANK_OF_REST]
    shown.sort(key=lambda result: result.severity, reverse=True)
    shown.sort(key=_rank)
    return shown


_RANK_OF_REST = 3


def _rank(result: CheckResult) -> int:
    if result.result in (Result.FAIL, Result.WARN):
        return 0
    if result.result is Result.ERROR:
        return 1
    if result.exempt:
        return 2
    return _RANK_OF_REST if result.result is Result.SKIP else _RANK_OF_REST + 1


def _result(result: CheckResult, run: Run, look: Look) -> Iterator[str]:
    rank = _rank(result)
    if rank == 0:
        label = look.paint(str(result.severity).ljust(_LABEL_WIDTH), _color(result))
    elif rank == 1:
        label = look.paint("error".ljust(_LABEL_WIDTH), _RED)
    else:
        word = "exempt" if result.exempt else result.result.value
        label = look.paint(word.ljust(_LABEL_WIDTH), _DIM)
    start = f"  {label}  "
    if rank >= _RANK_OF_REST:
        text = f"{result.check.id}: {result.message}" if result.message else result.check.id
        lines = look.wrap(printable(text), _INDENT)
        yield start + lines[0].strip()
        yield from lines[1:]
        return
    lines = look.wrap(printable(result.message), _INDENT)
    yield start + lines[0].strip()
    yield from lines[1:]
    details = [result.check.id if rank == 0 else f"{result.check.id} ({result.severity})"]
    if len(run.policies) > 1:
        details.append(f"policy {printable(result.policy)}")
    if result.path:
        details.append(printable(result.path))
    for line in _join_fitting(details, look.width - len(_INDENT)):
        yield _INDENT + look.paint(line, _DIM)


def _color(result: CheckResult) -> str:
    return SEVERITY_COLOR[result.severity]


def _join_fitting(parts: Iterable[str], width: int) -> list[str]:
    """Return parts on as few lines as they fit on, two spaces between them."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


def _fixes(run: Run, look: Look) -> Iterator[str]:
    """Yield each check with findings once, with what to do."""
    found: dict[str, tuple[Check, Severity, int]] = {}
    for judged in run.workloads:
        for result in {r.check.id: r for r in judged.report.results if r.counts}.values():
            _, severity, count = found.get(result.check.id, (None, result.severity, 0))
            strictest = max(severity, result.severity)
            found[result.check.id] = result.check, strictest, count + 1
    for severity in _SEVERITIES:
        for check, strictest, count in found.values():
            if strictest is severity:
                title = look.paint(check.id, SEVERITY_COLOR[severity])
                workloads = plural(count, "workload", "workloads", count=True)
                yield f"  {title}  {look.paint(f'({severity}, {workloads})', _DIM)}"
                yield from look.wrap(check.remediation, "    ")


def _summary(run: Run, look: Look) -> list[str]:
    """Return the last lines: the verdicts, then how much was looked at."""
    stands = [
        f"{number} {word}"
        for readiness, word in (
            (Readiness.NOT_READY, "not ready"),
            (Readiness.UNKNOWN, "cannot tell"),
            (Readiness.READY, "ready"),
            (None, "without a policy"),
        )
        if (number := run.by_readiness[readiness])
    ]
    total = plural(len(run.workloads), "workload", "workloads", count=True)
    parts = [f"{total}: {', '.join(stands)}" if stands else total]
    findings = [f"{n} {severity}" for severity in _SEVERITIES if (n := run.findings[severity])]
    number = sum(run.findings.values())
    if findings:
        parts.append(f"{', '.join(findings)} {plural(number, 'finding', 'findings')}")
    elif run.workloads:
        parts.append("no findings")
    if run.exempt:
        parts.append(f"{run.exempt} exempt")
    lines = look.wrap("; ".join(parts), "  ", first="")
    lines += look.wrap(_looked_at(run), "  ", first="")
    if run.input_errors:
        noun = plural(run.input_errors, "error", "errors", count=True)
        lines.append(look.paint(f"{noun} in the input: not everything was judged", _RED))
    return [look.paint(lines[0], _BOLD), *lines[1:]]


def _looked_at(run: Run) -> str:
    policies = printable(", ".join(run.policies)) or "none"
    parts = [
        f"{plural(len(run.policies), 'policy', 'policies')} {policies}",
        f"{plural(run.files, 'file', 'files', count=True)} read",
    ]
    for number, one, many in (
        (run.companions, "companion object", "companion objects"),
        (run.other, "object no check looks at", "objects no check looks at"),
        (run.ignored, "document that is not Kubernetes", "documents that are not Kubernetes"),
    ):
        if number:
            parts.append(plural(number, one, many, count=True))
    results = run.by_result
    checks = [f"{results[Result.PASS]} passed"]
    skipped = results[Result.SKIP] - run.exempt
    if skipped:
        checks.append(f"{skipped} did not apply")
    if results[Result.ERROR]:
        checks.append(f"{results[Result.ERROR]} could not look")
    return f"{'; '.join(parts)}; checks: {', '.join(checks)}"
