"""What the API server does by itself with a compiled policy: it refuses what is new and wrong."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from readiness.admission_policies.compiler import compile_policies
from readiness.admission_policies.twins import TWINS
from readiness.api.vocabulary import Enforcement, Severity
from readiness.checks.registry import all_checks
from readiness.evaluate.compiling import compile_exemption, compile_policy
from readiness.evaluate.policy import CheckSetting, Policy
from readiness.model.label_selector import LabelSelector
from tests.compiled_policies.conftest import Server
from tests.compiled_policies.policies import exemption, installed, path_of, policy, workload
from tests.compiled_policies.workloads import Manifest
from tests.polling import eventually
from tests.support import NOW
from tools.control_plane import ControlPlane, Reply

MERGE = "application/merge-patch+json"
BAD, GOOD = "registry.example.com/web", "registry.example.com/web:1"
_CHECKS = [{"id": id, "severity": "Must"} for id in ("mutable-image-tag", "run-as-root-user")]


class Shop:
    """A namespace with a compiled policy, and workloads from before it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name

    def path(self, kind: str = "Deployment", name: str = "", query: str = "") -> str:
        collection = f"/apis/apps/v1/namespaces/{self.name}/{kind.lower()}s"
        return f"{collection}/{name}{query}" if name else f"{collection}{query}"

    def create(self, manifest: Manifest, *, dry_run: bool = True) -> Reply:
        path = self.path(manifest["kind"], query="?dryRun=All" if dry_run else "")
        return self.server.request("POST", path, manifest)

    def patch(self, name: str, change: Any, subresource: str = "", query: str = "") -> Reply:
        path = self.path(name=f"{name}{subresource}", query=query)
        return self.server.request("PATCH", path, change, MERGE)


def _refuses(shop: Shop) -> bool:
    return shop.create(workload("new", BAD)).status == HTTPStatus.FORBIDDEN


def refusal(reply: Reply) -> str:
    """Return why the API server refused, after naming the policy."""
    assert reply.status == HTTPStatus.FORBIDDEN, reply
    message: str = reply.body["message"]
    return message.partition("denied request: ")[2].partition(". In an emergency ")[0]


def _names() -> dict[str, str]:
    suffix = secrets.token_hex(3)
    return {name: f"{name}-{suffix}" for name in ("allow", "deny", "sandbox")}


@pytest.fixture(scope="module")
def shops(server: Server) -> Iterator[dict[str, Shop]]:
    """Namespaces: `allow` spares what was there before, `deny` does not, `sandbox` is left out."""
    names = _names()
    suffix = names["allow"].removeprefix("allow-")
    labels = {name: {"env": suffix, "strict": key} for key, name in names.items()}
    found = {key: Shop(server, name) for key, name in names.items()}

    def match(**more: Any) -> Manifest:
        return {"namespaceSelector": {"matchLabels": {"env": suffix}}, **more}

    policies = [
        policy(
            f"allow-{suffix}",
            checks=_CHECKS,
            match=match(
                excludeNamespaces=[names["deny"], names["sandbox"]],
                workloadSelector={
                    "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]
                },
            ),
            strict={"breakGlass": {"groups": ["sre-oncall", "oncall"]}},
        ),
        policy(
            f"deny-{suffix}",
            checks=_CHECKS,
            match=match(excludeNamespaces=[names["allow"], names["sandbox"]], kinds=["Deployment"]),
            strict={"existingViolations": "Deny"},
        ),
    ]
    exemptions = [
        exemption(names["allow"]),
        exemption(
            names["allow"],
            workloads=[{"kind": "StatefulSet", "selector": {"matchLabels": {"age": "old"}}}],
            containers=["c0"],
        ),
    ]
    compiled = compile_policies(
        map(compile_policy, policies), [*map(compile_exemption, exemptions)], NOW, (1, 36)
    )
    with server.namespaces(labels):
        for shop in found.values():
            for name in ("old", "deleted"):
                old = workload(name, BAD)
                if name == "deleted":
                    old["metadata"]["finalizers"] = ["example.com/wait"]
                old["spec"]["replicas"] = 0
                assert shop.create(old, dry_run=False).status == HTTPStatus.CREATED
            assert server.request("DELETE", shop.path(name="deleted")).status == HTTPStatus.OK
        with installed(server, [m for one in compiled for m in one.manifests]):
            for key in ("allow", "deny"):
                eventually(partial(_refuses, found[key]), within=60)
            yield found
        for shop in found.values():
            shop.patch("deleted", {"metadata": {"finalizers": None}})


@pytest.fixture
def allow(shops: dict[str, Shop]) -> Shop:
    return shops["allow"]


@pytest.fixture
def deny(shops: dict[str, Shop]) -> Shop:
    return shops["deny"]


