"""The kinds of readiness.dev/v1alpha1. `crds/` is generated from these models.

Field docs end up in `kubectl explain`; they say what an absent field means. No field has a default
in the schema: a default filled in by the API server makes every GitOps tool report drift.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from readiness.api.vocabulary import Enforcement

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
CHECK_ID_PATTERN = r"^[a-z]+(-[a-z0-9]+)*$"
# Five digits each, so that no sum of a time and a duration leaves the calendar.
DURATION_PATTERN = r"^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
POD_SECURITY_VERSION_PATTERN = r"^v1\.(2[5-9]|[3-9][0-9]|[1-9][0-9]{2})$"
LABEL_KEY_PATTERN = (
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
ITEM_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
URL_PATTERN = r"^https?://[^\s/?#]+[^\s]*$"
LEVEL_PATTERN = r"^[a-z]([a-z0-9]*)(-[a-z0-9]+)*$"
NUMBER_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
DIGEST_PATTERN = r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"

# What a text that misses its pattern should have been, for messages.
PATTERNS_IN_WORDS = {
    NAME_PATTERN: "a name of lower-case letters, digits, - and .",
    CHECK_ID_PATTERN: "the id of a check, such as memory-limit-missing",
    DURATION_PATTERN: "a duration such as 10m, 1h30m or 90d",
    POD_SECURITY_VERSION_PATTERN: "v1.25 or a newer version",
    LABEL_KEY_PATTERN: "a label key",
    LABEL_VALUE_PATTERN: "a label value",
    ITEM_PATTERN: "the id of an item of the checklist, such as load-testing-performed",
    URL_PATTERN: "a URL that begins with https:// or http://",
    LEVEL_PATTERN: "the name of a service level, such as error-rate",
    NUMBER_PATTERN: 'a number such as "0.001"',
    DIGEST_PATTERN: "a digest such as sha256: with 64 hexadecimal digits",
}

_MAX_LIST = 256
_MAX_NAME = 253


class Model(BaseModel):
    """Base of all our models: camelCase in manifests, unknown fields refused.

    Strict: like the API server it takes neither "10" nor true for 10.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, strict=True
    )


def cel(rule: str, message: str, *, field: str = "") -> dict[str, Any]:
    """Return a CEL validation rule for a schema (KEP-2876); `field` is the one to blame."""
    blame = {"fieldPath": field} if field else {}
    return {"x-kubernetes-validations": [{"rule": rule, "message": message, **blame}]}


def both(*schemas: dict[str, Any]) -> dict[str, Any]:
    """Return what several calls of `cel` say together."""
    rules = [rule for schema in schemas for rule in schema["x-kubernetes-validations"]]
    return {"x-kubernetes-validations": rules}


Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=_MAX_NAME)]
CheckId = Annotated[str, Field(pattern=CHECK_ID_PATTERN, max_length=100)]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=24)]
ItemId = Annotated[str, Field(pattern=ITEM_PATTERN, max_length=90)]
Url = Annotated[str, Field(pattern=URL_PATTERN, max_length=2048)]
UserName = Annotated[str, Field(min_length=1, max_length=_MAX_NAME)]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY_PATTERN, max_length=317)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE_PATTERN, max_length=63)]


