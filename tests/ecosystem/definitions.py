"""The CRDs of other projects: originals where they can be had, else stand-ins.

Where they come from: docs/ecosystem.md and tools/ecosystem_crds.py.
"""

from __future__ import annotations

import gzip
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.polling import eventually
from tools.control_plane import ControlPlane

FOLDER = Path(__file__).resolve().parent
ORIGINALS = FOLDER / "crds"
STAND_INS = FOLDER / "stand-ins"
REPORTS = ORIGINALS / "reports"

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Return each CRD that is read, by the group and kind it defines; leave them as they are."""
    return _by_kind(_originals(ORIGINALS) + [p.read_bytes() for p in STAND_INS.glob("*.yaml")])


@cache
def report_definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Return each CRD of reports, which the operator writes, in the same way."""
    return _by_kind(_originals(REPORTS))


def _originals(folder: Path) -> list[bytes]:
    return [gzip.decompress(path.read_bytes()) for path in sorted(folder.glob("*.yaml.gz"))]


def _by_kind(texts: list[bytes]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for text in texts:
        manifest = yaml.load(text, _LOADER)
        spec = manifest["spec"]
        found[spec["group"], spec["names"]["kind"]] = manifest
    return found


def install(control_plane: ControlPlane) -> None:
    """Install all of them and wait until every kind is served."""
    for manifest in definitions().values():
        reply = control_plane.request("POST", _PATH, manifest)
        assert reply.status == HTTPStatus.CREATED, reply.body
    for manifest in definitions().values():
        eventually(partial(_served, control_plane, manifest), within=60)


def remove(control_plane: ControlPlane) -> None:
    """Remove all of them, and so every object of theirs; wait until none is served."""
    for manifest in definitions().values():
        control_plane.request("DELETE", f"{_PATH}/{manifest['metadata']['name']}")
    for manifest in definitions().values():
        eventually(partial(_gone, control_plane, manifest), within=60)


def _served(control_plane: ControlPlane, manifest: dict[str, Any]) -> bool:
    spec = manifest["spec"]
    version = next(v["name"] for v in spec["versions"] if v["storage"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
    return control_plane.request("GET", path).status == HTTPStatus.OK


def _gone(control_plane: ControlPlane, manifest: dict[str, Any]) -> bool:
    reply = control_plane.request("GET", f"{_PATH}/{manifest['metadata']['name']}")
    return reply.status == HTTPStatus.NOT_FOUND
