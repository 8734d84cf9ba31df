"""Custom checks: the API server's own CEL is the judge of what an expression means.

Each expression becomes a ValidatingAdmissionPolicy, and each workload is created as a dry run under
each of them. READINESS_CEL_WORKLOADS=N compares over N generated workloads more.
"""

from __future__ import annotations

import copy
import http.client
import json
import os
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from readiness.api.v1alpha1 import CustomCheck
from readiness.checks.base import CannotTell, Skip
from readiness.evaluate.custom_checks import custom_check
from readiness.model.snapshot import Origin, Snapshot
from readiness.watch.projection import observe_workload
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually
from tests.support import snapshot_of
from tools.control_plane import ControlPlane

MORE_WORKLOADS = int(os.environ.get("READINESS_CEL_WORKLOADS", "4"))
ADMISSION = "/apis/admissionregistration.k8s.io/v1"

CONTAINERS = "object.spec.template.spec.containers"
POD = "object.spec.template.spec"

EXPRESSIONS = (
    # fields that are there, and fields that are not
    "has(object.metadata.labels.team)",
    "has(object.metadata.labels) && has(object.metadata.labels.team)",
    "object.metadata.labels.team == 'pay'",
    "'team' in object.metadata.labels",
    "object.metadata.labels['team'] == 'pay'",
    "object.metadata.labels.all(key, key != 'team')",
    "object.metadata.labels.exists(key, object.metadata.labels[key] == 'pay')",
    "has(object.metadata.annotations) && object.metadata.annotations.size() > 0",
    "object.metadata.annotations['example.com/owner'].endsWith('@example.com')",
    "has(object.metadata.creationTimestamp) && has(object.metadata.uid)",
    "object.metadata.namespace == namespaceObject.metadata.name",
    "object.apiVersion == 'apps/v1' && object.kind == 'Deployment'",
    f"has({POD}.securityContext.runAsNonRoot)",
    f"{POD}.securityContext.runAsNonRoot == true",
    f"has({POD}.nothing.here)",
    f"{POD}.nothing == null",
    f"{POD}.priorityClassName.endsWith('-shop')",
    "object.spec.strategy.type == 'RollingUpdate'",
    "object.spec.strategy.rollingUpdate.maxSurge == '25%'",
    # numbers
    "object.spec.replicas >= 2",
    "object.spec.replicas >= 2.5",
    "object.spec.replicas == 3.0",
    "object.spec.replicas < 3u",
    "object.spec.replicas % 2 == 1",
    "object.spec.replicas in [1, 3]",
    "object.spec.replicas in ['1', '3']",
    "object.spec.replicas == '3'",
    "object.spec.replicas > '3'",
    "object.spec.replicas + 1.5 > 2.0",
    "6 / (object.spec.replicas - 1) == 3",
    "9223372036854775807 + object.spec.replicas > 0",
    "-object.spec.replicas < 0",
    # logic: what an error does to `and`, `or` and `? :`
    f"{POD}.nothing == 1 || object.spec.replicas == 3",
    f"object.spec.replicas == 3 || {POD}.nothing == 1",
    f"{POD}.nothing == 1 && object.spec.replicas == 3",
    f"object.spec.replicas == 3 && {POD}.nothing == 1",
    "object.spec.replicas ? true : false",
    f"object.spec.replicas == 3 ? true : {POD}.nothing == 1",
    "object.spec.replicas && true",
    "!(object.spec.replicas == 3)",
    # lists and loops
    f"{CONTAINERS}.all(c, has(c.resources.limits) && has(c.resources.limits.memory))",
    f"{CONTAINERS}.all(c, c.ports.size() > 0)",
    f"{CONTAINERS}.exists(c, c.ports.size() > 0)",
    f"{CONTAINERS}.exists_one(c, has(c.ports))",
    f"{CONTAINERS}.exists_one(c, c.ports.size() == 1)",
    f"{CONTAINERS}.all(c, c.name)",
    f"{CONTAINERS}.all(c, c.name == 'other' && c.nothing == 1)",
    f"{CONTAINERS}.all(c, c.nothing == 1 || c.name == 'app')",
    f"{CONTAINERS}.filter(c, c.name == 'app').size() == 1",
    f"{CONTAINERS}.filter(c, c.name).size() == 1",
    f"{CONTAINERS}.map(c, c.name) == ['app', 'proxy']",
    f"{CONTAINERS}.map(c, c.name == 'app', c.image)[0].contains('shop')",
    f"{CONTAINERS}[1].name == 'proxy'",
    f"{CONTAINERS}['app'].name == 'app'",
    f"{CONTAINERS}.nothing == 1",
    f"{CONTAINERS}[0] == {CONTAINERS}[0] && {CONTAINERS}[0] != {POD}",
    f"{CONTAINERS}.all(a, {CONTAINERS}.exists_one(b, a.name == b.name))",
    "object.spec.replicas.all(c, true)",
    "object.metadata.name.all(c, true)",
    "object.spec.selector.matchLabels == {'app': 'web'}",
    f"{POD}.initContainers.all(c, c.image.contains(':'))",
    f"size({CONTAINERS}) + size({POD}.volumes) > 2",
    # text
    "object.metadata.name.matches('^[a-z][a-z0-9-]*$')",
    "object.metadata.name.matches('(?i)^WEB$')",
    r"object.metadata.name.matches('\\bweb\\b')",
    r"object.metadata.name.matches('^\\pL+$')",
    "matches(object.metadata.name, 'w.b')",
    f"{CONTAINERS}[0].image.split('/').size() == 3",
    f"{CONTAINERS}[0].image.split('/', 2)[1] == 'shop/web:1.4.2'",
    f"{CONTAINERS}[0].image.split(':')[5] == 'x'",
    f"{CONTAINERS}[0].image.replace('registry', 'mirror', 1).startsWith('mirror')",
    f"{CONTAINERS}[0].image.substring(9).startsWith('example')",
    f"{CONTAINERS}[0].image.substring(500) == ''",
    f"{CONTAINERS}[0].image.charAt(0) == 'r' && {CONTAINERS}[0].image.charAt(500) == ''",
    f"{CONTAINERS}[0].image.indexOf(':') < {CONTAINERS}[0].image.lastIndexOf(':')",
    "object.metadata.annotations['example.com/city'].size() == 7",
    "object.metadata.annotations['example.com/city'].upperAscii() == 'ZüRICH!'",
    "object.metadata.annotations['example.com/city'].charAt(1) == 'ü'",
    "object.metadata.annotations['example.com/city'].substring(1).startsWith('ü')",
    "object.metadata.annotations['example.com/city'].trim().lowerAscii() < 'zz'",
    "object.metadata.name + '-x' == 'web-x'",
    "object.metadata.name < 'w'",
    "object.metadata.name.contains(string(object.spec.replicas))",
    "string(object.spec.replicas) == '3'",
    "object.metadata.name.startsWith(object.spec.replicas)",
    "object.spec.replicas.startsWith('3')",
    "object.metadata.name.size() == 3",
    "object.spec.replicas.size() == 3",
    "type(object.spec.replicas) == int && type(object.metadata.name) == string",
    "dyn(object.metadata.name) == 3",
    # the namespace
    "namespaceObject.metadata.labels.tier == 'gold'",
    "has(namespaceObject.metadata.labels.nothing)",
    "namespaceObject.metadata.labels.nothing == 'x'",
    "has(namespaceObject.metadata.labels) && 'tier' in namespaceObject.metadata.labels",
    "object.metadata.labels.team in namespaceObject.metadata.labels['teams'].split('.')",
)
PER_CONTAINER = (
    "has(container.resources.limits) && 'memory' in container.resources.limits",
    "container.resources.limits.memory.endsWith('Mi')",
    "container.image.startsWith('registry.example.com/')",
    "!container.image.matches(':latest$')",
    "container.imagePullPolicy == 'IfNotPresent'",
    "container.name == 'app' || container.ports.size() > 0",
    "container.name.startsWith(object.metadata.name) || container.name == 'app'",
    "has(container.env) && container.env.all(e, !e.name.matches('(?i)password'))",
    "container.securityContext.capabilities.drop == ['ALL']",
    "container.terminationMessagePolicy == namespaceObject.metadata.labels.tier",
)


