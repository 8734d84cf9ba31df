"""Kinds of other projects, installed and removed while the operator runs.

One test goes through all of it, so that the operator starts once and every wait serves all kinds:
nothing installed, kinds without objects, objects, objects deleted, objects again, kinds removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from readiness.api.vocabulary import GROUP, PRODUCTION_READY
from readiness.kube.kinds import COMPANIONS
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.ecosystem.definitions import install, remove
from tests.ecosystem.stories import STORIES, Outcome, Story
from tests.polling import eventually
from tools.control_plane import ControlPlane

_PREFIX = "ecosystem-"
_PATIENCE = 30.0


def namespace_of(story: str) -> str:
    return _PREFIX + story


@pytest.fixture
def stages(cluster: Cluster) -> Iterator[ControlPlane]:
    """The control plane, with a namespace, a workload and a policy for each story."""
    control_plane = cluster.control_plane
    for name in STORIES:
        control_plane.create_namespace(namespace_of(name))
    cluster.apply(*(d for name, s in STORIES.items() for d in s.stage(namespace_of(name))))
    yield control_plane
    remove(control_plane)
    policies = [namespace_of(name) for name in STORIES]
    cluster.kubectl("delete", "readinesspolicy", *policies, "--ignore-not-found")
    for name in STORIES:
        control_plane.delete_namespace(namespace_of(name))


def test_every_kind_counts_while_it_is_there(
    stages: ControlPlane, operator: OperatorProcess
) -> None:
    come_to_say(stages, lambda story: story.absent)

    install(stages)
    come_to_say(stages, lambda story: story.missing)

    create_all(stages)
    come_to_say(stages, lambda story: story.there)
    delete_all(stages)
    come_to_say(stages, lambda story: story.missing)

    # Kinds that go take their objects with them.
    create_all(stages)
    come_to_say(stages, lambda story: story.there)
    remove(stages)
    come_to_say(stages, lambda story: story.absent)

    assert operator.running
    assert "Traceback" not in operator.log


def come_to_say(control_plane: ControlPlane, wanted: Callable[[Story], Outcome]) -> None:
    """Wait until the condition of each story is as wanted, to the letter."""

    def nothing_else() -> bool:
        said = conditions(control_plane)
        different = {
            name: said.get(name)
            for name, story in STORIES.items()
            if said.get(name) != placed(wanted(story), namespace_of(name))
        }
        if different:
            raise LookupError(different)
        return True

    eventually(nothing_else, within=_PATIENCE, every=0.2)


def conditions(control_plane: ControlPlane) -> dict[str, Outcome]:
    """Return what the operator says in each story, but for the sum of it, ProductionReady."""
    reply = control_plane.request("GET", "/apis/apps/v1/deployments")
    return {
        deployment["metadata"]["namespace"].removeprefix(_PREFIX): (
            condition["status"],
            condition["reason"],
            condition["message"],
        )
        for deployment in reply.body["items"]
        for condition in deployment["status"].get("conditions", [])
        if condition["type"].startswith(f"{GROUP}/") and condition["type"] != PRODUCTION_READY
    }


def placed(outcome: Outcome, namespace: str) -> Outcome:
    status, reason, message = outcome
    return status, reason, message.replace("{ns}", namespace)


def create_all(control_plane: ControlPlane) -> None:
    """Create the objects of each story, and have their status written as their operators do."""
    for name, story in STORIES.items():
        for manifest in story.manifests(namespace_of(name)):
            path = path_of(manifest)
            strict = f"{path}?fieldValidation=Strict"
            reply = control_plane.request("POST", strict, manifest)
            assert reply.status == HTTPStatus.CREATED, reply.body
            status = manifest.get("status")
            if status and "status" not in reply.body:  # a subresource of its own
                reply = control_plane.request(
                    "PATCH",
                    f"{path}/{manifest['metadata']['name']}/status?fieldValidation=Strict",
                    {"status": status},
                    content_type="application/merge-patch+json",
                )
                assert reply.status == HTTPStatus.OK, reply.body


def delete_all(control_plane: ControlPlane) -> None:
    for name, story in STORIES.items():
        for manifest in story.manifests(namespace_of(name)):
            path = f"{path_of(manifest)}/{manifest['metadata']['name']}"
            assert control_plane.request("DELETE", path).status == HTTPStatus.OK


def path_of(manifest: dict[str, Any]) -> str:
    """Return where objects like this one are kept, in its namespace."""
    group, _, version = manifest["apiVersion"].partition("/")
    plural = COMPANIONS[group, manifest["kind"]].plural
    return f"/apis/{group}/{version}/namespaces/{manifest['metadata']['namespace']}/{plural}"
