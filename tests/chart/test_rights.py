"""What the chart grants: what is needed, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
import yaml

from readiness.api.vocabulary import GROUP
from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from tests.chart.rights import Right, rights, spelled_out
from tests.chart.support import CHART, NAMESPACE, Render, named
from tests.support import ROOT

CONTROLLER = "readiness-operator-controller"
WEBHOOK = "readiness-operator-webhook"
OURS = ("readinesspolicies", "readinessexemptions", "readinessevidences")
READ = ("list", "watch")


def reading(resources: Iterable[tuple[str, str]]) -> set[Right]:
    return {Right("", group, plural, "", verb) for group, plural in resources for verb in READ}


# What the code looks at, by its own account.
LOOKED_AT = {
    (kind.group, kind.plural)
    for kind in (
        *kinds.WORKLOADS.values(),
        *kinds.COMPANIONS.values(),
        *(k for k in vars(kinds).values() if isinstance(k, ResourceKind) and k.group == GROUP),
        kinds.CUSTOM_RESOURCE_DEFINITIONS,
    )
}
REPORTS = {("wgpolicyk8s.io", "policyreports"), ("openreports.io", "reports")}
EVENTS = {Right("", "", "events", "", "create")}


def test_webhook_may_read_what_the_code_looks_at_and_post_events(render: Render) -> None:
    assert rights(render(), WEBHOOK) == reading(LOOKED_AT) | EVENTS


def test_controller_may_besides_write_status_and_hold_its_lease(render: Render) -> None:
    own = rights(render(), CONTROLLER) - rights(render(), WEBHOOK)

    assert own == {
        *(
            Right("", "apps", f"{plural}/status", "", "patch")
            for plural in ("deployments", "statefulsets", "daemonsets")
        ),
        *(Right("", "readiness.dev", f"{plural}/status", "", "patch") for plural in OURS),
        *(
            Right("", *report, "", verb)
            for report in REPORTS
            for verb in ("get", "list", "create", "patch", "delete")
        ),
        *(
            Right("", "apiextensions.k8s.io", "customresourcedefinitions", name, "get")
            for name in ("policyreports.wgpolicyk8s.io", "reports.openreports.io")
        ),
        Right(
            "",
            "admissionregistration.k8s.io",
            "validatingwebhookconfigurations",
            "readiness-operator",
            "get",
        ),
        Right(NAMESPACE, "coordination.k8s.io", "leases", "", "create"),
        Right(NAMESPACE, "coordination.k8s.io", "leases", "readiness-operator", "get"),
        Right(NAMESPACE, "coordination.k8s.io", "leases", "readiness-operator", "update"),
    }


def test_controller_has_the_rights_of_the_example(render: Render) -> None:
    """examples/rbac.yaml is for those who do without the chart; the e2e tests run under it."""
    example = list(yaml.safe_load_all((ROOT / "examples" / "rbac.yaml").read_text("utf-8")))

    assert rights(example, "readiness-operator") == rights(render(), CONTROLLER)


@pytest.mark.parametrize("way", ["production", "everything", "bare"])
def test_nobody_of_ours_may_read_secrets_or_write_workloads(render: Render, way: str) -> None:
    documents = render(way)
    accounts = {
        subject["name"]
        for binding in documents
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding")
        for subject in binding["subjects"]
    }
    for account in accounts:
        for right in rights(documents, account):
            assert right.resource != "secrets"
            assert "*" not in right
            if right.group in ("apps", "readiness.dev") and "/" not in right.resource:
                assert right.verb in READ, (account, right)


def test_each_optional_kind_has_its_switch(render: Render) -> None:
    roles = yaml.safe_load((CHART / "files" / "optional-kinds.yaml").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    everything = rights(render(), WEBHOOK)

    assert [role["name"] for role in roles] == list(values["rbac"]["optionalKinds"])
    for role in roles:
        resources = [(r["group"], plural) for r in role["rules"] for plural in r["resources"]]
        without = rights(render(f"rbac.optionalKinds.{role['name']}=false"), WEBHOOK)
        assert everything - without == reading(resources), role["name"]


def test_webhook_that_is_off_leaves_no_right_behind(render: Render) -> None:
    documents = render("webhook.enabled=false")

    assert rights(documents, WEBHOOK) == set()
    assert "validatingwebhookconfigurations" not in {
        right.resource for right in rights(documents, CONTROLLER)
    }


def test_rbac_can_be_left_to_others(render: Render) -> None:
    documents = render("rbac.create=false", "rbac.userRoles=false")
    left = {d["metadata"]["name"] for d in documents if "rbac" in d["apiVersion"]}

    assert left == {"readiness-operator-uninstall"}


def test_uninstalling_may_take_conditions_off_and_no_more(render: Render) -> None:
    workloads = ("deployments", "statefulsets", "daemonsets")

    assert rights(render(), "readiness-operator-uninstall") == {
        *(Right("", "apps", plural, "", "list") for plural in workloads),
        *(Right("", "apps", f"{plural}/status", "", "patch") for plural in workloads),
        *(Right("", *report, "", verb) for report in REPORTS for verb in ("list", "delete")),
    }


def test_without_reports_nobody_may_write_them(render: Render) -> None:
    documents = render("reports.api=off")

    for account in (CONTROLLER, "readiness-operator-uninstall"):
        assert not REPORTS & {(r.group, r.resource) for r in rights(documents, account)}
        assert "get" not in {
            r.verb for r in rights(documents, account) if r.group == "apiextensions.k8s.io"
        }


WRITE = ("create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize(
    ("name", "resources", "verbs", "built_in"),
    [
        ("view", OURS, ("get", *READ), {"view", "edit", "admin"}),
        ("edit", ("readinesspolicies",), ("get", *READ, *WRITE), {"admin"}),
        ("exempt", ("readinessexemptions",), ("get", *READ, *WRITE), set()),
        ("attest", ("readinessevidences",), ("get", *READ, *WRITE), set()),
    ],
)
def test_roles_for_people(
    render: Render,
    name: str,
    resources: tuple[str, ...],
    verbs: tuple[str, ...],
    built_in: set[str],
) -> None:
    role = named(render(), "ClusterRole", f"readiness-operator-{name}")
    alone = named(
        render("rbac.aggregateUserRoles=false"), "ClusterRole", f"readiness-operator-{name}"
    )
    prefix = "rbac.authorization.k8s.io/aggregate-to-"

    assert role["rules"] == alone["rules"]
    assert set().union(*(spelled_out(rule, "") for rule in role["rules"])) == {
        Right("", "readiness.dev", plural, "", verb) for plural in resources for verb in verbs
    }
    assert built_in == {
        label.removeprefix(prefix) for label in role["metadata"]["labels"] if prefix in label
    }
    assert not any(prefix in label for label in alone["metadata"]["labels"])


def test_compiled_policies_ask_for_more_only_when_switched_on(render: Render) -> None:
    kinds_of_both = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")

    def compiling(*options: str) -> set[tuple[str, str]]:
        return {
            (right.resource, right.verb)
            for right in rights(render(*options), CONTROLLER)
            if right.resource in kinds_of_both
        }

    assert compiling() == set()
    assert compiling("controller.compilePolicies=true") == set(
        itertools.product(kinds_of_both, ("list", "create", "patch", "delete"))
    )
