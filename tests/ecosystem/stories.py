"""What the operator says of a workload as objects of other projects come and go around it.

Each story has a namespace of its own with a Deployment `web`, a Service `web` and a claim `data`.
The objects are as their projects' documentation shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

# Status, reason and message of the condition of the check's category.
Outcome = tuple[str, str, str]

PASSES: Outcome = ("True", "AllChecksPass", "1 check passes")


@dataclass(frozen=True)
class Story:
    """One check and the objects that decide about it.

    Attributes:
        check: its id; a policy asks for it alone, as Should.
        absent: the outcome while the cluster lacks all kinds of other projects.
        missing: while it has the kinds and none of the objects.
        there: while it has the objects too.
        objects: YAML; `{ns}` stands for the namespace.
        around: what else there is from the beginning, of built-in kinds.
        labels: labels of the pods besides `app: web`.
    """

    check: str
    absent: Outcome
    missing: Outcome
    there: Outcome
    objects: str
    around: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def manifests(self, namespace: str) -> list[dict[str, Any]]:
        """Return the objects."""
        return list(yaml.safe_load_all(self.objects.replace("{ns}", namespace)))

    def stage(self, namespace: str) -> list[dict[str, Any]]:
        """Return what there is from the beginning: workload, Service, claim and policy."""
        text = _STAGE + (f"---\n{self.around}" if self.around else "")
        text = text.replace("{ns}", namespace).replace("{check}", self.check)
        documents = list(yaml.safe_load_all(text))
        documents[0]["spec"]["template"]["metadata"]["labels"].update(self.labels)
        return documents


def fails(reason: str, *messages: str, check: str) -> Outcome:
    """Return the outcome of a check that fails."""
    return "False", reason, "; ".join(f"{message} ({check})" for message in messages)


def skips(check: str, why: str) -> Outcome:
    """Return the outcome of a check that does not apply."""
    return "True", "NotApplicable", f"{check}: {why}"


def not_installed(*kinds: str) -> str:
    """Return the reason for leaving out kinds that the cluster lacks."""
    return "; ".join(f"{kind} is not installed in this cluster" for kind in kinds)


_STAGE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: "{ns}", labels: {app: web}}
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: app
        image: registry.example.com/shop/web:1.4.2
        ports:
        - {name: http, containerPort: 8080}
        - {name: metrics, containerPort: 9090}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
        volumeMounts:
        - {name: data, mountPath: /data}
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: data}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: "{ns}", labels: {app: web}}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: metrics, port: 9090, targetPort: metrics}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: "{ns}", labels: {app: web}}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 1Gi}
---
apiVersion: readiness.dev/v1alpha1
kind: ReadinessPolicy
metadata: {name: "{ns}"}
spec:
  match:
    namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: "{ns}"}
  checks:
  - {id: "{check}", severity: Should}
"""

_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: "{ns}"}
spec:
  gatewayClassName: envoy
  listeners:
  - name: web
    hostname: shop.example.com
    port: 80
    protocol: HTTP
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: "{ns}"}
spec:
  parentRefs:
  - {name: public}
  hostnames: [shop.example.com]
  rules:
  - matches:
    - path: {type: PathPrefix, value: /}
    backendRefs:
    - {name: web, port: 80}
"""

_TRAFFIC_POLICY = """\
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: web, namespace: "{ns}"}
spec:
  targetRefs:
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}
  rateLimit:
    type: Local
    local:
      rules:
      - limit: {requests: 100, unit: Second}
"""

_AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: "{ns}"}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 2
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: 80}
"""

_CLUSTER = """\
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: db, namespace: "{ns}"}
spec:
  instances: 3
  storage: {size: 1Gi}
  backup:
    barmanObjectStore:
      destinationPath: s3://backups/db
status:
  lastSuccessfulBackup: "2025-01-02T03:00:00Z"
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: nightly, namespace: "{ns}"}
spec:
  schedule: "0 0 3 * * *"
  backupOwnerReference: self
  cluster: {name: db}
"""

_VELERO = """\
apiVersion: velero.io/v1
kind: Schedule
metadata: {name: daily, namespace: "{ns}"}
spec:
  schedule: 0 3 * * *
  template:
    includedNamespaces: ["{ns}"]
    storageLocation: default
    ttl: 720h0m0s
status:
  phase: Enabled
  lastBackup: "2025-01-02T03:00:00Z"
"""