_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _rfc3339(value: object) -> object:
    """Refuse what pydantic takes for a time and the API server does not, such as numbers."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise PydanticCustomError("datetime_type", "must be an RFC 3339 time")


# In JSON it is text, so it can't be strict; the validator is.
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), Field(strict=False)]


T = TypeVar("T", bound=str)


def _distinct(values: list[T]) -> list[T]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise PydanticCustomError("duplicate", "stands here twice", {"duplicate": value})
    return values


# A list of type `set`: no member stands there twice.
# Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
DistinctList = Annotated[
    list[T],
    AfterValidator(_distinct),
    Field(json_schema_extra={"x-kubernetes-list-type": "set"}),
]


class LabelSelectorRequirement(Model):
    """One requirement of a label selector."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0"
            " : !has(self.values) || self.values.size() == 0",
            "must be set for In and NotIn, and absent for Exists and DoesNotExist",
            field=".values",
        )
    )

    key: LabelKey = Field(description="Label key the requirement is about.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="How the label relates to the values. NotIn also matches objects without it."
    )
    values: list[LabelValue] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Values to compare with; only for In and NotIn.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class LabelSelector(Model):
    """Selects objects by their labels; all requirements must hold."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    match_labels: dict[LabelKey, LabelValue] | None = Field(
        default=None, max_length=64, description="Labels an object must carry with these values."
    )
    match_expressions: list[LabelSelectorRequirement] | None = Field(
        default=None,
        max_length=64,
        description="Further requirements.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Match(Model):
    """Which workloads a policy is about."""

    namespace_selector: LabelSelector | None = Field(
        default=None, description="Namespaces, by their labels. Absent: all namespaces."
    )
    exclude_namespaces: DistinctList[Name] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Namespaces left out by name. kube-system, kube-public, kube-node-lease and "
        "the operator's own namespace are always left out, unless includeNamespaces names them.",
    )
    include_namespaces: DistinctList[Name] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Namespaces to be judged although they are left out by default.",
    )
    workload_selector: LabelSelector | None = Field(
        default=None, description="Workloads, by their own labels. Absent: all workloads."
    )
    kinds: DistinctList[Literal["Deployment", "StatefulSet", "DaemonSet"]] | None = Field(
        default=None,
        min_length=1,
        max_length=3,
        description="Kinds of workloads. Absent: all three, and offline every kind that runs pods.",
    )
    from_stage: Literal["pre-launch", "launch", "live"] | None = Field(
        default=None,
        description="Only workloads that have come this far, by their label readiness.dev/stage: "
        "pre-launch, launch, live, in this order. One without the label, or with another value, "
        "counts as live. Absent: all workloads.",
    )


class CheckSetting(Model):
    """What a policy says about one check, on top of the profile it extends."""

    id: CheckId = Field(description="Id of the check; `readiness checks` lists them.")
    severity: Literal["Must", "Should", "Nice", "Off"] | None = Field(
        default=None,
        description="Must decides ProductionReady; Should and Nice warn; Off switches the check "
        "off (write it in quotes: YAML takes a bare Off for false). Absent: as in the profile, or "
        "as in `standard` when the profile lacks the check.",
    )
    params: dict[str, JsonValue] | None = Field(
        default=None,
        description="Parameters of the check; its page says which it takes.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    enforce_from: Moment | None = Field(
        default=None, description="Until then this check is not enforced, only reported."
    )


CategoryId = Literal[
    "container-security",
    "images",
    "probes",
    "resources",
    "autoscaling",
    "disruption",
    "rollout",
    "networking",
    "observability",
    "configuration",
    "data",
    "operations",
]


class CustomCheck(Model):
    """A check of the policy's own, written in CEL."""

    id: CheckId = Field(
        description="Names the bad state, such as team-label-missing; not the id of a built-in "
        "check. Policies that use the same id ask for the same check."
    )
    severity: Literal["Must", "Should", "Nice"] = Field(
        description="Must decides ProductionReady; Should and Nice warn."
    )
    expression: str = Field(
        min_length=1,
        max_length=2048,
        description="CEL that is true for a workload that passes. It may use object (the "
        "workload: apiVersion, kind, spec, and of its metadata name, namespace, uid, labels, "
        "annotations, creationTimestamp), namespaceObject (metadata.name, metadata.labels) and "
        "container: an expression that mentions it is evaluated for every container, init and "
        "sidecar containers included.",
    )
    message: str = Field(
        min_length=1,
        max_length=1024,
        description="What must change, such as metadata.labels.team must be set.",
    )
    category: CategoryId | None = Field(
        default=None,
        description="Category, and with it the condition, that the check counts for. Absent: "
        "configuration, ConfigurationSound.",
    )


class EvidenceDemand(Model):
    """An item of the checklist that a person has to answer for."""

    item: ItemId = Field(
        description="Id of the item; `readiness checklist` lists them. The check that stands for "
        "it is evidence-<item>: exemptions name it so."
    )
    severity: Literal["Must", "Should", "Nice"] = Field(
        description="Must decides ProductionReady; Should and Nice warn."
    )
    max_age: Duration | None = Field(
        default=None,
        description="How long after performedAt evidence counts at most, such as 90d. Absent: "
        "until its own expiresAt.",
    )
    approval_required: bool | None = Field(
        default=None,
        description="Whether somebody other than its author has to approve evidence, in "
        "approvedBy. Absent: false.",
    )


