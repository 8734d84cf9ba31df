"""One view of everything that runs pods: Deployments to bare Pods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from readiness.errors import FieldError
from readiness.model.containers import Container, require_app_containers, walk_containers
from readiness.model.fields import (
    Fields,
    as_mapping,
    boolean,
    integer,
    mapping,
    mappings,
    text,
    text_map,
    timestamp,
)
from readiness.model.lazy import lazy


class ObjectRef(NamedTuple):
    """Names one object. The version of its API is left out on purpose: it names no other object."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name} in {self.namespace}"


class WorkloadKind(Struct, frozen=True):
    """Where a kind keeps its pod template, and what may change its number of replicas.

    Attributes:
        template_path: field path of the pod template; empty for a bare Pod.
        scalable: whether the kind has a scale subresource, so that budgets can count its pods.
        runs_to_completion: whether its pods end by themselves (Job, CronJob).
    """

    group: str
    kind: str
    template_path: str
    scalable: bool = False
    runs_to_completion: bool = False


WORKLOAD_KINDS: Mapping[str, WorkloadKind] = {
    kind.kind: kind
    for kind in (
        WorkloadKind("apps", "Deployment", "spec.template", scalable=True),
        WorkloadKind("apps", "StatefulSet", "spec.template", scalable=True),
        WorkloadKind("apps", "DaemonSet", "spec.template"),
        WorkloadKind("apps", "ReplicaSet", "spec.template", scalable=True),
        WorkloadKind("", "ReplicationController", "spec.template", scalable=True),
        WorkloadKind("batch", "Job", "spec.template", runs_to_completion=True),
        WorkloadKind("batch", "CronJob", "spec.jobTemplate.spec.template", runs_to_completion=True),
        WorkloadKind("", "Pod", ""),
    )
}

WATCHED_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def workload_kind(document: Fields) -> WorkloadKind | None:
    """Return what kind of workload a manifest is, None when it is none."""
    name, api_version = document.get("kind"), document.get("apiVersion")
    if not isinstance(name, str) or not isinstance(api_version, str):
        return None
    kind = WORKLOAD_KINDS.get(name)
    if kind is None:
        return None
    group = api_version.rpartition("/")[0]
    # Deployments and DaemonSets lived in extensions/v1beta1 until 1.16.
    return kind if group in (kind.group, "extensions") else None


class Workload:
    """A manifest that runs pods, read lazily: a malformed field hurts only the checks that read it.

    Attributes:
        document: the manifest as written or as the API server returned it.
        kind: what is known of its kind.
        ref: names it.
    """

    def __init__(self, document: Fields, *, default_namespace: str = "default") -> None:
        """Raise FieldError when kind, apiVersion or metadata.name is missing or malformed."""
        kind = workload_kind(document)
        if kind is None:
            raise FieldError("kind", "the kind of a workload", document.get("kind"))
        self.document = document
        self.kind = kind
        metadata = mapping(document, "metadata", "")
        name = text(metadata, "name", "metadata") or text(metadata, "generateName", "metadata")
        if not name:
            raise FieldError("metadata.name", "set", metadata.get("name"))
        namespace = text(metadata, "namespace", "metadata") or default_namespace
        self.ref = ObjectRef(kind.group, kind.kind, namespace, name)

    @property
    def api_version(self) -> str:
        """The apiVersion as written."""
        return text(self.document, "apiVersion", "")

    @property
    def name(self) -> str:
        """Its name."""
        return self.ref.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.ref.namespace

    @lazy
    def metadata(self) -> Fields:
        """Its own metadata."""
        return mapping(self.document, "metadata", "")

    @lazy
    def labels(self) -> Mapping[str, str]:
        """Its own labels."""
        return text_map(self.metadata, "labels", "metadata")

    @lazy
    def annotations(self) -> Mapping[str, str]:
        """Its own annotations."""
        return text_map(self.metadata, "annotations", "metadata")

    @property
    def controlled(self) -> bool:
        """Whether another object made it: a Deployment's ReplicaSet, a ReplicaSet's Pod."""
        owners = mappings(self.metadata, "ownerReferences", "metadata")
        return any(boolean(owner, "controller", path) for path, owner in owners)

    @property
    def created(self) -> datetime | None:
        """When the API server stored it first; None offline."""
        return timestamp(self.metadata, "creationTimestamp", "metadata")

    @lazy
    def spec(self) -> Fields:
        """Its spec."""
        return mapping(self.document, "spec", "")

    @lazy
    def replicas(self) -> int | None:
        """Pods it asks for: spec.replicas, 1 when absent; None for kinds without a scale."""
        if not self.kind.scalable:
            return None
        replicas = integer(self.spec, "replicas", "spec")
        return 1 if replicas is None else replicas

    @lazy
    def _template(self) -> Fields:
        if not self.kind.template_path:
            return self.document
        fields: Fields = self.document
        path = ""
        for key in self.kind.template_path.split("."):
            fields = mapping(fields, key, path)
            path = f"{path}.{key}" if path else key
        return fields

    @lazy
    def template_labels(self) -> Mapping[str, str]:
        """Labels its pods carry, which selectors of Services, budgets and policies match."""
        return text_map(self.template_metadata, "labels", self.template_metadata_path)

    @lazy
    def template_annotations(self) -> Mapping[str, str]:
        """Annotations its pods carry."""
        return text_map(self.template_metadata, "annotations", self.template_metadata_path)

    @lazy
    def template_metadata(self) -> Fields:
        """Metadata of the pod template."""
        return mapping(self._template, "metadata", self.kind.template_path)

    @lazy
    def template_metadata_path(self) -> str:
        """Field path of the pod template's metadata."""
        template = self.kind.template_path
        return f"{template}.metadata" if template else "metadata"

    @lazy
    def pod_spec(self) -> Fields:
        """Spec of the pod template."""
        return as_mapping(self._template.get("spec"), self.pod_path)

    @lazy
    def pod_path(self) -> str:
        """Field path of the pod spec, such as `spec.template.spec`."""
        template = self.kind.template_path
        return f"{template}.spec" if template else "spec"

    @lazy
    def pod_security_context(self) -> Fields:
        """The pod's securityContext."""
        return mapping(self.pod_spec, "securityContext", self.pod_path)

    @lazy
    def pod_security_context_path(self) -> str:
        """Field path of the pod's securityContext."""
        return f"{self.pod_path}.securityContext"

    @lazy
    def containers(self) -> list[Container]:
        """All containers: init and sidecar, then app, then ephemeral ones."""
        containers = list(walk_containers(self.pod_spec, self.pod_path))
        require_app_containers(containers, self.pod_path)
        return containers

    @lazy
    def app_containers(self) -> list[Container]:
        """The containers that do the pod's work."""
        return require_app_containers(self.containers, self.pod_path)

    @lazy
    def long_running_containers(self) -> list[Container]:
        """App containers and native sidecars."""
        return [container for container in self.containers if container.long_running]

    @lazy
    def runs_on_windows(self) -> bool:
        """Whether spec.os.name says windows, the only sign the API server heeds."""
        os = mapping(self.pod_spec, "os", self.pod_path)
        return text(os, "name", f"{self.pod_path}.os") == "windows"