@dataclass(frozen=True)
class Case:
    """An expression: as ours, and as the API server has to be asked."""

    id: str
    ours: str
    theirs: str


CASES = tuple(
    Case(f"e{index}", ours, theirs)
    for index, (ours, theirs) in enumerate(
        [(text, text) for text in EXPRESSIONS]
        + [(text, f"{CONTAINERS}.all(container, {text})") for text in PER_CONTAINER]
    )
)


def _deployment(namespace: str, **changes: Any) -> dict[str, Any]:
    """Return a Deployment whose labels are not the same object in all places."""
    made: dict[str, Any] = json.loads(json.dumps(deployment(namespace, **changes)))
    return made


def workloads(namespace: str) -> list[dict[str, Any]]:
    """Return Deployments that differ in what the expressions look at."""
    plain = _deployment(namespace, replicas=3)
    team = _deployment(namespace, name="api", replicas=1)
    team["metadata"]["labels"]["team"] = "pay"
    team["spec"]["template"]["spec"]["priorityClassName"] = f"{namespace}-shop"
    two = _deployment(namespace, replicas=4)
    two["metadata"]["annotations"] = {
        "example.com/owner": "shop@example.com",
        "example.com/city": "Zürich!",
    }
    pod = two["spec"]["template"]["spec"]
    pod["containers"].append({"name": "proxy", "image": "localhost:5000/proxy"})
    pod["initContainers"] = [{"name": "setup", "image": "busybox"}]
    pod["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    bare = _deployment(namespace, replicas=0)
    del bare["metadata"]["labels"]
    bare["spec"]["template"]["spec"] = {"containers": [{"name": "web", "image": "nginx:latest"}]}
    return [
        plain,
        team,
        two,
        bare,
        *(_generated(namespace, seed) for seed in range(MORE_WORKLOADS)),
    ]


def _generated(namespace: str, seed: int) -> dict[str, Any]:
    """Return one of the plain Deployments with some parts taken out or changed."""
    pick = random.Random(seed)
    made = deployment(
        namespace, name=pick.choice(["web", "api", "w-b"]), replicas=pick.randrange(5)
    )
    metadata, pod = made["metadata"], made["spec"]["template"]["spec"]
    if pick.random() < 0.5:
        metadata["labels"]["team"] = pick.choice(["pay", "3", ""])
    if pick.random() < 0.5:
        metadata["annotations"] = {"example.com/city": pick.choice([" Zürich", "zz", "日本"])}
    for field in ("securityContext", "priorityClassName"):
        if pick.random() < 0.3:
            pod.pop(field, None)
    names = ["app", "proxy", "web-x"]
    pod["containers"] = [
        {**copy.deepcopy(pod["containers"][0]), "name": name}
        for name in pick.sample(names, pick.randint(1, 3))
    ]
    for container in pod["containers"]:
        for field in ("ports", "resources", "securityContext", "readinessProbe", "livenessProbe"):
            if pick.random() < 0.4 and not (field == "ports" and "livenessProbe" in container):
                container.pop(field, None)
        if "ports" not in container:
            container.pop("readinessProbe", None)
        if pick.random() < 0.5:
            container["env"] = [{"name": pick.choice(["PASSWORD", "CITY"]), "value": "ü"}]
        container["image"] = pick.choice(["nginx:latest", "registry.example.com/shop/web:1.4.2"])
    return made


@pytest.fixture
def server(control_plane: ControlPlane) -> Iterator[Server]:
    made = Server(control_plane)
    yield made
    made.close()


@pytest.fixture
def admission_policies(
    control_plane: ControlPlane, server: Server, namespace: str
) -> Iterator[None]:
    """One ValidatingAdmissionPolicy for each case, for objects labelled with its id."""
    control_plane.kubectl("label", "namespace", namespace, "tier=gold", "teams=ship.pay")
    priority_class = {"metadata": {"name": f"{namespace}-shop"}, "value": 10}
    status, body = server.request(
        "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", priority_class
    )
    assert status == 201, body
    # The last one to be seen: once it refuses, the others do.
    for case in (*CASES, Case("ready", "", "false")):
        name = f"{namespace}-{case.id}"
        _create(
            server,
            "validatingadmissionpolicies",
            "ValidatingAdmissionPolicy",
            name,
            {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "objectSelector": {"matchLabels": {"case": case.id}},
                    "resourceRules": [
                        {
                            "apiGroups": ["apps"],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["deployments"],
                        }
                    ],
                },
                "validations": [{"expression": case.theirs, "message": "it is false"}],
            },
        )
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        _create(
            server,
            "validatingadmissionpolicybindings",
            "ValidatingAdmissionPolicyBinding",
            name,
            {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": selector},
            },
        )
    probe = deployment(namespace)
    eventually(lambda: _judged_by_server(server, probe, "ready") == "false", within=30)
    yield
    for resource in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        path = f"{ADMISSION}/{resource}?labelSelector=test%3D{namespace}"
        assert server.request("DELETE", path)[0] == 200
    server.request("DELETE", f"/apis/scheduling.k8s.io/v1/priorityclasses/{namespace}-shop")