class Objective(Model):
    """How good a service level has to be."""

    operator: Literal["LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual"] = Field(
        description="How what is measured relates to the value."
    )
    value: Annotated[str, Field(pattern=NUMBER_PATTERN, max_length=32)] = Field(
        description='The number to compare with, in quotes, such as "0.001".'
    )


class ServiceLevelDemand(Model):
    """A service level that the controller measures in Prometheus."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            "has(self.minSamples) == has(self.samplesQuery)",
            "must be set together with samplesQuery, which counts the samples",
            field=".minSamples",
        )
    )

    name: Annotated[str, Field(pattern=LEVEL_PATTERN, max_length=80)] = Field(
        description="Names the service level, such as error-rate; items of the checklist refer to "
        "it. The check that stands for it is service-level-<name>: exemptions name it so. Policies "
        "that use the same name ask for the same service level, and the strictest counts."
    )
    severity: Literal["Must", "Should", "Nice"] = Field(
        description="Must decides ProductionReady; Should and Nice warn."
    )
    query: str = Field(
        min_length=1,
        max_length=4096,
        description="PromQL whose value is the service level: one number. In it stand "
        "$namespace, $workload and $kind for the workload, $window for the window, $pods for a "
        "regular expression of the names of its pods, $namespace_regex and $workload_regex for "
        "use with =~, and $$ for a dollar sign.",
    )
    objective: Objective = Field(description="How good it has to be.")
    window: Duration = Field(description="What $window stands for, such as 7d.")
    min_samples: int | None = Field(
        default=None,
        ge=1,
        description="What samplesQuery has to return at least; with less the service level can't "
        "be told. Absent: any value of the query counts.",
    )
    samples_query: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="PromQL that counts what the query stands on, such as the requests in the "
        "window; for minSamples.",
    )


class BreakGlass(Model):
    """Who may get a workload past Strict in an emergency."""

    groups: DistinctList[Annotated[str, Field(min_length=1, max_length=_MAX_NAME)]] = Field(
        min_length=1,
        max_length=64,
        description="Groups whose members may: a workload they apply with the annotation "
        "readiness.dev/break-glass, which holds the reason, is let through with a warning and an "
        "event.",
    )


class Strict(Model):
    """How enforcement Strict behaves."""

    grace_period: Duration | None = Field(
        default=None,
        description="How long a new workload may wait for its companions (autoscaler, disruption "
        "budget, Service) before their absence counts, such as 10m or 1h30m. Absent: 10m.",
    )
    existing_violations: Literal["Allow", "Deny"] | None = Field(
        default=None,
        description="What becomes of an update that leaves a violation in place: Allow lets it "
        "pass with a warning, only what the update makes worse is refused; Deny refuses it. "
        "Absent: Allow.",
    )
    break_glass: BreakGlass | None = Field(
        default=None,
        description="Who may get a workload past Strict in an emergency. Absent: nobody.",
    )


class ExemptionRules(Model):
    """What exemptions may do under this policy."""

    max_duration: Duration | None = Field(
        default=None,
        description="Longest time from the creation of an exemption to its expiry, such as 90d. "
        "A longer one is cut to this. Absent: no limit.",
    )
    not_exemptable: DistinctList[CheckId] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Checks that no exemption may silence.",
    )


Profile = Literal[
    "none", "baseline", "standard", "strict", "pod-security-baseline", "pod-security-restricted"
]


class ReadinessPolicySpec(Model):
    """What a workload must fulfil, which workloads, and what happens to those that do not."""

    enforcement: Enforcement | None = Field(
        default=None,
        strict=False,  # in JSON it is text
        description="Audit reports; Warn also answers kubectl with warnings; Strict refuses what "
        "violates a Must at admission. Absent: Audit.",
    )
    enforce_from: Moment | None = Field(default=None, description="Until then Strict acts as Warn.")
    match: Match | None = Field(
        default=None, description="Which workloads the policy is about. Absent: all."
    )
    extends: Profile | None = Field(
        default=None, description="Profile of checks to start from. Absent: none."
    )
    pod_security_version: str | None = Field(
        default=None,
        pattern=POD_SECURITY_VERSION_PATTERN,
        max_length=8,
        description="Version of the Pod Security Standards to judge by, v1.25 or newer. Absent: "
        "that of the cluster.",
    )
    checks: list[CheckSetting] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Changes to the profile, and checks it lacks; one entry per check.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
    )
    custom_checks: list[CustomCheck] | None = Field(
        default=None,
        max_length=64,
        description="Checks of the policy's own, in CEL.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
    )
    evidence: list[EvidenceDemand] | None = Field(
        default=None,
        max_length=_MAX_LIST,
        description="Items of the checklist that a ReadinessEvidence has to answer.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["item"]},
    )
    service_levels: list[ServiceLevelDemand] | None = Field(
        default=None,
        max_length=32,
        description="Service levels that the controller measures in Prometheus and judges.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    strict: Strict | None = Field(default=None, description="How enforcement Strict behaves.")
    exemptions: ExemptionRules | None = Field(
        default=None, description="What exemptions may do under this policy."
    )


class StatusCondition(Model):
    """One observation about the object, as in metav1.Condition."""

    type: str = Field(max_length=316, description="What is observed.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int | None = Field(
        default=None, description="metadata.generation the observation is about."
    )
    last_transition_time: datetime = Field(description="When status changed last.")
    reason: str = Field(
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        max_length=1024,
        description="Why, in one CamelCase word.",
    )
    message: str = Field(max_length=32768, description="Why, in a sentence.")


class WorkloadCounts(Model):
    """How many workloads a policy is about and how they fare."""

    matched: int = Field(ge=0, description="Workloads the policy is about.")
    ready: int = Field(ge=0, description="Those that no Must check of it fails.")
    not_ready: int = Field(ge=0, description="Those that fail a Must check of it.")
    unknown: int = Field(ge=0, description="Those a Must check of it can't be decided for.")


class FailingCheck(Model):
    """How many workloads one check finds at fault."""

    check: str = Field(description="Id of the check.")
    workloads: int = Field(ge=0, description="Workloads it finds at fault.")


CONDITION_LIST: dict[str, Any] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}


class ReadinessPolicyStatus(Model):
    """What the operator made of the policy."""

    observed_generation: int | None = Field(
        default=None, description="metadata.generation this status is about."
    )
    enforcement: Enforcement | None = Field(
        default=None, description="Enforcement in force now, enforceFrom considered."
    )
    conditions: list[StatusCondition] | None = Field(
        default=None,
        max_length=16,
        description="Accepted: the policy can be used as written. Enforced: it refuses workloads "
        "at admission.",
        json_schema_extra=CONDITION_LIST,
    )
    workloads: WorkloadCounts | None = Field(
        default=None, description="How the workloads of this policy fare."
    )
    failing: list[FailingCheck] | None = Field(
        default=None,
        max_length=20,
        description="The checks that fail most workloads, at most 20.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class TargetedWorkloads(Model):
    """Workloads of the namespace: one by name, or several by their labels."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            "has(self.name) != has(self.selector)", "set exactly one of name and selector"
        )
    )

    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] | None = Field(
        default=None, description="Kind of the workloads. Absent: any."
    )
    name: Name | None = Field(default=None, description="Name of the workload.")
    selector: LabelSelector | None = Field(
        default=None, description="Workloads by their own labels."
    )


