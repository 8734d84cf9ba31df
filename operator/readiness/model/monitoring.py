"""What the Prometheus operator is told: monitors, which scrape, and rules, which alert."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from readiness.model.companion import Companion
from readiness.model.fields import (
    Fields,
    boolean,
    int_or_text,
    integer,
    mapping,
    mappings,
    text,
    text_map,
    texts,
)
from readiness.model.label_selector import LabelSelector, parse_label_selector
from readiness.model.workload import ObjectRef

# Label matchers of PromQL that ask for a value: `namespace="shop"`, `pod=~"web-.*"`.
# Only from the beginning of a word on: an expression may be as long as an object may be.
_MATCHER = re.compile(
    r'(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]*)\s*=~?\s*(?:"([^"]*)"|\'([^\']*)\')'
)
# Names within such a value; what is left of a regular expression holds no name.
_WORD = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
ANY_NAMESPACE = "*"


class MonitorPort(Struct, frozen=True):
    """The port an endpoint of a monitor names: of the Service or Pod, or of the container."""

    port: str
    target: int | str | None


class Monitor(Companion, frozen=True):
    """What ServiceMonitor and PodMonitor have in common.

    Attributes:
        selector: labels of Services or pods; empty selects all.
        namespaces: where it looks for them; `*` for everywhere.
        ports: one for each endpoint.
    """

    selector: LabelSelector
    namespaces: tuple[str, ...]
    ports: tuple[MonitorPort, ...]


class ServiceMonitor(Monitor, frozen=True):
    """A ServiceMonitor: it selects Services by their labels."""


class PodMonitor(Monitor, frozen=True):
    """A PodMonitor: it selects pods."""


class Alert(Struct, frozen=True):
    """One alert of a PrometheusRule.

    Attributes:
        path: its field path, such as `spec.groups[0].rules[2]`.
        namespaces: the namespaces its expression asks for by name.
        names: every other name it asks for.
        annotations: what it tells the one on call.
    """

    name: str
    path: str
    namespaces: frozenset[str]
    names: frozenset[str]
    annotations: Mapping[str, str]


class PrometheusRule(Companion, frozen=True):
    """A PrometheusRule; `mentions` are all names by which a workload may find it."""

    alerts: tuple[Alert, ...]
    mentions: frozenset[str]

    def alerts_about(self, namespace: str, name: str) -> list[Alert]:
        """Return the alerts that concern a workload.

        An alert that asks for namespaces concerns those; any other concerns the names it asks for
        and the namespace it lives in.
        """
        return [
            alert
            for alert in self.alerts
            if (
                namespace in alert.namespaces
                if alert.namespaces
                else name in alert.names or namespace == self.namespace
            )
        ]


def parse_service_monitor(document: Fields, ref: ObjectRef) -> ServiceMonitor:
    """Read a ServiceMonitor."""
    spec = mapping(document, "spec", "")
    ports = []
    for path, endpoint in mappings(spec, "endpoints", "spec"):
        target = int_or_text(endpoint, "targetPort", path)
        ports.append(MonitorPort(text(endpoint, "port", path), target))
    return ServiceMonitor(ref, *_selected(spec, ref), tuple(ports))


def parse_pod_monitor(document: Fields, ref: ObjectRef) -> PodMonitor:
    """Read a PodMonitor."""
    spec = mapping(document, "spec", "")
    ports = []
    for path, endpoint in mappings(spec, "podMetricsEndpoints", "spec"):
        target = integer(endpoint, "portNumber", path)
        ports.append(
            MonitorPort(
                text(endpoint, "port", path),
                int_or_text(endpoint, "targetPort", path) if target is None else target,
            )
        )
    return PodMonitor(ref, *_selected(spec, ref), tuple(ports))


def _selected(spec: Fields, ref: ObjectRef) -> tuple[LabelSelector, tuple[str, ...]]:
    selector = parse_label_selector(mapping(spec, "selector", "spec"), "spec.selector")
    where = mapping(spec, "namespaceSelector", "spec")
    if boolean(where, "any", "spec.namespaceSelector"):
        return selector, (ANY_NAMESPACE,)
    names = texts(where, "matchNames", "spec.namespaceSelector")
    return selector, tuple(names) or (ref.namespace,)


def parse_prometheus_rule(document: Fields, ref: ObjectRef) -> PrometheusRule:
    """Read a PrometheusRule; recording rules are left out."""
    alerts = []
    for group_path, group in mappings(mapping(document, "spec", ""), "groups", "spec"):
        for path, rule in mappings(group, "rules", group_path):
            name = text(rule, "alert", path)
            if name:
                alerts.append(_alert(name, rule, path))
    mentions = {ref.namespace} if alerts else set()
    for alert in alerts:
        mentions |= alert.namespaces or alert.names
    return PrometheusRule(ref, tuple(alerts), frozenset(mentions))


def _alert(name: str, rule: Fields, path: str) -> Alert:
    namespaces: set[str] = set()
    names: set[str] = set()
    # int_or_text: YAML reads an expression such as `1` as a number.
    for label, *values in _MATCHER.findall(str(int_or_text(rule, "expr", path))):
        words = namespaces if label.endswith("namespace") else names
        words.update(_WORD.findall("".join(values)))
    for label, value in text_map(rule, "labels", path).items():
        if label.endswith("namespace"):
            namespaces.add(value)
    return Alert(
        name,
        path,
        frozenset(namespaces),
        frozenset(names),
        text_map(rule, "annotations", path),
    )
