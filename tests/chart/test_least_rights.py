"""Every right of the chart is used, and missed when it is taken away; none is granted beyond.

What was used is read from the API server's audit log: it tells what was asked for, and not what our
code believes to ask for. What is missed is read from what the operator says.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pytest
import yaml

from readiness.api.vocabulary import FIELD_MANAGER
from tests.chart.cluster import KEPT, Cluster
from tests.chart.rights import Right, rights, spelled_out
from tests.chart.support import CHART, NAMESPACE, RELEASE, Documents, Render, named, options_of
from tests.e2e.cli_process import Output, readiness
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.webhook_process import Certificates, WebhookProcess
from tests.e2e.workloads import deployment
from tests.polling import eventually

# Everything else that takes rights is switched on from the start.
SETTINGS = ("controller.compilePolicies=true",)
POLICY_REPORTS, OPEN_REPORTS = "wgpolicyk8s.io/v1alpha2", "openreports.io/v1alpha1"
REPORT_CRDS = {
    POLICY_REPORTS: CHART / "files" / "reports" / "wgpolicyk8s.io_policyreports.yaml",
    OPEN_REPORTS: CHART / "files" / "reports" / "openreports.io_reports.yaml",
}
COMPILED = "validatingadmissionpolicies,validatingadmissionpolicybindings"
COMPONENTS = ("controller", "webhook", "uninstall")
SHOP = "shop"
WORKLOADS = ("deployment/web", "statefulset/store", "daemonset/agent")
FOR_PEOPLE = ("-view", "-edit", "-exempt", "-attest")  # what their roles end with
OWN = ("readinesspolicy/images", "readinessexemption/latest", "readinessevidence/load-test")

POLICY: dict[str, Any] = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "images"},
    "spec": {
        "enforcement": "Strict",
        "strict": {"breakGlass": {"groups": ["sre"]}},
        "checks": [{"id": "mutable-image-tag", "severity": "Must"}],
    },
}
ABOUT_STORE = {"workloads": [{"kind": "StatefulSet", "name": "store"}]}
EXEMPTION: dict[str, Any] = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessExemption",
    "metadata": {"name": "latest", "namespace": SHOP},
    "spec": {
        **ABOUT_STORE,
        "checks": ["mutable-image-tag"],
        "reason": "the vendor publishes no other tag",
        "expiresAt": "2126-01-01T00:00:00Z",
    },
}
EVIDENCE: dict[str, Any] = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessEvidence",
    "metadata": {"name": "load-test", "namespace": SHOP},
    "spec": {
        **ABOUT_STORE,
        "item": "load-testing-performed",
        "statement": "Twice the expected peak for an hour, nothing failed.",
        "performedAt": "2025-11-01T00:00:00Z",
        "expiresAt": "2126-01-01T00:00:00Z",
        "attestedBy": "ann",
    },
}

# Changed so that their status has to be written anew.
CHANGED = [
    {**POLICY, "spec": {**POLICY["spec"], "enforceFrom": "2026-01-01T00:00:00Z"}},
    {**EXEMPTION, "spec": {**EXEMPTION["spec"], "reason": "the vendor publishes no tag"}},
    {**EVIDENCE, "spec": {**EVIDENCE["spec"], "statement": "Twice the peak, nothing failed."}},
]


def account(component: str) -> str:
    return f"system:serviceaccount:{NAMESPACE}:{RELEASE}-{component}"


class Requests(NamedTuple):
    """What an account asked for: what it was let do, and what not."""

    let: set[Right]
    denied: set[Right]


@dataclass
class Scene:
    """The chart as installed, its webhook running, and a shop with one workload of each kind."""

    cluster: Cluster
    documents: Documents
    webhook: WebhookProcess
    begin: int  # mark in the audit log before anything of ours ran
    requests: dict[str, Requests] = field(default_factory=dict)  # of do_everything, by component
    tag: str = "latest"  # of the image of deployment/web

    def granted(self, component: str) -> set[Right]:
        return rights(self.documents, f"{RELEASE}-{component}")

    @contextmanager
    def controller(
        self, reports: str = POLICY_REPORTS, sweep_interval: int = 3600
    ) -> Iterator[OperatorProcess]:
        """Run the controller as the chart sets it; only that it says more."""
        process = OperatorProcess(
            self.cluster.control_plane.kubeconfig_for(account("controller")),
            *options_of(self.documents, "controller", but=("--sweep", "--log-level", "--reports")),
            f"--sweep-interval={sweep_interval}",
            "--log-level=debug",
            f"--reports={reports}",
            f"--operator-namespace={NAMESPACE}",
        )
        try:
            yield process.start(synced=False)
        finally:
            process.stop()

    def apply(self, *documents: dict[str, Any]) -> None:
        """Apply something, as somebody of the group that may break the glass."""
        somebody = ("--as=ann", "--as-group=system:masters", "--as-group=sre")
        self.cluster.kubectl(*somebody, "apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def change_verdict(self) -> None:
        """Make a workload bad, by breaking the glass, or good again."""
        self.tag = "1.4.2" if self.tag == "latest" else "latest"
        web = deployment(SHOP, image=f"registry.example.com/shop/web:{self.tag}")
        web["metadata"]["annotations"] = {"readiness.dev/break-glass": "INC-4711"}
        self.apply(web)

    def delete_policy(self) -> None:
        self.cluster.kubectl("delete", "readinesspolicy", "images")

    def come_to(self, reports: int, compiled: int, kind: str = "policyreports") -> None:
        """Wait until there are so many reports and objects of compiled policies."""

        def there() -> bool:
            kinds = f"{kind},{COMPILED}"
            found = Counter(item["kind"] for item in self.cluster.get("-n", SHOP, kinds)["items"])
            in_all = sum(found.values())
            of_policies = sum(n for of, n in found.items() if of.startswith("Validating"))
            if (in_all - of_policies, of_policies) != (reports, compiled):
                raise LookupError(f"there are {dict(found)}")
            return True

        eventually(there, within=30, every=0.2)

    def meddle(self, kind: str) -> None:
        """Change a report behind the controller's back: to write it again meets a conflict."""
        patch = json.dumps({"summary": {"skip": 7}})
        args = ("patch", kind, "deployment-web", "-n", SHOP, "--type=merge", f"--patch={patch}")
        self.cluster.kubectl(*args)
        self.change_verdict()

    def written(self, *names: str) -> bool:
        """Return whether the controller has written into the status of all of these."""
        return all(
            any(
                entry["manager"] == FIELD_MANAGER and entry.get("subresource") == "status"
                for entry in self.cluster.get(name, "-n", SHOP, "--show-managed-fields")[
                    "metadata"
                ]["managedFields"]
            )
            for name in names
        )

    def uninstall(self) -> Output:
        config = self.cluster.control_plane.kubeconfig_for(account("uninstall"))
        job = named(self.documents, "Job", f"{RELEASE}-uninstall")
        return readiness(config, *job["spec"]["template"]["spec"]["containers"][0]["args"])

    def leave_a_report(self) -> None:
        """Leave a report of the other kind, as if the controller had changed over and failed."""
        left = self.cluster.get("policyreport", "deployment-web", "-n", SHOP)["metadata"]
        metadata = {key: left[key] for key in ("name", "namespace", "labels")}
        self.apply({"apiVersion": OPEN_REPORTS, "kind": "Report", "metadata": metadata})

    def asked(self, component: str) -> Requests:
        """Return what an account asked for.

        Each without and with namespace and name, as it may have been granted.
        """
        let: set[Right] = set()
        denied: set[Right] = set()
        for event in self.cluster.control_plane.audit_events(after=self.begin):
            if event.user != account(component):
                continue
            resource = "/".join(filter(None, (event.resource, event.subresource)))
            verbs = {event.verb}
            if event.verb == "patch" and event.code == 201:
                verbs.add("create")  # to apply what is not there takes both rights
            (denied if event.code == 403 else let).update(
                Right(namespace, event.group, resource, name, verb)
                for namespace in {"", event.namespace}
                for name in {"", event.name}
                for verb in verbs
            )
        return Requests(let, denied)

    @contextmanager
    def without(self, taken: set[Right]) -> Iterator[None]:
        """Take rights from all accounts while the block runs."""
        roles = [d for d in self.documents if d["kind"] in ("Role", "ClusterRole") and "rules" in d]
        whole, fewer = [], []
        for role in roles:
            had = granted_by(role)
            # The roles for people are nobody's of ours.
            if had & taken and not role["metadata"]["name"].endswith(FOR_PEOPLE):
                whole.append(role)
                fewer.append({**role, "rules": [rule(right) for right in sorted(had - taken)]})
        assert taken <= set().union(*map(granted_by, whole))
        try:
            self._replace(fewer)
            yield
        finally:
            self._replace(whole)

    def _replace(self, roles: Documents) -> None:
        """Replace roles, and wait until Kubernetes has filled in the one it aggregates."""
        self.cluster.kubectl("replace", "-f", "-", stdin=yaml.safe_dump_all(roles))
        parts = self.cluster.get(
            *("clusterroles", "-l", f"rbac.readiness.dev/aggregate-to-{RELEASE}=true")
        )["items"]
        expected = set().union(*map(granted_by, parts))
        name = f"{RELEASE}-optional-kinds"
        eventually(lambda: granted_by(self.cluster.get("clusterrole", name)) == expected)


