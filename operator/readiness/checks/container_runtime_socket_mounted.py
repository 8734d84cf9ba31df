"""A container can speak to the container runtime of its node.

It can when it mounts a hostPath volume that is the runtime's socket or a directory above it.
"""

from __future__ import annotations

from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import PASS, Check, Finding, Outcome, Reference, Scope, finding
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import mapping, mappings, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="container-runtime-socket-mounted",
    title="Container runtime socket mounted",
    category=Category.CONTAINER_SECURITY,
    severity=Severity.MUST,
    baseline=True,
    scope=Scope.INTRINSIC,
    rationale=(
        "Through the socket a container can start a privileged one beside itself, mount the disk "
        "of the node there and read the secrets of every pod on it. Read-only mounts do not help."
    ),
    remediation=(
        "Remove the volume and its mounts; build images with a builder that needs no daemon, and "
        "have a node agent mount the one directory it reads, such as /var/log."
    ),
    reference=Reference(
        checklist="Kubernetes Configuration: Pod specifications",
        url="https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
    ),
)

# Of Docker, containerd (k3s, RKE2 and MicroK8s included), CRI-O, cri-dockerd and Podman; on Linux
# /var/run is /run. Windows has named pipes: \\.\pipe\containerd-containerd.
_IN_RUN = (
    "docker.sock",
    "docker/containerd/containerd.sock",
    "containerd/containerd.sock",
    "k3s/containerd/containerd.sock",
    "crio/crio.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "podman/podman.sock",
)
_SOCKETS = (
    *(f"{run}/{socket}" for run in ("/run", "/var/run") for socket in _IN_RUN),
    "/var/snap/microk8s/common/run/containerd.sock",
    "//./pipe/docker_engine",
    "//./pipe/containerd-containerd",
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each mount of a socket or of a directory that has one below it."""
    paths = {}
    for path, volume in mappings(workload.pod_spec, "volumes", workload.pod_path):
        if volume.get("hostPath") is not None:
            host_path = mapping(volume, "hostPath", path)
            paths[text(volume, "name", path)] = text(host_path, "path", f"{path}.hostPath")
    if not paths:
        return PASS
    return [
        found
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        for found in _mounted_sockets(container, paths)
    ]


def _mounted_sockets(container: Container, paths: dict[str, str]) -> list[Finding]:
    findings = []
    for index, (path, mount) in enumerate(container.volume_mounts):
        name = text(mount, "name", path)
        host_path = paths.get(name)
        if host_path is None:
            continue
        below = text(mount, "subPath", path)
        if not below and "$(" not in text(mount, "subPathExpr", path):
            below = text(mount, "subPathExpr", path)
        # Which subdirectory a variable stands for can't be known: the whole volume counts.
        if _exposes_socket(f"{host_path}/{below}"):
            message = (
                f'must not mount the volume "{name}": {host_path} of the node holds the socket '
                "of the container runtime"
            )
            findings.append(finding(container, message, f"volumeMounts[{index}]"))
    return findings


def _exposes_socket(path: str) -> bool:
    windows = path.replace("\\", "/").rstrip("/").lower()
    if windows.startswith("//./"):
        return windows in _SOCKETS
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    directory = "/" + "/".join(parts)
    return any(f"{socket}/".startswith(f"{directory.rstrip('/')}/") for socket in _SOCKETS)