class ReadinessExemptionSpec(Model):
    """Which findings are accepted for which workloads, why, and until when."""

    workloads: list[TargetedWorkloads] = Field(
        min_length=1,
        max_length=_MAX_LIST,
        description="Workloads of this namespace that the exemption is about.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    containers: DistinctList[Annotated[str, Field(max_length=63)]] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Containers by name. Absent: the whole workload.",
    )
    checks: DistinctList[CheckId] = Field(
        min_length=1,
        max_length=_MAX_LIST,
        description="Ids of the checks whose findings are accepted.",
    )
    reason: str = Field(
        min_length=10,
        max_length=1024,
        description="Why the finding is accepted, for whoever reads it later.",
    )
    expires_at: Moment = Field(description="From this second on the findings count again.")


class ExemptedCounts(Model):
    """What an exemption silences at present."""

    workloads: int = Field(ge=0, description="Workloads with findings that it accepts.")
    findings: int = Field(ge=0, description="Findings that it accepts.")


class ReadinessExemptionStatus(Model):
    """Whether the exemption is in force, and what it accepts."""

    observed_generation: int | None = Field(
        default=None, description="metadata.generation this status is about."
    )
    conditions: list[StatusCondition] | None = Field(
        default=None,
        max_length=16,
        description="Active: the exemption is in force. Expiring: it ends within 14 days "
        "and workloads rely on it. Unneeded: it accepts no finding; present only while in force.",
        json_schema_extra=CONDITION_LIST,
    )
    exempted: ExemptedCounts | None = Field(
        default=None, description="How much it accepts at present."
    )


