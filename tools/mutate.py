"""Tests the tests: changes the code of checks/ and evaluate/ in one place, and some test must fail.

    python -m tools.mutate [--go-on] [--share 0.1] [--jobs N] [PATTERN...]

The changes are mutmut's (https://mutmut.readthedocs.io), and two more: a condition that always, or
never, holds. Its runner is not used: it leaves decorated functions alone, and every rule of a check
is one. A change to a check is judged by the fixtures of that check, one to a helper by the
fixtures of all checks that use it, in a fork of a process that has read them all, which takes
milliseconds; whatever survives that, and changes to evaluate/, are judged by the tests of `TESTS`,
in a fork of a process that has collected them all: the changed code takes the place of the old
within the modules, functions and classes that the tests have imported. So all tests of it share the
seconds that importing and collecting take. What can't be put in place like that, fields of classes
above all, is imported anew.

Every verdict is kept at once in `JOURNAL`: after a run that was cut off, --go-on asks only for what
is left. With it what was killed stays killed, and what survived is asked again when the code or the
tests are no longer what they were.

Texts for people are left alone, but for messages of findings: metadata of checks, docstrings.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import mmap
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import libcst as cst
import pytest
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from libcst.metadata.span_provider import CodeSpan
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "operator"
SURVIVORS = ROOT / ".cache" / "mutation" / "survivors.txt"
JOURNAL = SURVIVORS.with_name("judged.txt")
PACKAGES = ("readiness.checks", "readiness.evaluate")
TESTS = {
    "readiness.checks": ("tests/checks",),
    "readiness.checks.base": ("tests/evaluate", "tests/checks", "tests/remediate"),
    "readiness.checks.registry": ("tests/checks", "tests/evaluate"),
    "readiness.evaluate": ("tests/evaluate", "tests/report"),
}
_LEFT_OUT = "tests/checks/test_fixtures.py"  # asked already
# Checks are made of the first and kept by the second when they are imported, so both are imported
# anew for every change.
_KEPT_BY_OTHERS = ("readiness.checks.base", "readiness.checks.registry")
# Of CPU: on a busy machine a minute may pass before a test that takes a second is over.
_SECONDS_FOR_FIXTURES = 10
_SECONDS_FOR_A_TEST = 15
_SECONDS_FOR_TESTS = 120
_PATIENCE = 20  # times these seconds, for what waits for ever
_MAX_MEMORY = 2 * 1024**3
_KILLERS = 20  # tests that are asked first

_KILLED, _SURVIVED = 0, 3


@dataclass(frozen=True)
class Mutant:
    """One module with one change.

    Attributes:
        line: where the change is, from 1.
        source: the module as changed.
    """

    module: str
    line: int
    source: str

    @property
    def digest(self) -> str:
        """What the journal knows it by."""
        return hashlib.sha256(f"{self.module} {self.source}".encode()).hexdigest()[:20]

    def diff(self) -> str:
        """Return the change as a diff without context."""
        before = source_of(self.module).splitlines()
        lines = difflib.unified_diff(before, self.source.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def path_of(module: str) -> Path:
    """Return the file of a module."""
    return SOURCE.joinpath(*module.split(".")).with_suffix(".py")


def source_of(module: str) -> str:
    """Return the text of a module."""
    return path_of(module).read_text(encoding="utf-8")


def modules() -> list[str]:
    """Return the modules that are changed."""
    return [
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted(SOURCE.joinpath(*package.split(".")).glob("*.py"))
        if path.stem != "__init__"
    ]


class _Changes(cst.CSTVisitor):
    """Finds what can be changed: nodes, and what they become."""

    METADATA_DEPENDENCIES = (PositionProvider, ByteSpanPositionProvider)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _decides_nothing(node):
            return False
        line = self.get_metadata(PositionProvider, node).start.line
        for kind, operator in mutation_operators:
            # Most arguments can't be left out, and None in their place is a crash, not a decision.
            if isinstance(node, kind) and operator is not operator_arg_removal:
                self.found += [(node, new, line) for new in operator(node)]
        if isinstance(node, cst.If | cst.CompIf):
            self.found += [(node.test, cst.Name(word), line) for word in ("False", "True")]
        return True


def _decides_nothing(node: cst.CSTNode) -> bool:
    """Return whether nothing runs in a part of a module, or only what tells people something."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom():
            return True
        case cst.Raise() | cst.Assert():  # programming errors, and their words
            return True
        case cst.Assign(value=cst.Call(func=cst.Name("Check" | "TypeVar"))):
            return True
        case cst.Assign(value=cst.Subscript(value=cst.Name("Literal" | "dict"))):
            return True
        case cst.AnnAssign(annotation=cst.Annotation(cst.Name("TypeAlias"))):
            return True
        case _:
            return False