def granted_by(role: dict[str, Any]) -> set[Right]:
    namespace = role["metadata"].get("namespace", "")
    return set().union(*(spelled_out(rule, namespace) for rule in role["rules"] or ()))


def rule(right: Right) -> dict[str, Any]:
    names = {"resourceNames": [right.name]} if right.name else {}
    return {
        "apiGroups": [right.group],
        "resources": [right.resource],
        "verbs": [right.verb],
        **names,
    }


@pytest.fixture(scope="module")
def scene(
    cluster_of_charts: Cluster,
    foreign_kinds: None,
    render: Render,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    cluster = cluster_of_charts
    cluster.start_over()
    documents = render(*SETTINGS)
    # Helm makes these when the release goes, and takes them away again.
    hook = [
        document
        for document in documents
        if document["metadata"]["name"] == f"{RELEASE}-uninstall"
        and document["kind"] in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    ]
    cluster.install(*SETTINGS)
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(hook))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")
    cluster.kubectl("create", "namespace", SHOP)
    begin = cluster.control_plane.audit_mark()
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    pair = certificates.make()
    webhook = WebhookProcess(
        cluster.control_plane.kubeconfig_for(account("webhook")),
        *options_of(documents, "webhook", but=("--tls-", "--webhook-listen", "--sweep")),
        *certificates.options,
        "--sweep-interval=1",
        "--webhook-listen=127.0.0.1:0",
        "--drain-seconds=0",
        f"--operator-namespace={NAMESPACE}",
    ).start()
    configuration = cluster.get("validatingwebhookconfiguration", RELEASE)
    for entry in configuration["webhooks"]:
        entry["clientConfig"] = {
            "url": f"https://127.0.0.1:{webhook.webhook_port}/validate",
            "caBundle": base64.b64encode(pair.ca).decode(),
        }
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps(configuration))
    found = Scene(cluster, documents, webhook, begin)
    try:
        found.change_verdict()
        found.apply(
            deployment(SHOP, "store", kind="StatefulSet"),
            deployment(SHOP, "agent", kind="DaemonSet"),
            EXEMPTION,
            EVIDENCE,
        )
        do_everything(found)
        found.requests = {component: found.asked(component) for component in COMPONENTS}
        yield found
    finally:
        webhook.stop()
        cluster.kubectl("delete", "namespace", SHOP)
        cluster.kubectl("delete", COMPILED, "--all")
        cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(hook))
        for path in REPORT_CRDS.values():
            cluster.kubectl("delete", "--ignore-not-found", "-f", str(path))
        cluster.uninstall()
        cluster.kubectl("delete", "readinesspolicy", "--all")
        cluster.comes_to_hold(*KEPT)
        cluster.start_over()


