"""Tests the tests: changes the code of checks/ and evaluate/ in one place, and some test must fail.

    python -m tools.mutate [--share 0.1] [--jobs N] [PATTERN...]

The changes are mutmut's (https://mutmut.readthedocs.io), and two more: a condition that always, or
never, holds. Its runner is not used: it leaves decorated functions alone, and every rule of a check
is one. A change to a check is judged by the fixtures of that check, one to a helper by the
fixtures of all checks that use it, in a fork of a process that has read them all, which takes
milliseconds; whatever survives that, and changes to evaluate/, are judged by the tests of `TESTS`,
in a fork of a process that has collected them all: the changed code takes the place of the old
within the modules, functions and classes that the tests have imported. So all tests of it share the
seconds that importing and collecting take.

Texts for people are left alone, but for messages of findings: metadata of checks, docstrings.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from enum import Enum
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
PACKAGES = ("readiness.checks", "readiness.evaluate")
TESTS = {
    "readiness.checks": ("tests/checks",),
    "readiness.checks.base": ("tests/checks", "tests/evaluate", "tests/remediate"),
    "readiness.checks.registry": ("tests/checks", "tests/evaluate"),
    "readiness.evaluate": ("tests/evaluate", "tests/report"),
}
_LEFT_OUT = "tests/checks/test_fixtures.py"  # asked already
# Checks are made of the first and kept by the second when they are imported, so both are imported
# anew for every change.
_KEPT_BY_OTHERS = ("readiness.checks.base", "readiness.checks.registry")
# Of CPU: on a busy machine a minute may pass before a test that takes a second is over.
_SECONDS_FOR_FIXTURES = 10
_SECONDS_FOR_TESTS = 60
_PATIENCE = 20  # times these seconds, for what waits for ever
_MAX_MEMORY = 2 * 1024**3

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
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
            return False
        if isinstance(node, cst.Assign) and isinstance(node.value, cst.Call):
            function = node.value.func
            if isinstance(function, cst.Name) and function.value in {"Check", "TypeVar"}:
                return False
        if isinstance(node, cst.AnnAssign):
            type_ = node.annotation.annotation
            if isinstance(type_, cst.Name) and type_.value == "TypeAlias":
                return False
        if isinstance(node, cst.Raise | cst.Assert):  # programming errors, and their words
            return False
        line = self.get_metadata(PositionProvider, node).start.line
        for kind, operator in mutation_operators:
            # Most arguments can't be left out, and None in their place is a crash, not a decision.
            if isinstance(node, kind) and operator is not operator_arg_removal:
                self.found += [(node, new, line) for new in operator(node)]
        if isinstance(node, cst.If | cst.CompIf):
            self.found += [(node.test, cst.Name(word), line) for word in ("False", "True")]
        return True


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
    for node, new, line in visitor.found:
        if chosen.random() >= share:
            continue
        changed = _written(wrapper.module, spans[node], node, new)
        try:
            meaning = _meaning(changed)
        except SyntaxError:
            continue
        if meaning not in seen:
            seen.add(meaning)
            found.append(Mutant(module, line, changed))
    return found


def _written(module: cst.Module, span: CodeSpan, old: cst.CSTNode, new: cst.CSTNode) -> str:
    """Return the text of a module with one node in place of another."""
    source = module.code.encode()
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


class Tests:
    """Judges mutants by tests that have been collected, in forks of that process.

    Pytest calls it in place of running the tests.
    """

    def __init__(self, work: Callable[[Callable[[Mutant], bool]], None]) -> None:
        self._work = work
        self._items: list[pytest.Item] = []
        self._users = _users()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all mutants, and tell pytest that this was it."""
        self._items = session.items
        self._work(self.survives)
        return True

    def survives(self, mutant: Mutant) -> bool:
        """Return whether every test that may notice the change passes."""
        items = self._about(mutant.module)
        code = _compiled(mutant)

        def passes() -> bool:
            _swap(sys.modules[mutant.module], code)
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if item.session.testsfailed:
                    return False
            return True

        return _forked(passes, _SECONDS_FOR_TESTS)

    def _about(self, module: str) -> list[pytest.Item]:
        """Return the tests of a module, those that name it first."""
        folders = TESTS.get(module) or TESTS[module.rpartition(".")[0]]
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
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY, _MAX_MEMORY))
            os._exit(_SURVIVED if survives() else _KILLED)
        os._exit(_KILLED)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == _SURVIVED


