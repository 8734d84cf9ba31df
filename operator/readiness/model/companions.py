"""Objects a workload is judged with: Services, budgets, autoscalers, limits, namespaces.

Each class keeps only what checks read. `parse_companion` turns a manifest into one of them; what it
raises names the field at fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from readiness.errors import FieldError
from readiness.model.companion import Companion, CompanionKind
from readiness.model.data_protection import (
    K8upSchedule,
    PostgresCluster,
    ScheduledBackup,
    SnapshotSchedule,
    StorageClass,
    VeleroSchedule,
    parse_k8up_schedule,
    parse_postgres_cluster,
    parse_scheduled_backup,
    parse_snapshot_schedule,
    parse_storage_class,
    parse_velero_schedule,
)
from readiness.model.fields import (
    Fields,
    int_or_text,
    integer,
    join,
    mapping,
    mappings,
    optional_mapping,
    text,
    text_map,
    texts,
    timestamp,
)
from readiness.model.int_or_percent import IntOrPercent, parse_int_or_percent
from readiness.model.label_selector import LabelSelector, from_equality_map, parse_label_selector
from readiness.model.monitoring import (
    PodMonitor,
    PrometheusRule,
    ServiceMonitor,
    parse_pod_monitor,
    parse_prometheus_rule,
    parse_service_monitor,
)
from readiness.model.network_policy import NetworkPolicy, parse_network_policy
from readiness.model.quantity import quantity
from readiness.model.routes import (
    BackendTrafficPolicy,
    Gateway,
    HTTPProxy,
    HTTPRoute,
    Ingress,
    IngressRoute,
    Middleware,
    parse_backend_traffic_policy,
    parse_gateway,
    parse_http_proxy,
    parse_http_route,
    parse_ingress,
    parse_ingress_route,
    parse_middleware,
)
from readiness.model.workload import ObjectRef


class Namespace(Companion, frozen=True):
    """A namespace and its labels, `kubernetes.io/metadata.name` included as the server sets it."""

    labels: Mapping[str, str]


class ServicePort(Struct, frozen=True):
    """One port of a Service; `target` is a number, the name of a container port, or None."""

    name: str
    port: int | None
    target: int | str | None
    protocol: str


class Service(Companion, frozen=True):
    """A Service; `selector` is None when it selects nothing (absent or empty, both mean that)."""

    selector: LabelSelector | None
    ports: tuple[ServicePort, ...]
    type: str
    source_ranges: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class DisruptionBudget(Companion, frozen=True):
    """A PodDisruptionBudget; `selector` is None when it selects nothing.

    In policy/v1 an absent selector selects nothing and an empty one all pods of the namespace; in
    policy/v1beta1 the empty one selects nothing either.

    Attributes:
        blocks_healthy_pods: whether its status says, of this generation, that all pods are healthy
            and none may be evicted.
    """

    selector: LabelSelector | None
    min_available: IntOrPercent | None
    max_unavailable: IntOrPercent | None
    unhealthy_pod_eviction_policy: str
    conditions: tuple[Condition, ...] = ()
    blocks_healthy_pods: bool = False

    @property
    def counts_scale(self) -> bool:
        """Whether the disruption controller needs the scale of the pods' controllers.

        True for maxUnavailable and for percentages. Source: getExpectedPodCount in
        k8s.io/kubernetes/pkg/controller/disruption/disruption.go.
        """
        if self.max_unavailable is not None:
            return True
        return self.min_available is not None and self.min_available.percent

    def desired_healthy(self, expected: int) -> int:
        """Return how many of `expected` pods must stay; both fields round up."""
        if self.max_unavailable is not None:
            return max(0, expected - self.max_unavailable.rounded_up(expected))
        if self.min_available is not None:
            return self.min_available.rounded_up(expected)
        return 0

    def disruptions_allowed(self, expected: int, uncounted: int = 0) -> int:
        """Return how many of `expected` healthy pods may be evicted at once.

        With neither field set the controller expects no pods, and then it allows nothing
        (getExpectedPodCount and updatePdbStatus in disruption.go).

        Args:
            expected: the pods it expects.
            uncounted: healthy pods it leaves out of these, those without a controller.
        """
        if self.max_unavailable is None and self.min_available is None:
            return 0
        return max(0, expected + uncounted - self.desired_healthy(expected))

    @property
    def rule(self) -> str:
        """The rule as written: `minAvailable: 1`, `maxUnavailable: 25%`."""
        if self.max_unavailable is not None:
            return f"maxUnavailable: {self.max_unavailable}"
        if self.min_available is not None:
            return f"minAvailable: {self.min_available}"
        return "neither minAvailable nor maxUnavailable"


class Condition(Struct, frozen=True):
    """One entry of status.conditions."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: str

    @property
    def since(self) -> datetime | None:
        """When its status changed last; None when it does not say.

        Raises:
            FieldError: when what it says is no time.
        """
        fields = {"lastTransitionTime": self.last_transition_time or None}
        return timestamp(fields, "lastTransitionTime", "status.conditions")


