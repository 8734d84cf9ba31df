"""`readiness fix`: changes manifests where it is certain what has to change."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import io
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from readiness.checks.registry import all_checks
from readiness.cli.check import exit_code, report_problems
from readiness.cli.judging import Inputs, Judge, policies_for, record_of, run_of, sort_inputs
from readiness.cli.options import (
    FAIL_ON,
    fail_on_option,
    inputs_argument,
    namespace_option,
    policy_option,
)
from readiness.cli.terminal import look_of_notes, terminal_look
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.gather.files import STDIN, SourceDocument, read_sources
from readiness.gather.roundtrip import ManifestText, manifest_text
from readiness.model.workload import Workload
from readiness.remediate.patch import Operation
from readiness.remediate.plan import KINDS_OF_LEFT, Left, Plan, Planner
from readiness.report.messages import plural
from readiness.report.render_text import Look, printable
from readiness.report.summary import Judged

_EPILOG = """
\b
Examples:
  readiness fix deploy/                          show what would change
  readiness fix deploy/ --write                  change the files
  readiness fix web.yaml --unsafe --diff | less  with the fixes to think about
  readiness fix web.yaml --write --check probes-identical
  helm template ./chart | readiness fix - | kubectl apply -f -

\b
Exit codes:
  0    with the fixes, nothing is left at or over --fail-on
  1    findings at or over --fail-on are left
  2    wrong usage, or a file that could not be read or written
  3    a check that counts could not look