def do_everything(scene: Scene) -> None:
    """Do what takes a right, each at least once."""
    cluster = scene.cluster

    def seen(component: str, resource: str, verb: str) -> None:
        """Wait until it has been let do this."""
        eventually(
            lambda: any(
                (right.resource, right.verb) == (resource, verb)
                for right in scene.asked(component).let
            ),
            within=20,
            every=0.5,
        )

    # As if it had not come with the chart. And no kind of reports is installed yet.
    cluster.kubectl("delete", "lease", RELEASE, f"--namespace={NAMESPACE}")
    with scene.controller(reports="auto"):
        seen("controller", "customresourcedefinitions", "get")
        scene.apply(POLICY)
        eventually(lambda: scene.written(*WORKLOADS, *OWN), within=20)
        eventually(lambda: "policy accepted" in scene.webhook.log, within=20)
        scene.change_verdict()
        seen("webhook", "events", "create")
        seen("controller", "events", "create")
    for path in REPORT_CRDS.values():
        cluster.kubectl("apply", "-f", str(path))
    # Established is not yet served: for a moment they are answered 429.
    scene.come_to(reports=0, compiled=2, kind="policyreports,reports.openreports.io")
    with scene.controller(POLICY_REPORTS):
        scene.come_to(reports=3, compiled=2)
        scene.meddle("policyreport")
        seen("controller", "policyreports", "get")
        scene.delete_policy()
        scene.come_to(reports=0, compiled=0)
        scene.apply(POLICY)
        scene.come_to(reports=3, compiled=2)
    with scene.controller(OPEN_REPORTS):
        scene.come_to(reports=3, compiled=2, kind="reports.openreports.io")
        scene.come_to(reports=0, compiled=2)
        scene.meddle("reports.openreports.io")
        seen("controller", "reports", "get")
    with scene.controller(POLICY_REPORTS):
        scene.come_to(reports=0, compiled=2, kind="reports.openreports.io")
        scene.come_to(reports=3, compiled=2)
    scene.leave_a_report()
    assert scene.uninstall().returncode == 0


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_is_granted_is_what_is_used(scene: Scene, component: str) -> None:
    let, denied = scene.requests[component]

    assert denied == set()
    assert scene.granted(component) - let == set()


