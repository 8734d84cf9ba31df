"""What a check is: its metadata, its rule, and what a rule may answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeAlias

from msgspec import Struct

from readiness.api.vocabulary import Category, Severity
from readiness.model.containers import Container
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

ALL_KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Pod",
)
LONG_RUNNING_KINDS = tuple(kind for kind in ALL_KINDS if kind not in ("Job", "CronJob"))
SCALABLE_KINDS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


class Scope(Enum):
    """What a check needs to decide."""

    INTRINSIC = "intrinsic"  # the workload alone: it may refuse at admission
    COMPANION = "companion"  # other objects too: they may still be on their way
    MEASURED = "measured"  # how it serves its users: no word about a manifest, it never refuses


class PodSecurity(Enum):
    """Level of the Pod Security Standards that a check is part of."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"


class Reference(Struct, frozen=True):
    """Where a rule comes from.

    Attributes:
        checklist: section of the production readiness checklist it answers, such as
            `Health Checks: Readiness probes`.
        url: the Kubernetes documentation, KEP or source that says so.
    """

    checklist: str
    url: str


class Safety(Enum):
    """Whether a fix may be applied without thinking."""

    SAFE = "safe"  # what worked goes on working
    UNSAFE = "unsafe"  # right as a rule, but it may stop what relies on the old value
    DISPLAY_ONLY = "display-only"  # a guess at what was meant: for a person to read


class _Removed(Enum):
    REMOVED = "removed"


REMOVED = _Removed.REMOVED


class Edit(Struct, frozen=True):
    """One change to a manifest.

    Attributes:
        path: the field, written as in findings; one past the end of a list appends to it.
        value: what the field has to hold, REMOVED to leave it out.
    """

    path: str
    value: Any


class Fix(Struct, frozen=True):
    """What makes a finding go away, where that is certain. `remediate` turns it into a patch.

    Attributes:
        edits: in the order they are to be made.
        safety: whether it may be applied without thinking.
        explanation: why that is so, as one clause: `a pod that ...`.
    """

    edits: tuple[Edit, ...]
    safety: Safety
    explanation: str


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        message: what must change, in the words of the manifest:
            `container "app" must set resources.limits.memory`.
        path: the field it is about, such as `spec.template.spec.containers[0].resources`.
        container: name of the container it is about; empty when it is about the workload.
        fix: what makes it go away; None where that needs knowledge the manifest does not hold.
    """

    message: str
    path: str
    container: str = ""
    fix: Fix | None = None


class Skip(Struct, frozen=True):
    """The check does not apply, and why: `no Service selects the pods`."""

    reason: str


class CannotTell(Struct, frozen=True):
    """The check applies but what it needs can't be seen, and why; `crashed`: it has a bug."""

    reason: str
    crashed: bool = False


PASS: tuple[Finding, ...] = ()

Outcome: TypeAlias = Sequence[Finding] | Skip | CannotTell
Rule: TypeAlias = Callable[[Workload, Snapshot, Any], Outcome]


class Check(Struct):
    """One check: metadata that documents it and the rule that decides.

    Attributes:
        id: names the bad state, in kebab case, for ever.
        title: the id as a phrase: `Memory limit missing`.
        category: decides the condition it counts for.
        severity: in the `standard` profile; None when it is in no profile.
        scope: whether it may refuse at admission.
        rationale: what goes wrong in production, in one or two sentences.
        remediation: what to write where.
        reference: the checklist section and the Kubernetes source.
        baseline: whether the `baseline` profile has it.
        pod_security: levels of the Pod Security Standards it is part of.
        kinds: kinds it applies to; for others it is skipped.
        params: a frozen dataclass with a default for every field; None without parameters.
        since: release it first came with.
    """

    id: str
    title: str
    category: Category
    severity: Severity | None
    scope: Scope
    rationale: str
    remediation: str
    reference: Reference
    baseline: bool = False
    pod_security: tuple[PodSecurity, ...] = ()
    kinds: tuple[str, ...] = ALL_KINDS
    params: type[Any] | None = None
    since: str = "0.1.0"
    _rule: Rule | None = None
    _default_params: Any = None
    _reason: str = ""

    def __post_init__(self) -> None:
        self._reason = "".join(word.capitalize() for word in self.id.split("-"))
        if self.params is not None:
            self._default_params = self.params()

    @property
    def reason(self) -> str:
        """The id in CamelCase, as conditions name it: `MemoryLimitMissing`."""
        return self._reason

    @property
    def default_params(self) -> Any:
        """Parameters when a policy gives none; None without parameters."""
        return self._default_params

    def rule(self, function: Rule) -> Rule:
        """Register the function that decides; used as a decorator, once per check."""
        if self._rule is not None:
            raise ValueError(f"check {self.id} has two rules")
        self._rule = function
        return function

    def rule_for(self, kind: str) -> Rule:
        """Return what decides about workloads of a kind: the rule, if it applies to the kind."""
        if self._rule is None:
            raise ValueError(f"check {self.id} has no rule")
        if kind in self.kinds:
            return self._rule
        skip = Skip(f"does not apply to a {kind}")
        return lambda workload, snapshot, params: skip  # noqa: ARG005 - as a rule is called

    def run(self, workload: Workload, snapshot: Snapshot, params: Any = None) -> Outcome:
        """Decide for one workload; `params` None means the defaults.

        Raises:
            FieldError: when a field the rule reads is malformed.
        """
        rule = self.rule_for(workload.kind.kind)
        return rule(workload, snapshot, self._default_params if params is None else params)


def finding(
    container: Container, message: str, field_path: str = "", *, fix: Fix | None = None
) -> Finding:
    """Return a finding about a container; its title goes before the message.

    Args:
        container: the container at fault.
        message: what it must change: `must set resources.limits.memory`.
        field_path: the field, below the container: `resources.limits.memory`.
        fix: what makes it go away.
    """
    path = f"{container.path}.{field_path}" if field_path else container.path
    return Finding(f"{container.title} {message}", path, container.name, fix)


def safe(path: str, value: Any, explanation: str) -> Fix:
    """Return a fix that sets one field, and that nothing which worked can notice for the worse."""
    return Fix((Edit(path, value),), Safety.SAFE, explanation)


def unsafe(path: str, value: Any, explanation: str) -> Fix:
    """Return a fix that sets one field, and that somebody has to think about first."""
    return Fix((Edit(path, value),), Safety.UNSAFE, explanation)
