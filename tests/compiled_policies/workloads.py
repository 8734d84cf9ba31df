"""Workloads that the API server takes: fixtures completed, and drawn ones."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from readiness.model.workload import WATCHED_KINDS, WORKLOAD_KINDS
from tests.judge.pods import pods

Manifest = dict[str, Any]


def as_stored_kind(document: Manifest) -> Manifest:
    """Return a workload as a Deployment, StatefulSet or DaemonSet with what these must have.

    Pods and Jobs lend their template to a Deployment. Fixtures leave out what their check does not
    look at, and have ephemeral containers, which no template may have.
    """
    kind = document["kind"]
    if kind in WATCHED_KINDS:
        found = copy.deepcopy(document)
    else:
        found = {"kind": "Deployment", "metadata": document["metadata"]}
        template = document
        path = WORKLOAD_KINDS[kind].template_path
        for key in path.split(".") if path else ():
            template = template.get(key) or {}
        kept = {key: template.get(key) or {} for key in ("metadata", "spec")}
        found["spec"] = {"template": kept}
        found = copy.deepcopy(found)
        found["spec"]["template"]["spec"].pop("restartPolicy", None)  # only Always may stay
        if not path:  # what names the Pod names no template
            metadata = found["spec"]["template"]["metadata"]
            found["spec"]["template"]["metadata"] = {
                key: metadata[key] for key in ("labels", "annotations") if key in metadata
            }
    found["apiVersion"] = "apps/v1"
    spec = found["spec"]
    metadata = spec["template"].get("metadata") or {}
    spec["template"]["metadata"] = metadata
    metadata["labels"] = metadata.get("labels") or {"app": "web"}
    spec["selector"] = {"matchLabels": dict(metadata["labels"])}
    pod = spec["template"]["spec"]
    pod.pop("ephemeralContainers", None)
    if "'hostProcess': True" in str(pod):  # it takes the host network
        pod["hostNetwork"] = True
    return found


_DIGEST = f"sha256:{'0a' * 32}"
IMAGES = (
    *("web", "web:latest", "web:1", "WEB", "web:", "web@", f"web@{_DIGEST}", "web@sha256:1"),
    *("docker.io/web:1", "index.docker.io/shop/web:1", "INDEX.docker.io/web:1", "library/web:1"),
    *("registry.example.com:5000/shop/web", "registry.example.com:5000/shop/web:latest"),
    *("Registry.Example.com/shop/web:1", f"registry.example.com/web:latest@{_DIGEST}"),
    *("localhost/web:1", "localhost:5000/web", "shop/web:1", "registry.example.community/web:1"),
    *("registry.example.com/web:1@sha256:abc", f"a@{_DIGEST}@{_DIGEST}", "\u212aregistry.io/web:1"),
    f"web@sha512:{'0b' * 64}",
)
_AMOUNTS = {
    "cpu": ("100m", "1", "0", "500", "0.5m", "256", "257", "1k"),
    "memory": ("128Mi", "512m", "512", "0", "4Mi", "4194303", "24Ti", "25Ti", "1G"),
    "ephemeral-storage": ("1Gi", "64Ki", "63Ki", "2Pi", "0"),
}
HANDLERS: tuple[Manifest, ...] = (
    {"httpGet": {"port": 8080}},
    {"httpGet": {"port": 8080, "path": "/"}},
    {"httpGet": {"port": "http", "path": "/", "scheme": "HTTP"}},
    {"httpGet": {"port": "http", "path": "/ready"}},
    {"httpGet": {"port": "metrics"}},
    {"httpGet": {"port": 8080, "httpHeaders": [{"name": "A", "value": "1"}, {"name": "b"}]}},
    {"httpGet": {"port": 8080, "httpHeaders": [{"name": "B"}, {"name": "a", "value": "1"}]}},
    {"httpGet": {"port": 8080, "httpHeaders": [{"name": "B"}, {"name": "b"}]}},
    {"httpGet": {"port": 8080, "host": "other.example.com"}},
    {"tcpSocket": {"port": "http"}},
    {"tcpSocket": {"port": 8080}},
    {"tcpSocket": {"port": "nowhere"}},
    {"grpc": {"port": 8080}},
    {"grpc": {"port": 8080, "service": "ready"}},
    {"exec": {"command": ["true"]}},
    {"exec": {"command": ["false"]}},
)
_HOST_PATHS = (
    *("/var/run/docker.sock", "/run", "/", "//run//containerd/./", "/var/log", "/data", "/run/"),
    *(
        "/runner",
        "\\\\.\\pipe\\docker_engine",
        "//./pipe/containerd-containerd/",
        "//./run",
        "/var",
    ),
)
_KEYS = (
    *("owner", "team", "on-call", "readiness.dev/owner", "readiness.dev/runbook", "runbook"),
    *("app.kubernetes.io/name", "app.kubernetes.io/version", "app.kubernetes.io/part-of"),
)
_TEXTS = ("", "  ", "shop", "https://wiki.example.com/web", "HTTPS://wiki", "https:///", "\u2003")


def _probe(draw: DrawFn) -> Manifest:
    probe = {**draw(st.sampled_from(HANDLERS))}
    for key, values in (
        ("failureThreshold", (1, 2, 3, 6)),
        ("periodSeconds", (1, 3, 5, 10)),
        ("timeoutSeconds", (1, 3, 5, 10)),
        ("initialDelaySeconds", (0, 29, 30, 60)),
    ):
        if draw(st.booleans()):
            probe[key] = draw(st.sampled_from(values))
    return probe


def _amounts(draw: DrawFn) -> dict[str, str]:
    chosen = draw(st.sets(st.sampled_from(sorted(_AMOUNTS)), max_size=2))
    return {name: draw(st.sampled_from(_AMOUNTS[name])) for name in sorted(chosen)}


def _of_container(draw: DrawFn, container: Manifest) -> None:
    """Give a container what the Pod Security Standards do not look at."""
    container["image"] = draw(st.sampled_from(IMAGES))
    if draw(st.booleans()):
        container["imagePullPolicy"] = draw(st.sampled_from(["Never", "Always"]))
    ports = draw(st.sampled_from([[], [("http", 8080)], [("http", 80), ("metrics", 9090)]]))
    if ports and "ports" not in container:
        container["ports"] = [{"name": name, "containerPort": port} for name, port in ports]
    if "plain" not in container["name"]:  # an init container that ends has no probes
        for key in ("livenessProbe", "readinessProbe", "startupProbe"):
            if draw(st.booleans()):
                container[key] = _probe(draw)
        if "livenessProbe" in container and draw(st.integers(0, 3)) == 0:
            container["readinessProbe"] = {**container["livenessProbe"], "periodSeconds": 5}
    if draw(st.booleans()):
        container["resources"] = {"limits": _amounts(draw)}
        if draw(st.booleans()):  # never more than the limit, which the API server refuses
            container["resources"] = {"requests": _amounts(draw)}


def _mounts(draw: DrawFn, pod: Manifest) -> None:
    container = draw(st.sampled_from(pod["containers"]))
    mount = {"name": "node", "mountPath": "/node"}
    below = draw(st.sampled_from([{}, {"subPath": "run"}, {"subPathExpr": "run/docker.sock"}, {}]))
    if draw(st.integers(0, 4)) == 0:
        below = {"subPathExpr": "$(NAME)"}
    container["volumeMounts"] = [{**mount, **below}]
    path = draw(st.sampled_from(_HOST_PATHS))
    pod.setdefault("volumes", []).append({"name": "node", "hostPath": {"path": path}})


def _said(draw: DrawFn, values: tuple[str, ...]) -> dict[str, str]:
    keys = draw(st.sets(st.sampled_from(_KEYS), max_size=4))
    return {key: draw(st.sampled_from(values)) for key in sorted(keys)}


@st.composite
def _workloads(draw: DrawFn) -> Manifest:
    drawn = draw(pods())
    pod, annotations = drawn["spec"], drawn["metadata"].get("annotations") or {}
    if draw(st.booleans()):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            _of_container(draw, container)
        if draw(st.booleans()):
            _mounts(draw, pod)
        if draw(st.integers(0, 3)) == 0:
            pod["resources"] = {"limits": _amounts(draw)}
            pod["resources"]["limits"].pop("ephemeral-storage", None)
        for key, values in (
            ("serviceAccountName", ("default", "web")),
            ("serviceAccount", ("web",)),
            ("priorityClassName", ("high", "")),
        ):
            if draw(st.integers(0, 2)) == 0:
                pod[key] = draw(st.sampled_from(values))
        if draw(st.integers(0, 3)) == 0:
            groups = st.fixed_dictionaries(
                {},
                optional={
                    "runAsGroup": st.sampled_from([0, 1]),
                    "fsGroup": st.sampled_from([0, 1]),
                    "supplementalGroups": st.sampled_from([[], [1], [1, 0]]),
                },
            )
            pod["securityContext"] = {**(pod.get("securityContext") or {}), **draw(groups)}
    kind = draw(st.sampled_from(WATCHED_KINDS))
    own = _said(draw, ("", "shop"))
    if draw(st.integers(0, 4)) == 0:
        own = dict.fromkeys(_KEYS, "shop")
    labels = {"app": "web", **_said(draw, ("", "shop"))}
    workload: Manifest = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": "web",
            "labels": own,
            "annotations": _said(draw, _TEXTS),
        },
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {**annotations, **_said(draw, _TEXTS)},
                },
                "spec": pod,
            },
        },
    }
    if draw(st.integers(0, 3)) == 0:
        workload["spec"]["revisionHistoryLimit"] = draw(st.sampled_from([0, 1, 10]))
    return workload


def workloads() -> SearchStrategy[Manifest]:
    """Return the strategy of workloads, on which every check with a twin can pass and fail."""
    return _workloads()


def deployment(containers: list[Manifest]) -> Manifest:
    """Return a Deployment of these containers, which are given names and images they lack."""
    named = [{"name": f"c{n}", "image": "web", **one} for n, one in enumerate(containers)]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": named}}
    selector = {"matchLabels": {"app": "web"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": selector, "template": template},
    }