"""


def _check_ids(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001 - click's signature
    values: tuple[str, ...],
) -> tuple[str, ...]:
    for value in values:
        if value not in all_checks():
            close = difflib.get_close_matches(value, all_checks(), n=1)
            hint = f', did you mean "{close[0]}"?' if close else ""
            raise click.BadParameter(f'there is no check "{value}"{hint}')
    return values


@click.command(short_help="Change manifests where the fix is certain.", epilog=_EPILOG)
@inputs_argument
@click.option(
    "--diff", "mode", flag_value="diff", help="Show the changes as a unified diff; the default."
)
@click.option("--write", "mode", flag_value="write", help="Change the files in place.")
@click.option(
    "--unsafe", is_flag=True, help="Apply fixes too that may stop what relies on the old value."
)
@click.option(
    "--check",
    "check_ids",
    multiple=True,
    metavar="ID",
    callback=_check_ids,
    help="Fix what this check finds, and look at nothing else. May be given several times.",
)
@policy_option
@namespace_option
@fail_on_option
@click.pass_context
def fix(
    ctx: click.Context,
    inputs: tuple[str, ...],
    mode: str | None,
    check_ids: tuple[str, ...],
    policy_names: tuple[str, ...],
    namespace: str,
    fail_on: str,
    *,
    unsafe: bool,
) -> None:
    """Fix what `readiness check` finds in files, where it is certain what has to change.

    Safe fixes change nothing that works. Unsafe ones are right as a rule, but may stop what relies
    on the old value, as a read-only file system stops what writes to it: they are shown with the
    reason, and applied with --unsafe. A fix that would make another check fail is not applied.

    Comments, order, quotes and indentation stay as they are. Changes go to standard output as a
    diff, or into the files with --write; of standard input (-) the whole text, fixed, goes to
    standard output. What was fixed, and what is left and why, goes to standard error.
    """
    data = sys.stdin.buffer.read() if STDIN in inputs else b""
    sources = read_sources(inputs, io.BytesIO(data))
    sorted_inputs = sort_inputs(sources.documents, namespace)
    sorted_inputs.errors[:0] = map(str, sources.errors)
    policies = policies_for(sorted_inputs, policy_names, sys.stdin.buffer)
    fixer = _Fixer(sorted_inputs, Judge(sorted_inputs, policies, datetime.now(UTC)), data)
    fixer.fix(check_ids, unsafe=unsafe)
    report_problems(sorted_inputs, inputs)
    written = fixer.show(mode)
    sorted_inputs.errors += written
    notes = [*fixer.told(check_ids, look_of_notes(), written=mode == "write")]
    if fixer.fixes and mode != "write" and sys.stdout.isatty() and sys.stderr.isatty():
        notes.insert(0, "")  # between the diff and what is said of it
    for line in (*written, *notes):
        click.echo(line, err=True)
    run = run_of(fixer.judged(check_ids), sorted_inputs, sources, policies)
    ctx.exit(exit_code(run, FAIL_ON[fail_on]))


class _Fixer:
    """Plans the fixes of all workloads, and tells of them."""

    def __init__(self, inputs: Inputs, judge: Judge, stdin: bytes) -> None:
        self._inputs = inputs
        self._judge = judge
        self._stdin = stdin
        self._files: dict[str, _File] = {}
        self._planned: list[tuple[SourceDocument, Planner[ManifestText], Plan[ManifestText]]] = []

    def fix(self, check_ids: Collection[str], *, unsafe: bool) -> None:
        """Make the fixes in memory, workload by workload."""
        for _, source in self._inputs.workloads.values():
            if source.file not in self._files:
                self._files[source.file] = _File.read(source.file, self._stdin)
            file = self._files[source.file]
            planner = Planner(
                self._report, file.editor(source), unsafe=unsafe, checks=check_ids or None
            )
            plan = planner.plan(source.document, file.text)
            self._report(plan.document)  # the last state that was tried may have been refused
            file.text = plan.text
            self._planned.append((source, planner, plan))

    def _workload(self, document: Mapping[str, Any]) -> Workload:
        return Workload(document, default_namespace=self._inputs.default_namespace)

    def _report(self, document: Mapping[str, Any]) -> Report:
        """Judge a state of a workload; the others see it in that state."""
        workload = self._workload(document)
        self._inputs.inventory.put_workload(record_of(workload))
        return self._judge.report(workload)

    @property
    def fixes(self) -> bool:
        """Whether there is anything to change."""
        return any(plan.fixed for _, _, plan in self._planned)

    def show(self, mode: str | None) -> list[str]:
        """Write what was asked for; return what could not be written."""
        errors = []
        look = terminal_look()
        for file in self._files.values():
            if file.name == STDIN and mode != "diff":
                click.echo(str(file.text), nl=False)
            elif mode != "write":
                click.echo(file.diff(look), nl=False)
            elif error := file.write():
                errors.append(error)
        return errors

    def judged(self, check_ids: Collection[str]) -> list[Judged]:
        """Return the workloads with what is found in them after the fixes."""
        return [
            Judged(
                self._workload(plan.document).api_version,
                source.file,
                source.line,
                _only(self._report(plan.document), check_ids),
                plan.document,
            )
            for source, _, plan in self._planned
        ]

    def told(
        self, check_ids: Collection[str], look: Look | None, *, written: bool
    ) -> Iterator[str]:
        """Yield what was fixed, and what is left of what there is a fix for; then the numbers."""
        fixed = 0
        files = set()
        left: Counter[str] = Counter()
        for source, planner, plan in self._planned:
            stays = planner.left(_only(self._report(plan.document), check_ids))
            left.update(stay.kind for stay in stays)
            fixed += len(plan.fixed)
            if plan.fixed:
                files.add(source.file)
            yield from _told(source, self._workload(plan.document), plan, stays, look)
        if self._planned:
            where = plural(len(files), "file", "files", count=True)
            parts = [f"{fixed} {'fixed' if written else 'to fix'} in {where}"]
            parts += [f"{left[kind]} left {kind}" for kind in KINDS_OF_LEFT if left[kind]]
            yield "; ".join(parts)


@dataclass(slots=True)
class _File:
    """A file with workloads, or standard input.

    Attributes:
        name: as the user named it.
        data: what was read.
        unchanged: its text as it was read, without a byte order mark.
        text: its text with the fixes made so far.
        problem: why nothing in it can be changed; empty when that is not so.
    """

    name: str
    data: bytes
    unchanged: ManifestText
    text: ManifestText
    problem: str = ""

    @classmethod
    def read(cls, name: str, stdin: bytes) -> _File:
        """Read a file, or take the standard input that was read before."""
        data, text, problem = stdin, ManifestText(()), ""
        try:
            if name != STDIN:
                data = Path(name).read_bytes()
            decoded = data.decode("utf-8-sig")  # leaves a byte order mark out
            text = ManifestText((decoded,))
            text = manifest_text(decoded)
        except OSError:
            problem = "the file can't be read a second time"
        except UnicodeDecodeError:
            problem = "the file is no longer UTF-8"
        except ValueError as error:
            problem = str(error)
        return cls(name, data, text, text, problem)

    def editor(
        self, source: SourceDocument
    ) -> Callable[[ManifestText, list[Operation]], ManifestText]:
        """Return what makes the changes of a patch to one manifest in a text of this file."""
        metadata = source.document["metadata"]
        name = metadata.get("name") or metadata.get("generateName")

        def edit(text: ManifestText, patch: list[Operation]) -> ManifestText:
            if self.problem:
                raise ValueError(self.problem)
            return text.edited(self.unchanged.place(source.line, name), patch)

        return edit

    @property
    def _fixed_data(self) -> bytes:
        mark = codecs.BOM_UTF8 if self.data.startswith(codecs.BOM_UTF8) else b""
        return mark + str(self.text).encode()

    def diff(self, look: Look) -> str:
        """Return the changes as a unified diff; empty without any."""
        lines = list(
            difflib.unified_diff(
                _lines(str(self.unchanged)),
                _lines(str(self.text)),
                printable(self.name),
                printable(self.name),
            )
        )
        painted = [_painted(line, look) for line in lines]
        # The names of the files are no lines of theirs, though they begin as those do.
        painted[:2] = [look.paint(line.rstrip("\n"), "1") + "\n" for line in lines[:2]]
        return "".join(painted)

    def write(self) -> str:
        """Put the new text in the place of the old one; return what went wrong.

        A reader sees either of them whole. The mode stays, and a link goes on leading to the file.
        """
        if self.name == STDIN or self._fixed_data == self.data:
            return ""
        target = Path(os.path.realpath(self.name))
        try:
            status = target.stat()
            if not stat.S_ISREG(status.st_mode):
                return f"{printable(self.name)}: not changed: it is no regular file"
            if target.read_bytes() != self.data:
                return f"{printable(self.name)}: not changed: somebody else changed it meanwhile"
            _replace(target, self._fixed_data, status)
        except OSError as error:
            reason = error.strerror or str(error)
            return f"{printable(self.name)}: not changed: {reason[:1].lower()}{reason[1:]}"
        return ""


def _replace(target: Path, data: bytes, status: os.stat_result) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(temporary, status.st_uid, status.st_gid)
        Path(temporary).chmod(stat.S_IMODE(status.st_mode))
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; str.splitlines knows line ends that YAML does not."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _painted(line: str, look: Look) -> str:
    color = {"+": "32", "-": "31", "@": "36"}.get(line[0])
    if not line.endswith("\n"):
        line += "\n\\ No newline at end of file\n"
    return look.paint(line.rstrip("\n"), color) + "\n" if color and look.color else line


def _only(report: Report, check_ids: Collection[str]) -> Report:
    """Return a report of those checks alone; of all when none is named."""
    if not check_ids:
        return report
    results = tuple(result for result in report.results if result.check.id in check_ids)
    return Report(report.ref, report.policies, results, report.next_change)


def _told(
    source: SourceDocument,
    workload: Workload,
    plan: Plan[ManifestText],
    left: Sequence[Left],
    look: Look | None,
) -> Iterator[str]:
    """Yield the lines that tell what becomes of a workload; none when there is nothing to fix."""
    left = [stays for stays in left if stays.reason]
    if not plan.fixed and not left:
        return
    ref = workload.ref
    yield printable(f"{source.place} {ref.kind.lower()}/{ref.name} ({ref.namespace})")
    for result, _ in plan.fixed:
        yield from _note("fix", "32", _finding(result), look)
    for stays in left:
        yield from _note("leave", "33", _finding(stays.result), look)
        yield from _note("", "", printable(stays.reason), look)


def _note(label: str, color: str, text: str, look: Look | None) -> Iterator[str]:
    """Yield a text behind its label: on one line, but wrapped for a terminal."""
    label = label.ljust(len("leave"))
    if look is None:
        yield f"  {label}  {text}"
        return
    first, *others = look.wrap(text, " " * 9)
    yield f"  {look.paint(label, color)}  {first.strip()}" if color else first
    yield from others


def _finding(result: CheckResult) -> str:
    return printable(f"{result.message} ({result.check.id})")