_SNAPSHOTS = """\
apiVersion: snapscheduler.backube/v1
kind: SnapshotSchedule
metadata: {name: daily, namespace: "{ns}"}
spec:
  schedule: 0 3 * * *
  claimSelector:
    matchLabels: {app: web}
  retention: {expires: 168h, maxCount: 7}
status:
  lastSnapshotTime: "2025-01-02T03:00:00Z"
"""

_K8UP = """\
apiVersion: k8up.io/v1
kind: Schedule
metadata: {name: daily, namespace: "{ns}"}
spec:
  backend:
    repoPasswordSecretRef: {name: backup, key: password}
    s3: {endpoint: "https://s3.example.com", bucket: shop}
  backup: {schedule: "@daily-random"}
  prune: {schedule: "@weekly-random"}
"""

_POSTGRES = (("cnpg.io/cluster", "db"),)
_NO_ROUTE = "no Ingress or HTTPRoute routes to it"
_NO_SCHEDULES = not_installed(
    "Velero Schedule", "K8up Schedule", "ScheduledBackup", "SnapshotSchedule"
)
_UNSCHEDULED = (
    'claim "data" must be covered by a schedule of Velero, K8up, CloudNativePG or snapscheduler'
)


def _scraped_by(objects: str) -> Story:
    check = "metrics-not-scraped"
    return Story(
        check,
        absent=skips(check, not_installed("ServiceMonitor", "PodMonitor")),
        missing=fails(
            "MetricsNotScraped",
            "a ServiceMonitor or PodMonitor must select the pods, or they must have annotation "
            'prometheus.io/scrape: "true"',
            check=check,
        ),
        there=PASSES,
        objects=objects,
    )


def _routed(check: str, there: Outcome, objects: str) -> Story:
    no_route = skips(check, _NO_ROUTE)
    return Story(check, absent=no_route, missing=no_route, there=there, objects=objects)


def _backed_up(objects: str, labels: tuple[tuple[str, str], ...] = ()) -> Story:
    check = "backup-schedule-missing"
    missing = fails("BackupScheduleMissing", _UNSCHEDULED, check=check)
    return Story(
        check, skips(check, _NO_SCHEDULES), missing, PASSES, objects=objects, labels=labels
    )


def _stale(title: str, objects: str, labels: tuple[tuple[str, str], ...] = ()) -> Story:
    check = "backup-stale"
    message = (
        f'{title} must back up claim "data" at least every 26h '
        "(the last was at 2025-01-02T03:00:00Z)"
    )
    return Story(
        check,
        absent=skips(check, _NO_SCHEDULES),
        missing=skips(check, "no backup schedule covers its claims"),
        there=fails("BackupStale", message, check=check),
        objects=objects,
        labels=labels,
    )


def _unscaled() -> Outcome:
    return fails(
        "AutoscalerMissing",
        'a HorizontalPodAutoscaler or ScaledObject must target Deployment "web"',
        check="autoscaler-missing",
    )


