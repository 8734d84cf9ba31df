"""Fetches the CRDs that tests/ecosystem reads, as their projects publish them.

    .venv/bin/python -m tools.ecosystem_crds

They come out of the Go modules of the projects, which `go mod download` checks against the
checksum database. Descriptions, two thirds of the text, are left out: an API server acts on none of
them. Everything else stays as it is. The tests read what is stored and need neither Go nor a
network; run this after changing a version below, and try the tests.

Projects whose module can't be had have a stand-in in tests/ecosystem/stand-ins, written by hand.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "ecosystem" / "crds"
# Kinds that the operator writes, not reads.
REPORTS = FOLDER / "reports"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_APACHE = "Apache-2.0"
_ENVOY_CRDS = "charts/gateway-helm/charts/crds/crds/generated"


@dataclass(frozen=True)
class Source:
    """Where CRDs come from.

    Attributes:
        module, version: the Go module.
        licence: its SPDX identifier.
        files: paths within the module; each holds one CRD or several.
        names: the CRDs taken.
        folder: where they are kept.
    """

    module: str
    version: str
    licence: str
    files: tuple[str, ...]
    names: tuple[str, ...]
    folder: Path = FOLDER


SOURCES = (
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        _APACHE,
        (
            "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ),
        (
            "podmonitors.monitoring.coreos.com",
            "prometheusrules.monitoring.coreos.com",
            "servicemonitors.monitoring.coreos.com",
        ),
    ),
    Source(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        _APACHE,
        ("config/crd/bases/keda.sh_scaledobjects.yaml",),
        ("scaledobjects.keda.sh",),
    ),
    Source(
        "k8s.io/autoscaler/vertical-pod-autoscaler",
        "v1.8.1",
        _APACHE,
        ("deploy/vpa-v1-crd-gen.yaml",),
        ("verticalpodautoscalers.autoscaling.k8s.io",),
    ),
    Source(
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        _APACHE,
        (
            "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
            "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        ),
        ("gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io"),
    ),
    Source(
        "github.com/envoyproxy/gateway",
        "v1.9.1",
        _APACHE,
        (f"{_ENVOY_CRDS}/gateway.envoyproxy.io_backendtrafficpolicies.yaml",),
        ("backendtrafficpolicies.gateway.envoyproxy.io",),
    ),
    Source(
        "github.com/traefik/traefik/v3",
        "v3.7.13",
        "MIT",
        ("docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",),
        ("ingressroutes.traefik.io", "middlewares.traefik.io"),
    ),
    Source(
        "github.com/projectcontour/contour",
        "v1.33.8",
        _APACHE,
        ("examples/contour/01-crds.yaml",),
        ("httpproxies.projectcontour.io",),
    ),
    Source(
        "github.com/vmware-tanzu/velero",
        "v1.18.3",
        _APACHE,
        ("config/crd/v1/bases/velero.io_schedules.yaml",),
        ("schedules.velero.io",),
    ),
    Source(
        "github.com/cloudnative-pg/cloudnative-pg",
        "v1.27.0",
        _APACHE,
        (
            "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
            "config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml",
        ),
        ("clusters.postgresql.cnpg.io", "scheduledbackups.postgresql.cnpg.io"),
    ),
    # The Go module of the working group that made this API can't be had; Kyverno installs it.
    Source(
        "github.com/kyverno/kyverno",
        "v1.19.1",
        _APACHE,
        ("config/crds/policyreport/wgpolicyk8s.io_policyreports.yaml",),
        ("policyreports.wgpolicyk8s.io",),
        REPORTS,
    ),
    Source(
        "github.com/openreports/reports-api",
        "v0.2.1",
        _APACHE,
        ("config/crd/openreports.io_reports.yaml",),
        ("reports.openreports.io",),
        REPORTS,
    ),
)


def main() -> None:
    """Write the CRDs of all sources anew."""
    for old in FOLDER.rglob("*.yaml.gz"):
        old.unlink()
    for source in SOURCES:
        folder = _download(source)
        found = {name: (path, crd) for path, name, crd in _definitions(source, folder)}
        for name in source.names:
            path, crd = found[name]
            text = f"{_header(source, path)}{yaml.dump(crd, Dumper=_DUMPER)}"
            # Without a time in it the same text always gives the same bytes.
            packed = gzip.compress(text.encode(), 9, mtime=0)
            (source.folder / f"{name}.yaml.gz").write_bytes(packed)


def _download(source: Source) -> Path:
    module = f"{source.module}@{source.version}"
    command = ["go", "mod", "download", "-json", module]
    # Outside of any module, so that no go.mod has a say in it.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd="/")
    answer = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        raise SystemExit(f"{module}: {answer.get('Error', 'go mod download failed')}")
    return Path(answer["Dir"])


def _definitions(source: Source, folder: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield file, name and manifest of each CRD in the files of a source."""
    for path in source.files:
        text = (folder / path).read_text(encoding="utf-8")
        for document in yaml.load_all(text, _LOADER):
            if document:
                yield path, document["metadata"]["name"], without_descriptions(document)


def without_descriptions(node: Any) -> Any:
    """Return a CRD without the descriptions of its fields; a field of that name stays."""
    if isinstance(node, list):
        return [without_descriptions(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_descriptions(value)
        for key, value in node.items()
        if key != "description" or not isinstance(value, str)
    }


def _header(source: Source, path: str) -> str:
    return (
        f"# From {source.module} {source.version}, licence {source.licence}:\n"
        f"# {path}\n"
        "# Changed by tools/ecosystem_crds.py: descriptions are left out.\n"
    )


if __name__ == "__main__":
    main()
