"""The shipped service levels, measured in a real Prometheus: met, missed, without data, unasked."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import polling
from tests.e2e.conftest import Cluster
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.workloads import deployment
from tests.measure.history import History
from tests.support import ROOT
from tools.control_plane import AuditEvent, ControlPlaneError
from tools.prometheus import Prometheus, PrometheusError

# A busy machine takes its time; one that is not waits no longer for it.
eventually = partial(polling.eventually, within=60)

SOURCES = ("http", "istio", "nginx")
NAMES = ("availability", "error-rate", "latency-p95")

# Requests, failures among them, and requests by the longest time they took in seconds.
GOOD = (100_000, 10, {"0.1": 99_000, "0.25": 99_500, "1": 99_900, "+Inf": 100_000})
BAD = (100_000, 5_000, {"0.1": 50_000, "0.25": 60_000, "1": 99_000, "+Inf": 100_000})
RARE = (100, 0, {"0.1": 100, "0.25": 100, "1": 100, "+Inf": 100})

Traffic = tuple[int, int, dict[str, int]]
Verdict = tuple[str, str]

MET = ("True", "AllChecksPass")
MISSED = ("False", "ServiceLevelAvailability,ServiceLevelErrorRate,ServiceLevelLatencyP95")
UNKNOWN = ("Unknown", "ChecksCannotTell")

# How the names of what comes last begin.
LAST = "last"


def http(history: History, namespace: str, name: str, traffic: Traffic) -> None:
    requests, failures, times = traffic
    labels = {"namespace": namespace, "pod": f"{name}-5d8c7b9f6d-x2k4p"}
    history.counter("http_requests_total", {**labels, "code": "200"}, requests - failures)
    if failures:
        history.counter("http_requests_total", {**labels, "code": "503"}, failures)
    history.histogram("http_request_duration_seconds", labels, times)


def istio(history: History, namespace: str, name: str, traffic: Traffic) -> None:
    requests, failures, times = traffic
    labels = {
        "reporter": "destination",
        "destination_workload_namespace": namespace,
        "destination_workload": name,
    }
    history.counter("istio_requests_total", {**labels, "response_code": "200"}, requests - failures)
    history.counter("istio_requests_total", {**labels, "response_code": "500"}, failures)
    milliseconds = {
        bound if bound == "+Inf" else f"{float(bound) * 1000:g}": n for bound, n in times.items()
    }
    history.histogram("istio_request_duration_milliseconds", labels, milliseconds)


def nginx(history: History, namespace: str, name: str, traffic: Traffic) -> None:
    requests, failures, times = traffic
    labels = {"namespace": "ingress", "exported_namespace": namespace, "exported_service": name}
    # The name of this counter does not end with _total.
    for status, number in (("200", requests - failures), ("502", failures)):
        history.gauge("nginx_ingress_controller_requests", {**labels, "status": status}, number)
    history.histogram("nginx_ingress_controller_request_duration_seconds", labels, times)


MAKERS: dict[str, Callable[[History, str, str, Traffic], None]] = {
    "http": http,
    "istio": istio,
    "nginx": nginx,
}


@dataclass(frozen=True)
class Scene:
    """Workloads with known traffic, the shipped policies, a Prometheus and an operator."""

    cluster: Cluster
    namespace: str
    prometheus: Prometheus
    operator: OperatorProcess

    def conditions(self) -> dict[str, dict[str, str]]:
        """Return the condition ServiceLevelsMet of every workload that has it, by name."""
        found = {}
        for item in self.cluster.get("-n", self.namespace, "deployments")["items"]:
            for condition in item.get("status", {}).get("conditions", []):
                if condition["type"] == "readiness.dev/ServiceLevelsMet":
                    found[item["metadata"]["name"]] = condition
        return found

    def verdict(self, name: str) -> Verdict:
        return _verdict(self.conditions().get(name))

    def message(self, name: str) -> str:
        return self.conditions()[name]["message"]

    def all_are(self, good: Verdict, bad: Verdict, silent: Verdict) -> bool:
        conditions = self.conditions()
        return _verdict(conditions.get("http-rare")) == UNKNOWN and all(
            _verdict(conditions.get(f"{source}-{name}")) == expected
            for source in SOURCES
            for name, expected in (("good", good), ("bad", bad), ("silent", silent))
        )

    def all_as_they_are(self) -> bool:
        return self.all_are(MET, MISSED, UNKNOWN)

    def all_measured(self) -> bool:
        states = {"measured": 3 * 6 + 3, "unknown": 3 * 3, "waiting": 0}
        metric = "readiness_service_levels"
        return all(self.operator.metric(metric, state=s) == number for s, number in states.items())

    def mark_when_all_is_said(self) -> int:
        """Wait until everything is as it is to be and said; return a mark of the audit log."""
        eventually(self.all_as_they_are)
        self.written_since(0)
        return self.cluster.control_plane.audit_mark()

    def written_since(self, mark: int) -> list[AuditEvent]:
        """Return what the operator wrote about this scene since a mark, with all that is due.

        It counts workloads half a second after their verdicts and posts events two seconds after
        them. So one more workload is brought, with a policy of its own: when it has been counted
        and its event posted, what others before it gave rise to has been written.
        """
        name = f"{LAST}-{secrets.token_hex(4)}"
        policy, last = last_to_come(self.namespace, name)
        mark_of_last = self.cluster.control_plane.audit_mark()
        self.cluster.apply(policy, last)

        def all_said() -> bool:
            said = self.cluster.writes(mark_of_last)
            about = {e.resource for e in said if e.name.partition(".")[0] == name}
            return {"deployments", "events", "readinesspolicies"} <= about and self.counts(name)

        eventually(all_said)
        for kind in ("deployment", "readinesspolicy"):
            self.cluster.kubectl("-n", self.namespace, "delete", kind, name)
        return [
            event
            for event in self.cluster.writes(mark)
            if event.namespace in ("", self.namespace) and not event.name.startswith(LAST)
        ]

    def counts(self, policy: str) -> bool:
        """Return whether a policy says that it is about one workload."""
        status = self.cluster.get("readinesspolicy", policy).get("status", {})
        return bool(status.get("workloads", {}).get("matched") == 1)


def _verdict(condition: dict[str, str] | None) -> Verdict:
    return (condition["status"], condition["reason"]) if condition else ("", "")


def workload(namespace: str, name: str, source: str) -> dict[str, Any]:
    manifest = deployment(namespace, name, replicas=0)
    manifest["metadata"]["labels"]["readiness.dev/service-levels"] = source
    return manifest


def last_to_come(namespace: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a policy and the one workload it is about."""
    policy = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": name},
        "spec": {
            "match": {"workloadSelector": {"matchLabels": {"last": name}}},
            "checks": [{"id": "mutable-image-tag"}],
        },
    }
    last = deployment(namespace, name, replicas=0)
    last["metadata"]["labels"]["last"] = name
    return policy, last