STORIES = {
    "service-monitor": _scraped_by("""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web, namespace: "{ns}", labels: {release: prometheus}}
spec:
  selector:
    matchLabels: {app: web}
  endpoints:
  - {port: metrics, path: /metrics, interval: 30s}
"""),
    "pod-monitor": _scraped_by("""\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: web, namespace: "{ns}"}
spec:
  selector:
    matchExpressions:
    - {key: app, operator: In, values: [web]}
  podMetricsEndpoints:
  - {port: metrics, interval: 30s}
"""),
    "prometheus-rule": Story(
        "alerts-missing",
        absent=skips("alerts-missing", not_installed("PrometheusRule")),
        missing=fails(
            "AlertsMissing",
            'a PrometheusRule must hold an alert about namespace "{ns}" or about "web"',
            check="alerts-missing",
        ),
        there=PASSES,
        objects="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: web, namespace: "{ns}", labels: {role: alert-rules}}
spec:
  groups:
  - name: web
    interval: 1m
    rules:
    - record: job:http_requests:rate5m
      expr: sum by (job) (rate(http_requests_total[5m]))
    - alert: WebErrors
      expr: sum(rate(http_requests_total{namespace="{ns}",code=~"5.."}[5m])) > 1
      for: 10m
      keep_firing_for: 5m
      labels: {severity: page}
      annotations: {summary: The shop answers with errors}
""",
    ),
    "prometheus-rule-without-runbook": Story(
        "alert-without-runbook",
        absent=skips("alert-without-runbook", not_installed("PrometheusRule")),
        missing=skips("alert-without-runbook", "no alert concerns it"),
        there=fails(
            "AlertWithoutRunbook",
            'alert "WebDown" of PrometheusRule "web" must set annotations.runbook_url',
            check="alert-without-runbook",
        ),
        objects="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: web, namespace: "{ns}"}
spec:
  groups:
  - name: web
    rules:
    - alert: WebDown
      expr: absent(up{namespace="{ns}"})
      for: 5m
      labels: {severity: page}
""",
    ),
    "scaled-object": Story(
        "autoscaler-missing",
        absent=_unscaled(),
        missing=_unscaled(),
        there=PASSES,
        objects="""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web, namespace: "{ns}"}
spec:
  scaleTargetRef: {name: web}
  pollingInterval: 15
  minReplicaCount: 2
  maxReplicaCount: 10
  triggers:
  - type: prometheus
    metadata:
      serverAddress: http://prometheus.monitoring:9090
      query: sum(rate(http_requests_total{app="web"}[2m]))
      threshold: "100"
""",
    ),
    "vertical-pod-autoscaler": Story(
        "autoscalers-conflict",
        absent=PASSES,
        missing=PASSES,
        there=fails(
            "AutoscalersConflict",
            'VerticalPodAutoscaler "web" must not change cpu, on which HorizontalPodAutoscaler '
            '"web" scales',
            check="autoscalers-conflict",
        ),
        around=_AUTOSCALER,
        objects="""\
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web, namespace: "{ns}"}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: InPlaceOrRecreate, minReplicas: 2}
  resourcePolicy:
    containerPolicies:
    - containerName: "*"
      controlledResources: [cpu]
      minAllowed: {cpu: 50m}
      maxAllowed: {cpu: "2"}
""",
    ),
    "http-route": _routed(
        "ingress-without-tls",
        fails(
            "IngressWithoutTls",
            'HTTPRoute "web" must not attach to listener "web" of Gateway "public", which has '
            "protocol HTTP",
            check="ingress-without-tls",
        ),
        _ROUTE,
    ),
    "http-route-without-limit": _routed(
        "rate-limit-missing",
        fails(
            "RateLimitMissing",
            'HTTPRoute "web" must be the target of a BackendTrafficPolicy that sets spec.rateLimit',
            check="rate-limit-missing",
        ),
        _ROUTE,
    ),
    "backend-traffic-policy": _routed("rate-limit-missing", PASSES, _ROUTE + _TRAFFIC_POLICY),
    "ingress-route": _routed(
        "ingress-without-tls",
        fails(
            "IngressWithoutTls", 'IngressRoute "web" must set spec.tls', check="ingress-without-tls"
        ),
        """\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: web, namespace: "{ns}"}
spec:
  entryPoints: [web]
  routes:
  - kind: Rule
    match: Host(`shop.example.com`)
    services:
    - {name: web, port: 80}
""",
    ),
    "middleware": _routed(
        "rate-limit-missing",
        PASSES,
        """\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: web, namespace: "{ns}"}
spec:
  entryPoints: [websecure]
  routes:
  - kind: Rule
    match: Host(`shop.example.com`)
    middlewares:
    - {name: limit}
    services:
    - {name: web, port: 80}
  tls: {secretName: shop}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: limit, namespace: "{ns}"}
spec:
  rateLimit: {average: 100, burst: 50}
""",
    ),
    "http-proxy": _routed(
        "ingress-without-tls",
        fails(
            "IngressWithoutTls",
            'HTTPProxy "web" must set spec.virtualhost.tls',
            check="ingress-without-tls",
        ),
        """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: web, namespace: "{ns}"}
spec:
  virtualhost: {fqdn: shop.example.com}
  routes:
  - conditions:
    - prefix: /
    services:
    - {name: web, port: 80}
""",
    ),
    "http-proxy-with-limit": _routed(
        "rate-limit-missing",
        PASSES,
        """\
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: web, namespace: "{ns}"}
spec:
  virtualhost:
    fqdn: shop.example.com
    tls: {secretName: shop}
    rateLimitPolicy:
      local: {requests: 100, unit: second, burst: 20}
  routes:
  - services:
    - {name: web, port: 80}
""",
    ),
    "velero": _backed_up(_VELERO),
    "k8up": _backed_up(_K8UP),
    "cloudnative-pg": _backed_up(_CLUSTER, _POSTGRES),
    "snapscheduler": _backed_up(_SNAPSHOTS),
    "velero-stale": _stale('Schedule "daily"', _VELERO),
    "cloudnative-pg-stale": _stale('ScheduledBackup "nightly"', _CLUSTER, _POSTGRES),
    "snapscheduler-stale": _stale('SnapshotSchedule "daily"', _SNAPSHOTS),
}