class AutoscalerMetric(Struct, frozen=True):
    """One metric of an autoscaler.

    Attributes:
        type: Resource, ContainerResource, Pods, Object or External.
        resource: the resource for the first two, such as `cpu`.
        container: the container for ContainerResource.
        target_type: Utilization, Value or AverageValue.
    """

    type: str
    resource: str
    container: str
    target_type: str


class Autoscaler(Companion, frozen=True):
    """A HorizontalPodAutoscaler, of whatever API version.

    Attributes:
        from_scaled_object: whether KEDA made it of a ScaledObject.
    """

    target: ObjectRef
    min_replicas: int
    max_replicas: int
    metrics: tuple[AutoscalerMetric, ...]
    conditions: tuple[Condition, ...] = ()
    from_scaled_object: bool = False


class ScaledObject(Companion, frozen=True):
    """A KEDA ScaledObject; in a cluster KEDA makes a HorizontalPodAutoscaler of it.

    Attributes:
        idle_replicas: pods it keeps while no trigger is active; None means min_replicas.
        metrics: its cpu and memory triggers.
    """

    target: ObjectRef
    min_replicas: int
    max_replicas: int
    idle_replicas: int | None = None
    metrics: tuple[AutoscalerMetric, ...] = ()

    @property
    def floor(self) -> int:
        """The fewest pods it may leave."""
        return self.min_replicas if self.idle_replicas is None else self.idle_replicas


class VerticalAutoscaler(Companion, frozen=True):
    """A VerticalPodAutoscaler.

    Attributes:
        resources: what it may change, by container name; `*` is every container not named.
    """

    target: ObjectRef
    update_mode: str
    resources: Mapping[str, frozenset[str]]

    @property
    def updates_pods(self) -> bool:
        """Whether it changes requests of pods rather than only recommending."""
        return self.update_mode not in ("Off", "Initial")

    def resources_of(self, container: str) -> frozenset[str]:
        """Return the resources of a container it may change."""
        return self.resources.get(container, self.resources["*"])


class LimitRange(Companion, frozen=True):
    """A LimitRange: what the API server fills into containers of new pods, by resource name."""

    default_requests: Mapping[str, Fraction]
    default_limits: Mapping[str, Fraction]


class ResourceQuota(Companion, frozen=True):
    """A ResourceQuota and what it bounds: quantities by resource name."""

    hard: Mapping[str, Any]


class ServiceAccount(Companion, frozen=True):
    """A ServiceAccount; `automount_token` is None when it does not say."""

    automount_token: bool | None


class ConfigMap(Companion, frozen=True):
    """A ConfigMap.

    Attributes:
        keys: keys of `data`, which env variables and volumes can name.
        binary_keys: keys of `binaryData`, which only volumes can name.
        data: its texts by key; None where values are not kept (see `parse_companion`).
    """

    keys: frozenset[str]
    binary_keys: frozenset[str]
    data: Mapping[str, str] | None


class PersistentVolumeClaim(Companion, frozen=True):
    """A PersistentVolumeClaim; `storage_class` is None when the cluster's default decides."""

    storage_class: str | None
    access_modes: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


class Secret(Companion, frozen=True):
    """A Secret: that it exists, never what is in it."""


def _namespace(document: Fields, ref: ObjectRef) -> Namespace:
    labels = text_map(mapping(document, "metadata", ""), "labels", "metadata")
    return Namespace(ref, {**labels, "kubernetes.io/metadata.name": ref.name})