def test_a_refusal_names_all_that_is_wrong(allow: Shop) -> None:
    bad = workload("web", BAD, GOOD, "web:latest")
    bad["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": 0}
    name = f"allow-{allow.name.removeprefix('allow-')}"

    reply = allow.create(bad)

    assert reply.status == HTTPStatus.FORBIDDEN
    assert reply.body["reason"] == "Forbidden"
    assert reply.body["message"] == (
        f"deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'readiness-{name}' with "
        f"binding 'readiness-{name}' denied request: ReadinessPolicy \"{name}\": "
        "pod must not set securityContext.runAsUser: 0 (run-as-root-user); "
        'container "c0", container "c2" must set image to a fixed tag or a digest '
        "(mutable-image-tag). In an emergency members of oncall, sre-oncall may set the annotation "
        "readiness.dev/break-glass to the reason."
    )


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_all_kinds_are_judged(allow: Shop, kind: str) -> None:
    assert allow.create(workload("web", GOOD, kind=kind)).status == HTTPStatus.CREATED
    assert 'container "c0"' in refusal(allow.create(workload("web", BAD, kind=kind)))


def test_only_kinds_of_the_policy_are_judged(deny: Shop) -> None:
    assert deny.create(workload("web", BAD, kind="StatefulSet")).status == HTTPStatus.CREATED


def test_a_namespace_that_is_left_out_is_left_alone(shops: dict[str, Shop]) -> None:
    assert shops["sandbox"].create(workload("web", BAD)).status == HTTPStatus.CREATED


def test_a_workload_that_is_not_selected_is_left_alone(allow: Shop) -> None:
    """It is the labels after the request that count, not those before."""
    batch = workload("web", BAD, labels={"tier": "batch"})
    assert allow.create(batch).status == HTTPStatus.CREATED

    change = {"metadata": {"labels": {"tier": "batch"}}, "spec": _container("c0", "web:latest")}
    assert allow.patch("old", change, query="?dryRun=All").status == HTTPStatus.OK


def _container(name: str, image: str) -> Manifest:
    return {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}


@pytest.mark.parametrize("shop", ["allow", "deny"])
@pytest.mark.parametrize(
    ("change", "subresource"),
    [
        ({"metadata": {"labels": {"team": "shop"}}}, ""),
        ({"metadata": {"annotations": {"note": "one"}}}, ""),
        ({"spec": {"replicas": 1}}, "/scale"),
        ({"status": {"observedGeneration": 7}}, "/status"),
    ],
)
def test_what_does_not_touch_the_spec_is_never_refused(
    shops: dict[str, Shop], shop: str, change: Manifest, subresource: str
) -> None:
    reply = shops[shop].patch("old", change, subresource, query="?dryRun=All")

    assert reply.status == HTTPStatus.OK, reply


@pytest.mark.parametrize("shop", ["allow", "deny"])
def test_what_is_being_deleted_is_never_refused(shops: dict[str, Shop], shop: str) -> None:
    change = {"spec": {"template": {"spec": {"securityContext": {"runAsUser": 0}}}}}

    assert shops[shop].patch("deleted", change, query="?dryRun=All").status == HTTPStatus.OK
    path = shops[shop].path(name="old", query="?dryRun=All")
    assert shops[shop].server.request("DELETE", path).status == HTTPStatus.OK


def test_an_update_is_refused_for_what_it_makes_worse_alone(allow: Shop) -> None:
    def update(change: Manifest) -> Reply:
        return allow.patch("old", {"spec": change}, query="?dryRun=All")

    assert update({"minReadySeconds": 5}).status == HTTPStatus.OK
    assert update(_container("c0", "web:latest")).status == HTTPStatus.OK
    assert update(_container("c0", GOOD)).status == HTTPStatus.OK
    found = refusal(update(_container("other", BAD)))
    assert found.endswith(
        ': container "other" must set image to a fixed tag or a digest (mutable-image-tag)'
    )
    worse = {"minReadySeconds": 5, "template": {"spec": {"securityContext": {"runAsUser": 0}}}}
    found = refusal(update(worse))
    assert found.endswith(": pod must not set securityContext.runAsUser: 0 (run-as-root-user)")


def test_an_update_is_refused_for_what_was_there_before_when_the_policy_denies_it(
    deny: Shop,
) -> None:
    reply = deny.patch("old", {"spec": {"minReadySeconds": 5}}, query="?dryRun=All")

    assert 'container "c0" must set image' in refusal(reply)
    assert (
        deny.patch("old", {"spec": _container("c0", GOOD)}, query="?dryRun=All").status
        == HTTPStatus.OK
    )


def test_what_an_exemption_accepts_is_not_refused(allow: Shop) -> None:
    assert allow.create(workload("legacy", BAD, BAD)).status == HTTPStatus.CREATED

    root = workload("legacy", BAD)
    root["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": 0}
    assert refusal(allow.create(root)).endswith(
        ": pod must not set securityContext.runAsUser: 0 (run-as-root-user)"
    )