class Server:
    """The API server over one connection: a handshake each would take most of the time."""

    def __init__(self, control_plane: ControlPlane) -> None:
        url = urlsplit(control_plane.url)
        context = ssl.create_default_context(cafile=str(control_plane.ca_file))
        assert url.hostname is not None
        self._connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
        self._headers = {
            "Authorization": f"Bearer {control_plane.token}",
            "Content-Type": "application/json",
        }

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        payload = None if body is None else json.dumps(body)
        self._connection.request(method, path, payload, self._headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def close(self) -> None:
        self._connection.close()


def _create(server: Server, resource: str, kind: str, name: str, spec: dict[str, Any]) -> None:
    document = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"test": name.rpartition("-")[0]}},
        "spec": spec,
    }
    status, body = server.request("POST", f"{ADMISSION}/{resource}", document)
    assert status == 201, body


def _labelled(document: dict[str, Any], case: str) -> dict[str, Any]:
    labelled: dict[str, Any] = json.loads(json.dumps(document))
    labelled["metadata"].setdefault("labels", {})["case"] = case
    return labelled


def _dry_run(server: Server, document: dict[str, Any]) -> tuple[int, Any]:
    namespace = document["metadata"]["namespace"]
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments?dryRun=All"
    return server.request("POST", path, document)


