"""Odd values in a Deployment: what the API server refuses is told, what it takes is judged.

One thing of a good Deployment is changed at a time, and the real kubectl and API server are asked.
Where we say otherwise, OTHERWISE says why.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.support import run
from tools.control_plane import ControlPlane

GOOD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: {app: web}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1.2.3
        env:
        - name: A
          value: b
        ports:
        - containerPort: 8080
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits: {memory: 64Mi}
"""

# By name: what is taken out of the good one, and what is put there.
ODD = {
    "plain": ("", ""),
    "env-bool": ("value: b", "value: yes"),
    "env-number": ("value: b", "value: 8080"),
    "env-octal": ("value: b", "value: 0644"),
    "env-date": ("value: b", "value: 2026-01-01"),
    "env-sexagesimal": ("value: b", "value: 1:30"),
    "env-null": ("value: b", "value:"),
    "env-quoted": ("value: b", "value: 'yes'"),
    "env-str-tag": ("value: b", "value: !!str 8080"),
    "env-binary": ("value: b", "value: !!binary aGVsbG8="),
    "env-name-bool": ("name: A", "name: y"),
    "env-map": ("value: b", "value: {a: b}"),
    "replicas-octal": ("replicas: 3", "replicas: 03"),
    "replicas-0o": ("replicas: 3", "replicas: 0o3"),
    "replicas-hex": ("replicas: 3", "replicas: 0x3"),
    "replicas-float": ("replicas: 3", "replicas: 3.0"),
    "replicas-exp": ("replicas: 3", "replicas: 3e0"),
    "replicas-half": ("replicas: 3", "replicas: 3.5"),
    "replicas-text": ("replicas: 3", "replicas: '3'"),
    "replicas-null": ("replicas: 3", "replicas: null"),
    "replicas-bool": ("replicas: 3", "replicas: on"),
    "replicas-under": ("replicas: 3", "replicas: 1_0"),
    "replicas-big": ("replicas: 3", "replicas: 3000000000"),
    "replicas-negative": ("replicas: 3", "replicas: -1"),
    "label-float": ("labels: {app: web}\nspec", "labels: {app: web, version: 1.0}\nspec"),
    "label-bool": ("labels: {app: web}\nspec", "labels: {app: web, x: on}\nspec"),
    "label-null": ("labels: {app: web}\nspec", "labels: {app: web, x: }\nspec"),
    "label-key-bool": ("labels: {app: web}\nspec", "labels: {app: web, on: x}\nspec"),
    "labels-null": ("labels: {app: web}\nspec", "labels:\nspec"),
    "labels-list": ("labels: {app: web}\nspec", "labels: [a]\nspec"),
    "selector-number": ("matchLabels: {app: web}", "matchLabels: {app: 1}"),
    "template-label-number": ("      labels: {app: web}\n", "      labels: {app: web, v: 1}\n"),
    "annotation-number": (
        "labels: {app: web}\nspec",
        "labels: {app: web}\n  annotations: {a: 1}\nspec",
    ),
    "name-number": ("name: NAME", "name: 12"),
    "name-null": ("name: NAME", "name:"),
    "namespace-number": ("name: NAME", "name: NAME\n  namespace: 12"),
    "port-text": ("containerPort: 8080", "containerPort: '8080'"),
    "port-under": ("containerPort: 8080", "containerPort: 8_080"),
    "port-octal": ("containerPort: 8080", "containerPort: 010"),
    "ports-map": ("- containerPort: 8080", "  containerPort: 8080"),
    "image-number": ("image: registry.example.com/web:1.2.3", "image: 12"),
    "image-null": ("image: registry.example.com/web:1.2.3", "image:"),
    "cpu-float": ("cpu: 100m", "cpu: .5"),
    "cpu-exp": ("cpu: 100m", "cpu: 1e-1"),
    "cpu-int": ("cpu: 100m", "cpu: 1"),
    "cpu-hex": ("cpu: 100m", "cpu: 0x1"),
    "cpu-bool": ("cpu: 100m", "cpu: on"),
    "cpu-null": ("cpu: 100m", "cpu: "),
    "cpu-sexagesimal": ("cpu: 100m", "cpu: 1:30"),
    "memory-exp": ("limits: {memory: 64Mi}", "limits: {memory: 128e6}"),
    "memory-exp-big": ("limits: {memory: 64Mi}", "limits: {memory: 1E9}"),
    "memory-int": ("limits: {memory: 64Mi}", "limits: {memory: 134217728}"),
    "memory-under": ("limits: {memory: 64Mi}", "limits: {memory: 134_217_728}"),
    "memory-wrong": ("limits: {memory: 64Mi}", "limits: {memory: 64MB}"),
    "memory-map": ("limits: {memory: 64Mi}", "limits: {memory: {a: 1}}"),
    "containers-null": ("containers:\n", "containers: ~\n      initContainers:\n"),
    "containers-map": ("- name: app\n        image", "  name: app\n        image"),
    "container-null": ("- name: app\n", "-\n      - name: app\n"),
    "command-text": ("image: reg", "command: sleep\n        image: reg"),
    "args-number": ("image: reg", "args: [1, on]\n        image: reg"),
    "args-null": ("image: reg", "args: [~]\n        image: reg"),
    "command-quoted": ("image: reg", "command: ['1', \"on\"]\n        image: reg"),
    "host-network-text": ("containers:\n", "hostNetwork: 'true'\n      containers:\n"),
    "host-network-yes": ("containers:\n", "hostNetwork: no\n      containers:\n"),
    "grace-text": ("containers:\n", "terminationGracePeriodSeconds: '30'\n      containers:\n"),
    "run-as-octal": ("containers:\n", "securityContext: {runAsUser: 01750}\n      containers:\n"),
    "run-as-text": ("containers:\n", "securityContext: {runAsUser: '1000'}\n      containers:\n"),
    "strategy-text": ("replicas: 3", "replicas: 3\n  strategy: Recreate"),
    "max-surge-percent": (
        "replicas: 3",
        "replicas: 3\n  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}",
    ),
    "max-surge-bool": ("replicas: 3", "replicas: 3\n  strategy: {rollingUpdate: {maxSurge: on}}"),
    "max-surge-float": ("replicas: 3", "replicas: 3\n  strategy: {rollingUpdate: {maxSurge: 1.5}}"),
    "revision-text": ("replicas: 3", "replicas: 3\n  revisionHistoryLimit: 'x'"),
    "spec-null": ("spec:\n  replicas: 3", "spec: ~\nx:\n  replicas: 3"),
    "template-null": ("template:\n", "template: ~\n  x:\n"),
    "duplicate": ("replicas: 3", "replicas: 3\n  replicas: 3"),
    "priority-number": ("containers:\n", "priorityClassName: 5\n      containers:\n"),
    "toleration-seconds-text": (
        "containers:\n",
        "tolerations: [{key: a, effect: NoExecute, tolerationSeconds: '5'}]\n      containers:\n",
    ),
    "node-selector-bool": ("containers:\n", "nodeSelector: {gpu: yes}\n      containers:\n"),
    "probe-port-text": (
        "image: reg",
        "readinessProbe: {httpGet: {path: /, port: '8080'}}\n        image: reg",
    ),
    "probe-seconds-text": (
        "image: reg",
        "readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: '5'}\n        image: reg",
    ),
    "probe-port-bool": (
        "image: reg",
        "readinessProbe: {httpGet: {path: /, port: on}}\n        image: reg",
    ),
    "mounts-map": ("image: reg", "volumeMounts: {a: b}\n        image: reg"),
    "mount-read-only-text": (
        "image: reg",
        "volumeMounts: [{name: x, mountPath: /x, readOnly: 'yes'}]\n        image: reg",
    ),
    "privileged-text": ("image: reg", "securityContext: {privileged: 'true'}\n        image: reg"),
    "privileged-yes": ("image: reg", "securityContext: {privileged: yes}\n        image: reg"),
    "merge-key": ("limits: {memory: 64Mi}", "limits: {<<: {memory: 64Mi}}"),
    "tab-in-value": ("value: b", "value: b\tc"),
    "kind-lower": ("kind: Deployment", "kind: deployment"),
}