def _service(document: Fields, ref: ObjectRef) -> Service:
    spec = mapping(document, "spec", "")
    metadata = mapping(document, "metadata", "")
    selector = text_map(spec, "selector", "spec")
    ports = []
    for path, port in mappings(spec, "ports", "spec"):
        number = integer(port, "port", path)
        target = int_or_text(port, "targetPort", path)
        ports.append(
            ServicePort(
                name=text(port, "name", path),
                port=number,
                # An absent targetPort is the port itself (core/v1 defaults).
                target=number if target in (None, 0, "") else target,
                protocol=text(port, "protocol", path) or "TCP",
            )
        )
    return Service(
        ref,
        selector=from_equality_map(selector) if selector else None,
        ports=tuple(ports),
        type=text(spec, "type", "spec") or "ClusterIP",
        source_ranges=tuple(texts(spec, "loadBalancerSourceRanges", "spec")),
        labels=text_map(metadata, "labels", "metadata"),
        annotations={
            name: value
            for name, value in text_map(metadata, "annotations", "metadata").items()
            if name != "kubectl.kubernetes.io/last-applied-configuration"
        },
    )


def _disruption_budget(document: Fields, ref: ObjectRef) -> DisruptionBudget:
    spec = mapping(document, "spec", "")
    selector = _optional_selector(spec)
    if document.get("apiVersion") == "policy/v1beta1" and selector is not None and selector.empty:
        selector = None
    min_available = int_or_text(spec, "minAvailable", "spec")
    max_unavailable = int_or_text(spec, "maxUnavailable", "spec")
    if min_available is not None and max_unavailable is not None:
        raise FieldError("spec.maxUnavailable", "absent beside spec.minAvailable", max_unavailable)
    return DisruptionBudget(
        ref,
        selector=selector,
        min_available=parse_int_or_percent(min_available, "spec.minAvailable"),
        max_unavailable=parse_int_or_percent(max_unavailable, "spec.maxUnavailable"),
        unhealthy_pod_eviction_policy=text(spec, "unhealthyPodEvictionPolicy", "spec")
        or "IfHealthyBudget",
        conditions=parse_conditions(document),
        blocks_healthy_pods=_blocks_healthy_pods(document),
    )


def _blocks_healthy_pods(document: Fields) -> bool:
    status = mapping(document, "status", "")
    expected = integer(status, "expectedPods", "status") or 0
    if expected == 0 or integer(status, "disruptionsAllowed", "status"):
        return False
    generation = integer(mapping(document, "metadata", ""), "generation", "metadata")
    return (
        integer(status, "observedGeneration", "status") == generation
        and (integer(status, "currentHealthy", "status") or 0) >= expected
    )


def _optional_selector(spec: Fields) -> LabelSelector | None:
    selector = optional_mapping(spec, "selector", "spec")
    return None if selector is None else parse_label_selector(selector, "spec.selector")


def parse_conditions(document: Fields) -> tuple[Condition, ...]:
    """Read status.conditions of any object."""
    status = mapping(document, "status", "")
    return tuple(
        Condition(
            type=text(condition, "type", path),
            status=text(condition, "status", path),
            reason=text(condition, "reason", path),
            message=text(condition, "message", path),
            last_transition_time=text(condition, "lastTransitionTime", path),
        )
        for path, condition in mappings(status, "conditions", "status")
    )


def _target(spec: Fields, key: str, namespace: str, default_group: str = "") -> ObjectRef:
    target = mapping(spec, key, "spec")
    api_version = text(target, "apiVersion", f"spec.{key}")
    group = api_version.rpartition("/")[0] if api_version else default_group
    return ObjectRef(
        group,
        text(target, "kind", f"spec.{key}"),
        namespace,
        text(target, "name", f"spec.{key}"),
    )


# Where autoscaling/v1 keeps the metrics it has no field for.
_V1_METRICS = "autoscaling.alpha.kubernetes.io/metrics"


def _autoscaler(document: Fields, ref: ObjectRef) -> Autoscaler:
    spec = mapping(document, "spec", "")
    min_replicas = integer(spec, "minReplicas", "spec")
    metrics = [_metric(path, metric) for path, metric in mappings(spec, "metrics", "spec")]
    if spec.get("targetCPUUtilizationPercentage") is not None:  # autoscaling/v1
        metrics.append(AutoscalerMetric("Resource", "cpu", "", "Utilization"))
    metadata = mapping(document, "metadata", "")
    annotations = text_map(metadata, "annotations", "metadata")
    if not metrics and _V1_METRICS not in annotations:
        # The default of every version (autoscaling/v2 defaults and the conversion of v1).
        metrics.append(AutoscalerMetric("Resource", "cpu", "", "Utilization"))
    owners = mappings(metadata, "ownerReferences", "metadata")
    return Autoscaler(
        ref,
        target=_target(spec, "scaleTargetRef", ref.namespace),
        min_replicas=1 if min_replicas is None else min_replicas,
        max_replicas=integer(spec, "maxReplicas", "spec") or 0,
        metrics=tuple(metrics),
        conditions=parse_conditions(document),
        from_scaled_object=any(text(o, "kind", path) == "ScaledObject" for path, o in owners),
    )


