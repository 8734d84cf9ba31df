"""Objects at the ends of what is legal, and beyond: judged or refused, and in no time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from readiness.api.vocabulary import Result
from readiness.errors import FieldError
from readiness.evaluate.evaluator import Report
from readiness.model.companions import parse_companion
from readiness.model.snapshot import Origin
from readiness.model.workload import Workload
from tests.fuzz.odd_manifests import PATIENCE, Document, judge
from tests.fuzz.test_odd_texts import check, read


def deployment(name: str = "web", **pod: Any) -> Document:
    """Return a Deployment; its pod has one container unless `pod` says otherwise."""
    spec = {"containers": [{"name": "app", "image": "app:1"}], **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    }


def judged(*documents: Document) -> Report:
    """Evaluate all checks within the time a person would wait."""
    started = time.process_time()
    reports, errors = judge(list(documents), Origin.FILES)
    taken = time.process_time() - started

    assert errors == []
    assert taken < PATIENCE.total_seconds()
    assert not any(result.crashed for result in reports[0].results)
    return reports[0]


def test_a_pod_of_10_000_containers_is_judged() -> None:
    containers = [
        {
            "name": f"c{i}",
            "image": "registry:5000/app",
            "ports": [{"name": "http", "containerPort": 8080}],
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
            "env": [{"name": "PASSWORD", "value": "hunter2-hunter2"}],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }
        for i in range(10_000)
    ]
    document = deployment(containers=containers, volumes=[{"name": "v", "emptyDir": {}}])

    report = judged(document)

    by_check: dict[str, int] = {}
    for result in report.results:
        by_check[result.check.id] = by_check.get(result.check.id, 0) + 1
    assert by_check["mutable-image-tag"] == 10_000
    assert by_check["hard-coded-credential"] == 10_000


def test_a_pod_of_10_000_containers_is_read_from_a_file() -> None:
    containers = [{"name": f"c{i}", "image": "app"} for i in range(10_000)]

    (source,) = read(json.dumps(deployment(containers=containers)).encode()).documents

    assert source.document == deployment(containers=containers)


def test_the_command_tells_of_1_000_containers() -> None:
    containers = [{"name": f"c{i}", "image": "app"} for i in range(1000)]

    assert '"c999"' in check(json.dumps(deployment(containers=containers)).encode())


def test_many_companions_of_one_workload_are_judged() -> None:
    services = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"s{i}", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
        }
        for i in range(2000)
    ]

    judged(deployment(), *services)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "0",
        "a-0.b-1",
        "a" * 253,
        "1e3",
        "null",
        "true",
        "0x10",
        "-",
        "ünïcødé",
        "a/b",
        'a"b]',
        "a\nb",
        "🦆",
    ],
)
def test_names_of_any_characters_are_kept(name: str) -> None:
    """Legal ones and those that only a file can hold."""
    document = deployment(name, containers=[{"name": name, "image": f"{name}:latest"}])

    report = judged(document)

    assert report.ref.name == name
    tag = [r for r in report.results if r.check.id == "mutable-image-tag"]
    assert [(r.result, r.container) for r in tag] == [(Result.FAIL, name)]


# Texts of 100,000 characters on which a careless regular expression takes hours.
_UNITS = (
    *("a", "A_", "-", " ", "=", "://a:", '"a":', "password=", "--password ", "@tcp(", "server="),
    *("sslmode ", "token_", "aA1", "a/", "a-a.", "a=b,", "key: ", "eyJaaaaaaaaa.", "{{", "a\n"),
    *("-----BEGIN A ", "namespace", "0.", "${", "'", "host=", "data source=", "http://u:p@"),
)


@pytest.mark.parametrize("unit", _UNITS)
def test_long_texts_take_no_time(unit: str) -> None:
    """One test for each pattern of text; what it is about is where the text stands."""
    text = "password" + unit * (100_000 // len(unit))
    container = {
        "name": "app",
        "image": text,
        "command": ["sh", "-c", text],
        "args": [text, "--password", text],
        "env": [{"name": "DB_PASSWORD", "value": text}, {"name": text, "value": text}],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "volumeMounts": [{"name": "v", "mountPath": text}],
        "livenessProbe": {"httpGet": {"path": text, "port": text}},
    }
    document = deployment(
        containers=[container], volumes=[{"name": "v", "hostPath": {"path": text}}]
    )
    document["metadata"]["annotations"] = {
        "readiness.dev/runbook": text,
        "prometheus.io/port": text,
    }
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": text, "password": text}}
    rule = {"alert": "Down", "expr": text, "annotations": {"runbook_url": text}}
    rules = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "spec": {"groups": [{"name": "g", "rules": [rule]}]},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    backend = {"service": {"name": "settings", "port": {"number": 80}}}
    prefix = "nginx.ingress.kubernetes.io/"
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "spec": {
            "rules": [{"host": text, "http": {"paths": [{"path": text, "backend": backend}]}}]
        },
    }
    for companion in (settings, rules, service, ingress):
        companion["metadata"] = {"name": "settings", "namespace": "shop"}
    ingress["metadata"]["annotations"] = {  # type: ignore[index] # a map, see above
        f"{prefix}{name}": text
        for name in ("configuration-snippet", "cors-allow-origin", "enable-cors", "proxy-body-size")
    }

    judged(document, settings, rules, service, ingress)


def test_aliases_that_would_fill_the_memory_are_refused_with_their_line() -> None:
    lines = ["apiVersion: v1", "kind: Pod", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    (error,) = read("\n".join(lines).encode()).errors

    assert str(error).startswith("-:8: aliases make this document larger than ")


def test_aliases_to_what_they_stand_in_are_refused_with_their_line() -> None:
    (error,) = read(b"apiVersion: v1\nkind: Pod\nspec: &a\n  b: *a\n").errors

    assert str(error) == "-:4: the alias *a stands inside what it names"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_values_in_one_another_without_end_are_refused(opening: str) -> None:
    (error,) = read(b"apiVersion: v1\nkind: Pod\nspec: " + opening.encode() * 100_000).errors[:1]

    assert str(error).startswith("-:3: ")


def test_the_deepest_that_is_read_is_judged() -> None:
    value: Any = "x"
    for _ in range(90):
        value = {"x": [value]} if isinstance(value, str) else [value]
    document = deployment(volumes=value, securityContext=value, hostNetwork=value)

    report = judged(document)

    assert Result.ERROR in {result.result for result in report.results}


@pytest.mark.parametrize("field", ["creationTimestamp", "labels", "annotations", "managedFields"])
@pytest.mark.parametrize("value", ["x", 7, [7], {"x": 7}, "9999-12-31T23:59:59-14:00"])
def test_metadata_that_is_none_stops_no_check(field: str, value: Any) -> None:
    document = deployment()
    document["metadata"][field] = value

    for origin in Origin:
        reports, _ = judge([document], origin)

        assert len({result.check.id for result in reports[0].results}) > 80
        assert not any(result.crashed for result in reports[0].results)


@pytest.mark.parametrize("percentage", ["9" * 10 + "%", "9" * 5000 + "%"])
def test_percentages_beyond_all_numbers_of_pods_are_refused(percentage: str) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"maxUnavailable": percentage},
    }

    with pytest.raises(
        FieldError, match=r"spec\.maxUnavailable must be a whole number of 0 or more"
    ):
        parse_companion(budget)


def test_a_workload_without_a_kind_is_refused() -> None:
    with pytest.raises(FieldError, match="kind must be the kind of a workload, not a list"):
        Workload({"apiVersion": "v1", "kind": [], "metadata": {"name": "web"}})
