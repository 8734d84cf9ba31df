"""A report is what the projects that made its kind say a report is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from readiness.api.vocabulary import Result, Severity
from readiness.checks.registry import all_checks
from readiness.evaluate.evaluator import CheckResult, Report
from readiness.kube.client import KubeClient, ResourceKind, load_configuration
from readiness.model.workload import ObjectRef
from readiness.publish import policy_reports as publish
from readiness.report.policy_report import fingerprint, stored_report
from tests.ecosystem.definitions import report_definitions
from tests.support import ROOT
from tools.control_plane import ControlPlane
from tools.ecosystem_crds import without_descriptions

SHIPPED = ROOT / "charts" / "readiness-operator" / "files" / "reports"
PRINTED = ROOT / "tests" / "cli" / "data" / "golden" / "shop.policyreport.yaml"
IMAGE = "spec.template.spec.containers[0].image"
KINDS = list(publish.KINDS.values())


def original(kind: ResourceKind) -> dict[str, Any]:
    return report_definitions()[kind.group, kind.kind]


@pytest.fixture
def installed(
    request: pytest.FixtureRequest, control_plane: ControlPlane
) -> Iterator[ResourceKind]:
    """A kind of reports, installed as its project defines it, and gone again afterwards."""
    kind: ResourceKind = request.param
    text = yaml.safe_dump(original(kind))
    control_plane.kubectl("apply", "-f", "-", input=text)
    control_plane.kubectl("wait", "--for=condition=Established", "-f", "-", input=text)
    yield kind
    control_plane.kubectl("delete", "-f", "-", input=text)


def results() -> Iterator[CheckResult]:
    """Yield every result with every severity, bare and with all it can have."""
    for check in all_checks().values():
        yield CheckResult(check, Severity.SHOULD, Result.PASS, "standard", "")
    check = all_checks()["mutable-image-tag"]
    for result in Result:
        for severity in (Severity.MUST, Severity.SHOULD, Severity.NICE):
            yield CheckResult(check, severity, result, "standard", "wrong", IMAGE, "app")
    yield CheckResult(check, Severity.MUST, Result.SKIP, "standard", "accepted", exempt=True)


@pytest.mark.parametrize("installed", KINDS, ids=lambda kind: kind.kind, indirect=True)
async def test_what_is_written_is_kept_to_the_letter(
    control_plane: ControlPlane, installed: ResourceKind, namespace: str
) -> None:
    """With every sort of result, and as many as are kept."""
    every = tuple(results())
    reports = {
        "empty": Report(ObjectRef("apps", "Deployment", namespace, "empty"), ("standard",), ()),
        "every": Report(ObjectRef("apps", "Deployment", namespace, "every"), ("standard",), every),
        "cut": Report(ObjectRef("apps", "StatefulSet", namespace, "cut"), ("p",), every * 4),
    }
    documents = [
        stored_report(
            report, "apps/v1", f"uid-{name}", stored_as=installed.api_version, passes=True
        )
        for name, report in reports.items()
    ]
    now = datetime(2026, 11, 24, 9, 0, 0, 5, tzinfo=UTC)

    async with KubeClient(await load_configuration(str(control_plane.kubeconfig))) as client:
        for document in documents:
            await publish.write(client, installed, document, fingerprint(document), now)

    for document in documents:
        name = document["metadata"]["name"]
        kept = control_plane.request("GET", installed.path(namespace, name)).body
        seconds = {"seconds": int(now.timestamp()), "nanos": 5000}
        timed = [{**result, "timestamp": seconds} for result in document["results"]]
        assert {key: kept[key] for key in document if key != "metadata"} == {
            **{key: value for key, value in document.items() if key != "metadata"},
            "results": timed,
        }
        assert document["metadata"].items() <= kept["metadata"].items()


@pytest.mark.parametrize("installed", KINDS[:1], ids=lambda kind: kind.kind, indirect=True)
def test_what_the_command_line_prints_can_be_created(
    control_plane: ControlPlane, installed: ResourceKind, namespace: str
) -> None:
    replies = []
    for document in yaml.safe_load_all(PRINTED.read_text("utf-8")):
        document["metadata"]["namespace"] = namespace
        path = f"{installed.path(namespace)}?fieldValidation=Strict"
        replies.append(control_plane.request("POST", path, document))

    assert [(r.status, r.body.get("message")) for r in replies] == [(HTTPStatus.CREATED, None)] * 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_what_the_chart_installs_is_the_original_in_other_words(kind: ResourceKind) -> None:
    """Field by field, with the markers that decide how two writers' changes are merged."""
    path = SHIPPED / f"{kind.group}_{kind.plural}.yaml"
    shipped = without_descriptions(yaml.safe_load(path.read_text("utf-8")))

    assert comparable(shipped) == comparable(original(kind))


def comparable(crd: dict[str, Any]) -> dict[str, Any]:
    """Return what a CRD decides.

    Annotations, the order of enumerations, and whether a column is shown only with `-o wide`,
    are a matter of taste; no subresources are none.
    """
    (version,) = crd["spec"]["versions"]
    columns = [
        {key: value for key, value in column.items() if key != "priority"}
        for column in version["additionalPrinterColumns"]
    ]
    changed = {**version, "additionalPrinterColumns": columns, "subresources": {}}
    return {
        "apiVersion": crd["apiVersion"],
        "kind": crd["kind"],
        "name": crd["metadata"]["name"],
        "spec": {**crd["spec"], "versions": [_sorted_enumerations(changed)]},
    }


def _sorted_enumerations(node: Any) -> Any:
    if isinstance(node, list):
        return [_sorted_enumerations(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: sorted(value) if key == "enum" else _sorted_enumerations(value)
        for key, value in node.items()
    }
