"""What `readiness check` costs beside kube-score, the fastest checker of the field: run by run.

    python -m tools.bench_check

Both get the same files; runs of the two take turns, so that what else the machine does hits both.
kube-score is built from the Go module proxy into .cache, once.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
KUBE_SCORE = "github.com/zegl/kube-score/cmd/kube-score@v1.20.0"
_CACHE = ROOT / ".cache" / "kube-score"
_BOUTIQUE = ROOT.parent / "shared" / "data" / "online-boutique.yaml"
_ROUNDS = 5
# kube-score compares all with all: 25 times as long for 5 times as much.
_ROUNDS_OF_LARGEST = 3
_NAMESPACES = 20

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/version: "{version}"
    team: {team}
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
        team: {team}
    spec:
      serviceAccountName: {name}
{pod}\
      containers:
      - name: app
        image: registry.example.com/shop/{name}:{version}
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: LOG_LEVEL
          value: info
        - name: CATALOG_ADDRESS
          value: {neighbour}:8080
        - name: WORKERS
          value: "{workers}"
        resources:
          requests:
            cpu: {cpu}m
            memory: {memory}Mi
          limits:
            memory: {memory}Mi
{container}"""

_HARDENED_POD = """\
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        seccompProfile:
          type: RuntimeDefault
"""

_HARDENED_CONTAINER = """\
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
"""

_PROBES = """\
        readinessProbe:
          httpGet:
            path: /readyz
            port: http
          periodSeconds: 5
        livenessProbe:
          httpGet:
            path: /healthz
            port: http
          failureThreshold: 6
"""

_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
spec:
  selector:
    app.kubernetes.io/name: {name}
  ports:
  - name: http
    port: 80
    targetPort: http
"""

_BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {name}
  namespace: {namespace}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
"""

_AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
  namespace: {namespace}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: 2
  maxReplicas: 6
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: 70
"""


class Cost(NamedTuple):
    """What one run took: seconds by the clock and of CPU, and the most memory, in bytes."""

    wall: float
    cpu: float
    memory: int


def shop(deployments: int) -> str:
    """Return manifests of a shop with so many Deployments, careful and careless ones.

    Each has a Service, every second a budget, every third an autoscaler: 2,834 documents and 1.7 MB
    for 1,000.
    """
    documents = []
    for number in range(deployments):
        place = {"name": f"web-{number}", "namespace": f"shop-{number % _NAMESPACES}"}
        careful = number % 3 != 0
        documents.append(
            _DEPLOYMENT.format(
                **place,
                version=f"1.{number % 40}.{number % 7}",
                team=f"team-{number % 7}",
                replicas=1 + number % 4,
                neighbour=f"web-{(number + 1) % deployments}",
                workers=1 + number % 9,
                cpu=50 + 10 * (number % 20),
                memory=64 + 32 * (number % 12),
                pod=_HARDENED_POD if careful else "",
                container=(_HARDENED_CONTAINER if careful else "")
                + (_PROBES if number % 4 else ""),
            )
        )
        documents.append(_SERVICE.format(**place))
        if number % 2 == 0:
            documents.append(_BUDGET.format(**place))
        if number % 3 == 0:
            documents.append(_AUTOSCALER.format(**place))
    return "---\n".join(documents)


def kube_score() -> Path | None:
    """Return the binary, built when need be; None, and the reason on stderr, when it can't be."""
    binary = _CACHE / "kube-score"
    if binary.is_file():
        return binary
    go = shutil.which("go")
    if go is None:
        print("kube-score is left out: it is built by Go, which is not here", file=sys.stderr)
        return None
    _CACHE.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        [go, "install", KUBE_SCORE],
        env={**os.environ, "GOBIN": str(_CACHE), "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        print(f"kube-score is left out: Go can't build it:\n{built.stderr[-500:]}", file=sys.stderr)
        return None
    return binary


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command, its output thrown away, and return what it took.

    Raises:
        RuntimeError: when it ends with another code than 0 or 1: it did not judge.
    """
    # As installed: bytecode is kept, which tools for containers often forbid.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.monotonic()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def check_rows() -> Iterator[tuple[str, str]]:
    """Yield what `readiness check` costs, and kube-score on the same, as label and figure."""
    rival = kube_score()
    with tempfile.TemporaryDirectory() as scratch:
        one = Path(scratch, "one.yaml")
        one.write_text(shop(1))
        cost_of(_ours(one))  # writes the bytecode
        cpu = statistics.median(cost_of(_ours(one)).cpu for _ in range(2 * _ROUNDS))
        yield "one Deployment: all of it is the start", f"{cpu * 1000:.0f} ms of CPU"
        if _BOUTIQUE.is_file():
            yield from _compared("Online Boutique", _BOUTIQUE, rival, _ROUNDS)
        for number, rounds in ((100, _ROUNDS), (1000, _ROUNDS), (5000, _ROUNDS_OF_LARGEST)):
            file = Path(scratch, f"{number}.yaml")
            file.write_text(shop(number))
            yield from _compared(f"{number:,} Deployments", file, rival, rounds)


def _ours(file: Path) -> list[str]:
    return [sys.executable, "-m", "readiness", "check", "--policy", "strict", str(file)]


def _compared(label: str, file: Path, rival: Path | None, rounds: int) -> Iterator[tuple[str, str]]:
    """Yield the medians of both, and how many times as much kube-score takes."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(cost_of(_ours(file)))
        if rival is not None:
            theirs.append(cost_of([str(rival), "score", str(file)]))
    own = _median(ours)
    yield f"{label}, strict", _words(own)
    if theirs:
        other = _median(theirs)
        yield "  kube-score", _words(other)
        ratios = [theirs_ / own_ for theirs_, own_ in zip(other, own, strict=True)]
        yield (
            "  kube-score takes",
            "{:.1f} x the time, {:.1f} x the CPU, {:.1f} x the memory".format(*ratios),
        )


def _median(costs: Sequence[Cost]) -> Cost:
    walls, cpus, memories = zip(*costs, strict=True)
    return Cost(statistics.median(walls), statistics.median(cpus), int(statistics.median(memories)))


def _words(cost: Cost) -> str:
    return f"{cost.wall:.2f} s, {cost.cpu:.2f} s of CPU, {cost.memory / 2**20:.0f} MiB"


def main() -> int:
    """Print the rows as they come."""
    for label, figure in check_rows():
        print(f"  {label:<58} {figure}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