def _metric(path: str, metric: Fields) -> AutoscalerMetric:
    kind = text(metric, "type", path)
    key = kind[:1].lower() + kind[1:]
    source = mapping(metric, key, path)
    target = mapping(source, "target", f"{path}.{key}")
    target_type = text(target, "type", f"{path}.{key}.target")
    if source.get("targetAverageUtilization") is not None:  # autoscaling/v2beta1
        target_type = "Utilization"
    return AutoscalerMetric(
        type=kind,
        resource=text(source, "name", f"{path}.{key}"),
        container=text(source, "container", f"{path}.{key}"),
        target_type=target_type,
    )


def _scaled_object(document: Fields, ref: ObjectRef) -> ScaledObject:
    spec = mapping(document, "spec", "")
    # The defaults are KEDA's: keda.sh/docs, scaledobject spec.
    target = _target(spec, "scaleTargetRef", ref.namespace, "apps")
    if not target.kind:
        target = target._replace(kind="Deployment")
    maximum = integer(spec, "maxReplicaCount", "spec")
    return ScaledObject(
        ref,
        target=target,
        min_replicas=integer(spec, "minReplicaCount", "spec") or 0,
        max_replicas=100 if maximum is None else maximum,
        idle_replicas=integer(spec, "idleReplicaCount", "spec"),
        metrics=tuple(_resource_triggers(spec)),
    )


def _resource_triggers(spec: Fields) -> Iterator[AutoscalerMetric]:
    """Yield the cpu and memory triggers of a ScaledObject, as the metrics KEDA makes of them."""
    for path, trigger in mappings(spec, "triggers", "spec"):
        resource = text(trigger, "type", path)
        if resource in ("cpu", "memory"):
            options = mapping(trigger, "metadata", path)
            container = text(options, "containerName", f"{path}.metadata")
            yield AutoscalerMetric(
                type="ContainerResource" if container else "Resource",
                resource=resource,
                container=container,
                # `type` in metadata is the older way to say it.
                target_type=text(trigger, "metricType", path)
                or text(options, "type", f"{path}.metadata"),
            )


def _vertical_autoscaler(document: Fields, ref: ObjectRef) -> VerticalAutoscaler:
    spec = mapping(document, "spec", "")
    policy = mapping(spec, "updatePolicy", "spec")
    resource_policy = mapping(spec, "resourcePolicy", "spec")
    resources = {"*": _RESIZABLE}
    for path, container in mappings(resource_policy, "containerPolicies", "spec.resourcePolicy"):
        controlled = _RESIZABLE
        if container.get("controlledResources") is not None:
            controlled = frozenset(texts(container, "controlledResources", path))
        if text(container, "mode", path) == "Off":
            controlled = frozenset()
        resources[text(container, "containerName", path)] = controlled
    return VerticalAutoscaler(
        ref,
        target=_target(spec, "targetRef", ref.namespace),
        update_mode=text(policy, "updateMode", "spec.updatePolicy") or "Auto",
        resources=resources,
    )


# What a VerticalPodAutoscaler changes when its policy does not say.
_RESIZABLE = frozenset({"cpu", "memory"})


def _limit_range(document: Fields, ref: ObjectRef) -> LimitRange:
    requests: dict[str, Fraction] = {}
    limits: dict[str, Fraction] = {}
    spec = mapping(document, "spec", "")
    for path, item in mappings(spec, "limits", "spec"):
        if text(item, "type", path) != "Container":
            continue
        # `defaultRequest` falls back to `default`, and `default` to `max`
        # (core/v1 defaults, SetDefaults_LimitRangeItem).
        maximum = _quantities(item, "max", path)
        default = {**maximum, **_quantities(item, "default", path)}
        requests.update(_quantities(item, "min", path))
        requests.update(default)
        requests.update(_quantities(item, "defaultRequest", path))
        limits.update(default)
    return LimitRange(ref, requests, limits)