def _judged_by_server(server: Server, document: dict[str, Any], case: str) -> str:
    status, body = _dry_run(server, _labelled(document, case))
    if status == 201:
        return "true"
    assert status == 422, body
    message = body["message"]
    if message.endswith("denied request: it is false"):
        return "false"
    assert "resulted in error" in message, body
    return "error"


def _judged_by_us(document: dict[str, Any], expression: str, snapshot: Snapshot) -> str:
    """Return what the controller would say of an object as the API server returned it."""
    check, params = custom_check(
        CustomCheck(id="custom", severity="Must", expression=expression, message="it is false"),
        "shop",
    )
    observed = observe_workload(document, "apps/v1", "Deployment")
    outcome = check.run(observed.workload(), snapshot, params)
    assert not isinstance(outcome, Skip)
    if isinstance(outcome, CannotTell):
        return "error"
    return "false" if outcome else "true"


def test_expressions_mean_what_they_mean_to_the_api_server(
    server: Server, namespace: str, admission_policies: None
) -> None:
    """No verdict differs, errors included: some 100 expressions over 8 workloads."""
    _, stored = server.request("GET", f"/api/v1/namespaces/{namespace}")
    snapshot = snapshot_of([{**stored, "apiVersion": "v1", "kind": "Namespace"}])
    snapshot = Snapshot(snapshot.inventory, snapshot.now, Origin.CLUSTER)
    differences = []
    seen: Counter[str] = Counter()
    for index, document in enumerate(workloads(namespace)):
        status, returned = _dry_run(server, document)
        assert status == 201, returned
        for case in CASES:
            theirs = _judged_by_server(server, document, case.id)
            ours = _judged_by_us(_labelled(returned, case.id), case.ours, snapshot)
            seen[theirs] += 1
            if ours != theirs:
                differences.append(f"workload {index}: {case.ours}: {theirs}, ours {ours}")

    assert differences == []
    assert seen.total() == len(CASES) * (4 + MORE_WORKLOADS)
    assert min(seen["true"], seen["false"], seen["error"]) > seen.total() / 10, seen


