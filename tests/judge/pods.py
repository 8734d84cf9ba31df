"""Pods that touch every control of the Pod Security Standards, a few controls at a time.

Each pod begins as one that the restricted level admits, or the baseline level only, and gets some
traits more, good and bad ones. With all of them at once nearly every pod would be refused, and the
verdicts would agree whatever we say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Pod = dict[str, Any]

_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_BIND_SERVICE", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP"),
    *("SETUID", "SYS_CHROOT", "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "ALL", "all"),
    *("CAP_CHOWN", "net_bind_service", "CAP_NET_BIND_SERVICE", ""),
)
_SYSCTLS = (
    *("kernel.shm_rmid_forced", "kernel.msgmax", "kernel/shm_rmid_forced", "vm.swappiness"),
    *("net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    *("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat", "net.core.somaxconn"),
)
_VOLUMES: tuple[Pod, ...] = (
    {"configMap": {"name": "one"}},
    {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    {"emptyDir": {}},
    {"emptyDir": {"medium": "Memory"}},
    {"emptyDir": None},
    {},
    {"projected": {"sources": [{"configMap": {"name": "one"}}]}},
    {"secret": {"secretName": "one"}},
    {"csi": {"driver": "csi.example.com"}},
    {"persistentVolumeClaim": {"claimName": "one"}},
    {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                }
            }
        }
    },
    {"image": {"reference": "registry.example.com/data:1"}},
    {"hostPath": {"path": "/var/log"}},
    {"hostPath": {"path": "/", "type": "Directory"}},
    {"hostPath": None, "emptyDir": {}},
    {"nfs": {"server": "nfs.example.com", "path": "/"}},
    {"iscsi": {"targetPortal": "192.0.2.1", "iqn": "iqn.2026-11.com.example:one", "lun": 0}},
    {"cephfs": {"monitors": ["192.0.2.1"]}},
    {"rbd": {"monitors": ["192.0.2.1"], "image": "one"}},
    {"glusterfs": {"endpoints": "one", "path": "/"}},
    {"awsElasticBlockStore": {"volumeID": "one"}},
    {"gcePersistentDisk": {"pdName": "one"}},
    {"azureFile": {"secretName": "one", "shareName": "one"}},
    {"fc": {"targetWWNs": ["one"], "lun": 0}},
    {"flexVolume": {"driver": "example.com/one"}},
    {"portworxVolume": {"volumeID": "one"}},
    {"gitRepo": {"repository": "https://example.com/one.git"}},
)
_SECCOMP: tuple[Any, ...] = (
    {"type": "RuntimeDefault"},
    {"type": "Localhost", "localhostProfile": "one.json"},
    {"type": "Unconfined"},
    None,
)
_APPARMOR: tuple[Any, ...] = (
    {"type": "RuntimeDefault"},
    {"type": "Localhost", "localhostProfile": "one"},
    {"type": "Unconfined"},
    None,
)
_SELINUX: tuple[Any, ...] = (
    {},
    None,
    *({"type": f"container_{name}t"} for name in ("", "init_", "kvm_", "engine_", "file_")),
    {"type": "spc_t"},
    {"type": ""},
    {"user": "system_u"},
    {"role": "system_r"},
    {"level": "s0:c1,c2"},
    {"user": "", "role": "", "type": "container_t"},
)
_HANDLERS: tuple[Pod, ...] = (
    {"httpGet": {"path": "/", "port": 8080}},
    {"httpGet": {"path": "/", "port": 8080, "host": ""}},
    {"httpGet": {"path": "/", "port": 8080, "host": "127.0.0.1"}},
    {"httpGet": {"port": 8080, "host": "other.example.com"}},
    {"tcpSocket": {"port": 8080}},
    {"tcpSocket": {"port": 8080, "host": "192.0.2.1"}},
    {"tcpSocket": {"port": 8080, "host": "localhost"}},
    {"exec": {"command": ["true"]}},
)
_TRUTH: tuple[bool | None, ...] = (True, False, None)


def _context(fields: Pod) -> Pod:
    context = fields.get("securityContext")
    if context is None:
        context = fields["securityContext"] = {}
    found: Pod = context
    return found


def _containers(pod: Pod) -> list[Pod]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _container(draw: DrawFn, pod: Pod) -> Pod:
    return draw(st.sampled_from(_containers(pod)))


def _somewhere(draw: DrawFn, pod: Pod) -> Pod:
    """Return a security context: that of the pod, or of one of its containers."""
    return _context(draw(st.sampled_from([pod["spec"], *_containers(pod)])))


def _host_namespaces(draw: DrawFn, pod: Pod) -> None:
    key = draw(st.sampled_from(["hostNetwork", "hostPID", "hostIPC"]))
    pod["spec"][key] = draw(st.sampled_from(_TRUTH))


def _host_users(draw: DrawFn, pod: Pod) -> None:
    pod["spec"]["hostUsers"] = draw(st.sampled_from([False, False, True, None]))


def _privileged(draw: DrawFn, pod: Pod) -> None:
    context = _context(_container(draw, pod))
    context["privileged"] = draw(st.sampled_from(_TRUTH))
    if context["privileged"]:  # the API server refuses it with allowPrivilegeEscalation: false
        context.pop("allowPrivilegeEscalation", None)


def _escalation(draw: DrawFn, pod: Pod) -> None:
    context = _context(_container(draw, pod))
    context["allowPrivilegeEscalation"] = draw(st.sampled_from(_TRUTH))


def _capabilities(draw: DrawFn, pod: Pod) -> None:
    names = st.lists(st.sampled_from(_CAPABILITIES), max_size=2)
    context = _context(_container(draw, pod))
    dropped = st.sampled_from([["ALL"], ["ALL"], ["ALL", "CHOWN"], ["all"], ["CAP_ALL"], [], None])
    context["capabilities"] = draw(
        st.one_of(
            st.fixed_dictionaries({"add": names, "drop": dropped}),
            st.fixed_dictionaries({"drop": dropped}),
            st.fixed_dictionaries({"add": names}),
            st.sampled_from([{}, None]),
        )
    )


def _volumes(draw: DrawFn, pod: Pod) -> None:
    chosen = draw(st.lists(st.sampled_from(_VOLUMES), min_size=1, max_size=2))
    pod["spec"]["volumes"] = [{"name": f"volume-{i}", **one} for i, one in enumerate(chosen)]


def _ports(draw: DrawFn, pod: Pod) -> None:
    port: Pod = {"containerPort": draw(st.sampled_from([80, 8080]))}
    if (host_port := draw(st.sampled_from([None, 0, 80, 8080, "absent"]))) != "absent":
        port["hostPort"] = host_port
    _container(draw, pod)["ports"] = [port]


def _handlers(draw: DrawFn, pod: Pod) -> None:
    handler = draw(st.sampled_from(_HANDLERS))
    running = [c for c in _containers(pod) if "plain" not in c["name"]]
    container = draw(st.sampled_from(running))
    keys = ["livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop"]
    key = draw(st.sampled_from(keys))
    if key in ("postStart", "preStop"):
        container["lifecycle"] = {key: handler}
    else:
        container[key] = handler


def _apparmor(draw: DrawFn, pod: Pod) -> None:
    _somewhere(draw, pod)["appArmorProfile"] = draw(st.sampled_from(_APPARMOR))


def _apparmor_annotation(draw: DrawFn, pod: Pod) -> None:
    name = _container(draw, pod)["name"]
    key = f"container.apparmor.security.beta.kubernetes.io/{name}"
    profiles = ["runtime/default", "localhost/one", "unconfined"]
    pod["metadata"]["annotations"] = {key: draw(st.sampled_from(profiles))}


def _selinux(draw: DrawFn, pod: Pod) -> None:
    _somewhere(draw, pod)["seLinuxOptions"] = draw(st.sampled_from(_SELINUX))


def _proc_mount(draw: DrawFn, pod: Pod) -> None:
    context = _context(_container(draw, pod))
    context["procMount"] = draw(st.sampled_from(["Default", "Unmasked", "Unmasked", None]))
    if context["procMount"] == "Unmasked":  # which the API server takes in no other pod
        pod["spec"]["hostUsers"] = False


def _seccomp(draw: DrawFn, pod: Pod) -> None:
    _somewhere(draw, pod)["seccompProfile"] = draw(st.sampled_from(_SECCOMP))


def _seccomp_of_containers(draw: DrawFn, pod: Pod) -> None:
    """The pod says nothing, each container something."""
    _context(pod["spec"]).pop("seccompProfile", None)
    for container in _containers(pod):
        _context(container)["seccompProfile"] = draw(st.sampled_from(_SECCOMP[:2] * 3 + _SECCOMP))


def _sysctls(draw: DrawFn, pod: Pod) -> None:
    names = draw(st.lists(st.sampled_from(_SYSCTLS), min_size=1, max_size=2, unique=True))
    _context(pod["spec"])["sysctls"] = [{"name": name, "value": "1"} for name in names]


def _non_root(draw: DrawFn, pod: Pod) -> None:
    _somewhere(draw, pod)["runAsNonRoot"] = draw(st.sampled_from(_TRUTH))


def _non_root_of_containers(draw: DrawFn, pod: Pod) -> None:
    """The pod says nothing or something, each container something."""
    context = _context(pod["spec"])
    context["runAsNonRoot"] = draw(st.sampled_from([None, None, True, False]))
    for container in _containers(pod):
        _context(container)["runAsNonRoot"] = draw(st.sampled_from([True, True, True, False, None]))


def _user(draw: DrawFn, pod: Pod) -> None:
    _somewhere(draw, pod)["runAsUser"] = draw(st.sampled_from([0, 0, 1, 10001, None]))


def _host_process(draw: DrawFn, pod: Pod) -> None:
    options = draw(
        st.sampled_from(
            [{"hostProcess": False}, {"hostProcess": True}, {"runAsUserName": "web"}, {}, None]
        )
    )
    if options and options.get("hostProcess"):  # for all of the pod, and with the host network
        pod["spec"]["hostNetwork"] = True
        _context(pod["spec"])["windowsOptions"] = options
    else:
        _somewhere(draw, pod)["windowsOptions"] = options


def _of_no_concern(draw: DrawFn, pod: Pod) -> None:
    """What sounds like security and is in no standard."""
    context = _context(_container(draw, pod))
    context["readOnlyRootFilesystem"] = draw(st.sampled_from(_TRUTH))
    context["runAsGroup"] = draw(st.sampled_from([0, 1]))
    _context(pod["spec"])["fsGroup"] = draw(st.sampled_from([0, 1]))
    _context(pod["spec"])["supplementalGroups"] = draw(st.sampled_from([[], [0]]))
    pod["spec"]["serviceAccountName"] = "default"


def _no_context(draw: DrawFn, pod: Pod) -> None:
    fields = draw(st.sampled_from([pod["spec"], *_containers(pod)]))
    fields["securityContext"] = draw(st.sampled_from([None, {}]))


Trait = Callable[[DrawFn, Pod], None]

_EVERYWHERE: tuple[Trait, ...] = (
    _host_namespaces,
    _volumes,
    _ports,
    _handlers,
    _handlers,  # once more: only the newest versions mind what it does
    _non_root,
    _non_root_of_containers,
    _host_process,
)
_LINUX: tuple[Trait, ...] = (
    *_EVERYWHERE,
    _host_users,
    _privileged,
    _escalation,
    _capabilities,
    _apparmor,
    _apparmor_annotation,
    _selinux,
    _proc_mount,
    _proc_mount,
    _seccomp,
    _seccomp_of_containers,
    _sysctls,
    _user,
    _of_no_concern,
    _no_context,
)


def _hardened() -> Pod:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@st.composite
def _pods(draw: DrawFn) -> Pod:
    kind = draw(st.sampled_from(["restricted"] * 5 + ["baseline", "windows"]))
    hardened = kind == "restricted"

    def container(name: str, **more: Any) -> Pod:
        extra = {"securityContext": _hardened()} if hardened else {}
        return {"name": name, "image": "registry.example.com/web:1", **extra, **more}

    spec: Pod = {"containers": [container("app")]}
    if draw(st.booleans()):
        spec["containers"].append(container("helper"))
    init = []
    if draw(st.booleans()):
        init.append(container("plain"))
    if draw(st.booleans()):
        init.append(container("sidecar", restartPolicy="Always"))
    if init:
        spec["initContainers"] = init
    if hardened:
        profile = {"type": "RuntimeDefault"}
        spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": profile}
    elif kind == "windows":
        spec["os"] = {"name": "windows"}
        spec["securityContext"] = {"runAsNonRoot": True}
    pod: Pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": spec,
    }
    traits = _EVERYWHERE if kind == "windows" else _LINUX
    for trait in draw(st.lists(st.sampled_from(traits), max_size=4)):
        trait(draw, pod)
    return pod


def pods() -> SearchStrategy[Pod]:
    """Return the strategy of pods."""
    return _pods()


@st.composite
def _ephemeral(draw: DrawFn) -> Pod:
    container: Pod = {"name": "debug", "image": "registry.example.com/debug:1"}
    if draw(st.booleans()):
        container["securityContext"] = _hardened()
    # The traits take a pod; this one has a single container, which becomes the ephemeral one.
    pod: Pod = {"metadata": {}, "spec": {"containers": [container]}}
    traits = (_privileged, _escalation, _capabilities, _apparmor, _selinux, _seccomp, _non_root)
    for trait in draw(st.lists(st.sampled_from((*traits, _user)), max_size=3)):
        trait(draw, pod)
    return container


def ephemeral_containers() -> SearchStrategy[Pod]:
    """Return the strategy of ephemeral containers, for a pod that the restricted level admits."""
    return _ephemeral()