def _quantities(parent: Fields, key: str, path: str) -> dict[str, Fraction]:
    values = {}
    for name, value in mapping(parent, key, path).items():
        amount = quantity(value, join(f"{path}.{key}", name))
        if amount is not None:
            values[name] = amount
    return values


def _resource_quota(document: Fields, ref: ObjectRef) -> ResourceQuota:
    return ResourceQuota(ref, mapping(mapping(document, "spec", ""), "hard", "spec"))


def _service_account(document: Fields, ref: ObjectRef) -> ServiceAccount:
    value = document.get("automountServiceAccountToken")
    if value is not None and not isinstance(value, bool):
        raise FieldError("automountServiceAccountToken", "true or false", value)
    return ServiceAccount(ref, value)


def _config_map(document: Fields, ref: ObjectRef) -> ConfigMap:
    data = text_map(document, "data", "")
    binary = mapping(document, "binaryData", "")
    return ConfigMap(ref, frozenset(data), frozenset(binary), data)


def _persistent_volume_claim(document: Fields, ref: ObjectRef) -> PersistentVolumeClaim:
    spec = mapping(document, "spec", "")
    storage_class = spec.get("storageClassName")
    return PersistentVolumeClaim(
        ref,
        # The empty name is a class of its own: no dynamic provisioning.
        storage_class=None if storage_class is None else text(spec, "storageClassName", "spec"),
        access_modes=tuple(texts(spec, "accessModes", "spec")),
        labels=text_map(mapping(document, "metadata", ""), "labels", "metadata"),
    )


def _secret(_document: Fields, ref: ObjectRef) -> Secret:
    return Secret(ref)