@pytest.fixture(scope="module")
def scene(cluster: Cluster, operator_kubeconfig: Path) -> Iterator[Scene]:
    namespace = f"levels-{secrets.token_hex(4)}"
    history = History(int(time.time()), days=2)
    for source, make in MAKERS.items():
        make(history, namespace, f"{source}-good", GOOD)
        make(history, namespace, f"{source}-bad", BAD)
    http(history, namespace, "http-rare", RARE)
    try:
        prometheus = Prometheus(history.text())
    except PrometheusError as error:
        pytest.skip(f"no Prometheus here: {error}")
    policies = [str(ROOT / "policies" / f"service-levels-{source}.yaml") for source in SOURCES]
    files = [argument for path in policies for argument in ("-f", path)]
    cluster.control_plane.create_namespace(namespace)
    cluster.kubectl("apply", *files)
    cluster.apply(
        *(
            workload(namespace, f"{source}-{name}", source)
            for source in SOURCES
            for name in ("good", "bad", "silent")
        ),
        workload(namespace, "http-rare", "http"),
    )
    options = ("--prometheus-url", prometheus.url, "--service-level-interval", "1")
    operator = OperatorProcess(operator_kubeconfig, "--qps", "0", *options)
    with prometheus:
        eventually(prometheus.ready)
        operator.start()
        yield Scene(cluster, namespace, prometheus, operator)
        assert operator.stop() == 0
    cluster.kubectl("delete", "--wait=false", *files)
    cluster.control_plane.delete_namespace(namespace)


