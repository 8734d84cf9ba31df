"""Manifests with something odd in them, and what becomes of them: what the fuzz tests share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any, TypeAlias

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from readiness.api.vocabulary import Severity
from readiness.checks.registry import all_checks
from readiness.errors import FieldError
from readiness.evaluate.evaluator import Report, evaluate
from readiness.evaluate.policy import CheckSetting, EffectivePolicy, Policy, combine
from readiness.model.companions import companion_kind, parse_companion
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.snapshot import NEWEST_KNOWN_VERSION, Origin, Snapshot
from readiness.model.workload import Workload, workload_kind
from tests.support import NOW, ROOT, all_fixtures

Document: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

# `make fuzz` multiplies the numbers of cases.
TIMES = int(os.environ.get("READINESS_FUZZ_TIMES", "1"))

# Wide enough for a busy machine; a hang takes longer than any of them.
PATIENCE = timedelta(seconds=10)


def cases(number: int) -> settings:
    """Return the settings of a fuzz test: so many cases, and `READINESS_FUZZ_TIMES` as many.

    By default the cases are the same in every run, so that `make test` is; `make fuzz` looks
    further, with other cases every time.
    """
    return settings(
        max_examples=number * TIMES,
        deadline=PATIENCE,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@cache
def corpus() -> list[list[Document]]:
    """Return what is made odd: the objects of every fixture and of every example, together."""
    examples = [
        [d for d in yaml.load_all(path.read_text(), yaml.CSafeLoader) if d is not None]
        for path in sorted((ROOT / "examples").rglob("*.yaml"))
    ]
    return [fixture.documents for fixture in all_fixtures()] + examples


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value below one."""
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


def value_at(value: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of a value with something else at a path; what is beside it is shared."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def removed(value: Any, path: Path) -> Any:
    """Return a copy of a value without what stands at a path."""
    if len(path) > 1:
        copy = value.copy()
        copy[path[0]] = removed(copy[path[0]], path[1:])
        return copy
    copy = value.copy()
    del copy[path[0]]
    return copy


ODD_TEXTS = (
    "",
    " ",
    "x",
    "0",
    "-1",
    "1e30",
    "1E999999999",
    "12Ki3",
    "9" * 5000,
    "9" * 5000 + "%",
    "-5%",
    "0x10",
    "true",
    "null",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "ns/name/sub:tag@sha256:x",
    "ünïcødé-🦆-\u202etxt.exe",
    "\x00\x1b[31m",
    "\ud800",
    "[a-z]+*(",
    "a" * 10_000,
    "{{ .Values.x }}",
    "$(X)",
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, -(2**63), 10**400, 0.5, -0.0, 1e308, 5e-324)

ODD_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS)
    | st.integers()
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["", "name", "x", "port", "a.b/c", "*"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def odd_manifests(draw: st.DrawFn) -> list[Document]:
    """Return manifests of the corpus with one to four things changed at random."""
    documents = list(draw(st.sampled_from(corpus())))
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(documents) - 1))
        document = documents[index]
        places = [path for path in paths(document) if path[0] not in ("apiVersion", "kind")]
        if not places:
            continue
        documents[index] = _changed(draw, document, draw(st.sampled_from(places)))
    return documents


def _changed(draw: st.DrawFn, document: Document, path: Path) -> Document:
    value = value_at(document, path)
    match draw(st.sampled_from(["odd", "odd", "remove", "null", "list", "map", "again", "rename"])):
        case "remove":
            changed = removed(document, path)
        case "null":
            changed = replaced(document, path, None)
        case "list":
            changed = replaced(document, path, [value])
        case "map":
            changed = replaced(document, path, {"x": value})
        case "again" if isinstance(value, list):
            changed = replaced(document, path, value * 2)
        case "rename" if isinstance(value, dict):
            renamed = {draw(st.sampled_from(ODD_TEXTS)): v for v in value.values()}
            changed = replaced(document, path, renamed)
        case _:
            changed = replaced(document, path, draw(ODD_VALUES))
    return changed  # type: ignore[no-any-return] # a path is never empty


@cache
def every_check() -> EffectivePolicy:
    """Return a policy that asks for all checks, those of no profile included."""
    settings = {
        id: CheckSetting(check, check.severity or Severity.MUST, check.default_params)
        for id, check in all_checks().items()
    }
    return combine([Policy("every-check", settings)], NOW)


def judge(documents: list[Document], origin: Origin) -> tuple[list[Report], list[FieldError]]:
    """Evaluate what can be read, as the command line does, and return what can't be.

    Anything else than FieldError is a defect, so it is let through.
    """
    inventory = Inventory()
    workloads = []
    errors = []
    for document in documents:
        try:
            if workload_kind(document):
                workload = Workload(document)
                record = WorkloadRecord(
                    workload.ref,
                    workload.labels,
                    workload.template_labels,
                    workload.replicas,
                    document,
                )
                inventory.put_workload(record)
                workloads.append(workload)
            elif companion_kind(document):
                inventory.put_companion(
                    parse_companion(document, keep_values=origin is Origin.FILES)
                )
        except FieldError as error:
            errors.append(error)
            if workload_kind(document):
                workloads += _nameable(document)
    snapshot = Snapshot(inventory, NOW, origin, NEWEST_KNOWN_VERSION)
    return [evaluate(workload, snapshot, every_check()) for workload in workloads], errors


def _nameable(document: Document) -> list[Workload]:
    """Return the workload if it has at least a name: then its checks say what is wrong with it."""
    try:
        return [Workload(document)]
    except FieldError:
        return []


# `spec.template.spec.containers[0].image must be text, not a list`
FIELD_ERROR = re.compile(
    r"(?P<path>(?:[\w-]+|\[\d+\]|\[\".*?\"\])(?:\.[\w-]+|\[\d+\]|\[\".*?\"\])*)"
    r" must be (?P<expected>.+), not (?P<value>.+)",
    re.DOTALL,
)
_STEP = re.compile(r"\[(\d+)\]|\[\"(.*?)\"\]|([\w-]+)", re.DOTALL)


_TOP = frozenset({"metadata", "spec", "status", "data", "binaryData", "provisioner", "parameters"})


def leads_somewhere(path: str, documents: list[Document]) -> bool:
    """Return whether a field path leads to a field of one of the objects, or to a missing one."""
    steps: list[str | int] = [
        int(index) if index else key or name for index, key, name in _STEP.findall(path)
    ]
    return any(_reached(document, steps) for document in documents)


def _reached(document: Document, steps: list[str | int]) -> bool:
    value: Any = document
    if steps[0] not in value and steps[0] not in _TOP:
        return False
    for step in steps:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return value is None
    return True