UNSEEN = "no check reads the field, and `readiness check` is no schema validator"
OTHERWISE = {
    **dict.fromkeys(
        (
            "replicas-big",
            "replicas-negative",
            "selector-number",
            "port-text",
            "image-null",
            "grace-text",
            "toleration-seconds-text",
            "node-selector-bool",
            "probe-port-text",
            "mounts-map",
            "mount-read-only-text",
        ),
        UNSEEN,
    ),
    "duplicate": "kubectl takes the last; the API server that is given the YAML refuses it",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workloads")
    for name, (old, new) in ODD.items():
        assert not old or GOOD.count(old) == 1, name
        text = GOOD.replace(old, new) if old else GOOD
        (folder / f"{name}.yaml").write_text(text.replace("NAME", name))
    return folder


def is_told(path: Path) -> bool:
    """Return whether `readiness check` says that something can't be right."""
    result = run("check", str(path), "--policy", "strict", "--format", "json")
    results = [r for w in json.loads(result.stdout)["workloads"] for r in w["results"]]
    told = [line for line in result.stderr.splitlines() if line.startswith(f"{path}:")]
    errors = [r["message"] for r in results if r["result"] == "error"]
    assert result.exit_code != 0
    assert bool(told) is (result.exit_code == 2)
    assert all(" must be " in message for message in (*errors, *told) if "twice" not in message)
    return bool(told or errors)


def applied(
    control_plane: ControlPlane, folder: Path, names: list[str]
) -> subprocess.CompletedProcess[str]:
    arguments = [argument for name in names for argument in ("-f", str(folder / f"{name}.yaml"))]
    return control_plane.kubectl(
        "apply", "--dry-run=server", "-n", "default", "-o", "name", *arguments, check=False
    )


def test_what_the_api_server_refuses_is_told(control_plane: ControlPlane, files: Path) -> None:
    told = [name for name in ODD if is_told(files / f"{name}.yaml")]
    refused = [name for name in ODD if (name in told) is not (name in OTHERWISE)]
    taken = [name for name in ODD if name not in refused]

    all_taken = applied(control_plane, files, taken)
    assert all_taken.stdout.splitlines() == [f"deployment.apps/{name}" for name in taken]
    assert (all_taken.stderr, all_taken.returncode) == ("", 0)
    all_refused = applied(control_plane, files, refused)
    assert all_refused.stdout == ""
    assert [name for name in refused if f"/{name}.yaml" not in all_refused.stderr] == []
