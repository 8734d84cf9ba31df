"""Service levels: what a policy asks to be measured, and how a measurement is judged.

What is asked is PromQL with variables in it. A value that a label may hold is put in escaped, so
that it can't end the quotes around it; the variables for `=~` are escaped once more for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from readiness.api.vocabulary import Category
from readiness.checks.base import PASS, CannotTell, Check, Finding, Outcome, Reference, Scope, Skip
from readiness.model.measurement import LevelQuery, Measurement, Question
from readiness.model.moment import rfc3339
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import ObjectRef, Workload

CHECK_PREFIX = "service-level-"

VARIABLES = (
    "namespace",
    "workload",
    "kind",
    "window",
    "namespace_regex",
    "workload_regex",
    "pods",
)

# `$1` of label_replace and a `$` at the end of a regular expression are PromQL's own.
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>[A-Za-z_]\w*)\}|(?P<bare>[A-Za-z_]\w*))")
_REGEX_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")

# Names that Kubernetes makes up have these letters alone (apimachinery, util/rand), so that the
# pods of `web-api` are not taken for those of `web`.
_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
# What a made-up name begins with is cut to 58 characters (apiserver, storage/names).
_LONGEST_BASE = 58
_LONGEST_HASH = 10

_WORDS = {
    "LessThan": "less than",
    "LessThanOrEqual": "at most",
    "GreaterThan": "more than",
    "GreaterThanOrEqual": "at least",
}


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What one policy asks of one service level.

    Attributes:
        name: as the policy names it.
        operator: how the value relates to the objective, in the words of the API.
        objective: the number to compare with, as the policy writes it.
        min_samples: fewest samples a value has to stand on; None for any.
    """

    name: str
    query: LevelQuery
    operator: str
    objective: str
    min_samples: int | None = None

    def is_met_by(self, value: float) -> bool:
        """Return whether a value is as good as it has to be."""
        objective = float(self.objective)
        match self.operator:
            case "LessThan":
                return value < objective
            case "LessThanOrEqual":
                return value <= objective
            case "GreaterThan":
                return value > objective
            case _:
                return value >= objective


@cache
def service_level_check(name: str) -> Check:
    """Return the check that stands for a service level, the same for all policies."""
    check = Check(
        id=f"{CHECK_PREFIX}{name}",
        title=f"Service level missed: {name}",
        category=Category.SERVICE_LEVELS,
        severity=None,
        scope=Scope.MEASURED,
        rationale="The policy promises this service level to the users of the workload.",
        remediation=(
            "Find out since when it is missed and what changed then, a release above all; bring "
            "back the service level before anything new goes out."
        ),
        reference=Reference(
            checklist="Success metrics",
            url="https://sre.google/sre-book/service-level-objectives/",
        ),
    )
    check.rule(_evaluate)
    return check


def _evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Judge by what was measured last."""
    level: ServiceLevel = params
    if snapshot.origin is Origin.FILES:
        return Skip("only what runs in a cluster can be measured")
    if snapshot.measurements is None:
        return Skip("service levels are judged by the controller alone")
    return judge(level, snapshot.measurements.latest(question_about(level.query, workload.ref)))


def judge(level: ServiceLevel, measurement: Measurement | None) -> Outcome:
    """Return whether a service level is met; it can't be told where there is no usable value.

    The text is the same for values that differ little, and holds no age: it ends up in a condition,
    which must not be written anew with every measurement.
    """
    if measurement is None:
        return CannotTell("not measured yet")
    value, at = measurement.value, measurement.at
    if measurement.problem or value is None:
        last = "" if value is None or at is None else f"; it was {value:.2g} at {rfc3339(at)}"
        return CannotTell(f"{measurement.problem}{last}")
    if level.min_samples is not None and (measurement.samples or 0) < level.min_samples:
        return CannotTell(
            f"fewer than {level.min_samples} samples in {level.query.window}: too few to judge by"
        )
    if level.is_met_by(value):
        return PASS
    message = (
        f'service level "{level.name}" must be {_WORDS[level.operator]} {level.objective} '
        f"over {level.query.window}, not {_shown(level, value)}"
    )
    return [Finding(message, "metadata.name")]


def _shown(level: ServiceLevel, value: float) -> str:
    """Return a value that misses, in as few digits as still say so, but two at least."""
    shown = (f"{value:.{digits}g}" for digits in range(2, 17))
    return next((text for text in shown if not level.is_met_by(float(text))), repr(value))


def mistakes_in(template: str) -> Iterator[str]:
    """Yield what is wrong with the variables of a query."""
    for match in _VARIABLE.finditer(template):
        name = match["braced"] or match["bare"]
        if name and name not in VARIABLES:
            known = ", ".join(f"${variable}" for variable in VARIABLES)
            yield f"there is no variable ${name}; there are {known}, and $$ for a dollar sign"


def question_about(query: LevelQuery, ref: ObjectRef) -> Question:
    """Return what is to be asked about a workload."""
    mentioned = _mentioned(query)
    pods = "pods" in mentioned
    return Question(
        query,
        ref.namespace if not mentioned.isdisjoint(("namespace", "namespace_regex")) else "",
        ref.kind if pods or "kind" in mentioned else "",
        ref.name if pods or not mentioned.isdisjoint(("workload", "workload_regex")) else "",
    )


@lru_cache(maxsize=1024)
def _mentioned(query: LevelQuery) -> frozenset[str]:
    found = _VARIABLE.finditer(f"{query.query} {query.samples_query}")
    return frozenset(match["braced"] or match["bare"] or "" for match in found)


def fill_in(template: str, question: Question) -> str:
    """Return a query with all variables filled in."""
    values = {
        "namespace": _quoted(question.namespace),
        "workload": _quoted(question.workload),
        "kind": _quoted(question.kind),
        "window": question.query.window,
        "namespace_regex": _quoted(_literal(question.namespace)),
        "workload_regex": _quoted(_literal(question.workload)),
        "pods": _quoted(_pods(question.kind, question.workload)),
    }
    return _VARIABLE.sub(
        lambda match: "$" if match["dollar"] else values[match["braced"] or match["bare"]],
        template,
    )


def _pods(kind: str, workload: str) -> str:
    """Return a regular expression for the names of the pods of a workload."""
    if kind == "StatefulSet":
        return f"{_literal(workload)}-[0-9]+"
    if kind == "DaemonSet":
        made_up = f"{_LETTERS}{{5}}"
        longest = len(f"{workload}-")
    else:
        made_up = f"{_LETTERS}{{1,{_LONGEST_HASH}}}-{_LETTERS}{{5}}"
        longest = len(f"{workload}-") + _LONGEST_HASH + 1
    if longest <= _LONGEST_BASE:
        return f"{_literal(workload)}-{made_up}"
    return f"{_literal(workload[:_LONGEST_BASE])}[-{_LETTERS[1:]}+"


def _literal(text: str) -> str:
    """Return a regular expression (RE2) that only this text matches."""
    return _REGEX_SPECIAL.sub(r"\\\g<0>", text)


def _quoted(text: str) -> str:
    """Return a text as it stands between the quotes of PromQL."""
    escaped = {"\\": "\\\\", '"': "\\x22", "'": "\\x27", "\n": "\\n"}
    return "".join(escaped.get(letter, letter) for letter in text)
