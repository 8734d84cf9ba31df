"""Checks that a policy brings along as CEL expressions.

An expression that is true passes. One that mentions `container` is evaluated for each container,
any other once for each workload.

The judge of what an expression means is the API server: the same expression in a
ValidatingAdmissionPolicy must give the same verdict (tests/e2e/test_custom_checks.py asks it). So
what the two read differently is refused here when the policy is compiled, rather than judged
differently later: `_FUNCTIONS` and `_Rules` say what.

Time is bounded by two limits. The library ends an evaluation after `MAX_ITERATIONS` steps of its
loops. What one step costs depends on the size of what it looks at: `_Rules` lets no value grow
beyond the object it is made of, and `CompiledExpression.work` times the size of the workload may
not pass `MAX_WORK`; then the answer is that the check cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from readiness.api.v1alpha1 import CustomCheck
from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import (
    PASS,
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
)
from readiness.evaluate._cel_syntax import Node, parse_checked
from readiness.model.containers import Container, ContainerKind
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

MAX_ITERATIONS = 10_000  # steps of all loops of one evaluation; built into the library
MAX_WORK = 50_000_000  # size of the workload times operations; some seconds at the very worst

VARIABLES = ("object", "container", "namespaceObject")
OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec")
METADATA_FIELDS = ("name", "namespace", "uid", "labels", "annotations", "creationTimestamp")
NAMESPACE_FIELDS = ("name", "labels")

# Of the standard library and `strings` version 2, as the API server has them. Left out because
# both sides differ in details: conversions of text to numbers (int(" 3")), times and time zones,
# format and quote. Left out because they make big values of small ones: join.
_FUNCTIONS = frozenset(
    {
        *("_&&_", "_||_", "!_", "_?_:_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"),
        *("_+_", "_-_", "_*_", "_/_", "_%_", "-_", "_[_]"),
        *("size", "startsWith", "endsWith", "contains", "matches", "string", "dyn", "type"),
        *("charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "replace", "split"),
        *("substring", "trim"),
    }
)
_GROWING = frozenset({"add_string", "add_list", "add_bytes"})
_MAX_MESSAGE = 300
_SCALARS = (b"\x18\x01", b"\x18\x02")  # types bool and int, as the tree has them
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n|$)")
_TOO_DEEP = re.compile(r"recursion (?:limit|depth)")
_STATUS_NAME = re.compile(r"^[A-Z_]+: ")
_STATUS_TAG = re.compile(r" \[[A-Z_]+\]$")

_CONTAINER_KINDS = (ContainerKind.APP, ContainerKind.INIT, ContainerKind.SIDECAR)
_TOO_BIG = CannotTell("the workload is too big to be judged by this expression within seconds")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ExpressionError(ValueError):
    """An expression that can't be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """An expression ready to be evaluated; equal to any other of the same text.

    Attributes:
        variables: which of VARIABLES it mentions.
        operations: how often it may look at all of its input, in one step of its loops.
        loops: how deep its loops are nested, when their steps look beyond their own variable.
        splits: whether a loop goes over parts of a text.
        longest: entries of the longest list or map written in it.
        depth: how deep its loops are nested, all of them.
        patterns: what one step spends on making its patterns ready, in the same unit.
    """

    text: str
    program: Any = field(compare=False, repr=False)
    variables: frozenset[str] = field(compare=False)
    operations: int = field(compare=False)
    loops: int = field(compare=False)
    splits: bool = field(compare=False)
    longest: int = field(compare=False)
    depth: int = field(compare=False)
    patterns: int = field(compare=False)

    def work(self, size: int, longest: int) -> int:
        """Return an upper bound of what an evaluation looks at.

        Args:
            size: characters and values in the input.
            longest: entries of the longest list or map in it.
        """
        widest = size if self.splits else max(longest, self.longest)
        looking = _steps(widest, self.loops) * self.operations * size
        return looking + _steps(widest, self.depth) * self.patterns


def _steps(widest: int, depth: int) -> int:
    steps = 1
    for _ in range(depth):
        steps = min(steps * max(widest, 1), MAX_ITERATIONS)
    return steps


@dataclass(frozen=True, slots=True)
class CustomParams:
    """What makes one policy's check of an id differ from another's."""

    expression: CompiledExpression
    message: str


def custom_check(spec: CustomCheck, policy: str) -> tuple[Check, CustomParams]:
    """Return the check that an entry of customChecks describes, and its parameters.

    Raises:
        ExpressionError: when its expression can't be used.
    """
    expression = compile_expression(spec.expression)
    check = Check(
        id=spec.id,
        title=spec.id.replace("-", " ").capitalize(),
        category=_category(spec.category),
        severity=Severity(spec.severity),
        scope=Scope.INTRINSIC,
        rationale=f'ReadinessPolicy "{policy}" asks for it.',
        remediation=spec.message,
        reference=Reference(
            checklist="custom check",
            url="https://kubernetes.io/docs/reference/using-api/cel/",
        ),
    )
    check.rule(_evaluate)
    return check, CustomParams(expression, spec.message)


def _category(id: str | None) -> Category:
    return next((c for c in Category if c.id == id), Category.CONFIGURATION)


@cache
def _environment() -> Any:
    dynamic = dict.fromkeys(VARIABLES, cel.Type.DYN)
    return cel.NewEnv(variables=dynamic, extensions=[ext_strings.ExtStrings(2)])


def compile_expression(text: str) -> CompiledExpression:
    """Return an expression ready to be evaluated.

    Raises:
        ExpressionError: when it is no CEL, no truth value, or would be judged differently than by
            the API server.
    """
    if "`" in text:  # the library takes `quoted` field names, the API server does not
        raise ExpressionError(f"{_place(text, text.index('`'))}: no backtick may stand here")
    try:
        program = _environment().compile(text)
    except TypeError:  # half of a surrogate pair, which a YAML file can hold
        raise ExpressionError("it must be Unicode text") from None
    except RuntimeError as error:
        raise ExpressionError(_explain(str(error))) from None
    result = program.return_type().name()
    if result != "BOOL":
        kind = "of any type" if result == "DYN" else f"of type {result.lower()}"
        raise ExpressionError(f"it must be true or false, and is {kind}")
    tree = parse_checked(program.serialize())
    rules = _Rules(text)
    rules.check(tree, ())
    return CompiledExpression(
        text,
        program,
        frozenset(rules.mentioned),
        operations=rules.operations,
        loops=rules.loops,
        splits=rules.splits,
        longest=rules.longest,
        depth=rules.depth,
        patterns=rules.patterns,
    )


def _explain(error: str) -> str:
    """Return the library's first complaint with its place, without its drawing."""
    if _TOO_DEEP.search(error):
        return "it is nested too deep: more than 32 levels"
    found = _PLACE.search(error)
    if found is None:
        return _short(_STATUS_TAG.sub("", _STATUS_NAME.sub("", error.splitlines()[0])))
    line, column, message = found.groups()
    message = _STATUS_TAG.sub("", message).removesuffix(" (in container '')")
    return f"line {line}, column {column}: {_short(message)}"