def test_an_exemption_of_a_container_accepts_nothing_of_another(allow: Shop) -> None:
    old = workload("web", BAD, BAD, kind="StatefulSet", labels={"age": "old"})

    assert refusal(allow.create(old)).endswith(
        ': container "c1" must set image to a fixed tag or a digest (mutable-image-tag)'
    )
    deployment = {**old, "kind": "Deployment"}
    assert 'container "c0", container "c1"' in refusal(allow.create(deployment))


@pytest.mark.parametrize(
    ("group", "reason", "allowed"),
    [
        ("sre-oncall", "INC-7: roll back", True),
        ("sre-oncall", " ", False),
        ("developers", "INC-7: roll back", False),
    ],
)
def test_break_glass_takes_a_reason_and_one_of_the_groups(
    control_plane: ControlPlane, allow: Shop, group: str, reason: str, *, allowed: bool
) -> None:
    bad = workload("web", BAD, annotations={"readiness.dev/break-glass": reason})
    who = ("--as=jo", f"--as-group={group}", "--as-group=system:masters")

    result = control_plane.kubectl(
        *("create", "--dry-run=server", "-f", "-", "-n", allow.name, *who),
        input=json.dumps(bad),
        check=False,
    )

    assert (result.returncode == 0) is allowed, result.stderr
    assert allowed or "must set image to a fixed tag or a digest" in result.stderr


def test_the_reason_may_stand_on_the_object_as_it_was(
    control_plane: ControlPlane, allow: Shop
) -> None:
    """A rollback takes the annotations of the revision it goes back to."""
    good = workload("rolled-back", GOOD, annotations={"readiness.dev/break-glass": "INC-7"})
    assert allow.create(good, dry_run=False).status == HTTPStatus.CREATED
    bad = workload("rolled-back", BAD)

    def replace(group: str) -> str:
        result = control_plane.kubectl(
            *("replace", "--dry-run=server", "-f", "-", "-n", allow.name),
            *("--as=jo", f"--as-group={group}", "--as-group=system:masters"),
            input=json.dumps(bad),
            check=False,
        )
        return result.stdout + result.stderr

    def replaced(group: str) -> str:
        """Try again while its controller writes the status between kubectl's look and its write."""
        return eventually(
            lambda: "" if "has been modified" in (answer := replace(group)) else answer
        )

    assert replaced("oncall") == "deployment.apps/rolled-back replaced (server dry run)\n"
    assert "must set image to a fixed tag or a digest" in replaced("developers")


@pytest.fixture(scope="module")
def everything(server: Server, shop: str) -> Iterator[Shop]:
    """A namespace with a policy that asks for all checks as Must."""
    checks = all_checks()
    name = f"everything-{secrets.token_hex(3)}"
    selector = LabelSelector((("kubernetes.io/metadata.name", shop),))
    settings = {id: CheckSetting(c, Severity.MUST, c.default_params) for id, c in checks.items()}
    [compiled] = compile_policies(
        [Policy(name, settings, Enforcement.STRICT, namespace_selector=selector)], [], NOW, (1, 36)
    )
    assert {*compiled.checks} == TWINS.keys() - {"image-registry-not-allowed"}
    with installed(server, compiled.manifests):
        found = Shop(server, shop)
        eventually(partial(_refuses, found), within=60)
        yield found


def test_the_type_checker_of_the_api_server_has_no_complaint(
    server: Server, everything: Shop
) -> None:
    """It looks at every expression as one for each of the three kinds."""

    def checked() -> list[Any]:
        return [
            item["status"]["typeChecking"]
            for item in server.items(path_of("ValidatingAdmissionPolicy"))
            if item["metadata"]["name"].startswith("readiness-everything-")
        ]

    assert eventually(checked, within=60) == [{}]


def test_a_big_workload_is_judged_within_the_limits_and_its_message_is_cut(
    everything: Shop,
) -> None:
    """40 containers with 20 mounts of hostPath volumes each, all wrong."""
    big = workload("web", *[BAD] * 40)
    pod = big["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": f"v{n}", "hostPath": {"path": f"/run/{n}"}} for n in range(20)]
    for container in pod["containers"]:
        container["volumeMounts"] = [{"name": f"v{n}", "mountPath": f"/v{n}"} for n in range(20)]
        container["env"] = [{"name": f"E{n}", "value": "x"} for n in range(50)]

    found = refusal(everything.create(big))

    assert found.startswith('ReadinessPolicy "everything-')
    assert len(found) == 2000 + len(" ...")
    assert found.endswith(" ...")


def test_beyond_the_limits_of_the_api_server_a_workload_is_refused(everything: Shop) -> None:
    """Let through it would be a way around the policy. 40 containers mount 300 hostPaths each."""
    huge = workload("web", *[GOOD] * 40)
    pod = huge["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": f"v{n}", "hostPath": {"path": "/data"}} for n in range(300)]
    for container in pod["containers"]:
        container["volumeMounts"] = [{"name": f"v{n}", "mountPath": f"/v{n}"} for n in range(300)]

    reply = everything.create(huge)

    assert reply.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "actual cost limit exceeded" in reply.body["message"]
