"""The checks in CEL: each twin finds the same at fault as the check that is written in Python.

A twin reads an object of apps/v1 as the API server has it: valid, defaults filled in, no nulls.
There its verdict is that of its check; tests/compiled_policies asks a real API server about every
fixture and about drawn workloads. What CEL can't say exactly has no twin but a reason in
WITHOUT_TWIN: nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from readiness.admission_policies.cel import BLANK, WHITE, literal, literals

# The lists of the checks stand beside them, so that there is one of each.
from readiness.checks._capabilities import BASELINE_CAPABILITIES
from readiness.checks._pod_security import _USER_NAMESPACES_SINCE, PodSecurityParams, _parsed
from readiness.checks.apparmor_profile import _PREFIX as _APPARMOR_ANNOTATION
from readiness.checks.container_runtime_socket_mounted import _SOCKETS
from readiness.checks.host_probes import _SINCE as _HOST_PROBES_SINCE
from readiness.checks.image_registry_not_allowed import _canonical
from readiness.checks.restricted_volume_types import _ALLOWED as _VOLUME_TYPES
from readiness.checks.restricted_volume_types import _NOT_JUDGED as _NO_VOLUME_TYPES
from readiness.checks.selinux_options import _ALLOWED_SINCE as _SELINUX_TYPES
from readiness.checks.suspicious_quantity import _SENSIBLE as _SENSIBLE_AMOUNTS
from readiness.checks.unsafe_sysctls import _SAFE_SINCE as _SYSCTLS

Version: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Subject:
    """CEL for the parts of one workload: of the one to be stored, or of the one before it.

    Attributes:
        object: the workload.
        pod: its pod spec.
        containers: list of all its containers; a template has no ephemeral ones.
        long_running: list of its app containers and native sidecars.
    """

    object: str
    pod: str
    containers: str
    long_running: str


@dataclass(frozen=True, slots=True)
class Twin:
    """One check in CEL.

    Attributes:
        demand: what must change, after the names of what is at fault: `must set livenessProbe`.
        faults: makes CEL, of type list(string), that names what is at fault: `container "app"`,
            `pod`. Its arguments: the workload; the parameters of the check; the version to judge
            by, that of the Pod Security Standards for their checks. None when there is nothing to
            find with these.
    """

    demand: Callable[[Any], str]
    faults: Callable[[Subject, Any, Version], str | None]


def version_of(params: Any, kubernetes_version: Version) -> Version:
    """Return the version to judge by: that of the parameters, else that of the cluster."""
    if isinstance(params, PodSecurityParams) and params.version:
        return _parsed(params.version)
    return kubernetes_version


_TWINS: dict[str, Twin] = {}


def _twin(
    check_id: str, demand: str | Callable[[Any], str]
) -> Callable[[Callable[..., str | None]], Callable[..., str | None]]:
    def register(faults: Callable[..., str | None]) -> Callable[..., str | None]:
        words = demand if callable(demand) else lambda _: demand
        _TWINS[check_id] = Twin(words, faults)
        return faults

    return register


def _containers(containers: str, at_fault: str) -> str:
    """Return the names of the containers for which a condition about `c` holds."""
    return f"""{containers}.filter(c, {at_fault}).map(c, 'container "' + c.name + '"')"""


def _pod(at_fault: str) -> str:
    return f"({at_fault} ? ['pod'] : [])"


def _volumes(pod: str, at_fault: str) -> str:
    volumes = f"{pod}.?volumes.orValue([])"
    return f"""{volumes}.filter(v, {at_fault}).map(v, 'volume "' + v.name + '"')"""


def _contexts(w: Subject, at_fault: str) -> str:
    """Return the pod and the containers for whose securityContext a condition holds.

    The condition says `CONTEXT` for the optional securityContext.
    """
    pod = _pod(at_fault.replace("CONTEXT", f"{w.pod}.?securityContext"))
    return (
        pod + " + " + _containers(w.containers, at_fault.replace("CONTEXT", "c.?securityContext"))
    )


def _unless(condition: str, faults: str) -> str:
    return f"({condition} ? [] : {faults})"


def _windows(w: Subject) -> str:
    return f'{w.pod}.?os.?name.orValue("") == "windows"'


def _user_namespace(w: Subject) -> str:
    return f"!{w.pod}.?hostUsers.orValue(true)"


def _unless_excused(w: Subject, version: Version, faults: str) -> str:
    """Return the faults of a pod without a user namespace, from where the version heeds that."""
    if version < _USER_NAMESPACES_SINCE:
        return faults
    return _unless(_user_namespace(w), faults)


def _allowed(since: Mapping[str, Version], version: Version) -> str:
    return literals(sorted(name for name, first in since.items() if first <= version))


# Container security, Pod Security Standards


@_twin(
    "apparmor-profile",
    "must set securityContext.appArmorProfile.type, and the annotation before it, to "
    "RuntimeDefault or Localhost",
)
def _apparmor_profile(w: Subject, params: Any, version: Version) -> str:
    field = (
        '!(CONTEXT.?appArmorProfile.?type.orValue("RuntimeDefault") in '
        '["RuntimeDefault", "Localhost"])'
    )
    annotations = f"{w.object}.spec.template.metadata.?annotations.orValue({{}})"
    annotation = (
        f"{annotations}.exists(k, k.startsWith({literal(_APPARMOR_ANNOTATION)}) && "
        f'!({annotations}[k] in ["", "runtime/default"] || '
        f'{annotations}[k].startsWith("localhost/")))'
    )
    containers = _containers(w.containers, field.replace("CONTEXT", "c.?securityContext"))
    pod_field = field.replace("CONTEXT", f"{w.pod}.?securityContext")
    return _pod(f"{pod_field} || {annotation}") + " + " + containers


@_twin(
    "capabilities-not-dropped",
    'must set securityContext.capabilities.drop: ["ALL"] and add back NET_BIND_SERVICE alone',
)
def _capabilities_not_dropped(w: Subject, params: Any, version: Version) -> str:
    kept = literals(sorted(BASELINE_CAPABILITIES - {"NET_BIND_SERVICE"}))
    capabilities = "c.?securityContext.?capabilities"
    return _unless(
        _windows(w),
        _containers(
            w.containers,
            f'!("ALL" in {capabilities}.?drop.orValue([])) || '
            f"{capabilities}.?add.orValue([]).exists(name, name in {kept})",
        ),
    )


@_twin(
    "dangerous-capabilities",
    "must remove from securityContext.capabilities.add what goes beyond the default capabilities",
)
def _dangerous_capabilities(w: Subject, params: Any, version: Version) -> str:
    return _containers(
        w.containers,
        "c.?securityContext.?capabilities.?add.orValue([])"
        f".exists(name, !(name in {literals(sorted(BASELINE_CAPABILITIES))}))",
    )


@_twin("host-namespaces", "must not set hostNetwork, hostPID or hostIPC: true")
def _host_namespaces(w: Subject, params: Any, version: Version) -> str:
    keys = ("hostNetwork", "hostPID", "hostIPC")
    return _pod(" || ".join(f"{w.pod}.?{key}.orValue(false)" for key in keys))


@_twin("host-path-volume", "must not be a hostPath")
def _host_path_volume(w: Subject, params: Any, version: Version) -> str:
    return _volumes(w.pod, "has(v.hostPath)")


@_twin("host-port", "must not set ports[*].hostPort")
def _host_port(w: Subject, params: Any, version: Version) -> str:
    ports = "c.?ports.orValue([]).exists(port, port.?hostPort.orValue(0) != 0)"
    return _unless(f"{w.pod}.?hostNetwork.orValue(false)", _containers(w.containers, ports))


@_twin("host-probes", "must not set host in the handler of a probe or a lifecycle hook")
def _host_probes(w: Subject, params: Any, version: Version) -> str | None:
    if version < _HOST_PROBES_SINCE:
        return None
    handlers = (
        "c.?livenessProbe, c.?readinessProbe, c.?startupProbe, "
        "c.?lifecycle.?postStart, c.?lifecycle.?preStop"
    )
    return _containers(
        w.containers,
        f'[{handlers}].exists(handler, handler.?httpGet.?host.orValue("") != "" || '
        'handler.?tcpSocket.?host.orValue("") != "")',
    )


@_twin("host-process-container", "must not set securityContext.windowsOptions.hostProcess: true")
def _host_process_container(w: Subject, params: Any, version: Version) -> str:
    return _contexts(w, "CONTEXT.?windowsOptions.?hostProcess.orValue(false)")


@_twin("privilege-escalation-allowed", "must set securityContext.allowPrivilegeEscalation: false")
def _privilege_escalation_allowed(w: Subject, params: Any, version: Version) -> str:
    return _unless(
        _windows(w),
        _containers(w.containers, "c.?securityContext.?allowPrivilegeEscalation.orValue(true)"),
    )


@_twin("privileged-container", "must not set securityContext.privileged: true")
def _privileged_container(w: Subject, params: Any, version: Version) -> str:
    return _containers(w.containers, "c.?securityContext.?privileged.orValue(false)")


@_twin(
    "restricted-volume-types",
    f"must be of one of the types {', '.join(sorted(_VOLUME_TYPES))}",
)
def _restricted_volume_types(w: Subject, params: Any, version: Version) -> str:
    return _volumes(
        w.pod,
        f"v.exists(key, !(key in {literals(sorted(_NO_VOLUME_TYPES))})) && "
        f"!v.exists(key, key in {literals(sorted(_VOLUME_TYPES))})",
    )


@_twin("run-as-root-allowed", "must set securityContext.runAsNonRoot: true")
def _run_as_root_allowed(w: Subject, params: Any, version: Version) -> str:
    pod = f"{w.pod}.?securityContext.?runAsNonRoot"
    # What the pod says stands for containers that say nothing; false is then the pod's own fault.
    container = f"!c.?securityContext.?runAsNonRoot.orValue({pod}.hasValue())"
    faults = _pod(f"!{pod}.orValue(true)") + " + " + _containers(w.containers, container)
    return _unless_excused(w, version, faults)


@_twin("run-as-root-user", "must not set securityContext.runAsUser: 0")
def _run_as_root_user(w: Subject, params: Any, version: Version) -> str:
    return _unless_excused(w, version, _contexts(w, "CONTEXT.?runAsUser.orValue(1) == 0"))


@_twin("seccomp-profile-missing", "must set securityContext.seccompProfile.type: RuntimeDefault")
def _seccomp_profile_missing(w: Subject, params: Any, version: Version) -> str:
    return _unless(
        f"{_windows(w)} || {w.pod}.?securityContext.?seccompProfile.hasValue()",
        _containers(w.containers, "!c.?securityContext.?seccompProfile.hasValue()"),
    )


@_twin(
    "seccomp-unconfined",
    "must set securityContext.seccompProfile.type to RuntimeDefault or Localhost",
)
def _seccomp_unconfined(w: Subject, params: Any, version: Version) -> str:
    allowed = '["RuntimeDefault", "Localhost"]'
    return _contexts(w, f'!(CONTEXT.?seccompProfile.?type.orValue("RuntimeDefault") in {allowed})')


@_twin(
    "selinux-options",
    "must not set user, role or a type beyond the allowed ones in securityContext.seLinuxOptions",
)
def _selinux_options(w: Subject, params: Any, version: Version) -> str:
    options = "CONTEXT.?seLinuxOptions"
    return _contexts(
        w,
        f'!({options}.?type.orValue("") in {_allowed(_SELINUX_TYPES, version)}) || '
        f'{options}.?user.orValue("") != "" || {options}.?role.orValue("") != ""',
    )


_UNMASKED = 'c.?securityContext.?procMount.orValue("Default") != "Default"'


@_twin("unmasked-proc-mount", "must not set securityContext.procMount")
def _unmasked_proc_mount(w: Subject, params: Any, version: Version) -> str:
    return _unless_excused(w, version, _containers(w.containers, _UNMASKED))


@_twin("unmasked-proc-mount-in-user-namespace", "must not set securityContext.procMount")
def _unmasked_in_user_namespace(w: Subject, params: Any, version: Version) -> str | None:
    if version < _USER_NAMESPACES_SINCE:
        return None
    return f"({_user_namespace(w)} ? {_containers(w.containers, _UNMASKED)} : [])"


@_twin("unsafe-sysctls", "must not be set")
def _unsafe_sysctls(w: Subject, params: Any, version: Version) -> str:
    return (
        f"{w.pod}.?securityContext.?sysctls.orValue([])"
        f".filter(sysctl, !(sysctl.name in {_allowed(_SYSCTLS, version)}))"
        """.map(sysctl, 'sysctl "' + sysctl.name + '"')"""
    )


# Container security, the others


@_twin("container-runtime-socket-mounted", "must not mount the socket of the container runtime")
def _container_runtime_socket_mounted(w: Subject, params: Any, version: Version) -> str:
    # Which subdirectory a variable stands for can't be known: the whole volume counts. The API
    # server lets no `..` into any of these paths.
    below = (
        '(m.?subPath.orValue("") != "" ? m.subPath : '
        'm.?subPathExpr.orValue("").contains("$(") ? "" : m.?subPathExpr.orValue(""))'
    )
    pipes = [s.removeprefix("//./pipe/") for s in _SOCKETS if s.startswith("//./pipe/")]
    on_windows = literal(f"^(?i)//\\./pipe/({'|'.join(pipes)})/*$")
    sockets = literals(f"{s}/" for s in _SOCKETS if not s.startswith("//"))
    directory = 'path.split("/").filter(part, part != "" && part != ".").join("/")'
    mounts_socket = (
        "c.?volumeMounts.orValue([]).exists(m, volumes.filter(v, v.name == m.name)"
        f'.map(v, v.hostPath.path + "/" + {below})'
        '.exists(path, path.replace("\\\\", "/").startsWith("//./") ? '
        f'path.replace("\\\\", "/").matches({on_windows}) : '
        f'[{directory}].map(directory, directory == "" ? "/" : "/" + directory + "/")'
        f".exists(directory, {sockets}.exists(socket, socket.startsWith(directory)))))"
    )
    # Found once, or else the cost limit comes at a dozen containers with a hundred volumes each.
    volumes = f"{w.pod}.?volumes.orValue([]).filter(v, has(v.hostPath))"
    return f"[{volumes}].map(volumes, {_containers(w.containers, mounts_socket)})[0]"


@_twin("default-service-account", "must set serviceAccountName to a ServiceAccount of its own")
def _default_service_account(w: Subject, params: Any, version: Version) -> str:
    # The old name of the field is heeded when it stands alone.
    names = f'{w.pod}.?serviceAccountName.orValue(""), {w.pod}.?serviceAccount.orValue("")'
    return _pod(f'([{names}].filter(name, name != "") + ["default"])[0] == "default"')


@_twin(
    "run-as-root-group", "must not run with the group 0: runAsGroup, fsGroup, supplementalGroups"
)
def _run_as_root_group(w: Subject, params: Any, version: Version) -> str:
    group = "c.?securityContext.?runAsGroup"
    context = f"{w.pod}.?securityContext"
    pod = (
        f"({context}.?runAsGroup.orValue(1) == 0 && "
        f"{w.containers}.exists(c, !{group}.hasValue())) || "
        f"{context}.?fsGroup.orValue(1) == 0 || "
        f"0 in {context}.?supplementalGroups.orValue([])"
    )
    return _pod(pod) + " + " + _containers(w.containers, f"{group}.orValue(1) == 0")


@_twin("writable-root-filesystem", "must set securityContext.readOnlyRootFilesystem: true")
def _writable_root_filesystem(w: Subject, params: Any, version: Version) -> str:
    writable = "!c.?securityContext.?readOnlyRootFilesystem.orValue(false)"
    return _unless(_windows(w), _containers(w.containers, writable))


# Images. Patterns are matched against the reference as a whole: NAME[:TAG][@DIGEST].

_IMAGE = 'c.?image.orValue("")'
_IMAGE_SET = f"!{_IMAGE}.matches({literal(BLANK)})"


@_twin("mutable-image-tag", "must set image to a fixed tag or a digest")
def _mutable_image_tag(w: Subject, params: Any, version: Version) -> str:
    # A tag comes after the last slash. What is blank matches too.
    pattern = literal(r"^([^@]*/)?[^/@:]*(:(latest)?)?@?$")
    return _containers(w.containers, f"{_IMAGE}.matches({pattern})")


@_twin("image-not-pinned", "must pin image by a sha256 or sha512 digest")
def _image_not_pinned(w: Subject, params: Any, version: Version) -> str:
    pattern = literal("^[^@]*@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")
    return _containers(w.containers, f"{_IMAGE_SET} && !{_IMAGE}.matches({pattern})")


@_twin(
    "image-registry-not-allowed",
    lambda params: f"must set image to one from {', '.join(params.registries)}",
)
def _image_registry_not_allowed(w: Subject, params: Any, version: Version) -> str | None:
    if not params.registries:
        return None
    prefixes = literals(f"{_canonical(entry.rstrip('/'))}/" for entry in params.registries)
    without_tag = literal("(?s)^(.*/)?[^/:]*")
    # Each map takes the reference one step further: name and path, registry put before it, the
    # registry's own name, and the directory that docker.io takes for granted. U+212A is the one
    # character beyond ASCII that becomes an ASCII letter in lower case.
    full_name = (
        f'[c.image.split("@")[0].find({without_tag})]'
        '.map(path, path.contains("/") && (path.split("/")[0] == "localhost" || '
        'path.split("/")[0].contains(".") || path.split("/")[0].contains(":")) '
        '? path : "docker.io/" + path)'
        '.map(path, path.split("/")[0].replace("\\u212a", "k").lowerAscii() + '
        'path.substring(path.split("/")[0].size()))'
        '.map(path, path.startsWith("index.docker.io/") ? path.substring(6) : path)'
        '.map(path, path.startsWith("docker.io/") && path.split("/").size() == 2 '
        '? "docker.io/library/" + path.substring(10) : path)'
    )
    return _containers(
        w.containers,
        f"{_IMAGE_SET} && {full_name}"
        f'.exists(path, !{prefixes}.exists(prefix, (path + "/").startsWith(prefix)))',
    )


@_twin("image-pull-policy-never", "must not set imagePullPolicy: Never")
def _image_pull_policy_never(w: Subject, params: Any, version: Version) -> str:
    return _containers(w.containers, 'c.?imagePullPolicy.orValue("") == "Never"')


# Probes. Defaults: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go (SetDefaults_Probe).

_PROBES = "[c.?livenessProbe, c.?readinessProbe, c.?startupProbe]"


@_twin("liveness-probe-missing", "must set livenessProbe")
def _liveness_probe_missing(w: Subject, params: Any, version: Version) -> str:
    return _containers(f"{w.pod}.containers", "!has(c.livenessProbe)")


@_twin(
    "liveness-probe-hair-trigger",
    lambda params: (
        "must raise livenessProbe.failureThreshold until failureThreshold times "
        f"periodSeconds is {params.seconds} or more"
    ),
)
def _liveness_probe_hair_trigger(w: Subject, params: Any, version: Version) -> str:
    return _containers(
        w.long_running,
        "has(c.livenessProbe) && c.livenessProbe.?failureThreshold.orValue(3) * "
        f"c.livenessProbe.?periodSeconds.orValue(10) < {params.seconds}",
    )


@_twin(
    "startup-probe-missing", "must set startupProbe instead of livenessProbe.initialDelaySeconds"
)
def _startup_probe_missing(w: Subject, params: Any, version: Version) -> str:
    return _containers(
        w.long_running,
        f"c.?livenessProbe.?initialDelaySeconds.orValue(0) >= {params.seconds} && "
        "!has(c.startupProbe)",
    )


@_twin("probe-timeout-too-long", "must set timeoutSeconds of each probe below its periodSeconds")
def _probe_timeout_too_long(w: Subject, params: Any, version: Version) -> str:
    return _containers(
        w.long_running,
        f"{_PROBES}.exists(probe, probe.hasValue() && "
        "probe.?timeoutSeconds.orValue(1) >= probe.?periodSeconds.orValue(10))",
    )


@_twin("probe-port-unknown", "must declare each port that its probes name")
def _probe_port_unknown(w: Subject, params: Any, version: Version) -> str:
    return _containers(
        w.long_running,
        f"{_PROBES}.exists(probe, [probe.?httpGet.?port, probe.?tcpSocket.?port]"
        ".exists(port, port.hasValue() && type(port.value()) == string && "
        '!c.?ports.orValue([]).exists(p, p.?name.orValue("") == port.value())))',
    )


@_twin(
    "probes-identical",
    "must raise livenessProbe.failureThreshold, or let it ask something else than readinessProbe",
)
def _probes_identical(w: Subject, params: Any, version: Version) -> str:
    def same(field: str, default: str) -> str:
        sides = (
            f"c.{probe}Probe.{field}.orValue({default})" for probe in ("liveness", "readiness")
        )
        return " == ".join(sides)

    def both(handler: str) -> str:
        return f"has(c.livenessProbe.{handler}) && has(c.readinessProbe.{handler})"

    def port(probe: str, handler: str) -> str:
        written = f"c.{probe}Probe.{handler}.port"
        named = f'c.?ports.orValue([]).filter(p, p.?name.orValue("") == {written})'
        # Of a number no port has the name, so it stands for itself.
        return f"({named}.map(p, dyn(p.containerPort)) + [dyn({written})])[0]"

    def same_port(handler: str) -> str:
        return f"{port('liveness', handler)} == {port('readiness', handler)}"

    def headers(probe: str) -> str:
        listed = f"c.{probe}Probe.httpGet.?httpHeaders.orValue([])"
        return f"{listed}.map(h, h.name.lowerAscii() + ' ' + h.?value.orValue(\"\"))"

    # In any order, so they are compared by how often each occurs.
    same_headers = (
        f"{headers('liveness')}.size() == {headers('readiness')}.size() && "
        f"{headers('liveness')}.all(h, {headers('liveness')}.filter(x, x == h).size() == "
        f"{headers('readiness')}.filter(x, x == h).size())"
    )
    asks_the_same = " || ".join(
        f"({' && '.join(conditions)})"
        for conditions in (
            (both("exec"), same("exec.?command", "[]")),
            (both("grpc"), same_port("grpc"), same("grpc.?service", '""')),
            (both("tcpSocket"), same_port("tcpSocket"), same("tcpSocket.?host", '""')),
            (
                both("httpGet"),
                same_port("httpGet"),
                same("httpGet.?host", '""'),
                same("httpGet.?scheme", '"HTTP"'),
                same("httpGet.?path", '"/"'),
                same_headers,
            ),
        )
    )
    patience = (
        f"c.{probe}Probe.?failureThreshold.orValue(3) * c.{probe}Probe.?periodSeconds.orValue(10)"
        for probe in ("liveness", "readiness")
    )
    return _containers(
        w.long_running,
        "has(c.livenessProbe) && has(c.readinessProbe) && "
        f"{' <= '.join(patience)} && ({asks_the_same})",
    )


# Resources


@_twin(
    "suspicious-quantity",
    "must set resources to sensible amounts: "
    + ", ".join(
        f"{resource} {least} to {most}" for resource, (least, most) in _SENSIBLE_AMOUNTS.items()
    ),
)
def _suspicious_quantity(w: Subject, params: Any, version: Version) -> str:
    def odd(owner: str) -> str:
        resources = f"{owner}.?resources"
        parts = f"[{resources}.?requests.orValue({{}}), {resources}.?limits.orValue({{}})]"
        amounts = " || ".join(
            f"[amounts[?{literal(resource)}]].exists(amount, amount.hasValue() && "
            'quantity(amount.value()).compareTo(quantity("0")) != 0 && '
            f"(quantity(amount.value()).isLessThan(quantity({literal(least)})) || "
            f"quantity(amount.value()).isGreaterThan(quantity({literal(most)}))))"
            for resource, (least, most) in _SENSIBLE_AMOUNTS.items()
        )
        return f"{parts}.exists(amounts, {amounts})"

    return _pod(odd(w.pod)) + " + " + _containers(w.long_running, odd("c"))


# Disruption, rollout, configuration, operations


@_twin("priority-class-missing", "must set priorityClassName")
def _priority_class_missing(w: Subject, params: Any, version: Version) -> str:
    return _pod(f'{w.pod}.?priorityClassName.orValue("") == ""')


@_twin("rollback-impossible", "must be at least 1")
def _rollback_impossible(w: Subject, params: Any, version: Version) -> str:
    limit = f"{w.object}.spec.?revisionHistoryLimit.orValue(10)"
    return f"({limit} == 0 ? ['spec.revisionHistoryLimit'] : [])"


@_twin("default-namespace", 'must name a namespace other than "default"')
def _default_namespace(w: Subject, params: Any, version: Version) -> str:
    namespace = f'{w.object}.metadata.?namespace.orValue("")'
    return f"({namespace} == 'default' ? ['metadata.namespace'] : [])"


@_twin("recommended-labels-missing", "must be set")
def _recommended_labels_missing(w: Subject, params: Any, version: Version) -> str:
    return (
        f'{literals(params.keys)}.filter(key, {w.object}.metadata.?labels[?key].orValue("") == "")'
        """.map(key, 'the label "' + key + '"')"""
    )


def _said(w: Subject, keys: tuple[str, ...], places: tuple[str, ...], says: str) -> str:
    """Return the condition that a value under one of the keys, called `value`, says something."""
    metadata = (f"{w.object}.metadata", f"{w.object}.spec.template.metadata")
    maps = ", ".join(f"{one}.?{place}.orValue({{}})" for one in metadata for place in places)
    return (
        f"[{maps}].exists(place, {literals(keys)}.exists(key, "
        f"place[?key].hasValue() && [place[key]].exists(value, {says})))"
    )


_SAYS_SOMETHING = f"!value.matches({literal(BLANK)})"
_BOTH = ("annotations", "labels")


def _one_of(keys: tuple[str, ...]) -> str:
    return f"must set {' or '.join(map(literal, keys))}"


@_twin("owner-missing", lambda params: _one_of(params.keys))
def _owner_missing(w: Subject, params: Any, version: Version) -> str:
    said = _said(w, params.keys, _BOTH, _SAYS_SOMETHING)
    return f"({said} ? [] : ['metadata.annotations or metadata.labels'])"


@_twin("on-call-missing", lambda params: _one_of(params.keys))
def _on_call_missing(w: Subject, params: Any, version: Version) -> str:
    said = _said(w, params.keys, _BOTH, _SAYS_SOMETHING)
    return f"({said} ? [] : ['metadata.annotations or metadata.labels'])"


@_twin("runbook-missing", lambda params: f"{_one_of(params.keys)} to a URL")
def _runbook_missing(w: Subject, params: Any, version: Version) -> str:
    url = literal(f"^(?i:https?)://[^{WHITE}/][^{WHITE}]*$")
    said = _said(w, params.keys, ("annotations",), f"value.matches({url})")
    return f"({said} ? [] : ['metadata.annotations'])"


TWINS: Mapping[str, Twin] = _TWINS

_LIMIT_RANGE = "a LimitRange of the namespace may set it, and CEL sees no other objects"

# Checks that look at the workload alone, as far as they can, and that CEL can't say exactly.
WITHOUT_TWIN: Mapping[str, str] = {
    "cpu-limit-missing": _LIMIT_RANGE,
    "cpu-request-missing": _LIMIT_RANGE,
    "database-connection-unencrypted": "CEL takes no connection strings apart",
    "deprecated-api-version": "the API server converts old versions before it looks at them",
    "ephemeral-storage-limit-missing": _LIMIT_RANGE,
    "hard-coded-credential": "CEL can't tell credentials by their looks",
    "memory-limit-missing": _LIMIT_RANGE,
    "memory-overcommitted": _LIMIT_RANGE,
    "memory-request-missing": _LIMIT_RANGE,
    "recreate-strategy": "a claim for one node excuses it, and CEL sees no other objects",
    "service-account-token-mounted": "its ServiceAccount may say so, and CEL sees no other objects",
    "topology-spread-missing": "its autoscaler counts too, and CEL sees no other objects",
}
