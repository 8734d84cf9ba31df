"""The report of a run as text, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from readiness.api.vocabulary import Result, Severity
from readiness.checks.base import Check
from readiness.evaluate.evaluator import CheckResult, Readiness
from readiness.report.messages import plural, workload_title
from readiness.report.summary import SEVERITIES, Judged, Run

_LABEL_WIDTH = len("exempt")
_INDENT = " " * (2 + _LABEL_WIDTH + 2)
_WIDEST_PROSE = 120  # longer lines of prose are hard to read
_COLUMNS_FROM = 140  # from this width on a finding is one line, in columns
_LEAST_PROSE = 60  # columns for what is said; of less, places go behind it
_SHORTEST_NAME = 16  # columns in the table; of less nobody makes out a workload
_MOST_ROWS = 20  # of the table: what is more nobody scans

_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
SEVERITY_COLOR = {Severity.MUST: _RED, Severity.SHOULD: _YELLOW, Severity.NICE: _CYAN}

_MARKS = {
    Readiness.READY: ("✓", "+", _GREEN),
    Readiness.NOT_READY: ("✗", "x", _RED),
    Readiness.UNKNOWN: ("?", "?", _YELLOW),
    None: ("-", "-", _DIM),
}


class Look(Struct, frozen=True):
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
        width = min(self.width, _WIDEST_PROSE)
        return [*_wrapped(text, width, indent if first is None else first, indent)]


@lru_cache(maxsize=4096)
def _wrapped(text: str, width: int, first: str, indent: str) -> Sequence[str]:
    """Break text into lines, once for all the workloads that are told the same."""
    # Words with a blank between them, as almost always: the library takes 100 us (profiled).
    if text.isprintable() and "  " not in f" {text} ":
        return [*_filled(text, width, first, indent)]
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _filled(text: str, width: int, margin: str, indent: str) -> Iterator[str]:
    """Yield lines with as many words of a text as fit on each; `margin`: before the first."""
    start = 0
    while len(text) - start > (room := width - len(margin)):
        end = text.rfind(" ", start, start + room + 1) if room > 0 else -1
        if end < 0:  # a word wider than the room has a line of its own
            end = text.find(" ", start)
        if end < 0:
            break
        yield margin + text[start:end]
        start, margin = end + 1, indent
    yield margin + text[start:]


def render_text(run: Run, look: Look) -> str:
    """Return the findings of every workload, how to fix them, a table and a summary."""
    lines: list[str] = []
    after_block = False
    columns = _Columns.of(run, look)
    for judged in run.workloads:
        block = _block(judged, run, look, columns)
        if after_block or (block and lines):
            lines.append("")
        lines += _headline(judged, look)
        lines += block
        after_block = bool(block)
    if look.fixes and (fixes := list(_fixes(run, look, columns))):
        lines += ["", look.paint("How to fix", _BOLD), *fixes]
    if len(run.workloads) > 1:
        table = list(_table(run, look))
        lines += ["", *table] if table else []
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
    place = printable(judged.place)
    if judged.template and judged.file == "-":
        place += printable(f" ({judged.template})")
    verdict = _verdict(judged)
    mark = look.paint(plain if look.plain_marks else sign, color)
    lines = [f"{mark} {look.paint(name, _BOLD)} {namespace}"]
    room = look.width - len(f"x {name} {namespace}")
    parts = [(place, _DIM), (verdict, color)] if place else [(verdict, color)]
    if sum(len(text) + 2 for text, _ in parts) > room:
        parts.reverse()  # the verdict stays with the name, the place goes below
    for text, code in parts:
        if len(text) + 2 <= room:
            lines[-1] += f"  {look.paint(text, code)}"
            room -= len(text) + 2
        else:
            lines.append(f"  {look.paint(text, code)}")
            room = 0
    return lines


def _verdict(judged: Judged) -> str:
    if judged.readiness is None:
        return "no policy applies"
    findings = judged.by_severity
    counts = [f"{number} {s}" for s in SEVERITIES if (number := findings[s])]
    if judged.errors:
        counts.append(f"{plural(len(judged.errors), 'check', 'checks', count=True)} could not look")
    if judged.known:
        counts.append(f"{len(judged.known)} known before")
    if judged.exempt:
        counts.append(f"{judged.exempt} exempt")
    verdict = "cannot tell" if judged.readiness is Readiness.UNKNOWN else judged.readiness.value
    return f"{verdict}: {', '.join(counts)}" if counts else verdict


def _block(judged: Judged, run: Run, look: Look, columns: _Columns | None) -> list[str]:
    """Return lines for the results: findings by severity, then errors, exempt ones, the rest."""
    rows: list[_Row] = []
    lines: list[str] = []
    file = printable(judged.file)
    for rank, result in _shown(judged, look):
        details = _details(judged, file, result, run, look)
        if columns is not None and rank <= _RANK_OF_KNOWN:
            said = _name(rank, result), printable(result.message)
            rows.append((_label(rank, result, look), (*said, *details)))
        else:
            lines += _result(rank, result, details, look)
    return [*columns.lines(rows, look, placed=bool(file)), *lines] if columns else lines


def _shown(judged: Judged, look: Look) -> list[tuple[int, CheckResult]]:
    """Return the results to show, each with its rank, in the order of ranks and severities."""
    results = enumerate(judged.report.results) if look.verbose else judged.notable
    known = judged.known
    ranked = [(_rank(result, known=number in known), result) for number, result in results]
    shown = [pair for pair in ranked if look.verbose or pair[0] < _RANK_OF_KNOWN]
    shown.sort(key=lambda pair: (pair[0], _ORDER[pair[1].severity]))
    return shown


_ORDER = {severity: number for number, severity in enumerate(SEVERITIES)}
_RANK_OF_KNOWN = 3


def _rank(result: CheckResult, *, known: bool) -> int:
    if known:
        return _RANK_OF_KNOWN
    if result.result in (Result.FAIL, Result.WARN):
        return 0
    if result.result is Result.ERROR:
        return 1
    if result.exempt:
        return 2
    return _RANK_OF_KNOWN + (1 if result.result is Result.SKIP else 2)


def _label(rank: int, result: CheckResult, look: Look) -> str:
    if rank == 0:
        return _severity_label(result.severity, look)
    if rank == 1:
        return look.paint("error".ljust(_LABEL_WIDTH), _RED)
    word = "known" if rank == _RANK_OF_KNOWN else "exempt" if result.exempt else result.result.value
    return look.paint(word.ljust(_LABEL_WIDTH), _DIM)


@lru_cache(maxsize=16)
def _severity_label(severity: Severity, look: Look) -> str:
    return look.paint(str(severity).ljust(_LABEL_WIDTH), SEVERITY_COLOR[severity])


def _name(rank: int, result: CheckResult) -> str:
    return result.check.id if rank == 0 else f"{result.check.id} ({result.severity})"


def _result(rank: int, result: CheckResult, details: Sequence[str], look: Look) -> list[str]:
    """Return a result as a narrow terminal shows it: what must change, and below it where."""
    start = f"  {_label(rank, result, look)}  "
    text = result.message
    if rank > _RANK_OF_KNOWN:
        text = f"{result.check.id}: {text}" if text else result.check.id
    lines = look.wrap(printable(text), _INDENT)
    lines[0] = start + lines[0].strip()
    if rank <= _RANK_OF_KNOWN:
        for line in _join_fitting([_name(rank, result), *details], look.width - len(_INDENT)):
            lines.append(_INDENT + look.paint(line, _DIM))
    return lines


def _details(judged: Judged, file: str, result: CheckResult, run: Run, look: Look) -> list[str]:
    """Return where a finding is, in which file, and who asks for it."""
    details = [f"{file}:{judged.line_of(result)}"] if file else []
    if len(run.policies) > 1:
        details.append(f"policy {printable(result.policy)}")
    if result.path and (look.verbose or not file):
        details.append(printable(result.path))
    return details


# What the columns hold: a label, then the name, what is said, where and who asks for it.
_Row: TypeAlias = tuple[str, tuple[str, ...]]


class _Columns(Struct, frozen=True):
    """How a wide terminal shows results: one line each, in columns.

    Attributes:
        name: width of the column with the ids of checks, which goes through the report.
        width: of the terminal.
    """

    name: int
    width: int

    @classmethod
    def of(cls, run: Run, look: Look) -> _Columns | None:
        """Return the columns of a report; None where a terminal is too narrow for them."""
        if look.width < _COLUMNS_FROM:
            return None
        names = [
            len(_name(rank, result))
            for judged in run.workloads
            for rank, result in _shown(judged, look)
            if rank <= _RANK_OF_KNOWN
        ]
        return cls(max(names, default=0), look.width)

    def lines(self, rows: Sequence[_Row], look: Look, *, placed: bool) -> Iterator[str]:
        """Yield the lines of rows that belong together.

        Args:
            rows: what to show.
            look: of the terminal.
            placed: whether the first detail has a column of its own, where there is room for it;
                the others stand behind what is said.
        """
        margin = len(_INDENT) + self.name + 2
        place = max((len(row[2]) for _, row in rows), default=0) if placed else 0
        if place and self.width - margin - place - 2 >= _LEAST_PROSE:
            margin += place + 2
        else:
            placed = False
        for label, (name, text, *details) in rows:
            start = f"  {label}  {name.ljust(self.name)}  "
            if placed:
                start += look.paint(details.pop(0).ljust(place), _DIM) + "  "
            lines = list(_wrapped(text, min(self.width - margin, _WIDEST_PROSE), "", ""))
            more = "  ".join(details)
            if more and margin + len(lines[-1]) + 2 + len(more) <= self.width:
                lines[-1] = f"{lines[-1]}  {look.paint(more, _DIM)}"
            elif more:
                lines.append(look.paint(more, _DIM))
            yield start + lines[0]
            for line in lines[1:]:
                yield " " * margin + line


def _join_fitting(parts: Sequence[str], width: int) -> list[str]:
    """Return parts on as few lines as they fit on, two spaces between them."""
    together = "  ".join(parts)
    if len(together) <= width:
        return [together]
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


def _fixes(run: Run, look: Look, columns: _Columns | None) -> Iterator[str]:
    """Yield each check with findings once, with what to do."""
    rows: list[_Row] = []
    found: dict[str, tuple[Check, Severity, int]] = {}
    for judged in run.workloads:
        for id, result in {r.check.id: r for r in judged.findings}.items():
            _, strictest, count = found.get(id, (None, result.severity, 0))
            if result.severity is not strictest:
                strictest = max(strictest, result.severity)
            found[id] = result.check, strictest, count + 1
    for severity in SEVERITIES:
        for check, strictest, count in found.values():
            if strictest is severity:
                color = SEVERITY_COLOR[severity]
                workloads = plural(count, "workload", "workloads", count=True)
                if columns is None:
                    title = look.paint(check.id, color)
                    yield f"  {title}  {look.paint(f'({severity}, {workloads})', _DIM)}"
                    yield from look.wrap(check.remediation, "    ")
                    continue
                label = look.paint(str(severity).ljust(_LABEL_WIDTH), color)
                rows.append((label, (check.id, check.remediation, workloads)))
    if columns is not None:
        yield from columns.lines(rows, look, placed=True)


def _table(run: Run, look: Look) -> Iterator[str]:
    """Yield a table of the workloads, the worst first, for who wants to know where to begin."""
    rows = sorted(run.workloads, key=_urgency)
    left = rows[_MOST_ROWS:]
    rows = rows[:_MOST_ROWS]
    cells = [
        [
            printable(workload_title(judged.report.ref)),
            "no policy" if judged.readiness is None else _STANDING[judged.readiness],
            *(str(judged.by_severity[s] or "-") for s in SEVERITIES),
        ]
        for judged in rows
    ]
    head = ["WORKLOAD", "VERDICT", *(str(severity).upper() for severity in SEVERITIES)]
    widths = [max(len(row[column]) for row in (head, *cells)) for column in range(len(head))]
    # What does not fit is the name: the numbers stay below one another.
    widths[0] = min(widths[0], look.width - 4 - sum(widths[1:]) - 2 * len(widths[1:]))
    if widths[0] < _SHORTEST_NAME:
        return
    places = [printable(judged.place) for judged in rows]
    room = look.width - 2 - sum(widths) - 2 * len(widths)
    with_place = any(places) and max(map(len, places)) <= room
    yield look.paint("  " + _cells(head, widths) + ("  FILE" if with_place else ""), _BOLD)
    for judged, row, place in zip(rows, cells, places, strict=True):
        sign, plain, color = _MARKS[judged.readiness]
        written = _cells([_cut(row[0], widths[0]), *row[1:]], widths, look, color)
        line = f"{look.paint(plain if look.plain_marks else sign, color)} {written}"
        yield line + (f"  {look.paint(place, _DIM)}" if with_place else "")
    if left:
        worse = sum(judged.readiness is Readiness.NOT_READY for judged in left)
        yield look.paint(f"  ... and {len(left)} more, {worse} of them not ready", _DIM)


_STANDING = {
    Readiness.READY: "ready",
    Readiness.NOT_READY: "not ready",
    Readiness.UNKNOWN: "cannot tell",
}


def _urgency(judged: Judged) -> tuple[int, ...]:
    order = (Readiness.NOT_READY, Readiness.UNKNOWN, None, Readiness.READY)
    counts = judged.by_severity
    return (order.index(judged.readiness), *(-counts[severity] for severity in SEVERITIES))


def _cells(
    row: Sequence[str], widths: Sequence[int], look: Look | None = None, color: str = ""
) -> str:
    """Return the cells of a row below those of the others, numbers to the right."""
    texts = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
    texts += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    if look is not None:
        texts[1] = look.paint(texts[1], color)
        for number, severity in enumerate(SEVERITIES, 2):
            none = row[number] == "-"
            texts[number] = look.paint(texts[number], _DIM if none else SEVERITY_COLOR[severity])
    return "  ".join(texts)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


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
    findings = [f"{n} {severity}" for severity in SEVERITIES if (n := run.findings[severity])]
    number = sum(run.findings.values())
    if findings:
        parts.append(f"{', '.join(findings)} {plural(number, 'finding', 'findings')}")
    elif run.workloads:
        parts.append("no new findings" if run.known else "no findings")
    if run.known:
        parts.append(f"{run.known} known before")
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
    parts = [f"{plural(len(run.policies), 'policy', 'policies')} {policies}"]
    if any(judged.file for judged in run.workloads):
        parts.append(f"{plural(run.files, 'file', 'files', count=True)} read")
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