def mutants(module: str, share: float = 1) -> list[Mutant]:
    """Return every change to a module that changes what it does, or a share of them."""
    source = source_of(module)
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Changes()
    wrapper.visit(visitor)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    chosen = random.Random(f"4 {module}")
    seen = {_meaning(source)}
    found = []
    encoded = source.encode()
    for node, new, line in visitor.found:
        if chosen.random() >= share:
            continue
        changed = _written(wrapper.module, encoded, spans[node], node, new)
        try:
            meaning = _meaning(changed)
        except SyntaxError:
            continue
        if meaning not in seen:
            seen.add(meaning)
            found.append(Mutant(module, line, changed))
    return found


def _written(
    module: cst.Module, source: bytes, span: CodeSpan, old: cst.CSTNode, new: cst.CSTNode
) -> str:
    """Return the text of a module with one node in place of another."""
    end = span.start + span.length
    if source[span.start : end].decode() == module.code_for_node(old):
        return (source[: span.start] + module.code_for_node(new).encode() + source[end:]).decode()
    changed = module.deep_replace(old, new)  # a node with parentheses or lines around it; slower
    assert isinstance(changed, cst.Module)
    return changed.code


def _meaning(source: str) -> str:
    """Return the syntax of a module without what nobody runs: docstrings and annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    return ast.dump(tree)


class Fixtures:
    """Judges mutants of checks by their fixtures, in forks of a process that has read them all."""

    def __init__(self) -> None:
        # Late: the process that runs the tests must not have imported what is changed.
        from readiness.checks.registry import all_checks  # noqa: PLC0415
        from tests.checks import (  # noqa: PLC0415
            test_fixtures,
            test_places,
            test_suggested_fixes,
        )
        from tests.support import all_fixtures  # noqa: PLC0415

        self._judge = test_fixtures.judge
        self._recordings = (
            (test_places.places, test_places.recorded_places()),
            (test_suggested_fixes.fixes, test_suggested_fixes.recorded_fixes()),
        )
        self._by_check: dict[str, list[_Read]] = {}
        for fixture in all_fixtures():
            self._by_check.setdefault(fixture.check_id, []).append(_Read(fixture))
        self._users = _users()
        self._names = {id.replace("-", "_") for id in all_checks()}

    def can_judge(self, mutant: Mutant) -> bool:
        """Return whether fixtures reach the module."""
        return bool(self._checks(mutant.module))

    def _checks(self, module: str) -> list[str]:
        stems = [module, *self._users.get(module, [])]
        return [m for m in stems if m.rpartition(".")[2] in self._names]

    def survives(self, mutant: Mutant) -> bool:
        """Return whether all fixtures still get what their headers say."""
        code = _compiled(mutant)
        return _forked(lambda: self._passes(mutant.module, code), _SECONDS_FOR_FIXTURES)

    def _passes(self, module: str, code: CodeType) -> bool:
        changed = sys.modules[module]
        _run(changed, code)
        for user in self._users.get(module, []):
            importlib.reload(sys.modules[user])
        for name in self._checks(module):
            check = sys.modules[name].CHECK
            for fixture in self._by_check[check.id]:
                expected = fixture.outcome, fixture.expected
                if self._judge(check, fixture) != expected:  # type: ignore[arg-type]
                    return False
                if fixture.outcome != "fail":
                    continue
                for look, recorded in self._recordings:
                    if look(check, fixture) != recorded.get(fixture.name, ""):  # type: ignore[arg-type]
                        return False
        return True


class _Read:
    """A fixture whose snapshot is made once."""

    def __init__(self, fixture: Any) -> None:
        self.name = str(fixture)
        self.check_id: str = fixture.check_id
        self.outcome: str = fixture.outcome
        self.expected: list[str] = fixture.expected
        self.params = fixture.params
        self.workload = fixture.workload
        self.snapshot = fixture.snapshot


def _users() -> dict[str, list[str]]:
    """Return, for each module of checks/, those that import it, in an order to reload them."""
    package = PACKAGES[0]
    imports = {}
    for module in modules():
        if not module.startswith(f"{package}.") or module.endswith((".base", ".registry")):
            continue
        tree = ast.parse(source_of(module))
        froms = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        imports[module] = {name for name in froms if name.startswith(f"{package}._")}

    def depth(module: str) -> int:
        return 1 + max(map(depth, imports[module]), default=0)

    users: dict[str, list[str]] = {}
    for module in sorted(imports, key=depth):
        pending = list(imports[module])
        for helper in pending:
            pending += imports[helper]
        for helper in set(pending):
            users.setdefault(helper, []).append(module)
    return users


def _compiled(mutant: Mutant) -> CodeType:
    return compile(mutant.source, str(path_of(mutant.module)), "exec", dont_inherit=True)


def _run(module: ModuleType, code: CodeType) -> None:
    exec(code, module.__dict__)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._module = mutant.module
        self._code = _compiled(mutant)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(path_of(name)))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(path_of(self._module))
        _run(module, self._code)


class _Hurry:
    """Ends the process when a test takes too long: what loops for ever loops in one of them."""

    def pytest_runtest_logstart(self) -> None:
        """Wind up the clock, of CPU, anew for each test."""
        signal.setitimer(signal.ITIMER_PROF, _SECONDS_FOR_A_TEST)


class Tests(_Hurry):
    """Judges mutants by tests that have been collected, in forks of that process.

    Pytest calls it in place of running the tests.
    """

    def __init__(self, work: Callable[[Callable[[Mutant], bool]], None]) -> None:
        super().__init__()
        self._work = work
        self._items: list[pytest.Item] = []
        self._users = _users()
        self._killers: list[pytest.Item] = []  # the last first: neighbours die of the same
        self._asked = mmap.mmap(-1, 4)  # which test a fork is at

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all mutants, and tell pytest that this was it."""
        self._items = session.items
        self._work(self.survives)
        return True

    def survives(self, mutant: Mutant) -> bool:
        """Return whether every test that may notice the change passes."""
        about = dict.fromkeys(self._about(mutant.module))
        items = list(dict.fromkeys([*(i for i in self._killers if i in about), *about]))
        code = _compiled(mutant)
        self._asked[:] = bytes(4)

        def passes() -> bool:
            _swap(sys.modules[mutant.module], code)
            for index, item in enumerate(items):
                self._asked[:] = index.to_bytes(4)
                following = items[index + 1] if index + 1 < len(items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if item.session.testsfailed:
                    return False
            return True

        if _forked(passes, _SECONDS_FOR_TESTS):
            return True
        killer = items[int.from_bytes(self._asked[:])]
        self._killers = list(dict.fromkeys([killer, *self._killers]))[:_KILLERS]
        return False

    def _about(self, module: str) -> list[pytest.Item]:
        """Return the tests of a module, those that name it first."""
        folders = _folders_of(module)
        stems = [m.rpartition(".")[2] for m in (module, *self._users.get(module, []))]
        ids = {stem.replace("_", "-") for stem in stems}
        named, others = [], []
        for item in self._items:
            if not item.nodeid.startswith(folders):
                continue
            fixture = getattr(getattr(item, "callspec", None), "params", {}).get("fixture")
            if str(item.path.stem) == f"test_{stems[0].strip('_')}":
                named.append(item)
            elif fixture is None:
                others.append(item)
            elif fixture.check_id in ids:
                named.append(item)
        return named + others


@cache
def _fields(module: str) -> frozenset[int]:
    """Return the lines of a module that stand in a class and in no function.

    What makes an object of a class is made with the class: a changed field is no good to it.
    """
    found: set[int] = set()
    for node in ast.walk(ast.parse(source_of(module))):  # from the outside to the inside
        if isinstance(node, ast.ClassDef):
            found.update(range(node.lineno, (node.end_lineno or 0) + 1))
        elif isinstance(node, ast.FunctionDef):
            found.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
    return frozenset(found)


def _swap(module: ModuleType, code: CodeType) -> None:
    """Run a module anew, and change what others have imported from it.

    Functions and classes stay the objects they were, with new code inside; a constant takes its
    place wherever it is imported under its own name.
    """
    before = dict(vars(module))
    _run(module, code)
    for name, old in before.items():
        new = vars(module)[name]
        if old is new:
            continue
        if getattr(new, "__module__", None) != module.__name__:
            _replace_constant(name, old, new)
            continue
        if isinstance(old, type):
            _swap_class(old, new)
        elif hasattr(old, "cache_clear"):
            old.cache_clear()
            _swap_function(old.__wrapped__, new.__wrapped__)
        elif isinstance(old, FunctionType):
            _swap_function(old, new)
        elif not isinstance(old, Enum):
            _replace_constant(name, old, new)
            continue
        setattr(module, name, old)


def _replace_constant(name: str, old: object, new: object) -> None:
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is old:
            setattr(module, name, new)


def _swap_function(old: FunctionType, new: FunctionType) -> None:
    if old.__closure__ is None and new.__closure__ is None:
        old.__code__ = new.__code__
        old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__


def _swap_class(old: type, new: type) -> None:
    if issubclass(old, Enum):
        for member in old:
            member._value_ = new[member.name].value  # type: ignore[index] # an Enum as well
        return
    for name, value in vars(new).items():
        if isinstance(value, FunctionType | property | classmethod | staticmethod):
            setattr(old, name, value)


def _forked(survives: Callable[[], bool], seconds: int) -> bool:
    """Run in a fork; whatever crashes, hangs or ends otherwise does not survive."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)
            signal.setitimer(signal.ITIMER_PROF, min(seconds, _SECONDS_FOR_A_TEST))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY, _MAX_MEMORY))
            os._exit(_SURVIVED if survives() else _KILLED)
        os._exit(_KILLED)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == _SURVIVED


class Journal:
    """What has been judged before, by a file that is written line by line.

    Args:
        mutants: those of this run.
        go_on: whether to keep what the file says of them.
    """

    def __init__(self, mutants: Sequence[Mutant], *, go_on: bool) -> None:
        self._state = _state()
        self._killed: set[str] = set()
        self._survived: set[tuple[str, str]] = set()
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        lines = JOURNAL.read_text(encoding="utf-8").splitlines() if JOURNAL.exists() else []
        if not go_on:
            anew = {mutant.digest for mutant in mutants}
            lines = [line for line in lines if line.partition(" ")[0] not in anew]
            JOURNAL.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        for line in lines:
            match line.split():
                case [digest, _, "killed"]:
                    self._killed.add(digest)
                case [digest, step, "survived", self._state]:
                    self._survived.add((digest, step))
        self._file = JOURNAL.open("a", encoding="utf-8")

    def survives(self, mutant: Mutant, step: str) -> bool | None:
        """Return whether a mutant survives a step; None where nobody knows yet."""
        if mutant.digest in self._killed:
            return False
        return True if (mutant.digest, step) in self._survived else None

    def note(self, mutant: Mutant, step: str, *, survives: bool) -> None:
        """Write down a verdict."""
        verdict = f"survived {self._state}" if survives else "killed"
        self._file.write(f"{mutant.digest} {step} {verdict}\n")
        self._file.flush()


def _state() -> str:
    """Return what tells the code and its tests from those of any other moment."""
    folders = {folder for some in TESTS.values() for folder in some} | {"tests/fixtures"}
    digest = hashlib.sha256()
    for root in (SOURCE, *(ROOT / folder for folder in sorted(folders))):
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(ROOT)} ".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


Start = Callable[[Callable[[Callable[[Mutant], bool]], None]], None]


def _in_jobs(start: Start, mutants: Sequence[Mutant], jobs: int, journal: Journal) -> list[Mutant]:
    """Return the mutants that survive, each judged in one of several processes of its own.

    Args:
        start: makes ready and calls what it is given with a function that judges a mutant.
        mutants: what to judge, unless the journal knows.
        jobs: how many processes.
        journal: keeps the verdicts.
    """
    step = start.__name__.removeprefix("_by_")
    survives = {mutant: journal.survives(mutant, step) for mutant in mutants}
    todo = [mutant for mutant in mutants if survives[mutant] is None]
    unchanged = [Mutant(m, 0, source_of(m)) for m in dict.fromkeys(m.module for m in todo)]

    def judge(job: int) -> None:
        for mutant, verdict in _judged(start, todo[job::jobs], unchanged[job::jobs]):
            journal.note(mutant, step, survives=verdict)
            survives[mutant] = verdict

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(judge, range(jobs)))
    return [mutant for mutant in mutants if survives[mutant]]


def _judged(
    start: Start, mutants: Sequence[Mutant], unchanged: Sequence[Mutant]
) -> Iterator[tuple[Mutant, bool]]:
    """Yield whether each mutant survives, as judged in a process of its own."""
    if not mutants:
        return
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        silence = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
        with suppress(BaseException), redirect_stdout(silence):
            start(lambda survives: _write(writing, survives, mutants, unchanged))
        os._exit(0)
    os.close(writing)
    last = ""
    with os.fdopen(reading) as lines:
        for line in lines:
            last, _, verdict = line.strip().partition(" ")
            if verdict:
                yield mutants[int(last)], verdict == "1"
    os.waitpid(child, 0)
    if last != "end":
        if not last or last.isdigit():
            raise SystemExit("mutate: a process ended early; --go-on asks for what is left")
        raise SystemExit(f"mutate: the tests of {last} fail without any change")


def _write(
    pipe: int,
    survives: Callable[[Mutant], bool],
    mutants: Sequence[Mutant],
    unchanged: Sequence[Mutant],
) -> None:
    """Write a line for each mutant: its index, 1 or 0; then `end`, or a module that fails as is."""
    gc.freeze()  # else every fork copies all there is, to look for garbage in it
    with os.fdopen(pipe, "w", buffering=1) as out:
        for module in unchanged:
            if not survives(module):
                out.write(f"{module.module}\n")
                return
        for index, mutant in enumerate(mutants):
            out.write(f"{index} {int(survives(mutant))}\n")
        out.write("end\n")


def _by_fixtures(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    sys.path[:0] = [str(SOURCE), str(ROOT)]
    fixtures = Fixtures()
    work(lambda mutant: not fixtures.can_judge(mutant) or fixtures.survives(mutant))


def _by_tests(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    folders = sorted({folder for some in TESTS.values() for folder in some})
    _pytest(folders, Tests(work))


def _by_tests_of_new_imports(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    # Whatever else the tests import stays imported.
    _pytest(sorted({folder for some in TESTS.values() for folder in some}), _Forgets())

    def survives(mutant: Mutant) -> bool:
        def passes() -> bool:
            sys.meta_path.insert(0, _Changed(mutant))
            # One after the other: collecting takes longer than the test that kills it.
            parts = _named_first(mutant.module)
            return all(_pytest([part], _Hurry()) == pytest.ExitCode.OK for part in parts)

        return _forked(passes, _SECONDS_FOR_TESTS)

    work(survives)


class _Forgets:
    """Has pytest collect, and then forget what is to be imported anew."""

    def pytest_runtestloop(self) -> bool:
        for name in list(sys.modules):
            if name.split(".")[0] in {"readiness", "tests"}:
                del sys.modules[name]
        return True


def _folders_of(module: str) -> tuple[str, ...]:
    return TESTS.get(module) or TESTS[module.rpartition(".")[0]]


def _named_first(module: str) -> list[str]:
    """Return the folders of the tests of a module, after the files that are named for it."""
    folders, stem = _folders_of(module), module.rpartition(".")[2].strip("_")
    named = [f"{folder}/test_{stem}.py" for folder in folders]
    return [*(path for path in named if (ROOT / path).exists()), *folders]


def _pytest(folders: Sequence[str], *plugins: object) -> int | pytest.ExitCode:
    os.chdir(ROOT)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    # Pytest's own time limit would take the timer that ours needs.
    options += ["--override-ini=timeout=0", "-m", "not cluster"]
    options += ["--assert=plain", "--tb=no"]  # nobody reads why one fails
    options += [f"--ignore={_LEFT_OUT}"]
    return pytest.main([*options, *folders], plugins=plugins)


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("patterns", nargs="*", help="only modules whose name holds one of these")
    parser.add_argument("--go-on", action="store_true", help="keep what earlier runs have judged")
    parser.add_argument("--share", type=float, default=1, help="only this share, by a fixed seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fixtures-only", action="store_true", help="do not run the slower tests")
    options = parser.parse_args(None if arguments is None else list(arguments))
    started = time.monotonic()
    wanted = [m for m in modules() if not options.patterns or any(p in m for p in options.patterns)]
    if not wanted:
        parser.error(f"no module is called like {' or '.join(options.patterns)}")
    todo = [mutant for module in wanted for mutant in mutants(module, options.share)]
    journal = Journal(todo, go_on=options.go_on)
    print(f"{len(todo)} mutants of {len(wanted)} modules", flush=True)
    checks = [mutant for mutant in todo if mutant.module.startswith(PACKAGES[0])]
    others = [mutant for mutant in todo if not mutant.module.startswith(PACKAGES[0])]
    left = _in_jobs(_by_fixtures, checks, options.jobs, journal) + others
    print(f"{len(left)} left by the fixtures after {time.monotonic() - started:.0f} s", flush=True)
    if not options.fixtures_only:
        anew = [m for m in left if m.module in _KEPT_BY_OTHERS or m.line in _fields(m.module)]
        swapped = [mutant for mutant in left if mutant not in anew]
        left = _in_jobs(_by_tests, swapped, options.jobs, journal)
        left += _in_jobs(_by_tests_of_new_imports, anew, options.jobs, journal)
    _tell(todo, left)
    print(f"{time.monotonic() - started:.0f} s")
    return 0


def _tell(todo: Sequence[Mutant], left: Sequence[Mutant]) -> None:
    """Print the score and write the survivors to a file."""
    all_, survived = Counter(m.module for m in todo), Counter(m.module for m in left)
    for package in PACKAGES:
        total = sum(n for module, n in all_.items() if module.startswith(package))
        lives = sum(n for module, n in survived.items() if module.startswith(package))
        if total:
            score = (total - lives) / total
            print(f"{package}: {total - lives} of {total} killed, {score:.1%}")
    for module, number in survived.most_common():
        print(f"  {module}: {number} of {all_[module]} survive")
    SURVIVORS.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(left, key=lambda m: (m.module, m.line))
    text = "\n".join(
        f"{path_of(m.module).relative_to(ROOT)}:{m.line}\n{m.diff()}\n" for m in ordered
    )
    SURVIVORS.write_text(text, encoding="utf-8")
    print(f"survivors: {SURVIVORS.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("mutate: stopped; --go-on asks for what is left")