def taken_rights(scene: Scene, component: str, *wanted: str) -> set[Right]:
    """Return the rights of an account that are meant by texts like `create policyreports`."""
    found = {
        right for right in scene.granted(component) if f"{right.verb} {right.resource}" in wanted
    }
    assert {f"{right.verb} {right.resource}" for right in found} == set(wanted)
    return found


def refusals(log: str) -> set[str]:
    """Return what it was not let do, by its own words: `create policyreports`."""
    pattern = r'cannot (\w+) resource \\*"([\w/]+)\\*" in API group'
    return {f"{verb} {resource}" for verb, resource in re.findall(pattern, log)}


def records(process: OperatorProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.splitlines()]


def complains(process: OperatorProcess, wanted: set[str]) -> bool:
    missing = wanted - refusals(process.log)
    if missing:
        raise LookupError(f"it does not say that it may not {', '.join(sorted(missing))}")
    return True


@pytest.mark.parametrize("verb", ["watch", "list"])
def test_each_kind_that_may_not_be_read_is_named(scene: Scene, verb: str) -> None:
    taken = {right for right in scene.granted("webhook") if right.verb == verb}
    # Without these it finds what is installed later when it looks the next time; see below.
    definitions = {right for right in taken if right.resource == "customresourcedefinitions"}
    reasons = {
        f"not allowed to {verb} {'.'.join(filter(None, (right.resource, right.group)))}"
        for right in taken - definitions
    }

    def named_by(process: OperatorProcess) -> bool:
        left_out = {r["reason"] for r in records(process) if r["event"] == "kind left out"}
        return {reason for reason in left_out if f" {verb} " in reason} == reasons

    with scene.controller(sweep_interval=1) as controller:
        eventually(lambda: controller.get("/readyz")[0] == 200, within=30)
        with scene.without(taken):
            for process in (controller, scene.webhook):
                eventually(partial(named_by, process), within=40)


def test_doctor_misses_the_definitions_of_kinds(scene: Scene) -> None:
    admin = scene.cluster.control_plane.kubeconfig
    wanted = {"list customresourcedefinitions", "watch customresourcedefinitions"}
    with scene.without(taken_rights(scene, "webhook", *wanted)):
        report = json.loads(readiness(admin, "doctor", "-o", "json").stdout)

    assert {f["message"] for f in report["findings"] if f["area"] == "rights"} == {
        f"service account {RELEASE}-{component} of the {component} may not list, watch "
        "customresourcedefinitions.apiextensions.k8s.io"
        for component in ("controller", "webhook")
    }


