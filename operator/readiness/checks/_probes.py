"""What the checks of probes share: which pods need them, and what a probe asks."""

from __future__ import annotations

from readiness.checks.base import Skip
from readiness.errors import FieldError
from readiness.model.containers import Container, Probe
from readiness.model.fields import (
    Fields,
    int_or_text,
    mapping,
    mappings,
    optional_mapping,
    text,
    texts,
)
from readiness.model.workload import Workload

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def ends_by_itself(workload: Workload) -> Skip | None:
    """Return why a bare Pod that runs once needs no probes; None for all other pods."""
    restart_policy = text(workload.pod_spec, "restartPolicy", workload.pod_path)
    if restart_policy in ("Never", "OnFailure"):
        return Skip("its pods run to completion")
    return None


def probe_handler(probe: Probe) -> str:
    """Return the kind of handler a probe has.

    Raises:
        FieldError: when it has none: the API server refuses such a probe.
    """
    for handler in _HANDLERS:
        if optional_mapping(probe.fields, handler, probe.path) is not None:
            return handler
    raise FieldError(probe.path, f"a probe with one of {', '.join(_HANDLERS)}", probe.fields)


def is_set(probe: Probe | None) -> bool:
    """Return whether a container has a probe.

    Raises:
        FieldError: when the probe has no handler.
    """
    return probe is not None and probe_handler(probe) in _HANDLERS


def probe_name(probe: Probe) -> str:
    """Return the field a probe stands in: `livenessProbe`."""
    return probe.path.rpartition(".")[2]


def named_port(probe: Probe) -> tuple[str, str] | None:
    """Return the port a probe gives by name, after its field path; None when it gives none."""
    handler = probe_handler(probe)
    path = f"{probe.path}.{handler}"
    port = int_or_text(mapping(probe.fields, handler, probe.path), "port", path)
    return (f"{path}.port", port) if isinstance(port, str) else None


def asked(probe: Probe, container: Container) -> tuple[object, ...]:
    """Return what a probe asks its container, in a form that is equal for equal questions.

    Ports given by name are resolved and defaults filled in. Defaults:
    k8s.io/kubernetes/pkg/apis/core/v1/defaults.go (SetDefaults_HTTPGetAction, SetDefaults_Probe).
    """
    handler = probe_handler(probe)
    path = f"{probe.path}.{handler}"
    fields = mapping(probe.fields, handler, probe.path)
    if handler == "exec":
        return (handler, *texts(fields, "command", path))
    port = int_or_text(fields, "port", path)
    if isinstance(port, str):
        port = container.port_number(port) or port
    if handler == "grpc":
        return (handler, port, text(fields, "service", path))
    # A tcpSocket has a host and a port alone.
    return (
        handler,
        port,
        text(fields, "host", path),
        text(fields, "scheme", path) or "HTTP",
        text(fields, "path", path) or "/",
        *_headers(fields, path),
    )


def _headers(fields: Fields, path: str) -> list[tuple[str, str]]:
    return sorted(
        (text(header, "name", header_path).lower(), text(header, "value", header_path))
        for header_path, header in mappings(fields, "httpHeaders", path)
    )