def _short(message: str) -> str:
    """Keep what is quoted of an expression or a workload from filling a condition."""
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]} ..."


def _place(text: str, offset: int) -> str:
    before = text[: max(offset, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


@dataclass(slots=True)
class _Rules:
    """What may stand in an expression, and how much work it is."""

    text: str
    mentioned: set[str] = field(default_factory=set)
    operations: int = 1
    loops: int = 0
    splits: bool = False
    longest: int = 0
    depth: int = 0
    patterns: int = 0

    def refuse(self, node: Node, message: str) -> None:
        raise ExpressionError(f"{_place(self.text, node.offset)}: {_short(message)}")

    def check(self, node: Node, scopes: tuple[str, ...]) -> None:
        """Refuse what is not allowed; `scopes` are the variables of the loops around it."""
        match node.kind:
            case "name":
                if node.name in VARIABLES and node.name not in scopes:
                    self.mentioned.add(node.name)
                    if node.name != "container":
                        self.refuse(node, _whole(node.name))
                self.note_outer(node, scopes)
            case "select" if (path := self.path(node, scopes)) is not None:
                self.check_path(node, path)
                self.note_outer(node, scopes)
                return
            case "call":
                self.check_call(node)
            case "list" | "map":
                self.check_literal(node)
            case "struct":
                self.refuse(node, f'messages such as "{node.name}" are not available')
            case "loop":
                self.check_loop(node, scopes)
                return
        for child in node.children:
            self.check(child, scopes)

    def note_outer(self, node: Node, scopes: tuple[str, ...]) -> None:
        """Remember that a step of a loop looks at more than its own element."""
        root = node
        while root.kind == "select":
            root = root.children[0]
        if scopes and root.name != scopes[-1]:
            self.loops = max(self.loops, len(scopes))

    def path(self, node: Node, scopes: tuple[str, ...]) -> list[Node] | None:
        """Return the selects from `object` or `namespaceObject` to here, outermost last."""
        steps = [node]
        while steps[-1].kind == "select":
            steps.append(steps[-1].children[0])
        root = steps.pop()
        if root.kind != "name" or root.name in scopes or root.name not in VARIABLES:
            return None
        self.mentioned.add(root.name)
        return None if root.name == "container" else [root, *reversed(steps)]

    def check_path(self, node: Node, path: list[Node]) -> None:
        """Let only the fields through that are the same in the controller and the API server."""
        root, *steps = path
        names = [step.name for step in steps]
        allowed = ("metadata",) if root.name == "namespaceObject" else OBJECT_FIELDS
        if names[0] not in allowed:
            self.refuse(steps[0], _only(f"{root.name}.{names[0]}", root.name, allowed))
        if names[0] != "metadata":
            return
        inner = METADATA_FIELDS if root.name == "object" else NAMESPACE_FIELDS
        where = f"{root.name}.metadata"
        if len(names) == 1:
            if not node.tested:
                self.refuse(node, _whole(where))
        elif names[1] not in inner:
            self.refuse(steps[1], _only(f"{where}.{names[1]}", where, inner))

    def check_call(self, node: Node) -> None:
        name, children = node.name, node.children
        self.operations += 1
        if name not in _FUNCTIONS:
            self.refuse(node, f"the function {name}() is not available")
        if name == "matches":
            self.check_pattern(node, children[1])
        elif name in ("indexOf", "lastIndexOf"):
            if len(children) > 2:
                self.refuse(node, f"{name}() takes no offset here")
        elif name == "substring" and len(children) > 2:
            # In the library the end of the text is beyond it.
            self.refuse(node, "substring() takes no end here")
        elif name == "split" and not children[1].value:
            # Of an empty text the library makes one part, the API server none.
            self.refuse(node, "the separator of split() must be a text as it is, and not empty")
        elif name == "replace":
            old, new = children[1].value, children[2].value
            if not old or new is None or len(new) > len(old):
                message = "replace() takes texts as they are, the new one no longer than the old"
                self.refuse(node, message)

    def check_pattern(self, node: Node, pattern: Node) -> None:
        """The API server refuses a bad pattern at once; one that is computed may take a minute."""
        if pattern.value is None:
            self.refuse(node, "the pattern of matches() must be a text as it is")
        if re.search(r"(?<!\\)(?:\\\\)*\\C", pattern.value or ""):
            self.refuse(pattern, r"\C is not available in patterns")
        self.patterns += _pattern_work(pattern.value or "")
        quoted = "".join(f"\\U{ord(character):08x}" for character in pattern.value or "")
        tried = _environment().compile(f"''.matches('{quoted}')").eval()
        if tried.type() == cel.Type.ERROR:
            self.refuse(pattern, _STATUS_NAME.sub("", str(tried.value())))

    def check_literal(self, node: Node) -> None:
        """Want values of one type, as the API server does (HomogeneousAggregateLiterals)."""
        self.longest = max(self.longest, len(node.children))
        groups = (
            [node.children[0::2], node.children[1::2]] if node.kind == "map" else [node.children]
        )
        for group in groups:
            for value in group:
                if value.type != group[0].type:
                    self.refuse(value, f"all values of a {node.kind} must have the same type")

    def check_loop(self, node: Node, scopes: tuple[str, ...]) -> None:
        if node.name in VARIABLES:
            self.refuse(node, f'"{node.name}" may not be the variable of a loop')
        for child in node.children:
            self.check(child, scopes)
            self.splits = self.splits or any(n.name == "split" for n in child.walk())
        self.operations += 1
        inner = (*scopes, node.name)
        self.depth = max(self.depth, len(inner))
        for part in node.body:
            self.check(part, inner)
        if node.transform is not None and node.transform.type not in _SCALARS:
            self.check_transform(node.transform, {node.name})

    def check_transform(self, node: Node, own: set[str]) -> None:
        """Let map make no value bigger than what it goes over.

        Otherwise a chain of it makes gigabytes of a word, or values that take hours to compare.
        """
        if node.kind == "loop":
            own = own | {node.name}
        if node.kind == "name" and node.name not in own:
            self.refuse(node, f'map() may only use its own variable, not "{node.name}"')
        if node.kind in ("list", "map"):
            self.refuse(node, "map() may not make lists or maps")
        if node.name == "_+_" and not _GROWING.isdisjoint(node.overloads):
            self.refuse(node, "map() may not join texts or lists")
        for child in (*node.children, *node.body):
            self.check_transform(child, own)


def _pattern_work(pattern: str) -> int:
    """Return a bound of what making a pattern ready costs, which the library does at every use.

    Measured: 1 µs for a letter, 10 µs for `.` or a class; 0.1 µs counts as 1. `x{9}` is `x` nine
    times, and so is a group.
    """
    work = 10 * len(pattern) + 100 * len(re.findall(r"[.[]|\\[A-Za-z]", pattern))
    work += 5_000 * len(re.findall(r"\\[pP]", pattern)) + 300 * pattern.count("(?")
    groups = 1
    for atom, low, high in re.findall(
        r"(\\[pP]\w|\}|\)|.)\{(\d+)(?:,(\d*))?\}", pattern, re.DOTALL
    ):
        times = max(int(low), int(high or 0), 1)
        if atom == ")":
            groups *= times
        else:  # what ends with `}` is a class given by its name
            work += times * (5_000 if atom.startswith(("}", "\\p", "\\P")) else 100)
    return work * groups


def _whole(name: str) -> str:
    examples = {"object": "spec", "namespaceObject": "metadata.labels"}
    example = examples.get(name, "labels")
    return f"{name} can't be used as a whole: name a field, such as {name}.{example}"


def _only(field: str, where: str, allowed: tuple[str, ...]) -> str:
    return f"{field} is not available, of {where} only {', '.join(allowed)}"


def _evaluate(workload: Workload, snapshot: Snapshot, params: CustomParams) -> Outcome:
    """Fail where the expression is false."""
    variables = params.expression.variables
    from_files = snapshot.origin is Origin.FILES
    shared: dict[str, Any] = {}
    if "object" in variables:
        shared["object"] = _object(workload, from_files=from_files)
    if "namespaceObject" in variables:
        namespace = _namespace(workload, snapshot)
        if not isinstance(namespace, dict):
            return namespace
        shared["namespaceObject"] = namespace
    if "container" in variables:
        containers = [c for c in workload.containers if c.kind in _CONTAINER_KINDS]
        return _evaluate_containers(containers, shared, params, from_files=from_files)
    if params.expression.work(*_measure(shared)) > MAX_WORK:
        return _TOO_BIG
    verdict = _judge(params.expression, shared)
    if isinstance(verdict, str):
        return CannotTell(verdict)
    return PASS if verdict else (Finding(params.message, ""),)


def _evaluate_containers(
    containers: list[Container], shared: dict[str, Any], params: CustomParams, *, from_files: bool
) -> Outcome:
    """Judge each container: a failure outweighs an error, as in `all()`."""
    expression = params.expression
    found: list[Finding] = []
    error: CannotTell | None = None
    size, longest = _measure(shared)
    work = 0
    for container in containers:
        fields = _without_nulls(container.fields) if from_files else container.fields
        own_size, own_longest = _measure(fields)
        work += expression.work(size + own_size, max(longest, own_longest))
        if work > MAX_WORK:
            return found or _TOO_BIG
        verdict = _judge(expression, {**shared, "container": fields})
        if isinstance(verdict, str):
            error = error or CannotTell(f"{container.title}: {verdict}")
        elif not verdict:
            found.append(finding(container, params.message))
    return found or error or PASS


def _judge(expression: CompiledExpression, data: Mapping[str, Any]) -> bool | str:
    """Return what an expression says, or why it says nothing."""
    try:
        value = expression.program.eval(data=data)
        result = value.value()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        if "Iteration budget exceeded" in str(error):
            return f"the expression takes more than {MAX_ITERATIONS:,} steps"
        return f"the expression can't be evaluated: {_short(_STATUS_TAG.sub('', str(error)))}"
    if isinstance(result, bool):
        return result
    return f"the expression can't be evaluated: {_short(_STATUS_NAME.sub('', str(result)))}"


def _measure(data: object) -> tuple[int, int]:
    """Return how many characters and values there are, and the entries of the longest list."""
    size = longest = 0
    pending: list[Iterator[Any]] = [iter((data,))]
    while pending:
        value = next(pending[-1], pending)
        if value is pending:
            pending.pop()
            continue
        size += 1
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, Mapping):
            longest = max(longest, len(value))
            size += sum(len(key) for key in value if isinstance(key, str))
            pending.append(iter(value.values()))
        elif isinstance(value, list):
            longest = max(longest, len(value))
            pending.append(iter(value))
    return size, longest


def _object(workload: Workload, *, from_files: bool) -> dict[str, Any]:
    """Return what an expression sees of a workload: the same from a file and from the cluster."""
    metadata = {key: workload.metadata[key] for key in METADATA_FIELDS if key in workload.metadata}
    metadata["namespace"] = workload.namespace
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and _LAST_APPLIED in annotations:
        # The controller does not keep it: it is a copy of the manifest.
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
        if not metadata["annotations"]:
            del metadata["annotations"]
    seen = {key: workload.document[key] for key in OBJECT_FIELDS if key in workload.document}
    seen["metadata"] = metadata
    return dict(_without_nulls(seen)) if from_files else seen


def _without_nulls(value: Any) -> Any:
    """Return a value of a file as the API server would store it: `labels:` alone is no labels."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(v) for key, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value]
    return value


def _namespace(workload: Workload, snapshot: Snapshot) -> dict[str, Any] | Skip | CannotTell:
    namespace = snapshot.namespace(workload.namespace)
    if namespace is not None:
        metadata = {"name": namespace.name, "labels": dict(namespace.labels)}
        return {"metadata": metadata}
    if snapshot.origin is Origin.FILES:
        return Skip(f'Namespace "{workload.namespace}" is not among the input')
    reason = snapshot.unavailable.get("Namespace")
    return CannotTell(reason or f'Namespace "{workload.namespace}" is not known yet')
