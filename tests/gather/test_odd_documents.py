"""A corpus of odd documents is read as the real kubectl and API server read it.

Each document is taken by both with the same values, or refused by both. Where the two differ,
OTHERWISE says how and why; a difference that goes away fails as well.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from readiness.gather.files import read_sources
from tests.gather.odd_documents import DOCUMENTS
from tools.control_plane import ControlPlane

Objects = dict[str, Any]

KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "odds.odd.example.com"},
    "spec": {
        "group": "odd.example.com",
        "scope": "Cluster",
        "names": {"plural": "odds", "singular": "odd", "kind": "Odd", "listKind": "OddList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}

# What is said of the documents that are refused; READINESS_UPDATE_GOLDEN=1 writes it anew.
SAID = Path(__file__).parent / "data" / "odd-documents.txt"


class Difference(NamedTuple):
    """How kubectl treats a document that we treat otherwise, and why that is right."""

    kubectl: Literal["takes it", "refuses it", "reads other values"]
    because: str


DUPLICATE = Difference(
    "takes it",
    "it silently takes the last; the API server that is given the YAML itself refuses it "
    "(fieldValidation=Strict), and whoever wrote the first would never know",
)
NOT_UTF_8 = Difference("takes it", "it stores U+FFFD in place of what is not UTF-8")
UTF_16 = Difference("takes it", "few other tools read UTF-16, and diffs and searches do not")
CUT_FIRST = Difference(
    "refuses it", "it cuts at `---` before it reads; helm, kustomize and the API server do not"
)
NAMES_NO_FIELD = Difference(
    "reads other values", "Go words large numbers so; no field has the name"
)
SERVER_SIDE = Difference("refuses it", "what its own kinds hold is for the API server to say")

OTHERWISE = {
    **dict.fromkeys(
        (
            "duplicate",
            "duplicate-nested",
            "duplicate-flow",
            "duplicate-number",
            "duplicate-bool",
            "duplicate-bool-text",
            "duplicate-top",
            "json-duplicate",
            "merge-override-twice",
        ),
        DUPLICATE,
    ),
    **dict.fromkeys(
        (
            "latin-1",
            "latin-1-comment",
            "utf-8-overlong",
            "utf-8-surrogate",
            "tag-binary-not-utf8",
        ),
        NOT_UTF_8,
    ),
    **dict.fromkeys(("utf-16-le", "utf-16-be"), UTF_16),
    **dict.fromkeys(
        (
            "directive-1-1",
            "directive-1-2",
            "tag-directive",
            "dashes-inline",
            "dashes-tag",
            "dashes-anchor",
            "bom-second-dashes",
        ),
        CUT_FIRST,
    ),
    **dict.fromkeys(("key-float-million", "key-float-long"), NAMES_NO_FIELD),
    **dict.fromkeys(("name-number", "name-bool", "metadata-null", "labels-number"), SERVER_SIDE),
    "key-int-large": Difference("refuses it", "no field has that name, so it is never looked at"),
    "key-inf": Difference("takes it", "the key becomes +Inf, which nobody can have meant"),
    "escape-quote": Difference("takes it", "YAML knows no such escape; libyaml refuses it"),
    "escape-slash": Difference("refuses it", "YAML 1.2 and JSON have this escape"),
    "end-mark-then-document": Difference("takes it", "it drops what follows and says nothing"),
    "end-mark-words": Difference("takes it", "it drops what follows and says nothing"),
    "tag-timestamp-bad": Difference("refuses it", "times stay text; it is for the field to say"),
    "deep-600": Difference("takes it", "the deepest schemas have about 60 levels"),
    "json-del": Difference("takes it", "libyaml takes no control characters, in JSON as in YAML"),
    "json-1e400": Difference("refuses it", "it is text to YAML, which JSON is a part of"),
}


def read(name: str) -> tuple[bool, Objects]:
    """Return whether a document of the corpus is refused, and the objects in it by name."""
    sources = read_sources(["-"], io.BytesIO(DOCUMENTS[name]))
    objects = {
        str((source.document.get("metadata") or {}).get("name")): source.document
        for source in sources.documents
    }
    return bool(sources.errors), objects


def comparable(value: Any) -> Any:
    """Return a value without the differences that no reader of JSON can see.

    kubectl leaves out fields that are null, and numbers beyond 63 bits are floats to both.
    """
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def said_of(name: str, path: Path) -> str:
    problems = read_sources([str(path)], io.BytesIO()).errors
    return "".join(str(error).replace(str(path), name, 1) + "\n" for error in problems)


def test_what_is_said_of_those_that_are_refused(files: Path) -> None:
    said = "".join(said_of(name, files / f"{name}.yaml") for name in DOCUMENTS)
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        SAID.write_text(said, encoding="utf-8")

    assert said == SAID.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, data in DOCUMENTS.items():
        (folder / f"{name}.yaml").write_bytes(data)
    return folder


def taken_by_kubectl(name: str) -> bool:
    if name in OTHERWISE:
        return OTHERWISE[name].kubectl != "refuses it"
    return not read(name)[0]


def apply(
    control_plane: ControlPlane, folder: Path, names: list[str]
) -> subprocess.CompletedProcess[str]:
    """Return what kubectl says of several files at once: one call is enough for all of them."""
    arguments = [argument for name in names for argument in ("-f", str(folder / f"{name}.yaml"))]
    return control_plane.kubectl("apply", "--dry-run=server", "-o", "json", *arguments, check=False)


@pytest.fixture(scope="module")
def odd_kind(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "-f", "-", input=json.dumps(KIND))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "odds.odd.example.com")


@pytest.mark.usefixtures("odd_kind")
def test_kubectl_takes_what_we_take_with_the_same_values(
    control_plane: ControlPlane, files: Path
) -> None:
    names = [name for name in DOCUMENTS if taken_by_kubectl(name)]
    theirs: Objects = {}
    taken = apply(control_plane, files, names)
    assert taken.returncode == 0, taken.stderr
    for item in json.loads(taken.stdout)["items"]:
        metadata = item["metadata"]
        metadata["annotations"].pop("kubectl.kubernetes.io/last-applied-configuration")
        known = {key: metadata[key] for key in ("name", "labels") if key in metadata}
        if metadata["annotations"]:
            known["annotations"] = metadata["annotations"]
        theirs[metadata["name"]] = {**item, "metadata": known}

    differ = set()
    for name in names:
        refused, objects = read(name)
        if refused:
            assert OTHERWISE[name].kubectl == "takes it", name
            del theirs[name]
            continue
        for found, value in objects.items():
            if comparable(theirs.pop(found)) != comparable(value):
                differ.add(name)
    assert differ == {n for n, d in OTHERWISE.items() if d.kubectl == "reads other values"}
    assert theirs == {}


@pytest.mark.usefixtures("odd_kind")
def test_kubectl_refuses_what_we_refuse(control_plane: ControlPlane, files: Path) -> None:
    names = [name for name in DOCUMENTS if not taken_by_kubectl(name)]
    refused = apply(control_plane, files, names)

    assert refused.stdout == ""
    assert [name for name in names if f"/{name}.yaml" not in refused.stderr] == []
    for name in names:
        assert read(name)[0] is (name not in OTHERWISE), name