def test_each_shipped_level_is_met_missed_or_without_data(scene: Scene) -> None:
    eventually(scene.all_as_they_are)

    for source in SOURCES:
        assert scene.message(f"{source}-bad").split("; ") == [
            (
                'service level "availability" must be more than 0.999 over 30d, not 0.95 '
                "(service-level-availability)"
            ),
            (
                'service level "error-rate" must be less than 0.001 over 1d, not 0.05 '
                "(service-level-error-rate)"
            ),
            (
                'service level "latency-p95" must be less than 0.2 over 1d, not 0.92 '
                "(service-level-latency-p95)"
            ),
        ]
        assert scene.message(f"{source}-silent").split("; ") == [
            f"no data: the query returns nothing (service-level-{name})" for name in NAMES
        ]
    # None of the shipped ones is a Must.
    assert scene.cluster.ready(scene.namespace, "deployment/http-bad") == "True"


def test_too_few_samples_are_no_pass(scene: Scene) -> None:
    eventually(lambda: scene.verdict("http-rare") == UNKNOWN)

    assert "fewer than 1000 samples in 1d: too few to judge by" in scene.message("http-rare")


def test_measuring_again_and_again_writes_nothing(scene: Scene) -> None:
    mark = scene.mark_when_all_is_said()

    def answered() -> float:
        metric = "readiness_service_level_queries"
        return scene.operator.metric(metric, outcome="answered")

    before = answered()
    eventually(lambda: answered() > before + 100)

    assert scene.written_since(mark) == []


def test_restart_writes_nothing(scene: Scene) -> None:
    """Everything is to be measured anew, and until then nothing is said anew."""
    mark = scene.mark_when_all_is_said()

    assert scene.operator.stop() == 0
    scene.operator.start()
    eventually(scene.all_measured)

    assert scene.written_since(mark) == []


def test_metrics_tell_what_is_measured(scene: Scene) -> None:
    eventually(scene.all_as_they_are)
    eventually(scene.all_measured)

    assert scene.operator.metric("readiness_service_level_queries", outcome="no_data") > 0
    assert 0 < scene.operator.metric("readiness_service_level_age_seconds") < 20


def test_workload_that_comes_later_is_measured_before_it_is_judged(scene: Scene) -> None:
    """Its conditions never say Unknown merely because the first measurement is still to come."""
    mark = scene.mark_when_all_is_said()
    name = "http-good"
    scene.cluster.kubectl("-n", scene.namespace, "delete", "deployment", name)
    scene.cluster.apply(workload(scene.namespace, name, "http"))

    eventually(lambda: scene.verdict(name) == MET)

    writes = [event for event in scene.written_since(mark) if event.name == name]
    assert len(writes) == 1


def test_prometheus_away_and_back(scene: Scene) -> None:
    eventually(scene.all_as_they_are)
    scene.prometheus.stop()

    eventually(lambda: scene.all_are(UNKNOWN, UNKNOWN, UNKNOWN))
    # The others when it was just being asked.
    away = f"can't reach Prometheus at {re.escape(scene.prometheus.url)}: "
    away += "(connection refused|it closed the connection|connection reset by peer)"
    message = scene.message("http-good")
    assert len(re.findall(away, message)) == len(NAMES), message
    assert "it was 0.0001 at 20" in scene.message("http-good")
    assert scene.cluster.ready(scene.namespace, "deployment/http-good") == "True"
    assert scene.operator.get("/readyz")[0] == 200

    scene.prometheus.start()
    eventually(scene.prometheus.ready)
    eventually(scene.all_as_they_are)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samplesQuery": None}, "minSamples: Invalid value: "),
        ({"minSamples": None}, "must be set together with samplesQuery"),
        ({"window": "a week"}, "window: Invalid value: "),
        ({"objective": {"operator": "Below", "value": "1"}}, "Unsupported value: "),
        ({"objective": {"operator": "LessThan", "value": 1}}, "must be of type string"),
    ],
)
def test_api_server_refuses_mistakes(
    cluster: Cluster, changes: dict[str, Any], message: str
) -> None:
    level = {
        "name": "error-rate",
        "severity": "Must",
        "query": "1",
        "objective": {"operator": "LessThan", "value": "0.1"},
        "window": "7d",
        "minSamples": 10,
        "samplesQuery": "1",
    }
    changed = {key: value for key, value in (level | changes).items() if value is not None}
    manifest = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": "mistaken"},
        "spec": {"serviceLevels": [changed]},
    }

    with pytest.raises(ControlPlaneError) as caught:
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))
    assert "spec.serviceLevels[0]" in str(caught.value)
    assert message in str(caught.value)
