"""What is of a wrong type is refused offline just when the API server refuses it.

Every field of our kinds is set to values of every type, one at a time, in a document that sets all
fields; the API server judges it by the CRD, the command line by what it reads from a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from readiness.errors import ClusterError, PolicyError
from readiness.evaluate.compiling import compile_evidence, compile_exemption, compile_policy
from readiness.gather.block_style import Manifest
from readiness.gather.manifests import parse_manifests
from readiness.kube import kinds
from readiness.kube.client import KubeClient, load_configuration
from tests.support import ROOT
from tools.control_plane import ControlPlane

SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}],
}
METADATA = {
    "name": "whole",
    "labels": {"team": "shop"},
    "annotations": {"example.com/note": "x"},
    "generation": 1,
    "creationTimestamp": "2026-11-24T09:00:00Z",
}
TARGETS = [{"kind": "Deployment", "name": "web"}, {"selector": SELECTOR}]

# All fields that there are.
WHOLE: dict[str, dict[str, Any]] = {
    "ReadinessPolicy": {
        "enforcement": "Strict",
        "enforceFrom": "2026-12-01T00:00:00Z",
        "match": {
            "namespaceSelector": SELECTOR,
            "excludeNamespaces": ["sandbox"],
            "includeNamespaces": ["kube-system"],
            "workloadSelector": SELECTOR,
            "kinds": ["Deployment"],
            "fromStage": "launch",
        },
        "extends": "standard",
        "podSecurityVersion": "v1.30",
        "checks": [
            {
                "id": "replicas-too-low",
                "severity": "Must",
                "params": {"minimum": 3},
                "enforceFrom": "2026-12-01T00:00:00Z",
            }
        ],
        "customChecks": [
            {
                "id": "team-label-missing",
                "severity": "Should",
                "expression": "has(object.metadata.labels.team)",
                "message": "metadata.labels.team must be set",
                "category": "operations",
            }
        ],
        "evidence": [
            {
                "item": "load-testing-performed",
                "severity": "Must",
                "maxAge": "90d",
                "approvalRequired": True,
            }
        ],
        "serviceLevels": [
            {
                "name": "error-rate",
                "severity": "Must",
                "query": "errors{namespace='$namespace'}",
                "objective": {"operator": "LessThan", "value": "0.001"},
                "window": "7d",
                "minSamples": 1000,
                "samplesQuery": "requests{namespace='$namespace'}",
            }
        ],
        "strict": {
            "gracePeriod": "10m",
            "existingViolations": "Allow",
            "breakGlass": {"groups": ["sre"]},
        },
        "exemptions": {"maxDuration": "90d", "notExemptable": ["privileged-container"]},
    },
    "ReadinessExemption": {
        "workloads": TARGETS,
        "containers": ["app"],
        "checks": ["memory-limit-missing"],
        "reason": "Is being rewritten, see SHOP-12.",
        "expiresAt": "2026-12-24T18:00:00Z",
    },
    "ReadinessEvidence": {
        "item": "load-testing-performed",
        "workloads": TARGETS,
        "statement": "Twice the peak for an hour.",
        "links": ["https://wiki.example.com/load-test"],
        "performedAt": "2026-11-10T13:00:00Z",
        "expiresAt": "2027-05-10T00:00:00Z",
        "attestedBy": "ann",
        "approvedBy": "bob",
        "imageDigests": [{"container": "app", "digest": f"sha256:{'0a' * 32}"}],
    },
}
# One or more of each type, and what is often written for another.
VALUES: tuple[Any, ...] = (
    *(None, True, 12, 1.5, 1e30, "12", "yes", ""),
    *([], [None], [12], {}, {"a": None}, {"a": 12}),
)

COMPILE: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "ReadinessPolicy": compile_policy,
    "ReadinessExemption": compile_exemption,
    "ReadinessEvidence": compile_evidence,
}
RESOURCES = {kind.kind: kind for kind in (kinds.POLICIES, kinds.EXEMPTIONS, kinds.EVIDENCE)}

Path = tuple[str | int, ...]


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of the spec of a kind."""
    file = ROOT / "crds" / f"readiness.dev_{RESOURCES[kind].plural}.yaml"
    (version,) = yaml.safe_load(file.read_text("utf-8"))["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def described(schema: Mapping[str, Any], path: Path = ("spec",)) -> Iterator[Path]:
    """Yield every field of a schema, without indexes."""
    yield path
    for name, part in schema.get("properties", {}).items():
        yield from described(part, (*path, name))
    if "items" in schema:
        yield from described(schema["items"], path)


def paths(value: Any, path: Path) -> Iterator[Path]:
    """Yield the path of everything in a value; parameters are the business of their check."""
    yield path
    if isinstance(value, dict) and path[-1] != "params":
        for key, part in value.items():
            yield from paths(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from paths(part, (*path, index))


def whole(kind: str) -> dict[str, Any]:
    """Return a document of a kind that sets every field and is accepted."""
    document: dict[str, Any] = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": kind,
        "metadata": METADATA,
        "spec": WHOLE[kind],
    }
    if RESOURCES[kind].namespaced:
        document["metadata"] = {**METADATA, "namespace": "default"}
    return dict(json.loads(json.dumps(document)))  # nothing in it is shared


def documents(kind: str) -> Iterator[tuple[Path, Any, dict[str, Any]]]:
    """Yield the document with each of its fields set to each of the values."""
    original = whole(kind)
    for part in ("metadata", "spec"):
        for path in paths(original[part], (part,)):
            for value in VALUES:
                document = whole(kind)
                place: Any = document
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
                # A name of a namespace has to be that of the request, whatever its type.
                if path != ("metadata", "namespace") or not isinstance(value, str):
                    yield path, value, document


def as_text(path: Path) -> str:
    """Return a path as messages have it."""
    text = str(path[0])
    for step in path[1:]:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f'["{step}"]' if "/" in step else f".{step}"
    return text


async def refused_online(client: KubeClient, document: dict[str, Any]) -> bool:
    """Return whether the API server refuses a document, as strict about fields as for kubectl."""
    resource = RESOURCES[document["kind"]]
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    try:
        await client.call("POST", resource.path("default"), query=query, body=document)
    except ClusterError as error:
        if error.status not in (400, 422):
            raise
        return True
    return False


def refused_offline(document: dict[str, Any]) -> str:
    """Return why a document is refused for its form when it stands in a file; empty: it is not."""
    (manifest,) = parse_manifests(json.dumps(document))
    assert isinstance(manifest, Manifest)
    try:
        COMPILE[document["kind"]](manifest.value)
    except PolicyError as error:
        # Others are about what no schema knows, such as which checks there are.
        return str(error) if error.reason in ("InvalidSpec", "InvalidSelector") else ""
    return ""


def let_through(kind: str, path: Path, value: Any) -> bool:
    """Return whether the API server lets pass what it should not, and files may not hold."""
    if path[-1] in ("enforceFrom", "expiresAt"):  # a list it takes for a time; evidence compares it
        return isinstance(value, list) and kind != "ReadinessEvidence"
    # A label without a value it drops, and so selects more than was meant.
    if path[-1] == "matchLabels":
        return bool(value == {"a": None})
    return path[-2:-1] == ("matchLabels",) and value is None


@pytest.mark.parametrize("kind", WHOLE)
def test_the_document_sets_every_field(kind: str) -> None:
    found = {
        tuple(step for step in path if isinstance(step, str))
        for path in paths(WHOLE[kind], ("spec",))
        if path[-2:-1] != ("matchLabels",)
    }

    assert found == set(described(schema_of(kind)))
    assert refused_offline(whole(kind)) == ""


@pytest.mark.parametrize("kind", WHOLE)
async def test_both_refuse_or_both_accept(cluster: ControlPlane, kind: str) -> None:
    disagreed = []
    async with KubeClient(await load_configuration(str(cluster.kubeconfig))) as client:
        for path, value, document in documents(kind):
            online = await refused_online(client, document)
            offline = refused_offline(document)
            expected = not online if let_through(kind, path, value) else online
            if expected != bool(offline):
                disagreed.append((as_text(path), value, online, offline))

    assert disagreed == []


@pytest.mark.parametrize("kind", WHOLE)
def test_the_message_names_the_field_and_what_belongs_there(kind: str) -> None:
    unhelpful = []
    for path, value, document in documents(kind):
        message = refused_offline(document)
        # Without a value it may be about what stands beside it.
        field = as_text(path[:-1] or path if value is None else path)
        if message and not (message.startswith(field) and "must be valid" not in message):
            unhelpful.append((as_text(path), value, message))

    assert unhelpful == []
