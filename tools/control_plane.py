"""A real control plane without containers: etcd, API server, controllers, scheduler, kwok nodes.

    with ControlPlane() as control_plane:
        control_plane.kubectl("get", "nodes")

or, for people, `python -m tools.control_plane`. Everything listens on loopback only, lives in one
temporary directory and is gone when the process that started it is, however that ends
(tools/supervisor.py). Binaries come from KUBEBUILDER_ASSETS or from `make control-plane`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import os
import random
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
KUBECTL = "kubectl"
_NO_CONDITIONS_YET = ".status.conditions accessor error: <nil>"

ADMIN = "admin"

_ROOT = Path(__file__).resolve().parent.parent
_CACHE = _ROOT / ".cache" / "control-plane"
_STAGES = "kwok-stages.yaml"
# Without them no pod is created, and none is scheduled.
_INDISPENSABLE = ("serviceaccount-controller", "node-lifecycle-controller")
_PATIENCE = 60.0  # seconds for one component to start; a healthy one takes one or two
_POLL = 0.02
_PROBE = 2.0  # seconds; on a foreign port nobody may ever answer
_ATTEMPTS = 5  # with another port each
_LOG_LINES = 15
# Below the ephemeral ports of Linux (32768) and macOS (49152). A client that retries a stopped
# server on an ephemeral port may get that port as its own source port, and so talk to itself.
_PORTS = range(20000, 32000)

_NOT_RUNNING = "this control plane does not run; start() it first"
_WAYS_OUT = """\
The tests and the demo need a real control plane. Three ways to have one:
  1. install Go 1.26 or newer (https://go.dev/doc/install) and run 'make control-plane';
  2. set KUBEBUILDER_ASSETS to a directory that holds etcd, kube-apiserver,
     kube-controller-manager, kube-scheduler, kubectl, kwok and kwok-stages.yaml;
  3. point KUBECONFIG at a cluster such as kind, and run 'readiness run --role controller' there."""

# Every request is one event: a watch when it opens, everything else when it is answered.
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
    verbs: [watch]
    omitStages: [RequestReceived, ResponseComplete]
  - level: Metadata
    omitStages: [RequestReceived, ResponseStarted]
"""


class ControlPlaneError(Exception):
    """The control plane can't be had, or a part of it failed; the text says what to do."""


class _PortTakenError(Exception):
    """Another process took the port between our choice and the bind."""


class Reply(NamedTuple):
    """An answer of the API server or of etcd."""

    status: int
    body: Any


@dataclass(frozen=True)
class AuditEvent:
    """One request to the API server, as its audit log tells it."""

    user: str  # the impersonated one, if any
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    user_agent: str


def find_binaries(names: Iterable[str]) -> dict[str, Path]:
    """Return where the binaries (and kwok's stages) are, or raise with the ways to have them."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    places = [Path(assets)] if assets else []
    places += [_CACHE / "bin", _CACHE]
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name in names:
        paths = [place / name for place in places if (place / name).is_file()]
        if paths:
            found[name] = paths[0]
        else:
            missing.append(name)
    if missing:
        where = "KUBEBUILDER_ASSETS or " if assets else ""
        raise ControlPlaneError(
            f"not in {where}.cache/control-plane: {', '.join(missing)}.\n{_WAYS_OUT}"
        )
    return found


class Supervised:
    """This side of the pipe to tools/supervisor.py; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._lock = threading.Lock()
        # -I and -S: neither the environment nor site-packages may slow or break it.
        argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py"))]
        with (directory / "supervisor.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*argv, str(os.getpid()), str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def call(self, method: str, *arguments: Any) -> Any:
        """Have the supervisor do something and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = json.dumps({"method": method, "arguments": arguments})
        with self._lock:
            try:
                self._process.stdin.write(request.encode() + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except (BrokenPipeError, ValueError):
                line = b""
        if not line:
            raise ControlPlaneError("the control plane's supervisor has ended; start a new one")
        answer = json.loads(line)
        if "error" in answer:
            raise ControlPlaneError(f"the supervisor could not {method}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """Close the pipe: the supervisor kills everything, removes the directory and ends."""
        with self._lock:
            try:
                self._process.communicate()
            except BrokenPipeError:
                self._process.wait()


@dataclass(kw_only=True, eq=False)
class ControlPlane:
    """A control plane to start and stop, or to use as a context manager.

    Args:
        nodes: how many nodes kwok plays; each takes 1000 pods.
        controllers: which controllers the controller manager runs besides those for service
            accounts and node conditions, in the words of its --controllers flag; with none at all
            it is left out, and pods can't be created.
        audit: whether the API server logs every request (see `audit_events`).
        users: users besides `admin` and the groups of each. The API server reads them at start;
            for a later one use a service account (see `kubeconfig_for`).
        feature_gates: for the API server and the controller manager.
        api_server_flags: further flags, `--watch-cache=false` for example.
        patience: seconds a component may take to start.
    """

    nodes: int = 3
    controllers: Sequence[str] = ("*",)
    audit: bool = True
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    api_server_flags: Sequence[str] = ()
    patience: float = _PATIENCE

    _supervised: Supervised | None = field(default=None, init=False, repr=False)
    _binaries: dict[str, Path] = field(default_factory=dict, init=False, repr=False)
    _tokens: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _directory: Path = field(default=Path(), init=False, repr=False)
    _etcd_port: int = field(default=0, init=False, repr=False)
    _port: int = field(default=0, init=False, repr=False)

    # Life

    def start(self) -> Self:
        """Start everything and return when it works, in about four seconds."""
        if self._supervised:
            raise ControlPlaneError("this control plane runs already; stop() it first")
        names = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK, KUBECTL, _STAGES)
        self._binaries = find_binaries(names)
        self._directory = Path(tempfile.mkdtemp(prefix="readiness-control-plane-"))
        self._port = 0
        try:
            self._supervised = Supervised(self._directory)
            self._start_etcd()
            self._write_users()
            self.start_api_server()
            self._start_rest()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill everything and remove every file; doing so twice is no error."""
        supervised, self._supervised = self._supervised, None
        if supervised:
            supervised.close()
        # For a supervisor that failed to start, or was killed itself.
        if self._directory != Path():
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise if a component has ended by itself."""
        for name, code in self._supervisor.call("poll").items():
            if code is not None:
                self._fail(name, f"ended with exit code {code}")

    def pause(self, component: str) -> None:
        """Stop a component without ending it: connections stay open and nothing answers."""
        self._supervisor.call("signal", component, int(signal.SIGSTOP))

    def resume(self, component: str) -> None:
        """Let a paused component go on."""
        self._supervisor.call("signal", component, int(signal.SIGCONT))

    def stop_api_server(self, *, grace: float = 0) -> None:
        """End the API server: by SIGKILL, or by SIGTERM with so many seconds of grace."""
        self._supervisor.call("end", API_SERVER, grace)

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready: always on the same port and data.

        The other components find it again by themselves, which may take them another few seconds.
        """
        if not self._port:
            self._on_free_port(API_SERVER, self._start_api_server_on)
            return
        try:
            self._start_api_server_on(self._port)
        except _PortTakenError:
            self._fail(API_SERVER, "lost its port to another process while it was stopped")

    # What clients need

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """The bearer token of `admin`, who is in system:masters."""
        if self._supervised is None:
            raise ControlPlaneError(_NOT_RUNNING)
        return self._tokens[ADMIN]

    @property
    def ca_file(self) -> Path:
        """What the API server's certificate is verified with."""
        return self._directory / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of `admin`."""
        return self._write_kubeconfig(ADMIN, {"token": self.token})

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig file that speaks for this user.

        A user of `users` has a token, and so has `system:serviceaccount:NAMESPACE:NAME`, which must
        exist; these serve every client. Anybody else is impersonated, which kubectl and clients in
        Go can do and clients in Python cannot.
        """
        prefix, _, account = user.partition("system:serviceaccount:")
        if user in self._tokens and not groups:
            return self._write_kubeconfig(user, {"token": self._tokens[user]})
        if account and not prefix and not groups:
            namespace, _, name = account.partition(":")
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
            token = self._must("POST", path, body)["status"]["token"]
            return self._write_kubeconfig(user, {"token": token})
        identity: dict[str, Any] = {"token": self.token, "as": user}
        if groups:
            identity["as-groups"] = list(groups)
        return self._write_kubeconfig(user, identity)

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run has it
        check: bool = True,
        kubeconfig: Path | None = None,
        within: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl, as `admin` unless told otherwise."""
        config = kubeconfig or self.kubeconfig
        deadline = time.monotonic() + within
        while True:
            result = subprocess.run(
                [str(self.binary(KUBECTL)), "--kubeconfig", str(config), *args],
                env={**os.environ, "KUBECACHEDIR": str(self._directory / "kubectl-cache")},
                input=input,
                capture_output=True,
                text=True,
                timeout=within,
                check=False,
            )
            # `kubectl wait` gives up on an object so new that it has no conditions yet.
            if _NO_CONDITIONS_YET not in result.stderr or time.monotonic() > deadline:
                break
        if check and result.returncode:
            raise ControlPlaneError(
                f"kubectl {' '.join(args)}: exit code {result.returncode}: {result.stderr.strip()}"
            )
        return result

    def binary(self, name: str) -> Path:
        """Return where a binary is, helm for example."""
        return self._binaries.get(name) or find_binaries([name])[name]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        within: float = 30,
    ) -> Reply:
        """Send one request to the API server, as `admin` unless told otherwise."""
        headers = {
            "Authorization": f"Bearer {token or self.token}",
            "Content-Type": content_type,
            "User-Agent": "tools.control_plane",
        }
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=within, context=context
        )
        return _send(connection, method, path, body, headers)

    def version(self) -> str:
        """Return the server's version, `v1.36.3` for example."""
        return str(self._must("GET", "/version")["gitVersion"])

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace and wait for its `default` ServiceAccount, which every pod needs."""
        metadata = {"name": name, "labels": dict(labels or {})}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self._must("POST", "/api/v1/namespaces", body)
        if self.controllers:
            self._await(CONTROLLER_MANAGER, lambda: self._has_service_account(name))

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace without waiting for what is in it."""
        self._must("DELETE", f"/api/v1/namespaces/{name}")

    # What happened

    def audit_mark(self) -> int:
        """Return a mark of now for `audit_events(after=...)`."""
        return self._audit_log.stat().st_size

    def audit_events(self, *, after: int = 0) -> list[AuditEvent]:
        """Return every request logged, or those after a mark, each exactly once."""
        with self._audit_log.open("rb") as log:
            log.seek(after)
            lines = log.readlines()
        # The last line may be half written.
        return [_audit_event(json.loads(line)) for line in lines if line.endswith(b"\n")]

    def log(self, component: str, lines: int = _LOG_LINES) -> str:
        """Return the last lines a component logged."""
        try:
            text = self._log_file(component).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(line[:300] for line in text.splitlines()[-lines:])

    # Behind the API server's back

    def etcd(self, method: str, body: Mapping[str, Any], *, within: float = 30) -> Any:
        """Call etcd's JSON gateway, `etcd("kv/range", {"key": ...})`; keys are base64."""
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=within)
        reply = _send(connection, "POST", f"/v3/{method}", body, {})
        if reply.status != http.HTTPStatus.OK:
            raise ControlPlaneError(f"etcd answered {reply.status} to {method}: {reply.body}")
        return reply.body

    def compact(self) -> int:
        """Make etcd forget everything but the present; return the revision this was done at.

        Who is up to date may go on from there; who missed even the last change gets 410.

        The API server's watch cache remembers for itself, so a watch from an old resourceVersion
        gets 410 only from an API server that has started since, or has --watch-cache=false.
        """
        # Compaction spares the revision it is done at, so that has to be none of Kubernetes' own.
        key = base64.b64encode(b"/compaction").decode()
        revision = self.etcd("kv/put", {"key": key})["header"]["revision"]
        self.etcd("kv/compaction", {"revision": revision, "physical": True})
        return int(revision)

    def erase(self, key: str) -> bool:
        """Delete `deployments/NAMESPACE/NAME`, say, in etcd; return whether it was there.

        With the API server stopped, this is a deletion no client sees happen.
        """
        encoded = base64.b64encode(f"/registry/{key}".encode()).decode()
        return int(self.etcd("kv/deleterange", {"key": encoded}).get("deleted", 0)) == 1

    # Components

    @property
    def _supervisor(self) -> Supervised:
        if self._supervised is None:
            raise ControlPlaneError(_NOT_RUNNING)
        return self._supervised

    @property
    def _audit_log(self) -> Path:
        if not self.audit:
            raise ControlPlaneError("this control plane keeps no audit log: it has audit=False")
        return self._directory / "audit.log"

    def _log_file(self, component: str) -> Path:
        return self._directory / f"{component}.log"

    def _start_etcd(self) -> None:
        name = secrets.token_hex(8)

        def is_ours() -> bool:
            # A foreign etcd may hold the port; only a leader answers, so this is readiness too.
            members = self.etcd("cluster/member/list", {}, within=_PROBE)["members"]
            return any(member.get("name") == name for member in members)

        def start(port: int) -> None:
            self._etcd_port = port
            url = f"http://127.0.0.1:{port}"
            arguments = [
                f"--name={name}",
                f"--data-dir={self._directory / 'etcd'}",
                "--unsafe-no-fsync",  # it need not survive a power cut
                f"--listen-client-urls={url}",
                f"--advertise-client-urls={url}",
                "--listen-peer-urls=http://127.0.0.1:0",
                "--heartbeat-interval=20",  # alone, it elects itself after one election timeout:
                "--election-timeout=100",  # 0.1 s in place of 1 s
            ]
            self._start(ETCD, arguments, is_ours)

        self._on_free_port(ETCD, start)

    def _write_users(self) -> None:
        groups = {
            **self.users,
            ADMIN: ["system:masters"],
            KWOK: ["system:masters"],
            f"system:{CONTROLLER_MANAGER}": [],
            f"system:{SCHEDULER}": [],
        }
        self._tokens = {user: secrets.token_urlsafe(24) for user in groups}
        lines = [
            f'{self._tokens[user]},{user},{user},"{",".join(groups[user])}"' for user in groups
        ]
        (self._directory / "tokens.csv").write_text("\n".join(lines) + "\n", "utf-8")
        (self._directory / "audit-policy.yaml").write_text(_AUDIT_POLICY, "utf-8")

    def _start_api_server_on(self, port: int) -> None:
        self._port = port
        self._start(API_SERVER, self._api_server_arguments(port), self._api_server_ready)

    def _api_server_arguments(self, port: int) -> list[str]:
        certificates = self.ca_file.parent
        # The API server makes this key for its own certificate before it reads the others.
        key = certificates / "apiserver.key"
        arguments = [
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",  # loopback is no endpoint
            f"--secure-port={port}",
            f"--cert-dir={certificates}",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--token-auth-file={self._directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",  # whether it is allowed is Pod Security's to say
        ]
        if self.audit:
            arguments += [
                f"--audit-policy-file={self._directory / 'audit-policy.yaml'}",
                f"--audit-log-path={self._audit_log}",
                "--audit-log-maxsize=0",  # no rotation under the reader
            ]
        return [*arguments, *self._feature_flags(), *self.api_server_flags]

    def _feature_flags(self) -> list[str]:
        gates = ",".join(f"{name}={str(on).lower()}" for name, on in self.feature_gates.items())
        return [f"--feature-gates={gates}"] if gates else []

    def _api_server_ready(self) -> bool:
        # The certificate tells a foreign server from ours.
        if not self.ca_file.exists():
            return False
        return self.request("GET", "/readyz", within=_PROBE).status == http.HTTPStatus.OK

    def _start_rest(self) -> None:
        if self.controllers:
            self._spawn(CONTROLLER_MANAGER, self._controller_manager_arguments())
        self._spawn(
            SCHEDULER,
            [
                f"--kubeconfig={self.kubeconfig_for(f'system:{SCHEDULER}')}",
                "--leader-elect=false",
                "--secure-port=0",
                "--kube-api-qps=1000",
                "--kube-api-burst=2000",
            ],
        )
        self._spawn(
            KWOK,
            [
                f"--kubeconfig={self.kubeconfig_for(KWOK)}",
                f"--config={self._binaries[_STAGES]}",
                "--manage-all-nodes",
                "--node-ip=192.0.2.1",  # TEST-NET-1: nobody answers there
                "--cidr=10.64.0.0/12",
            ],
        )
        names = [f"node-{number}" for number in range(self.nodes)]
        for number, name in enumerate(names):
            self._must("POST", "/api/v1/nodes", _node(name, zone="abc"[number % 3]))
        if self.controllers:
            self._await(CONTROLLER_MANAGER, lambda: self._has_service_account("default"))
        self._await(KWOK, lambda: all(self._is_schedulable(name) for name in names))
        self.check()

    def _controller_manager_arguments(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_for(f'system:{CONTROLLER_MANAGER}')}",
            f"--controllers={','.join([*self.controllers, *_INDISPENSABLE])}",
            "--leader-elect=false",
            "--secure-port=0",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.ca_file.with_name('apiserver.key')}",
            f"--root-ca-file={self.ca_file}",
            "--kube-api-qps=1000",  # 20 by default, too slow for thousands of objects
            "--kube-api-burst=2000",
            "--horizontal-pod-autoscaler-sync-period=1s",
            "--node-monitor-grace-period=10m",  # a busy or paused kwok is no outage
            *self._feature_flags(),
        ]

    def _has_service_account(self, namespace: str) -> bool:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        return self.request("GET", path).status == http.HTTPStatus.OK

    def _is_schedulable(self, name: str) -> bool:
        node = self._must("GET", f"/api/v1/nodes/{name}")
        conditions = node["status"].get("conditions", [])
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        return ready and not (self.controllers and node["spec"].get("taints"))

    # Helpers

    def _on_free_port(self, name: str, start: Callable[[int], None]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                start(free_port())
            except _PortTakenError:
                self._supervisor.call("end", name, 0)
                self._log_file(name).unlink()
            else:
                return
        raise ControlPlaneError(
            f"{name} got no port in {_ATTEMPTS} attempts between {_PORTS[0]} and {_PORTS[-1]}"
        )

    def _start(self, name: str, arguments: Sequence[str], ready: Callable[[], bool]) -> None:
        self._spawn(name, arguments)
        self._await(name, ready)

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        argv = [str(self._binaries[name]), *arguments]
        try:
            self._supervisor.call("spawn", name, argv, str(self._log_file(name)))
        except ControlPlaneError as error:
            raise ControlPlaneError(
                f"{name} can't be run: {error}\nWhat to do: make it anew: remove the file and run "
                "'make control-plane'."
            ) from None

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.patience
        while not _succeeds(ready):
            code = self._supervisor.call("poll").get(name)
            if code is not None:
                if "address already in use" in self.log(name):
                    raise _PortTakenError
                self._fail(name, f"ended with exit code {code}")
            if time.monotonic() > deadline:
                self._fail(name, f"was not ready within {self.patience:g} s")
            time.sleep(_POLL)

    def _fail(self, name: str, what: str) -> NoReturn:
        raise ControlPlaneError(
            f"{name} {what}. Its last log lines:\n{self.log(name) or '(none)'}\n"
            "What to do: if it objects to a flag, look at what ControlPlane(...) was given; if the "
            f"binary is broken, remove .cache/control-plane/bin/{name} and run "
            "'make control-plane'; if the machine is slow, give ControlPlane(patience=...) more "
            f"than {self.patience:g} s."
        )

    def _must(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.request(method, path, body)
        if reply.status >= http.HTTPStatus.BAD_REQUEST:
            message = reply.body.get("message") if isinstance(reply.body, dict) else reply.body
            raise ControlPlaneError(f"{method} {path}: {reply.status}: {message}")
        return reply.body

    def _write_kubeconfig(self, user: str, identity: Mapping[str, Any]) -> Path:
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        context = {"cluster": "control-plane", "user": user, "namespace": "default"}
        # JSON is YAML, and stdlib.
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "control-plane", "cluster": cluster}],
            "users": [{"name": user, "user": dict(identity)}],
            "contexts": [{"name": "control-plane", "context": context}],
            "current-context": "control-plane",
        }
        text = json.dumps(document, indent=2)
        name = "kubeconfig"
        if identity.get("token") != self.token or "as" in identity:
            groups = identity.get("as-groups", [])
            name += "-" + hashlib.sha256(repr((user, groups)).encode()).hexdigest()[:16]
        path = self._directory / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
        return path


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on just now."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ControlPlaneError(f"no free port between {_PORTS[0]} and {_PORTS[-1]} on loopback")


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any,
    headers: Mapping[str, str],
) -> Reply:
    """Send one request and close; the answer is parsed if it is JSON."""
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, dict(headers))
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    try:
        return Reply(response.status, json.loads(text))
    except ValueError:
        return Reply(response.status, text)


