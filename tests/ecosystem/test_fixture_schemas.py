"""What our fixtures and examples say in other projects' kinds, their schemas accept.

A fixture that no cluster would take proves nothing. The real API server judges, with the rules in
CEL, and refuses fields it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.companions import companion_kind
from tests.ecosystem.definitions import definitions, install, remove
from tests.support import ROOT, all_fixtures
from tools.control_plane import ControlPlane


@pytest.fixture
def installed(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with every CRD."""
    install(control_plane)
    yield control_plane
    remove(control_plane)


def test_every_optional_kind_has_its_definition() -> None:
    """A kind that comes to be read is judged here too, and in the version that is read."""
    served = {
        ResourceKind(
            crd["spec"]["group"],
            version["name"],
            crd["spec"]["names"]["kind"],
            crd["spec"]["names"]["plural"],
            namespaced=crd["spec"]["scope"] == "Namespaced",
        )
        for crd in definitions().values()
        for version in crd["spec"]["versions"]
        if version["served"]
    }

    assert served >= kinds.OPTIONAL
    assert {(kind.group, kind.kind) for kind in kinds.OPTIONAL} == set(definitions())


def test_fixtures_and_examples_are_accepted(installed: ControlPlane, namespace: str) -> None:
    refused = {}
    judged = 0
    for path, document in optional_documents():
        judged += 1
        kind = kinds.COMPANIONS[api_of(document)]
        moved = {**document, "metadata": {**document["metadata"], "namespace": namespace}}
        reply = installed.request(
            "POST",
            f"/apis/{document['apiVersion']}/namespaces/{namespace}/{kind.plural}"
            "?dryRun=All&fieldValidation=Strict",
            moved,
        )
        if reply.status != HTTPStatus.CREATED:
            refused[f"{path}: {document['kind']}"] = reply.body

    assert refused == {}
    assert judged > 300


def optional_documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what fixtures and examples hold of optional kinds, those malformed on purpose left out.

    Traefik 2 had a group of its own, which nothing serves any more; files may still use it.
    """
    found = [
        (fixture.path, document)
        for fixture in all_fixtures()
        if fixture.outcome != "error"
        for document in fixture.documents
    ]
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        found += [(path, d) for d in yaml.safe_load_all(path.read_text("utf-8")) if d]
    for path, document in found:
        kind = companion_kind(document)
        if kind is not None and kind.optional and api_of(document) in definitions():
            yield path, document


def api_of(document: dict[str, Any]) -> tuple[str, str]:
    return document["apiVersion"].rpartition("/")[0], document["kind"]