def _in_jobs(
    start: Callable[[Callable[[Callable[[Mutant], bool]], None]], None],
    todo: Sequence[Mutant],
    jobs: int,
) -> list[Mutant]:
    """Return the mutants that survive, each judged in one of several processes of its own.

    Args:
        start: makes ready and calls what it is given with a function that judges a mutant.
        todo: the mutants.
        jobs: how many processes.
    """

    def share(job: int) -> list[Mutant]:
        mine = todo[job::jobs]
        if not mine:
            return []
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:

            def work(survives: Callable[[Mutant], bool]) -> None:
                with os.fdopen(writing, "w") as out:
                    for module in list(dict.fromkeys(m.module for m in todo))[job::jobs]:
                        if not survives(Mutant(module, 0, source_of(module))):
                            out.write(f"{module}\n")
                            return
                    for index, mutant in enumerate(mine):
                        out.write(f"{index}\n" if survives(mutant) else "")
                        out.flush()
                    out.write("end\n")

            silence = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
            with suppress(BaseException), redirect_stdout(silence):
                start(work)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as lines:
            told = lines.read().split()
        os.waitpid(child, 0)
        if not told or told[-1] != "end":
            about = told[-1] if told else "all modules"
            raise SystemExit(f"mutate: the tests of {about} fail without any change")
        return [mine[int(index)] for index in told[:-1]]

    with ThreadPoolExecutor(jobs) as pool:
        return [mutant for found in pool.map(share, range(jobs)) for mutant in found]


def _by_fixtures(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    sys.path[:0] = [str(SOURCE), str(ROOT)]
    fixtures = Fixtures()
    work(lambda mutant: not fixtures.can_judge(mutant) or fixtures.survives(mutant))


def _by_tests(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    folders = sorted({folder for some in TESTS.values() for folder in some})
    _pytest(folders, Tests(work))


def _by_tests_of_new_imports(work: Callable[[Callable[[Mutant], bool]], None]) -> None:
    def survives(mutant: Mutant) -> bool:
        def passes() -> bool:
            sys.meta_path.insert(0, _Changed(mutant))
            return _pytest(TESTS[mutant.module]) == pytest.ExitCode.OK

        return _forked(passes, _SECONDS_FOR_TESTS)

    work(survives)


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
    parser.add_argument("--share", type=float, default=1, help="only this share, by a fixed seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fixtures-only", action="store_true", help="do not run the slower tests")
    options = parser.parse_args(None if arguments is None else list(arguments))
    started = time.monotonic()
    wanted = [m for m in modules() if not options.patterns or any(p in m for p in options.patterns)]
    todo = [mutant for module in wanted for mutant in mutants(module, options.share)]
    print(f"{len(todo)} mutants of {len(wanted)} modules", flush=True)
    left = _in_jobs(_by_fixtures, todo, options.jobs)
    print(f"{len(left)} left by the fixtures after {time.monotonic() - started:.0f} s", flush=True)
    if not options.fixtures_only:
        swapped = [mutant for mutant in left if mutant.module not in _KEPT_BY_OTHERS]
        others = [mutant for mutant in left if mutant.module in _KEPT_BY_OTHERS]
        left = _in_jobs(_by_tests, swapped, options.jobs)
        left += _in_jobs(_by_tests_of_new_imports, others, options.jobs)
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
    sys.exit(main())