def _succeeds(ready: Callable[[], bool]) -> bool:
    """Tell whether it is ready; who doesn't answer, or answers nonsense, is not."""
    try:
        return ready()
    except (OSError, http.client.HTTPException, ControlPlaneError, KeyError, TypeError):
        return False


def _node(name: str, zone: str) -> dict[str, Any]:
    resources = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "1000"}
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "region",
        "topology.kubernetes.io/zone": f"zone-{zone}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": resources, "allocatable": resources},
    }


def _audit_event(event: Mapping[str, Any]) -> AuditEvent:
    reference = event.get("objectRef", {})
    user = event.get("impersonatedUser") or event["user"]
    return AuditEvent(
        user=user.get("username", ""),
        verb=event["verb"],
        group=reference.get("apiGroup", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user_agent=event.get("userAgent", ""),
    )


def main() -> int:
    """Run a control plane until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tools.control_plane", description=main.__doc__)
    parser.add_argument("--nodes", type=int, default=3, help="how many nodes to play (default: 3)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print("starting ...", file=sys.stderr, flush=True)
        with ControlPlane(nodes=options.nodes) as control_plane:
            print(f"""\
Kubernetes {control_plane.version()} with {options.nodes} nodes runs at {control_plane.url}.
In another terminal:

  export KUBECONFIG={control_plane.kubeconfig}
  {control_plane.binary(KUBECTL)} get nodes

Ctrl-C here stops it and removes everything.""")
            sys.stdout.flush()
            while True:
                control_plane.check()
                time.sleep(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0
    except ControlPlaneError as error:
        print(f"control plane: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
