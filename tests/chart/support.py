"""The real helm, and ways to look at what it renders."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

CHART = ROOT / "charts" / "readiness-operator"
RELEASE = "readiness-operator"
NAMESPACE = "readiness-system"
# What the real API server of the tests says; a helm built without flags takes 1.20 for granted.
KUBERNETES = "1.36.0"

Documents = list[dict[str, Any]]
Render = Callable[..., Documents]
_VERSION = f"--kube-version={KUBERNETES}"


class Helm:
    """The real helm, without a configuration of the user's.

    Args:
        binary: where it is.
        home: a directory for what it caches.
        kubeconfig: of the cluster it speaks to, if any.
    """

    def __init__(self, binary: Path, home: Path, kubeconfig: Path | None = None) -> None:
        self._binary = binary
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HELM_", "KUBE"))},
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig or home / "none"),
        }

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._binary), *args],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __call__(self, *args: str) -> str:
        result = self.run(*args)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def template(self, *args: str) -> Documents:
        """Return what `helm template` renders, without a cluster."""
        text = self("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", _VERSION, *args)
        return [document for document in yaml.safe_load_all(text) if document]

    def refusal(self, *args: str) -> str:
        """Return what `helm template` says to values it refuses, without where it says so."""
        result = self.run("template", RELEASE, str(CHART), _VERSION, *args)
        assert result.returncode == 1, result.stdout
        return result.stderr.partition("\n\nUse --debug flag")[0].strip()


def of_kind(documents: Documents, kind: str) -> Documents:
    return [document for document in documents if document["kind"] == kind]


def named(documents: Documents, kind: str, name: str) -> dict[str, Any]:
    (found,) = [d for d in of_kind(documents, kind) if d["metadata"]["name"] == name]
    return found


def pod_specs(documents: Documents) -> dict[str, dict[str, Any]]:
    """Return the pod spec of each Deployment and Job by its name."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in documents
        if document["kind"] in ("Deployment", "Job")
    }


def options_of(documents: Documents, component: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """Return the options the chart starts a component with, but for those a test must set."""
    (container,) = pod_specs(documents)[f"readiness-operator-{component}"]["containers"]
    but = ("--role=", "--listen=", *but)
    return [option for option in container["args"][1:] if not option.startswith(but)]
