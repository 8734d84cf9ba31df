"""What a check may see besides the workload itself: the companions, the time, the version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar

from msgspec import Struct, field

from readiness.model.companion import Companion
from readiness.model.companions import (
    Autoscaler,
    Condition,
    DisruptionBudget,
    Namespace,
    ScaledObject,
    Service,
    VerticalAutoscaler,
)
from readiness.model.duration import after
from readiness.model.evidence import EvidenceIndex
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.measurement import Measurements
from readiness.model.monitoring import Alert, PodMonitor, PrometheusRule, ServiceMonitor
from readiness.model.network_policy import NetworkPolicy
from readiness.model.routes import Route, RouteRule
from readiness.model.workload import ObjectRef

C = TypeVar("C", bound=Companion)

NEWEST_KNOWN_VERSION = (1, 36)


class Origin(Enum):
    """Where the objects come from."""

    CLUSTER = "cluster"
    FILES = "files"


class RunsPods(Protocol):
    """What lookups need to know of a workload: Workload and WorkloadRecord both have it."""

    @property
    def ref(self) -> ObjectRef:
        """Names it."""

    @property
    def template_labels(self) -> Mapping[str, str]:
        """Labels of its pods."""

    @property
    def replicas(self) -> int | None:
        """Pods it asks for; None without a scale."""


class Snapshot(Struct, frozen=True, eq=False):
    """The objects a check may see, at one moment.

    Attributes:
        inventory: all objects known.
        now: the moment, in UTC.
        origin: whether they come from a cluster or from files.
        kubernetes_version: major and minor version of the API server, or the target offline.
        unavailable: kinds that can't be looked at, by CompanionKind.key, with the reason, such as
            `VerticalPodAutoscaler is not installed in this cluster`.
        moments: when answers already given change by time alone; see `is_past`.
        evidence: what people attested.
        measurements: what was measured of service levels; None where they are not judged.
    """

    inventory: Inventory
    now: datetime
    origin: Origin
    kubernetes_version: tuple[int, int] = NEWEST_KNOWN_VERSION
    unavailable: Mapping[str, str] = field(default_factory=dict)
    moments: list[datetime] = field(default_factory=list)
    evidence: EvidenceIndex = field(default_factory=EvidenceIndex)
    measurements: Measurements | None = None

    def services_selecting(self, workload: RunsPods) -> Sequence[Service]:
        """Return the Services that send traffic to the workload's pods."""
        return self.inventory.selecting_alike(
            Service, workload.ref.namespace, workload.template_labels
        )

    def budgets_selecting(self, workload: RunsPods) -> Sequence[DisruptionBudget]:
        """Return the PodDisruptionBudgets that select the workload's pods."""
        return self.inventory.selecting_alike(
            DisruptionBudget, workload.ref.namespace, workload.template_labels
        )

    def network_policies_selecting(self, workload: RunsPods) -> Sequence[NetworkPolicy]:
        """Return the NetworkPolicies that select the workload's pods."""
        return self.inventory.selecting_alike(
            NetworkPolicy, workload.ref.namespace, workload.template_labels
        )

    def routes_reaching(self, workload: RunsPods) -> list[tuple[Route, list[RouteRule]]]:
        """Return the routes that lead to the workload's pods, each with the rules that do."""
        found: dict[ObjectRef, tuple[Route, list[RouteRule]]] = {}
        for service in self.services_selecting(workload):
            if service.type == "ExternalName":  # it leads elsewhere, whatever its selector
                continue
            backend = (service.namespace, service.name)
            for route in self.inventory.routes_to(*backend):
                _, rules = found.setdefault(route.ref, (route, []))
                rules += [rule for rule in route.rules if backend in rule.backends]
        return list(found.values())

    def service_monitors_selecting(self, service: Service) -> Sequence[ServiceMonitor]:
        """Return the ServiceMonitors that select a Service."""
        return self.inventory.selecting_alike(ServiceMonitor, service.namespace, service.labels)

    def pod_monitors_selecting(self, workload: RunsPods) -> Sequence[PodMonitor]:
        """Return the PodMonitors that select the workload's pods."""
        return self.inventory.selecting_alike(
            PodMonitor, workload.ref.namespace, workload.template_labels
        )

    def alerts_about(self, ref: ObjectRef) -> Iterator[tuple[PrometheusRule, Alert]]:
        """Yield the alerts that concern an object, by its namespace or its name."""
        for rule in self.inventory.rules_mentioning(ref.namespace, ref.name):
            for alert in rule.alerts_about(ref.namespace, ref.name):
                yield rule, alert

    def workloads_matched_by(self, budget: DisruptionBudget) -> list[WorkloadRecord]:
        """Return every workload whose pods a budget selects."""
        if budget.selector is None:
            return []
        return self.inventory.workloads_selected(budget.namespace, budget.selector)

    def autoscalers_of(self, ref: ObjectRef) -> list[Autoscaler]:
        """Return the HorizontalPodAutoscalers that scale an object."""
        return self.inventory.targeting(Autoscaler, ref)

    def scaled_objects_of(self, ref: ObjectRef) -> list[ScaledObject]:
        """Return the KEDA ScaledObjects that scale an object."""
        return self.inventory.targeting(ScaledObject, ref)

    def vertical_autoscalers_of(self, ref: ObjectRef) -> list[VerticalAutoscaler]:
        """Return the VerticalPodAutoscalers that size an object."""
        return self.inventory.targeting(VerticalAutoscaler, ref)

    def replica_floor(self, workload: RunsPods) -> int | None:
        """Return the fewest pods the workload may run by design; None without a scale.

        The minimum of its autoscaler when one scales it, else spec.replicas. `replicas: 0`
        switches a HorizontalPodAutoscaler off (HPA controller: ScalingDisabled), so it stays 0;
        KEDA raises it again.
        """
        if workload.replicas is None:
            return None
        scaled_objects = self.scaled_objects_of(workload.ref)
        if workload.replicas == 0 and not scaled_objects:
            return 0
        minimums = [hpa.min_replicas for hpa in self.autoscalers_of(workload.ref)]
        minimums += [scaled_object.floor for scaled_object in scaled_objects]
        return min(minimums) if minimums else workload.replicas

    def has_held(self, condition: Condition, longer_than: timedelta) -> bool:
        """Return whether a condition has had its status for longer than that.

        Raises:
            FieldError: when the time of its last change is no time.
        """
        since = condition.since
        return since is not None and self.is_past(after(since, longer_than))

    def is_past(self, moment: datetime) -> bool:
        """Return whether a moment is over.

        One still to come is noted: the answer must be asked for again then.
        """
        if self.now > moment:
            return True
        self.moments.append(moment)
        return False

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace; None when it is not known (offline: not among the files)."""
        return self.inventory.companion(Namespace, "", name)

    def companions(self, kind: type[C], namespace: str) -> Iterator[C]:
        """Yield the companions of a kind in a namespace."""
        return self.inventory.companions(kind, namespace)

    def companion(self, kind: type[C], namespace: str, name: str) -> C | None:
        """Return one companion by name."""
        return self.inventory.companion(kind, namespace, name)