def test_each_right_to_write_is_missed(scene: Scene) -> None:
    """The controller says so of each; of events only to those who ask for details."""
    missed: set[Right] = set()

    @contextmanager
    def without(*wanted: str) -> Iterator[OperatorProcess]:
        """Run the controller with these rights taken; it has to miss each."""
        taken = taken_rights(scene, "controller", *wanted)
        reports = OPEN_REPORTS if any(w.endswith(" reports") for w in wanted) else POLICY_REPORTS
        with scene.without(taken), scene.controller(reports) as controller:
            yield controller
            eventually(partial(complains, controller, set(wanted)), within=30)
        missed.update(taken)

    scene.apply(POLICY)
    policies, bindings = COMPILED.split(",")
    # What it looks at when it starts, its Lease among it.
    for wanted in (
        (f"list {policies}", "list policyreports", "get validatingwebhookconfigurations"),
        (f"list {bindings}", "list reports"),
        ("get leases",),
        ("update leases",),
    ):
        with without(*wanted):
            pass
    scene.cluster.kubectl("delete", "lease", RELEASE, f"--namespace={NAMESPACE}")
    with without("create leases"):
        pass
    assert scene.uninstall().returncode == 0
    # Conditions and the status of its own kinds; what it creates.
    status = [f"patch {kind}s/status" for kind in ("deployment", "statefulset", "daemonset")]
    status += [f"patch readiness{kind}/status" for kind in ("policies", "exemptions", "evidences")]
    with without(*status, f"create {policies}", "create policyreports"):
        scene.apply(*CHANGED)
    with without("create events", f"create {bindings}", "create reports"):
        scene.change_verdict()
        scene.change_verdict()
    # What it changes.
    with without(f"patch {bindings}", "patch policyreports"):
        pass
    with without(f"patch {policies}", "patch reports"):
        pass
    # What it deletes.
    with without(f"delete {bindings}", "delete policyreports"):
        scene.come_to(reports=3, compiled=2)
        scene.delete_policy()
    scene.apply(POLICY)
    with without(f"delete {policies}", "delete reports"):
        scene.come_to(reports=3, compiled=2, kind="reports.openreports.io")
        scene.delete_policy()
    scene.apply(POLICY)
    # What it looks at when somebody else changed a report.
    with without("get policyreports"):
        scene.come_to(reports=3, compiled=2)
        scene.meddle("policyreport")
    with without("get reports"):
        scene.come_to(reports=3, compiled=2, kind="reports.openreports.io")
        scene.meddle("reports.openreports.io")

    reading = {right for right in scene.granted("webhook") if right.verb in ("list", "watch")}
    definitions = taken_rights(scene, "controller", "get customresourcedefinitions")
    # These are needed for a moment, while an API server starts: tests/controller/test_reports.py,
    # test_a_server_that_misses_a_kind_it_has_is_asked_again.
    assert missed == scene.granted("controller") - reading - definitions


def test_each_right_to_uninstall_is_missed(scene: Scene) -> None:
    """In the order in which it needs them: what comes before is done."""
    scene.apply(POLICY)
    with scene.controller():
        scene.come_to(reports=3, compiled=2)
        eventually(lambda: scene.written(*WORKLOADS), within=20)
    scene.leave_a_report()
    policies, bindings = COMPILED.split(",")
    order = [
        *(f"patch {kind}s/status" for kind in ("deployment", "statefulset", "daemonset")),
        *(f"list {kind}s" for kind in ("deployment", "statefulset", "daemonset")),
        *(f"list {kind}" for kind in (policies, bindings)),
        *(f"delete {kind}" for kind in (bindings, policies)),
        *(f"{verb} {kind}" for kind in ("policyreports", "reports") for verb in ("list", "delete")),
    ]
    assert taken_rights(scene, "uninstall", *order) == scene.granted("uninstall")

    for wanted in order:
        with scene.without(taken_rights(scene, "uninstall", wanted)):
            output = scene.uninstall()
        assert (output.returncode, refusals(output.stderr)) == (3, {wanted})
    assert scene.uninstall().returncode == 0