def test_custom_check_flips_the_condition(
    cluster: Cluster, namespace: str, policy: Callable[..., str], operator: OperatorProcess
) -> None:
    cluster.apply(deployment(namespace))
    policy(
        customChecks=[
            {
                "id": "team-label-missing",
                "severity": "Must",
                "expression": "has(object.metadata.labels.team)",
                "message": "metadata.labels.team must be set",
            },
            {
                "id": "foreign-registry",
                "severity": "Should",
                "expression": "container.image.startsWith('registry.example.com/')",
                "message": "must set image to one from registry.example.com",
                "category": "images",
            },
        ]
    )
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("False", "MustChecksFailing"),
                "ConfigurationSound": ("False", "TeamLabelMissing"),
                "ImagesPinned": ("True", "AllChecksPass"),
            }
        )
    )

    cluster.kubectl("label", "-n", namespace, "deployment/web", "team=pay")
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")
            == {
                "ProductionReady": ("True", "AllMustChecksPass"),
                "ConfigurationSound": ("True", "AllChecksPass"),
                "ImagesPinned": ("True", "AllChecksPass"),
            }
        )
    )


def test_custom_check_can_be_exempted_whichever_comes_first(
    cluster: Cluster, namespace: str, policy: Callable[..., str], operator: OperatorProcess
) -> None:
    cluster.apply(deployment(namespace))
    cluster.apply(
        {
            "apiVersion": "readiness.dev/v1alpha1",
            "kind": "ReadinessExemption",
            "metadata": {"name": "no-team", "namespace": namespace},
            "spec": {
                "workloads": [{"name": "web"}],
                "checks": ["team-label-missing"],
                "reason": "Nobody has it yet.",
                "expiresAt": "2099-01-01T00:00:00Z",
            },
        }
    )

    def active() -> tuple[str, str]:
        found = cluster.get("-n", namespace, "readinessexemption/no-team")
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == "Active":
                return condition["status"], condition["reason"]
        return "", ""

    eventually(lambda: active() == ("False", "Invalid"))
    policy(
        customChecks=[
            {
                "id": "team-label-missing",
                "severity": "Must",
                "expression": "has(object.metadata.labels.team)",
                "message": "metadata.labels.team must be set",
            }
        ]
    )

    eventually(lambda: active() == ("True", "InForce"))
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")["ProductionReady"]
            == ("True", "MustChecksPassOrExempt")
        )
    )


def test_expression_that_does_not_compile_is_told_and_stops_nothing(
    cluster: Cluster, namespace: str, policy: Callable[..., str], operator: OperatorProcess
) -> None:
    cluster.apply(deployment(namespace))
    bad = policy(
        f"{namespace}-bad",
        customChecks=[
            {
                "id": "team-label-missing",
                "severity": "Must",
                "expression": "has(object.metadata.labels.team) &&\n  objekt.spec.replicas > 1",
                "message": "metadata.labels.team must be set",
            }
        ],
    )
    good = policy(checks=[{"id": "replicas-too-low", "severity": "Must"}])

    def accepted(name: str) -> tuple[str, str, str]:
        status = cluster.get("readinesspolicy", name).get("status", {})
        by_type = {c["type"]: c for c in status.get("conditions", [])}
        condition = by_type["Accepted"]
        return condition["status"], condition["reason"], condition["message"]

    problem = (
        "spec.customChecks[0].expression: line 2, column 14: "
        "undeclared reference to 'objekt.spec.replicas'"
    )
    eventually(lambda: accepted(bad) == ("False", "InvalidExpression", problem))
    eventually(lambda: accepted(good)[:2] == ("True", "Accepted"))
    eventually(
        lambda: (
            cluster.conditions(namespace, "deployment/web")["ProductionReady"]
            == ("True", "AllMustChecksPass")
        )
    )
