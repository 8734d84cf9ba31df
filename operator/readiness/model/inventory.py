"""Every object the checks may look at, indexed so that a lookup costs the same in any cluster.

One Inventory serves a cluster (kept current by the feed) or a set of files. It is plain data: the
caller changes it and evaluates between changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import chain
from typing import Any, Generic, TypeVar, cast

from msgspec import Struct

from readiness.model.companion import Companion
from readiness.model.companions import (
    Autoscaler,
    DisruptionBudget,
    Namespace,
    ScaledObject,
    Service,
    VerticalAutoscaler,
)
from readiness.model.data_protection import StorageClass, VeleroSchedule
from readiness.model.label_selector import LabelSelector
from readiness.model.monitoring import (
    ANY_NAMESPACE,
    Monitor,
    PodMonitor,
    PrometheusRule,
)
from readiness.model.network_policy import NetworkPolicy
from readiness.model.routes import (
    BackendTrafficPolicy,
    Gateway,
    HTTPProxy,
    HTTPRoute,
    Ingress,
    IngressRoute,
    Middleware,
    Name,
    Route,
)
from readiness.model.workload import ObjectRef

C = TypeVar("C", bound=Companion)
K = TypeVar("K")
T = TypeVar("T")


class WorkloadRecord(Struct):
    """What is known of a workload without opening its manifest.

    Attributes:
        replicas: pods it asks for; None for kinds without a scale subresource.
        document: the manifest in whatever form its keeper likes; opaque here.
    """

    ref: ObjectRef
    labels: Mapping[str, str]
    template_labels: Mapping[str, str]
    replicas: int | None
    document: Any


class SelectorIndex(Generic[T]):
    """Finds the holders of selectors that match given labels.

    A selector with `matchLabels` is filed under one of its pairs, the rarest so far: it can only
    match labels that hold this pair. The others are tried every time.
    """

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str], dict[T, LabelSelector]] = {}
        self._others: dict[T, LabelSelector] = {}
        self._filed_under: dict[T, tuple[str, str] | None] = {}

    def add(self, holder: T, selector: LabelSelector) -> None:
        """File a holder under its selector, instead of an earlier one."""
        self.remove(holder)
        if selector.labels:
            pair = min(selector.labels, key=lambda pair: len(self._by_pair.get(pair, ())))
            self._by_pair.setdefault(pair, {})[holder] = selector
            self._filed_under[holder] = pair
        else:
            self._others[holder] = selector
            self._filed_under[holder] = None

    def remove(self, holder: T) -> None:
        """Forget a holder; one never filed is no error."""
        if holder not in self._filed_under:
            return
        pair = self._filed_under.pop(holder)
        if pair is None:
            del self._others[holder]
            return
        holders = self._by_pair[pair]
        del holders[holder]
        if not holders:
            del self._by_pair[pair]

    def matching(self, labels: Mapping[str, str]) -> list[T]:
        """Return the holders whose selector matches."""
        found = [holder for holder, selector in self._others.items() if selector.matches(labels)]
        for pair in labels.items():
            holders = self._by_pair.get(pair)
            if holders:
                found.extend(
                    holder for holder, selector in holders.items() if selector.matches(labels)
                )
        return found


class LabelIndex(Generic[T]):
    """Finds the holders of labels that a given selector matches."""

    def __init__(self) -> None:
        self._labels: dict[T, Mapping[str, str]] = {}
        self._by_pair: dict[tuple[str, str], set[T]] = {}

    def add(self, holder: T, labels: Mapping[str, str]) -> None:
        """File a holder under its labels, instead of earlier ones."""
        self.remove(holder)
        self._labels[holder] = labels
        for pair in labels.items():
            self._by_pair.setdefault(pair, set()).add(holder)

    def remove(self, holder: T) -> None:
        """Forget a holder; one never filed is no error."""
        for pair in self._labels.pop(holder, {}).items():
            holders = self._by_pair[pair]
            holders.discard(holder)
            if not holders:
                del self._by_pair[pair]

    def matching(self, selector: LabelSelector) -> list[T]:
        """Return the holders whose labels the selector matches."""
        candidates: Collection[T] = self._labels.keys()
        for pair in selector.labels:
            holders = self._by_pair.get(pair, set())
            if len(holders) < len(candidates):
                candidates = holders
        return [holder for holder in candidates if selector.matches(self._labels[holder])]

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[T]:
        return iter(self._labels)


def _weighs_the_same(old: WorkloadRecord, new: WorkloadRecord) -> bool:
    """Return whether a workload counts as before for the others: same pods, as many of them."""
    return old.replicas == new.replicas and old.template_labels == new.template_labels


class Inventory:
    """Workloads and their companions, by namespace."""

    def __init__(self) -> None:
        self.workloads: dict[ObjectRef, WorkloadRecord] = {}
        self._derived: dict[Hashable, Any] = {}
        self._workloads_by_labels: dict[str, LabelIndex[ObjectRef]] = defaultdict(LabelIndex)
        self._workloads_by_name: dict[str, set[ObjectRef]] = {}
        self._companions: dict[type[Companion], dict[str, dict[str, Companion]]] = {}
        # By the namespace they look in, which for some kinds is not the one they live in.
        self._selecting: dict[tuple[type[Companion], str], SelectorIndex[Name]] = {}
        self._targeting: dict[tuple[type[Companion], ObjectRef], dict[str, Companion]] = {}
        self._routes: dict[Name, dict[ObjectRef, Route]] = {}
        self._rules: dict[str, dict[ObjectRef, PrometheusRule]] = {}

    def derived(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what `compute` returns, computed once until the next change that may alter it.

        For what many workloads ask alike: the pods of a budget over a whole namespace, say, which
        each of its workloads would add up anew.
        """
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    def put_workload(self, record: WorkloadRecord) -> set[ObjectRef]:
        """Store a workload; return the workloads whose verdict this may change, itself included."""
        old = self.workloads.get(record.ref)
        self.workloads[record.ref] = record
        if old is not None and _weighs_the_same(old, record):
            return {record.ref}
        self._derived.clear()
        touched = {record.ref}
        if old is not None:
            touched |= self._sharing_a_budget(old)
        self._workloads_by_labels[record.ref.namespace].add(record.ref, record.template_labels)
        self._workloads_by_name.setdefault(record.ref.name, set()).add(record.ref)
        touched |= self._sharing_a_budget(record)
        return touched

    def remove_workload(self, ref: ObjectRef) -> set[ObjectRef]:
        """Forget a workload; return the others whose verdict this may change."""
        record = self.workloads.get(ref)
        if record is None:
            return set()
        self._derived.clear()
        touched = self._sharing_a_budget(record)
        del self.workloads[ref]
        index = self._workloads_by_labels[ref.namespace]
        index.remove(ref)
        if not len(index):
            del self._workloads_by_labels[ref.namespace]
        namesakes = self._workloads_by_name[ref.name]
        namesakes.discard(ref)
        if not namesakes:
            del self._workloads_by_name[ref.name]
        touched.discard(ref)
        return touched

    def put_companion(self, companion: Companion) -> set[ObjectRef]:
        """Store a companion; return the workloads whose verdict this may change."""
        kind = type(companion)
        namespace = companion.namespace
        old = self._companions.get(kind, {}).get(namespace, {}).get(companion.name)
        if old == companion:
            return set()
        self._derived.clear()
        touched = set() if old is None else self._drop(old)
        self._companions.setdefault(kind, {}).setdefault(namespace, {})[companion.name] = companion
        selector = getattr(companion, "selector", None)
        if selector is not None:
            for selected in _namespaces_of(companion):
                index = self._selecting.setdefault((kind, selected), SelectorIndex())
                index.add((namespace, companion.name), selector)
        target = getattr(companion, "target", None)
        if target is not None:
            self._targeting.setdefault((kind, target), {})[companion.name] = companion
        if isinstance(companion, Route):
            for backend in companion.backends:
                self._routes.setdefault(backend, {})[companion.ref] = companion
        elif isinstance(companion, PrometheusRule):
            for name in companion.mentions:
                self._rules.setdefault(name, {})[companion.ref] = companion
        return touched | self._concerned(companion)

    def remove_companion(self, kind: type[Companion], namespace: str, name: str) -> set[ObjectRef]:
        """Forget a companion; return the workloads whose verdict this may change."""
        old = self._companions.get(kind, {}).get(namespace, {}).get(name)
        return set() if old is None else self._drop(old)

    def forget_kind(self, kind: type[Companion]) -> set[ObjectRef]:
        """Forget all companions of a kind; return the workloads whose verdict this may change."""
        touched: set[ObjectRef] = set()
        for companion in list(self.companions(kind)):
            touched |= self._drop(companion)
        return touched

    def _drop(self, companion: Companion) -> set[ObjectRef]:
        self._derived.clear()
        kind = type(companion)
        touched = self._concerned(companion)
        by_namespace = self._companions[kind]
        del by_namespace[companion.namespace][companion.name]
        if not by_namespace[companion.namespace]:
            del by_namespace[companion.namespace]
        if getattr(companion, "selector", None) is not None:
            for selected in _namespaces_of(companion):
                self._selecting[(kind, selected)].remove((companion.namespace, companion.name))
        target = getattr(companion, "target", None)
        if target is not None:
            targeting = self._targeting[(kind, target)]
            del targeting[companion.name]
            if not targeting:
                del self._targeting[(kind, target)]
        if isinstance(companion, Route):
            for backend in companion.backends:
                _forget(self._routes, backend, companion.ref)
        elif isinstance(companion, PrometheusRule):
            for name in companion.mentions:
                _forget(self._rules, name, companion.ref)
        return touched

    def companions(self, kind: type[C], namespace: str | None = None) -> Iterator[C]:
        """Return the companions of a kind, one by one: of one namespace, or of all."""
        by_namespace = self._companions.get(kind, {})
        if namespace is not None:
            return cast("Iterator[C]", iter(by_namespace.get(namespace, {}).values()))
        found = chain.from_iterable(by_name.values() for by_name in by_namespace.values())
        return cast("Iterator[C]", found)

    def companion(self, kind: type[C], namespace: str, name: str) -> C | None:
        """Return one companion by name, None when there is none."""
        return cast("C | None", self._companions.get(kind, {}).get(namespace, {}).get(name))

    def selecting(self, kind: type[C], namespace: str, labels: Mapping[str, str]) -> list[C]:
        """Return the companions of a kind whose selector matches labels, sorted by name.

        The labels are those of pods; for a ServiceMonitor those of a Service.
        """
        found: list[Name] = []
        for selected in (namespace, ANY_NAMESPACE):
            index = self._selecting.get((kind, selected))
            if index is not None:
                found += index.matching(labels)
        if not found:
            return []
        by_namespace = self._companions[kind]
        return cast("list[C]", [by_namespace[where][name] for where, name in sorted(found)])

    def selecting_alike(
        self, kind: type[C], namespace: str, labels: Mapping[str, str]
    ) -> Sequence[C]:
        """As `selecting`, for many in a row who ask with the same labels.

        Of the 22 times that `strict` asks for one workload (profiled) 15 repeat an earlier one.
        The labels must not be changed in their place.
        """
        remembered = self._derived.get((kind, namespace))
        if remembered is not None and remembered[0] is labels:
            return cast("Sequence[C]", remembered[1])
        found = tuple(self.selecting(kind, namespace, labels))
        self._derived[kind, namespace] = labels, found
        return found

    def routes_to(self, namespace: str, service: str) -> list[Route]:
        """Return the routes that lead to a Service, sorted by kind and name."""
        found = self._routes.get((namespace, service))
        return [found[ref] for ref in sorted(found)] if found else []

    def rules_mentioning(self, *names: str) -> list[PrometheusRule]:
        """Return the PrometheusRules that mention one of these names, sorted by name."""
        found: dict[ObjectRef, PrometheusRule] = {}
        for name in names:
            found |= self._rules.get(name, {})
        return [found[ref] for ref in sorted(found)]

    def targeting(self, kind: type[C], ref: ObjectRef) -> list[C]:
        """Return the companions of a kind whose target is this object, sorted by name."""
        found = self._targeting.get((kind, ref))
        if not found:
            return []
        return cast("list[C]", [found[name] for name in sorted(found)])

    def workloads_in(self, namespace: str) -> list[ObjectRef]:
        """Return the workloads of a namespace."""
        index = self._workloads_by_labels.get(namespace)
        return [] if index is None else list(index)

    def workloads_selected(self, namespace: str, selector: LabelSelector) -> list[WorkloadRecord]:
        """Return the workloads whose pods a selector matches."""
        index = self._workloads_by_labels.get(namespace)
        if index is None:
            return []
        return [self.workloads[ref] for ref in index.matching(selector)]

    def _concerned(self, companion: Companion) -> set[ObjectRef]:
        """Return the workloads a companion concerns."""
        if isinstance(companion, Service | DisruptionBudget | NetworkPolicy):
            if companion.selector is None:
                return set()
            selected = self.workloads_selected(companion.namespace, companion.selector)
            return {record.ref for record in selected}
        if isinstance(companion, Autoscaler | ScaledObject | VerticalAutoscaler):
            record = self.workloads.get(companion.target)
            if record is None:
                return set()
            # An autoscaler sets the floor that budgets over several workloads are judged at.
            return {record.ref} | self._sharing_a_budget(record)
        if isinstance(companion, Route | Gateway | BackendTrafficPolicy | Middleware):
            return self._behind(self._routes_concerned(companion))
        if isinstance(companion, Monitor):
            return self._monitored(companion)
        if isinstance(companion, PrometheusRule):
            return self._mentioned(companion)
        if isinstance(companion, StorageClass | VeleroSchedule):
            return set(self.workloads)
        namespace = companion.namespace
        if isinstance(companion, Namespace):
            namespace = companion.name
        return set(self.workloads_in(namespace))

    def _routes_concerned(self, companion: Companion) -> Iterable[Route]:
        """Return the routes that a route, or something that routes refer to, concerns."""
        if isinstance(companion, Gateway):
            return self._attached_to(companion.namespace, {companion.name})
        if isinstance(companion, BackendTrafficPolicy):
            namespace = companion.namespace
            gateways = {name for kind, name in companion.targets if kind == "Gateway"}
            routes = {name for kind, name in companion.targets if kind == "HTTPRoute"}
            own = [r for r in self.companions(HTTPRoute, namespace) if r.name in routes]
            return [*own, *self._attached_to(namespace, gateways)]
        if isinstance(companion, Middleware):
            # A middleware may stand for others, so all routes with any are concerned.
            return [
                route
                for kind in (Ingress, IngressRoute, HTTPRoute)
                for route in self.companions(kind)
                if any(rule.middlewares for rule in route.rules)
            ]
        if isinstance(companion, HTTPProxy) and companion.includes:
            return [companion, *self.companions(HTTPProxy)]
        return [companion] if isinstance(companion, Route) else []

    def _attached_to(self, namespace: str, gateways: set[str]) -> list[HTTPRoute]:
        return [
            route
            for route in self.companions(HTTPRoute)
            if any(
                parent.gateway[0] == namespace and parent.gateway[1] in gateways
                for parent in route.parents
            )
        ]

    def _behind(self, routes: Iterable[Route]) -> set[ObjectRef]:
        """Return the workloads behind the Services that routes lead to."""
        services = {backend for route in routes for backend in route.backends}
        found = (self.companion(Service, namespace, name) for namespace, name in services)
        return self._behind_services(service for service in found if service is not None)

    def _behind_services(self, services: Iterable[Service]) -> set[ObjectRef]:
        return {
            record.ref
            for service in services
            if service.selector is not None
            for record in self.workloads_selected(service.namespace, service.selector)
        }

    def _mentioned(self, rule: PrometheusRule) -> set[ObjectRef]:
        """Return the workloads whose name or namespace a PrometheusRule mentions."""
        found: set[ObjectRef] = set()
        for name in rule.mentions:
            found.update(self.workloads_in(name))
            found |= self._workloads_by_name.get(name, set())
        return found

    def _monitored(self, monitor: Monitor) -> set[ObjectRef]:
        """Return the workloads that a monitor selects, or whose Services it selects."""
        everywhere = ANY_NAMESPACE in monitor.namespaces
        if isinstance(monitor, PodMonitor):
            namespaces = list(self._workloads_by_labels) if everywhere else monitor.namespaces
            return {
                record.ref
                for namespace in namespaces
                for record in self.workloads_selected(namespace, monitor.selector)
            }
        return self._behind_services(
            service
            for namespace in ([None] if everywhere else monitor.namespaces)
            for service in self.companions(Service, namespace)
            if monitor.selector.matches(service.labels)
        )

    def _sharing_a_budget(self, record: WorkloadRecord) -> set[ObjectRef]:
        """Return the workloads that share a budget with this one: they are judged together."""
        shared: set[ObjectRef] = set()
        namespace = record.ref.namespace
        for budget in self.selecting(DisruptionBudget, namespace, record.template_labels):
            if budget.selector is not None:
                shared.update(r.ref for r in self.workloads_selected(namespace, budget.selector))
        return shared


def _namespaces_of(companion: Companion) -> tuple[str, ...]:
    """Return the namespaces in which a companion looks for what it selects."""
    return companion.namespaces if isinstance(companion, Monitor) else (companion.namespace,)


def _forget(index: dict[K, dict[ObjectRef, C]], key: K, ref: ObjectRef) -> None:
    holders = index[key]
    del holders[ref]
    if not holders:
        del index[key]