COMPANION_KINDS: Mapping[tuple[str, str], CompanionKind] = {
    (kind.group, kind.kind): kind
    for kind in (
        CompanionKind("", "v1", "Namespace", "namespaces", Namespace, _namespace, namespaced=False),
        CompanionKind("", "v1", "Service", "services", Service, _service),
        CompanionKind(
            "policy",
            "v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            DisruptionBudget,
            _disruption_budget,
        ),
        CompanionKind(
            "autoscaling",
            "v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            Autoscaler,
            _autoscaler,
        ),
        CompanionKind(
            "keda.sh",
            "v1alpha1",
            "ScaledObject",
            "scaledobjects",
            ScaledObject,
            _scaled_object,
            optional=True,
        ),
        CompanionKind(
            "autoscaling.k8s.io",
            "v1",
            "VerticalPodAutoscaler",
            "verticalpodautoscalers",
            VerticalAutoscaler,
            _vertical_autoscaler,
            optional=True,
        ),
        CompanionKind("", "v1", "LimitRange", "limitranges", LimitRange, _limit_range),
        CompanionKind("", "v1", "ResourceQuota", "resourcequotas", ResourceQuota, _resource_quota),
        CompanionKind(
            "", "v1", "ServiceAccount", "serviceaccounts", ServiceAccount, _service_account
        ),
        CompanionKind("", "v1", "ConfigMap", "configmaps", ConfigMap, _config_map),
        CompanionKind(
            "",
            "v1",
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            PersistentVolumeClaim,
            _persistent_volume_claim,
        ),
        CompanionKind("", "v1", "Secret", "secrets", Secret, _secret, offline_only=True),
        CompanionKind(
            "networking.k8s.io",
            "v1",
            "NetworkPolicy",
            "networkpolicies",
            NetworkPolicy,
            parse_network_policy,
            former_groups=("extensions",),
        ),
        CompanionKind(
            "networking.k8s.io",
            "v1",
            "Ingress",
            "ingresses",
            Ingress,
            parse_ingress,
            former_groups=("extensions",),
        ),
        CompanionKind(
            "gateway.networking.k8s.io",
            "v1",
            "Gateway",
            "gateways",
            Gateway,
            parse_gateway,
            optional=True,
        ),
        CompanionKind(
            "gateway.networking.k8s.io",
            "v1",
            "HTTPRoute",
            "httproutes",
            HTTPRoute,
            parse_http_route,
            optional=True,
        ),
        CompanionKind(
            "gateway.envoyproxy.io",
            "v1alpha1",
            "BackendTrafficPolicy",
            "backendtrafficpolicies",
            BackendTrafficPolicy,
            parse_backend_traffic_policy,
            optional=True,
        ),
        CompanionKind(
            "traefik.io",
            "v1alpha1",
            "IngressRoute",
            "ingressroutes",
            IngressRoute,
            parse_ingress_route,
            optional=True,
            former_groups=("traefik.containo.us",),
        ),
        CompanionKind(
            "traefik.io",
            "v1alpha1",
            "Middleware",
            "middlewares",
            Middleware,
            parse_middleware,
            optional=True,
            former_groups=("traefik.containo.us",),
        ),
        CompanionKind(
            "projectcontour.io",
            "v1",
            "HTTPProxy",
            "httpproxies",
            HTTPProxy,
            parse_http_proxy,
            optional=True,
        ),
        CompanionKind(
            "monitoring.coreos.com",
            "v1",
            "ServiceMonitor",
            "servicemonitors",
            ServiceMonitor,
            parse_service_monitor,
            optional=True,
        ),
        CompanionKind(
            "monitoring.coreos.com",
            "v1",
            "PodMonitor",
            "podmonitors",
            PodMonitor,
            parse_pod_monitor,
            optional=True,
        ),
        CompanionKind(
            "monitoring.coreos.com",
            "v1",
            "PrometheusRule",
            "prometheusrules",
            PrometheusRule,
            parse_prometheus_rule,
            optional=True,
        ),
        CompanionKind(
            "velero.io",
            "v1",
            "Schedule",
            "schedules",
            VeleroSchedule,
            parse_velero_schedule,
            optional=True,
            known_as="Velero Schedule",
        ),
        CompanionKind(
            "k8up.io",
            "v1",
            "Schedule",
            "schedules",
            K8upSchedule,
            parse_k8up_schedule,
            optional=True,
            known_as="K8up Schedule",
        ),
        CompanionKind(
            "postgresql.cnpg.io",
            "v1",
            "Cluster",
            "clusters",
            PostgresCluster,
            parse_postgres_cluster,
            optional=True,
        ),
        CompanionKind(
            "postgresql.cnpg.io",
            "v1",
            "ScheduledBackup",
            "scheduledbackups",
            ScheduledBackup,
            parse_scheduled_backup,
            optional=True,
        ),
        CompanionKind(
            "snapscheduler.backube",
            "v1",
            "SnapshotSchedule",
            "snapshotschedules",
            SnapshotSchedule,
            parse_snapshot_schedule,
            optional=True,
        ),
        CompanionKind(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            "storageclasses",
            StorageClass,
            parse_storage_class,
            namespaced=False,
        ),
    )
}


_KIND_BY_API: Mapping[tuple[str, str], CompanionKind] = {
    (group, kind.kind): kind
    for kind in COMPANION_KINDS.values()
    for group in (kind.group, *kind.former_groups)
}


def companion_kind(document: Fields) -> CompanionKind | None:
    """Return what kind of companion a manifest is, None when it is none."""
    api_version = document.get("apiVersion")
    kind = document.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return None
    return _KIND_BY_API.get((api_version.rpartition("/")[0], kind))


def parse_companion(
    document: Fields, *, default_namespace: str = "default", keep_values: bool = True
) -> Companion:
    """Read a companion from its manifest.

    Args:
        document: the manifest.
        default_namespace: the namespace of a namespaced object that names none.
        keep_values: whether to keep the texts in ConfigMaps, which may be many, and secret. A
            controller that was not allowed to look into them passes False.

    Raises:
        FieldError: when it is no companion, has no name, or a field is malformed.
    """
    kind = companion_kind(document)
    if kind is None:
        raise FieldError("kind", "the kind of a companion", document.get("kind"))
    metadata = mapping(document, "metadata", "")
    name = text(metadata, "name", "metadata")
    if not name:
        raise FieldError("metadata.name", "set", metadata.get("name"))
    namespace = ""
    if kind.namespaced:
        namespace = text(metadata, "namespace", "metadata") or default_namespace
    companion = kind.parse(document, ObjectRef(kind.group, kind.kind, namespace, name))
    api_version = text(document, "apiVersion", "")
    if api_version.rpartition("/")[2] != kind.version:
        companion = replace(companion, api_version=api_version)
    if isinstance(companion, ConfigMap) and not keep_values:
        return replace(companion, data=None)
    return companion