class ImageDigest(Model):
    """The image that a container has to run."""

    container: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="Name of the container."
    )
    digest: Annotated[str, Field(pattern=DIGEST_PATTERN, max_length=135)] = Field(
        description="Digest that the image of the container has to name, such as sha256:..."
    )


class ReadinessEvidenceSpec(Model):
    """What was done for an item of the checklist, for which workloads, by whom and until when."""

    model_config = ConfigDict(
        json_schema_extra=both(
            cel(
                "self.expiresAt > self.performedAt", "must be after performedAt", field=".expiresAt"
            ),
            cel(
                "!has(self.approvedBy) || self.approvedBy != self.attestedBy",
                "must be somebody other than attestedBy",
                field=".approvedBy",
            ),
        )
    )

    item: ItemId = Field(
        description="Id of the item of the checklist that it answers; `readiness checklist` lists "
        "them and says which a person answers."
    )
    workloads: list[TargetedWorkloads] = Field(
        min_length=1,
        max_length=_MAX_LIST,
        description="Workloads of this namespace that the evidence is about.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    statement: str = Field(
        min_length=10,
        max_length=4096,
        description="What was done and what came out, for whoever reads it later.",
    )
    links: DistinctList[Url] | None = Field(
        default=None,
        max_length=32,
        description="Where more can be read, such as the report of a test.",
    )
    performed_at: Moment = Field(description="When it was done.")
    expires_at: Moment = Field(description="From this second on the evidence counts no more.")
    attested_by: UserName = Field(
        description="Who attests it: the user name, as `kubectl auth whoami` shows it, of whoever "
        "creates or changes the evidence. The operator's webhook refuses any other."
    )
    approved_by: UserName | None = Field(
        default=None,
        description="Who approves it: the user name of somebody other than attestedBy, who adds "
        "this field himself once the evidence is there. A change of the rest takes it away again.",
    )
    image_digests: list[ImageDigest] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Images the evidence is bound to: it does not count for a workload whose "
        "containers run others, so that a new release asks for it again. Absent: any image.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["container"],
        },
    )


class EvidenceWorkloads(Model):
    """The workloads a piece of evidence is about."""

    matched: int = Field(ge=0, description="Workloads it is about.")
    served: int = Field(ge=0, description="Those it counts for: they run the images it names.")
    names: list[str] | None = Field(
        default=None,
        max_length=20,
        description="The workloads it counts for, such as deployment/web; at most 20.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class ReadinessEvidenceStatus(Model):
    """Whether the evidence counts, and for which workloads."""

    observed_generation: int | None = Field(
        default=None, description="metadata.generation this status is about."
    )
    conditions: list[StatusCondition] | None = Field(
        default=None,
        max_length=16,
        description="Current: the evidence counts. Expiring: it ends within 14 days and "
        "workloads rely on it.",
        json_schema_extra=CONDITION_LIST,
    )
    workloads: EvidenceWorkloads | None = Field(
        default=None, description="The workloads it is about."
    )


class ObjectMeta(BaseModel):
    """What we read of an object's metadata; the rest is the API server's business."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: str = Field(min_length=1)
    namespace: str | None = None
    generation: int | None = None
    creationTimestamp: Moment | None = None  # noqa: N815 - as the API server spells it
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None


class ReadinessPolicy(BaseModel):
    """What production readiness means for some workloads; written by platform teams."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    metadata: ObjectMeta
    spec: ReadinessPolicySpec


class ReadinessExemption(BaseModel):
    """Accepts findings of some workloads of its namespace for a while."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    metadata: ObjectMeta
    spec: ReadinessExemptionSpec


class ReadinessEvidence(BaseModel):
    """Answers an item of the checklist that no machine can see, for workloads of its namespace."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    metadata: ObjectMeta
    spec: ReadinessEvidenceSpec
