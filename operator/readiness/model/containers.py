"""Containers of a pod template, whatever list they stand in.

Kinds: an app container runs for the life of the pod; an init container runs once before; a native
sidecar is an init container with exactly `restartPolicy: Always` (KEP-753, GA 1.33; since
container restart rules, 1.34, other values appear too, on any container); ephemeral containers
are attached to running pods for debugging.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from readiness.errors import FieldError
from readiness.model.fields import (
    Fields,
    boolean,
    integer,
    mapping,
    mappings,
    optional_mapping,
    text,
    texts,
)
from readiness.model.lazy import lazy


class ContainerKind(Enum):
    """Which life a container leads; the value is how messages call it."""

    APP = "container"
    INIT = "init container"
    SIDECAR = "sidecar container"
    EPHEMERAL = "ephemeral container"


class Probe:
    """One probe of a container.

    Attributes:
        path: field path, such as `spec.template.spec.containers[0].livenessProbe`.
        fields: the probe as written.
    """

    def __init__(self, fields: Fields, path: str) -> None:
        self.fields = fields
        self.path = path

    # Defaults: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go (SetDefaults_Probe).
    @property
    def initial_delay_seconds(self) -> int:
        """Seconds before the first try; 0 by default."""
        return integer(self.fields, "initialDelaySeconds", self.path) or 0

    @property
    def period_seconds(self) -> int:
        """Seconds between tries; 10 by default."""
        return integer(self.fields, "periodSeconds", self.path) or 10

    @property
    def timeout_seconds(self) -> int:
        """Seconds a try may take; 1 by default."""
        return integer(self.fields, "timeoutSeconds", self.path) or 1

    @property
    def failure_threshold(self) -> int:
        """Failed tries in a row that count; 3 by default."""
        return integer(self.fields, "failureThreshold", self.path) or 3


class Container:
    """One container of a pod template.

    Attributes:
        fields: the container as written.
        path: field path, such as `spec.template.spec.containers[0]`.
        kind: which life it leads.
        name: its name; empty when the manifest lacks it.
        pod_spec: the pod spec it belongs to, for what it inherits.
        pod_path: field path of that pod spec.
    """

    def __init__(
        self, fields: Fields, path: str, kind: ContainerKind, pod_spec: Fields, pod_path: str
    ) -> None:
        self.fields = fields
        self.path = path
        self.kind = kind
        self.name = text(fields, "name", path)
        self.pod_spec = pod_spec
        self.pod_path = pod_path

    @lazy
    def title(self) -> str:
        """How messages name it: `container "app"`, `init container "setup"`."""
        return f'{self.kind.value} "{self.name}"'

    @lazy
    def long_running(self) -> bool:
        """Whether it runs as long as the pod: app containers and native sidecars."""
        return self.kind is ContainerKind.APP or self.kind is ContainerKind.SIDECAR

    @lazy
    def image(self) -> str:
        """The image reference as written; empty when absent."""
        return text(self.fields, "image", self.path)

    @lazy
    def security_context(self) -> Fields:
        """The container's own securityContext."""
        return mapping(self.fields, "securityContext", self.path)

    @lazy
    def security_context_path(self) -> str:
        """Field path of the container's own securityContext."""
        return f"{self.path}.securityContext"

    @lazy
    def ports(self) -> list[tuple[str, Fields]]:
        """Declared ports, each with its field path."""
        return mappings(self.fields, "ports", self.path)

    @lazy
    def env(self) -> list[tuple[str, Fields]]:
        """Environment variables, each with its field path."""
        return mappings(self.fields, "env", self.path)

    @lazy
    def volume_mounts(self) -> list[tuple[str, Fields]]:
        """Volume mounts, each with its field path."""
        return mappings(self.fields, "volumeMounts", self.path)

    @lazy
    def command(self) -> list[str]:
        """The command; empty when the image decides."""
        return texts(self.fields, "command", self.path)

    @lazy
    def args(self) -> list[str]:
        """The arguments of the command."""
        return texts(self.fields, "args", self.path)

    @lazy
    def requests(self) -> Fields:
        """Resource requests as written: quantities by resource name."""
        return self._resources("requests")

    @lazy
    def limits(self) -> Fields:
        """Resource limits as written: quantities by resource name."""
        return self._resources("limits")

    def _resources(self, part: str) -> Fields:
        resources = mapping(self.fields, "resources", self.path)
        return mapping(resources, part, f"{self.path}.resources")

    @lazy
    def liveness_probe(self) -> Probe | None:
        """The liveness probe, None when absent."""
        return self._probe("livenessProbe")

    @lazy
    def readiness_probe(self) -> Probe | None:
        """The readiness probe, None when absent."""
        return self._probe("readinessProbe")

    @lazy
    def startup_probe(self) -> Probe | None:
        """The startup probe, None when absent."""
        return self._probe("startupProbe")

    @lazy
    def probes(self) -> list[Probe]:
        """The probes it has, in the order liveness, readiness, startup."""
        return [p for p in (self.liveness_probe, self.readiness_probe, self.startup_probe) if p]

    def _probe(self, key: str) -> Probe | None:
        fields = optional_mapping(self.fields, key, self.path)
        return Probe(fields, f"{self.path}.{key}") if fields is not None else None

    def port_number(self, name: str) -> int | None:
        """Return the number of the port this container declares by that name, None if none."""
        for path, port in self.ports:
            if text(port, "name", path) == name:
                return integer(port, "containerPort", path)
        return None

    # What a container takes from its pod when it says nothing itself:
    # k8s.io/kubernetes/pkg/securitycontext/util.go (DetermineEffectiveSecurityContext).
    @lazy
    def pod_security_context(self) -> Fields:
        """The pod's securityContext."""
        return mapping(self.pod_spec, "securityContext", self.pod_path)

    @lazy
    def run_as_non_root(self) -> bool | None:
        """Effective runAsNonRoot: the container's, else the pod's."""
        own = boolean(self.security_context, "runAsNonRoot", self.security_context_path)
        if own is not None:
            return own
        return boolean(
            self.pod_security_context, "runAsNonRoot", f"{self.pod_path}.securityContext"
        )

    @lazy
    def run_as_user(self) -> int | None:
        """Effective runAsUser: the container's, else the pod's."""
        own = integer(self.security_context, "runAsUser", self.security_context_path)
        if own is not None:
            return own
        return integer(self.pod_security_context, "runAsUser", f"{self.pod_path}.securityContext")


def walk_containers(pod_spec: Fields, pod_path: str) -> Iterator[Container]:
    """Yield every container of a pod spec: init and sidecar, then app, then ephemeral ones.

    Raises:
        FieldError: when a list of containers is not one, or holds something else than maps.
    """
    for path, fields in mappings(pod_spec, "initContainers", pod_path):
        sidecar = text(fields, "restartPolicy", path) == "Always"
        kind = ContainerKind.SIDECAR if sidecar else ContainerKind.INIT
        yield Container(fields, path, kind, pod_spec, pod_path)
    for path, fields in mappings(pod_spec, "containers", pod_path):
        yield Container(fields, path, ContainerKind.APP, pod_spec, pod_path)
    for path, fields in mappings(pod_spec, "ephemeralContainers", pod_path):
        yield Container(fields, path, ContainerKind.EPHEMERAL, pod_spec, pod_path)


def require_app_containers(containers: list[Container], pod_path: str) -> list[Container]:
    """Return the app containers; a pod without any is refused by the API server, so by us.

    Raises:
        FieldError: when there is none.
    """
    apps = [c for c in containers if c.kind is ContainerKind.APP]
    if not apps:
        raise FieldError(f"{pod_path}.containers", "a list of at least one container", None)
    return apps
