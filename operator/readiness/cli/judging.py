"""Judges objects from files: sorts them, finds the policies, evaluates every workload."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, BinaryIO, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from readiness.api.vocabulary import API_VERSION, GROUP
from readiness.errors import FieldError, PolicyError
from readiness.evaluate.evaluator import Report, evaluate
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import PolicySet, profile_policy
from readiness.evaluate.profiles import PROFILES
from readiness.gather.files import SourceDocument, Sources, read_sources
from readiness.gather.lines import Locator
from readiness.model.companions import companion_kind, parse_companion
from readiness.model.evidence import EvidenceIndex
from readiness.model.fields import mapping, text
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import WORKLOAD_KINDS, ObjectRef, Workload, workload_kind
from readiness.report.fingerprints import Identity, identities
from readiness.report.summary import Judged, Run

DEFAULT_PROFILE = "standard"
PROFILE_NAMES = tuple(name for name in PROFILES if name != "none")

_POLICY, _EXEMPTION = "ReadinessPolicy", "ReadinessExemption"
_EVIDENCE = "ReadinessEvidence"


class Inputs(Struct):
    """Objects from files, by what they are for.

    Attributes:
        workloads: in the order they are to be judged.
        attested: the evidence among them that can be used; filled when judging begins.
        companions: how many objects there are to judge them with.
        other: how many objects no check looks at.
        errors, warnings: for a person to read, with file and line.
    """

    default_namespace: str
    inventory: Inventory = field(default_factory=Inventory)
    workloads: dict[ObjectRef | str, tuple[Workload, SourceDocument]] = field(default_factory=dict)
    policies: dict[ObjectRef, SourceDocument] = field(default_factory=dict)
    exemptions: dict[ObjectRef, SourceDocument] = field(default_factory=dict)
    evidence: dict[ObjectRef, SourceDocument] = field(default_factory=dict)
    attested: EvidenceIndex = field(default_factory=EvidenceIndex)
    companions: int = 0
    other: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _places: dict[ObjectRef, str] = field(default_factory=dict)

    def add(self, source: SourceDocument) -> None:
        """File an object; what is malformed becomes an error and stays out."""
        document = source.document
        try:
            if workload_kind(document):
                self._add_workload(source)
            elif companion_kind(document):
                companion = parse_companion(document, default_namespace=self.default_namespace)
                if not self._remember(companion.ref, source):
                    self.companions += 1
                self.inventory.put_companion(companion)
            elif document["apiVersion"].partition("/")[0] == GROUP:
                self._add_ours(source)
            else:
                _refuse_misspelt_group(document)
                _refuse_unknown_kind(document)
                self.other += 1
        except FieldError as error:
            self.errors.append(f"{source.place}: {describe(document)}: {error}")

    def _add_workload(self, source: SourceDocument) -> None:
        workload = Workload(source.document, default_namespace=self.default_namespace)
        if workload.controlled:  # its pods are those of its owner, which is judged
            self.other += 1
            return
        record = record_of(workload)
        _ = workload.containers  # without a list of containers no check can say anything
        key: ObjectRef | str = workload.ref
        if workload.metadata.get("name"):
            self._remember(workload.ref, source)
        else:  # the API server gives a name of its own to each that has a generateName
            key = source.place
        self.workloads.pop(key, None)
        self.workloads[key] = workload, source
        self.inventory.put_workload(record)

    def _add_ours(self, source: SourceDocument) -> None:
        document = source.document
        kind = document["kind"]
        kept = {
            _POLICY: self.policies,
            _EXEMPTION: self.exemptions,
            _EVIDENCE: self.evidence,
        }.get(kind)
        if kept is None:
            self.other += 1
            return
        if document["apiVersion"] != API_VERSION:
            raise FieldError("apiVersion", API_VERSION, document["apiVersion"])
        metadata = mapping(document, "metadata", "")
        name = text(metadata, "name", "metadata")
        if not name:
            raise FieldError("metadata.name", "set", metadata.get("name"))
        namespace = ""
        if kind != _POLICY:
            namespace = text(metadata, "namespace", "metadata") or self.default_namespace
        ref = ObjectRef(GROUP, kind, namespace, name)
        self._remember(ref, source)
        kept.pop(ref, None)
        kept[ref] = source

    def _remember(self, ref: ObjectRef, source: SourceDocument) -> bool:
        """Return whether the object was there before, and warn: a cluster has only one of it."""
        earlier = self._places.get(ref)
        if earlier is not None:
            self.warnings.append(
                f"{source.place}: warning: {describe(source.document)} is also at {earlier}; "
                "this one counts"
            )
        self._places[ref] = source.place
        return earlier is not None


def record_of(workload: Workload) -> WorkloadRecord:
    """Return what the inventory keeps of a workload."""
    return WorkloadRecord(
        workload.ref,
        workload.labels,
        workload.template_labels,
        workload.replicas,
        workload.document,
    )


def sort_inputs(documents: Iterable[SourceDocument], default_namespace: str) -> Inputs:
    """File objects by what they are for."""
    inputs = Inputs(default_namespace)
    for source in documents:
        inputs.add(source)
    return inputs


def describe(document: Mapping[str, Any]) -> str:
    """Name an object for a person: `Deployment "web"`."""
    metadata = document.get("metadata")
    name = None
    if isinstance(metadata, dict):
        name = metadata.get("name") or metadata.get("generateName")
    return f'{document["kind"]} "{name}"' if isinstance(name, str) else str(document["kind"])


def _refuse_misspelt_group(document: Mapping[str, Any]) -> None:
    """Raise FieldError for `apiVersion: v1` of a Deployment and the like: nobody would judge it.

    Groups of others have a dot in their name, and may have a Job of their own.
    """
    kind = WORKLOAD_KINDS.get(document["kind"])
    group = document["apiVersion"].rpartition("/")[0]
    if kind is not None and "." not in group:
        wanted = f"{kind.group}/v1" if kind.group else "v1"
        raise FieldError("apiVersion", f"{wanted} for a {kind.kind}", document["apiVersion"])


# Groups of Kubernetes' own that have had the same kinds for years.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "": (
        "Binding",
        "ConfigMap",
        "Endpoints",
        "Event",
        "LimitRange",
        "List",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Secret",
        "Service",
        "ServiceAccount",
    ),
    "apps": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "autoscaling": ("HorizontalPodAutoscaler", "Scale"),
    "batch": ("CronJob", "Job"),
    "policy": ("Eviction", "PodDisruptionBudget", "PodSecurityPolicy"),
}


def _refuse_unknown_kind(document: Mapping[str, Any]) -> None:
    """Raise FieldError for a kind that Kubernetes lacks: nobody would miss the workload."""
    group = document["apiVersion"].rpartition("/")[0]
    kinds = _KINDS.get(group)
    if kinds is None or document["kind"] in kinds:
        return
    close = difflib.get_close_matches(document["kind"], kinds, n=1)
    wanted = close[0] if close else f"one of {', '.join(kinds)}"
    raise FieldError("kind", f"{wanted} in {document['apiVersion']}", document["kind"])


def policies_for(inputs: Inputs, names: Sequence[str], stdin: BinaryIO) -> PolicySet:
    """Return the policies to judge by: those named, or those among the input, or the default.

    What is wrong with them is put into the errors of the input.
    """
    if names:
        policies, errors = policies_from_options(names, stdin)
    else:
        policies = PolicySet()
        errors = compile_policies(inputs.policies.values(), policies)
        if not inputs.policies:
            policies.put(profile_policy(DEFAULT_PROFILE))
    inputs.errors += errors
    return policies


def policies_from_options(values: Sequence[str], stdin: BinaryIO) -> tuple[PolicySet, list[str]]:
    """Return the policies that `--policy` names, and what is wrong with them.

    Each value is the name of a profile, or else a path.
    """
    policies = PolicySet()
    errors: list[str] = []
    for value in values:
        if value in PROFILE_NAMES:
            policies.put(profile_policy(value))
            continue
        sources: Sources = read_sources([value], stdin)
        errors += map(str, sources.errors)
        inputs = Inputs("")
        for source in sources.documents:
            if source.document["apiVersion"].partition("/")[0] == GROUP:
                inputs.add(source)
        errors += inputs.errors
        errors += compile_policies(inputs.policies.values(), policies)
        if not inputs.policies and not sources.errors and not inputs.errors:
            errors.append(f"{value}: holds no {_POLICY}")
    return policies, errors


def compile_policies(documents: Iterable[SourceDocument], policies: PolicySet) -> list[str]:
    """Add the policies that manifests describe; return what is wrong with the others."""
    errors = []
    for source in documents:
        from readiness.evaluate.compiling import compile_policy

        try:
            policy = compile_policy(source.document)
        except PolicyError as error:
            errors.append(f"{source.place}: {describe(source.document)}: {error}")
            continue
        if policies.get(policy.name) is not None:
            errors.append(f'{source.place}: there is another policy with the name "{policy.name}"')
            continue
        policies.put(policy)
    return errors


def compile_exemptions(
    documents: Iterable[SourceDocument], default_namespace: str, policies: PolicySet
) -> tuple[dict[str, list[Exemption]], list[str]]:
    """Return the exemptions that manifests describe, by namespace, and what is wrong."""
    found: dict[str, list[Exemption]] = defaultdict(list)
    errors = []
    for source in documents:
        from readiness.evaluate.compiling import (
            compile_exemption,
        )

        try:
            exemption = compile_exemption(
                source.document, default_namespace, policies.custom_checks
            )
        except PolicyError as error:
            errors.append(f"{source.place}: {describe(source.document)}: {error}")
            continue
        found[exemption.namespace].append(exemption)
    return found, errors


def compile_evidences(
    documents: Iterable[SourceDocument], default_namespace: str, evidence: EvidenceIndex
) -> list[str]:
    """Add the evidence that manifests describe; return what is wrong with the others."""
    errors = []
    for source in documents:
        from readiness.evaluate.compiling import compile_evidence

        try:
            evidence.put(compile_evidence(source.document, default_namespace))
        except PolicyError as error:
            errors.append(f"{source.place}: {describe(source.document)}: {error}")
    return errors


class Judge:
    """Evaluates workloads from files.

    What is wrong with exemptions and evidence is put into `inputs`.
    """

    def __init__(self, inputs: Inputs, policies: PolicySet, now: datetime) -> None:
        exemptions, errors = compile_exemptions(
            inputs.exemptions.values(), inputs.default_namespace, policies
        )
        inputs.errors += errors
        inputs.errors += compile_evidences(
            inputs.evidence.values(), inputs.default_namespace, inputs.attested
        )
        self._exemptions = exemptions
        self._policies = policies
        self._snapshot = Snapshot(inputs.inventory, now, Origin.FILES, evidence=inputs.attested)
        # By policy: namespaces that it was taken to match for want of their labels.
        self.assumed: dict[str, set[str]] = defaultdict(set)

    def report(self, workload: Workload) -> Report:
        """Return what the policies say of a workload."""
        namespace = self._snapshot.namespace(workload.namespace)
        matching = self._policies.matching(
            workload.ref, workload.labels, None if namespace is None else namespace.labels
        )
        if namespace is None:
            for policy in matching:
                if policy.namespace_selector is not None:
                    self.assumed[policy.name].add(workload.namespace)
        effective = self._policies.effective(matching, self._snapshot.now)
        return evaluate(workload, self._snapshot, effective, self._exemptions[workload.namespace])


Inputted: TypeAlias = tuple[Workload, SourceDocument]
Progress: TypeAlias = Callable[[Collection[Inputted]], AbstractContextManager[Iterable[Inputted]]]


def judge(
    inputs: Inputs,
    sources: Sources,
    policies: PolicySet,
    now: datetime,
    progress: Progress = nullcontext,
) -> Run:
    """Evaluate every workload; errors and warnings met on the way are put into `inputs`.

    `progress` is given the workloads and hands them on one by one, telling a person how far it is.
    """
    judge_of = Judge(inputs, policies, now)
    with progress(inputs.workloads.values()) as workloads:
        judged = [
            Judged(
                workload.api_version,
                source.file,
                source.line,
                judge_of.report(workload),
                source.document,
            )
            for workload, source in workloads
        ]
    inputs.warnings += _unknown_namespaces(judge_of.assumed)
    return run_of(judged, inputs, sources, policies)


def locate(run: Run, locator: Locator) -> Run:
    """Return a run that knows the lines of all fields it names."""
    workloads = []
    for judged in run.workloads:
        paths = {r.path: None for r in judged.report.results if r.path}
        name = judged.report.ref.name
        found = locator.locate(judged.file, judged.line, name, paths)
        workloads.append(
            replace(
                judged,
                file=found.file,
                line=found.line,
                lines=found.lines,
                template=found.template,
            )
        )
    return replace(run, workloads=tuple(workloads))


def mark_known(run: Run, known: Collection[Identity]) -> Run:
    """Return a run in which the findings among those known before count no more."""
    if not known:
        return run
    if not known:
        return run
    return replace(
        run,
        workloads=tuple(
            replace(
                judged,
                known=frozenset(
                    number for number, identity in identities(judged).items() if identity in known
                ),
            )
            for judged in run.workloads
        ),
    )


def run_of(judged: Iterable[Judged], inputs: Inputs, sources: Sources, policies: PolicySet) -> Run:
    """Return workloads judged, with how much was looked at."""
    return Run(
        workloads=tuple(judged),
        policies=tuple(sorted(policy.name for policy in policies)),
        files=sources.files,
        companions=inputs.companions,
        other=inputs.other,
        ignored=sources.ignored,
        input_errors=len(inputs.errors),
    )


def _unknown_namespaces(by_policy: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield what was assumed about namespaces that are not among the files."""
    if by_policy:
        namespaces = sorted(set().union(*by_policy.values()))
        yield (
            f"note: {', '.join(sorted(by_policy))} selects namespaces by their labels; Namespace "
            f"{', '.join(namespaces)} is not among the input, so it is taken to match"
        )
