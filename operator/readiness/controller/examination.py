"""Looks at an installation of the operator the way a person would who wonders why it is silent."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import aiohttp
from cryptography import x509
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import BaseModel
from yarl import URL

from readiness.api import v1alpha1
from readiness.api.vocabulary import GROUP, VERSION
from readiness.controller.enforcement import WEBHOOK_CONFIGURATIONS, WORKLOADS_WEBHOOK
from readiness.controller.leader import LEASES
from readiness.errors import ClusterError, ForbiddenError, NotFoundError
from readiness.kube import kinds
from readiness.kube.client import KubeClient, ResourceKind
from readiness.model.snapshot import NEWEST_KNOWN_VERSION
from readiness.publish.policy_reports import KINDS as REPORT_KINDS
from readiness.report.messages import plural
from readiness.watch.shard import Shard

OLDEST_SUPPORTED_VERSION = (1, 30)  # as the chart's kubeVersion says

_SOON = timedelta(days=14)
_STALE_CACHE_SECONDS = 600.0  # twice the time between two sweeps, unless told otherwise
_LEASE_SLACK_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_PART_OF = "app.kubernetes.io/part-of=readiness-operator"
_COMPONENT = "app.kubernetes.io/component"
_HEALTH_PORT = 8080

_PODS = ResourceKind("", "v1", "Pod", "pods")
_EVENTS = ResourceKind("", "v1", "Event", "events")
_ENDPOINT_SLICES = ResourceKind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_OWN_KINDS = (kinds.POLICIES, kinds.EXEMPTIONS, kinds.EVIDENCE)
_MODELS: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "ReadinessPolicy": (v1alpha1.ReadinessPolicySpec, v1alpha1.ReadinessPolicyStatus),
    "ReadinessExemption": (v1alpha1.ReadinessExemptionSpec, v1alpha1.ReadinessExemptionStatus),
    "ReadinessEvidence": (v1alpha1.ReadinessEvidenceSpec, v1alpha1.ReadinessEvidenceStatus),
}
# What every cluster has; without the right to see the others, only the checks about them suffer.
_BUILT_IN = frozenset(
    {"", "apps", "autoscaling", "policy", "networking.k8s.io", "storage.k8s.io", GROUP}
)


class State(Enum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        area: what it is about, in a word or two.
        remedy: what to do; empty where there is nothing to do.
    """

    area: str
    state: State
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """Which installation is meant.

    Attributes:
        namespace: where the operator lives.
        service_account: of an operator whose pods are not in the cluster.
        lease: name of its Lease.
        health_urls: where an operator that runs outside the cluster serves /readyz and /metrics.
    """

    namespace: str
    service_account: str = "readiness-operator"
    lease: str = "readiness-operator"
    health_urls: tuple[URL, ...] = ()


@dataclass(frozen=True, slots=True)
class _Right:
    verb: str
    kind: ResourceKind
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def resource(self) -> str:
        """The resource as kubectl and messages name it."""
        return self.kind.qualified + (f"/{self.subresource}" if self.subresource else "")


async def examine(
    client: KubeClient, installation: Installation, now: datetime
) -> AsyncIterator[Finding]:
    """Yield what there is to say, area by area.

    Raises:
        ClusterError: when the API server can't be reached or does not know the user.
    """
    yield _version(await client.server_version())
    examination = _Examination(client, installation, now)
    for area, look in (
        ("kinds", examination.definitions),
        ("pods", examination.pods),
        ("rights", examination.rights),
        ("leader", examination.leader),
        ("cache", examination.caches),
        ("webhook", examination.webhook),
        ("policies", examination.policies),
        ("exemptions", examination.expiring),
    ):
        try:
            async for finding in look():
                yield finding
        except ForbiddenError as error:
            yield Finding(
                area,
                State.WARN,
                f"could not look: {error}",
                "run it as somebody who may, such as a cluster administrator",
            )
        except ClusterError as error:
            yield Finding(area, State.WARN, f"could not look: {error}", "try again")


def _version(version: tuple[int, int]) -> Finding:
    text = "v{}.{}".format(*version)
    oldest = "v{}.{}".format(*OLDEST_SUPPORTED_VERSION)
    newest = "v{}.{}".format(*NEWEST_KNOWN_VERSION)
    if version < OLDEST_SUPPORTED_VERSION:
        return Finding(
            "API server", State.FAIL, f"{text} is older than {oldest}", f"upgrade it to {oldest}"
        )
    if version > NEWEST_KNOWN_VERSION:
        return Finding(
            "API server",
            State.WARN,
            f"{text} is newer than {newest}, the newest that this release was tried with",
            "look for a newer release of the operator",
        )
    return Finding("API server", State.OK, text)


@dataclass(slots=True)
class _Examination:
    client: KubeClient
    installation: Installation
    now: datetime
    missing_kinds: set[str] = field(default_factory=set)
    # By component: the service accounts in use.
    accounts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    pod_names: list[tuple[str, str]] = field(default_factory=list)
    certificate_ends: list[datetime] = field(default_factory=list)
    leases: set[str] = field(default_factory=set)
    shards: set[Shard] = field(default_factory=set)

    async def definitions(self) -> AsyncIterator[Finding]:
        """Look whether our kinds are there as this release has them."""
        good = 0
        for kind in _OWN_KINDS:
            remedy = (
                "helm upgrade with this release's chart, or kubectl apply --server-side -f crds/"
            )
            path = kinds.CUSTOM_RESOURCE_DEFINITIONS.path(name=kind.qualified)
            try:
                definition = await self.client.call("GET", path)
            except NotFoundError:
                self.missing_kinds.add(kind.kind)
                yield Finding("kinds", State.FAIL, f"{kind.kind} is not installed", remedy)
                continue
            problem = _schema_problem(kind, definition)
            if problem is None:
                good += 1
            else:
                yield Finding("kinds", problem[0], f"{kind.kind}: {problem[1]}", remedy)
        if good == len(_OWN_KINDS):
            yield Finding(
                "kinds",
                State.OK,
                f"{', '.join(k.kind for k in _OWN_KINDS)} as this release has them",
            )

    async def pods(self) -> AsyncIterator[Finding]:
        """Look whether the operator's pods run."""
        namespace = self.installation.namespace
        by_component: dict[str, list[bool]] = defaultdict(list)
        async for page in self.client.pages(_PODS, namespace=namespace, selector=_PART_OF):
            for pod in page.items:
                component = pod["metadata"].get("labels", {}).get(_COMPONENT, "")
                if component not in ("controller", "webhook"):
                    continue
                ready = _condition(pod, "Ready").get("status") == "True"
                by_component[component].append(ready)
                self.accounts[component].add(pod["spec"].get("serviceAccountName") or "default")
                self.pod_names.append((component, pod["metadata"]["name"]))
                for container in pod["spec"]["containers"]:
                    self._note_options(container.get("args") or ())
        for component, ready in sorted(by_component.items()):
            state = State.OK if all(ready) else State.WARN if any(ready) else State.FAIL
            yield Finding(
                "pods",
                state,
                f"{sum(ready)} of {len(ready)} {component} pods are ready",
                ""
                if state is State.OK
                else f"kubectl -n {namespace} describe pods -l {_COMPONENT}={component}",
            )
        for finding in self._judge_shards():
            yield finding
        if "controller" in by_component:
            return
        self.accounts["controller"].add(self.installation.service_account)
        if self.installation.health_urls:
            yield Finding("pods", State.OK, "the operator runs outside the cluster")
            return
        yield Finding(
            "pods",
            State.FAIL,
            f"no pod of the controller is in namespace {namespace}",
            "--operator-namespace names another namespace, --health-url an operator outside the "
            "cluster; else install it: helm install readiness-operator charts/readiness-operator "
            f"--namespace {namespace} --create-namespace",
        )

    def _note_options(self, arguments: Sequence[str]) -> None:
        """Take note of which Lease a container uses, and for which part of the namespaces."""
        options = dict(argument.partition("=")[::2] for argument in arguments)
        lease = options.get("--lease-name")
        if lease is None:
            return
        try:
            shard = Shard.parse(options.get("--shard", "0/1"))
        except ValueError:
            return  # it ends at once, which its pod shows
        self.leases.add(shard.lease(lease))
        self.shards.add(shard)

    def _judge_shards(self) -> Iterator[Finding]:
        """Yield what is wrong with how the namespaces are split."""
        totals = sorted({shard.total for shard in self.shards})
        if len(totals) > 1:
            yield Finding(
                "pods",
                State.WARN,
                f"controllers split the namespaces into {' and '.join(map(str, totals))} parts at "
                "the same time: two of them write to the same workloads",
                "right while a rollout changes the number of shards; else delete the Deployments "
                "of the old number",
            )
            return
        for total in totals:
            running = {shard.index for shard in self.shards}
            for index in sorted(set(range(total)) - running):
                yield Finding(
                    "pods",
                    State.FAIL,
                    f"no pod of the controller has shard {index}/{total}: nothing is judged in its "
                    "namespaces",
                    "helm upgrade, which starts one for each of controller.shards",
                )

    async def rights(self) -> AsyncIterator[Finding]:
        """Look whether the operator's service accounts may do what it does."""
        served = [kind for kind in kinds.WATCHED if await self._is_served(kind)]
        reports = [
            _Right(verb, kind)
            for kind in REPORT_KINDS.values()
            if await self._is_served(kind)
            for verb in ("list", "create", "patch", "delete")
        ]
        for component, accounts in sorted(self.accounts.items()):
            wanted = list(self._wanted(component, served))
            if component == "controller":
                wanted += reports
            for account in sorted(accounts):
                allowed = await asyncio.gather(*(self._may(account, right) for right in wanted))
                missing = [r for r, yes in zip(wanted, allowed, strict=True) if not yes]
                who = f"service account {account} of the {component}"
                if not missing:
                    noun = plural(len(wanted), "right", "rights", count=True)
                    yield Finding("rights", State.OK, f"{who} has all {noun} it uses")
                for finding in self._lacking(account, who, missing):
                    yield finding

    def _wanted(self, component: str, served: Iterable[ResourceKind]) -> Iterator[_Right]:
        for kind in (*served, kinds.CUSTOM_RESOURCE_DEFINITIONS):
            yield _Right("list", kind)
            yield _Right("watch", kind)
        yield _Right("create", _EVENTS)
        if component != "controller":
            return
        for kind in (*kinds.WORKLOADS.values(), *_OWN_KINDS):
            if kind.kind not in self.missing_kinds:
                yield _Right("patch", kind, "status")
        namespace = self.installation.namespace
        for name in sorted(self.leases) or [self.installation.lease]:
            yield _Right("get", LEASES, namespace=namespace, name=name)
            yield _Right("update", LEASES, namespace=namespace, name=name)

    async def _is_served(self, kind: ResourceKind) -> bool:
        prefix = f"/apis/{kind.group}" if kind.group else "/api"
        try:
            answer = await self.client.call("GET", f"{prefix}/{kind.version}")
        except NotFoundError:
            return False
        return any(resource["name"] == kind.plural for resource in answer["resources"])

    async def _may(self, account: str, right: _Right) -> bool:
        attributes = {"verb": right.verb, "group": right.kind.group, "resource": right.kind.plural}
        if right.subresource:
            attributes["subresource"] = right.subresource
        if right.namespace:
            attributes["namespace"] = right.namespace
        if right.name:
            attributes["name"] = right.name
        namespace = self.installation.namespace
        answer = await self.client.call(
            "POST",
            _ACCESS_REVIEWS,
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "resourceAttributes": attributes,
                    "user": f"system:serviceaccount:{namespace}:{account}",
                    "groups": [
                        "system:serviceaccounts",
                        f"system:serviceaccounts:{namespace}",
                        "system:authenticated",
                    ],
                },
            },
        )
        return bool(answer["status"].get("allowed"))

    def _lacking(self, account: str, who: str, missing: Iterable[_Right]) -> Iterator[Finding]:
        """Yield one finding for what can be granted with one command."""
        verbs: dict[tuple[str, str], list[str]] = defaultdict(list)
        serious: set[str] = set()
        for right in missing:
            verbs[right.resource, right.namespace].append(right.verb)
            if right.kind.group in _BUILT_IN or right.subresource or right.namespace:
                serious.add(right.resource)
        groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        for (resource, namespace), needed in verbs.items():
            groups[tuple(needed), namespace].append(resource)
        for (together, namespace), resources in groups.items():
            several = list(together)
            name = f"readiness-extra-{'-'.join(several)}"
            role, where = ("role", f" -n {namespace}") if namespace else ("clusterrole", "")
            yield Finding(
                "rights",
                State.FAIL if serious.intersection(resources) else State.WARN,
                f"{who} may not {', '.join(several)} {', '.join(resources)}",
                f"kubectl create {role} {name}{where} --verb={','.join(several)} "
                f"--resource={','.join(resources)} && kubectl create {role}binding {name}{where} "
                f"--{role}={name} --serviceaccount={self.installation.namespace}:{account}",
            )

    async def leader(self) -> AsyncIterator[Finding]:
        """Look who writes."""
        namespace = self.installation.namespace
        for name in sorted(self.leases) or [self.installation.lease]:
            try:
                lease = await self.client.call("GET", LEASES.path(namespace, name))
            except NotFoundError:
                yield Finding(
                    "leader",
                    State.WARN,
                    f"there is no Lease {namespace}/{name}",
                    "right for a single replica without --leader-elect; else see the controller's "
                    "log",
                )
                continue
            yield self._judge_lease(name, lease.get("spec") or {})

    def _judge_lease(self, name: str, spec: Mapping[str, Any]) -> Finding:
        remedy = f"kubectl -n {self.installation.namespace} logs -l {_COMPONENT}=controller"
        holder = spec.get("holderIdentity")
        renewed = _moment(spec.get("renewTime"))
        if not holder or renewed is None:
            return Finding("leader", State.FAIL, f"nobody holds the Lease {name}", remedy)
        age = (self.now - renewed).total_seconds()
        if age > (spec.get("leaseDurationSeconds") or 0) + _LEASE_SLACK_SECONDS:
            return Finding(
                "leader",
                State.FAIL,
                f"{holder} holds the Lease {name} and last renewed it {age:.0f} s ago",
                remedy,
            )
        return Finding("leader", State.OK, f"{holder} holds the Lease {name}")

    async def caches(self) -> AsyncIterator[Finding]:
        """Ask each replica whether it knows the cluster."""
        namespace = self.installation.namespace
        for component, name in self.pod_names:
            base = _PODS.path(namespace, f"{name}:{_HEALTH_PORT}", "proxy")

            async def ask(path: str, base: str = base) -> tuple[int, str]:
                try:
                    answer = await self.client.call("GET", base + path, decode=False)
                except ForbiddenError:
                    raise
                except ClusterError as error:
                    return error.status, str(error)
                return 200, bytes(answer).decode(errors="replace")

            yield self._judge_replica(
                f"{component} {name}", await ask("/readyz"), await ask("/metrics")
            )
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            for url in self.installation.health_urls:
                ready = await _fetch(session, url / "readyz")
                metrics = await _fetch(session, url / "metrics")
                yield self._judge_replica(str(url), ready, metrics)

    def _judge_replica(
        self, name: str, ready: tuple[int, str], metrics: tuple[int, str]
    ) -> Finding:
        status, text = ready
        if status != 200:
            what = f"is not ready: {text.strip()}" if status == 503 else f"does not answer: {text}"
            return Finding("cache", State.FAIL, f"{name} {what}", "see its log")
        values = _gauges(metrics[1]) if metrics[0] == 200 else {}
        expiry = values.get("readiness_certificate_expiry_timestamp_seconds")
        if expiry:
            self.certificate_ends.append(datetime.fromtimestamp(expiry, UTC))
        age = values.get("readiness_cache_age_seconds")
        if age is not None and age > _STALE_CACHE_SECONDS:
            return Finding(
                "cache",
                State.FAIL,
                f"{name} last knew the cluster to be as it thinks {age:.0f} s ago",
                "see its log: it can't reach the API server",
            )
        objects = values.get("readiness_cached_objects")
        known = (
            "" if objects is None else f", {plural(int(objects), 'object', 'objects', count=True)}"
        )
        return Finding("cache", State.OK, f"{name} is in sync{known}")

    async def webhook(self) -> AsyncIterator[Finding]:
        """Look whether the API server asks the webhook, and whether it answers."""
        found = []
        async for page in self.client.pages(WEBHOOK_CONFIGURATIONS):
            for configuration in page.items:
                webhooks = configuration.get("webhooks") or []
                if any(webhook["name"] == WORKLOADS_WEBHOOK for webhook in webhooks):
                    found.append((configuration["metadata"]["name"], webhooks))
        if not found:
            yield Finding(
                "webhook",
                State.WARN,
                "the API server is told of no webhook: policies in Strict refuse nothing",
                "helm upgrade with webhook.enabled=true, if they should",
            )
            return
        for name, webhooks in found:
            async for finding in self._judge_configuration(name, webhooks):
                yield finding
        for end in self.certificate_ends:
            yield self._judge_end("the serving certificate", end)
        yield await self._try_webhook()

    async def _judge_configuration(
        self, name: str, webhooks: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[Finding]:
        seen: set[str] = set()
        for webhook in webhooks:
            client_config = webhook.get("clientConfig") or {}
            if str(client_config) in seen:  # all of one configuration point at one server
                continue
            seen.add(str(client_config))
            try:
                bundle = base64.b64decode(client_config.get("caBundle") or "")
                authorities = x509.load_pem_x509_certificates(bundle) if bundle else []
            except (binascii.Error, ValueError):
                authorities = []
            if not authorities:
                yield Finding(
                    "webhook",
                    State.FAIL,
                    f'webhook {webhook["name"]} of ValidatingWebhookConfiguration "{name}" has no '
                    "usable caBundle",
                    "helm upgrade, or see what cert-manager's ca-injector says",
                )
                continue
            ends = max(authority.not_valid_after_utc for authority in authorities)
            yield self._judge_end(f'the caBundle of "{name}"', ends)
            service = client_config.get("service")
            if service:
                yield await self._endpoints(service)
            elif client_config.get("url"):
                yield await self._connect(URL(client_config["url"]), bundle.decode())

    def _judge_end(self, what: str, end: datetime) -> Finding:
        left = end - self.now
        remedy = "helm upgrade makes a new one; cert-manager does by itself (docs/certificates.md)"
        if left <= timedelta():
            return Finding("webhook", State.FAIL, f"{what} expired {_days(-left)} ago", remedy)
        soon = left < _SOON
        state = State.WARN if soon else State.OK
        return Finding(
            "webhook", state, f"{what} is good for {_days(left)}", remedy if soon else ""
        )

    async def _endpoints(self, service: Mapping[str, Any]) -> Finding:
        namespace, name = service["namespace"], service["name"]
        ready = 0
        async for page in self.client.pages(
            _ENDPOINT_SLICES, namespace=namespace, selector=f"kubernetes.io/service-name={name}"
        ):
            for piece in page.items:
                ready += sum(
                    (endpoint.get("conditions") or {}).get("ready") is not False
                    for endpoint in piece.get("endpoints") or ()
                )
        if ready:
            noun = plural(ready, "endpoint", "endpoints", count=True)
            return Finding("webhook", State.OK, f"Service {namespace}/{name} has {noun}")
        return Finding(
            "webhook",
            State.FAIL,
            f"Service {namespace}/{name} has no ready endpoint",
            f"kubectl -n {namespace} describe pods -l {_COMPONENT}=webhook",
        )

    async def _connect(self, url: URL, bundle: str) -> Finding:
        """Talk to a webhook outside the cluster as the API server does."""
        context = ssl.create_default_context(cadata=bundle)
        try:
            async with asyncio.timeout(_TIMEOUT.total):
                _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
        except (OSError, ssl.SSLError, TimeoutError) as error:
            return Finding(
                "webhook",
                State.FAIL,
                f"{url} can't be reached with the caBundle: {str(error) or type(error).__name__}",
                "start it, or put the CA of its certificate into the caBundle",
            )
        certificate = writer.get_extra_info("peercert")
        writer.close()
        end = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
        return self._judge_end(f"the certificate of {url}", end)

    async def _try_webhook(self) -> Finding:
        """Create a policy that the webhook must refuse, as a dry run."""
        if "ReadinessPolicy" in self.missing_kinds:
            return Finding("webhook", State.WARN, "can't be tried: ReadinessPolicy is missing")
        bad = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "ReadinessPolicy",
            "metadata": {"name": "readiness-doctor-dry-run"},
            "spec": {"checks": [{"id": "no-such-check"}]},
        }
        try:
            await self.client.call("POST", kinds.POLICIES.path(), query={"dryRun": "All"}, body=bad)
        except ClusterError as error:
            if "denied the request" in str(error):
                return Finding("webhook", State.OK, "it refuses a bad policy (tried as a dry run)")
            if "failed calling webhook" in str(error):
                return Finding(
                    "webhook", State.FAIL, f"the API server can't call it: {error}", "see its log"
                )
            if isinstance(error, ForbiddenError):
                return Finding(
                    "webhook",
                    State.WARN,
                    "can't be tried: you may not create readinesspolicies",
                    "run it as a cluster administrator",
                )
            raise
        return Finding(
            "webhook",
            State.FAIL,
            "a bad policy got past it (tried as a dry run): it does not answer the API server",
            "see its log and that of the API server; network policies may be in between",
        )

    async def policies(self) -> AsyncIterator[Finding]:
        """Look whether the operator uses the policies there are."""
        if "ReadinessPolicy" in self.missing_kinds:
            return
        accepted = []
        total = 0
        async for page in self.client.pages(kinds.POLICIES):
            for policy in page.items:
                total += 1
                name = policy["metadata"]["name"]
                condition = _condition(policy, "Accepted")
                seen = (policy.get("status") or {}).get("observedGeneration") or 0
                if not condition or seen < policy["metadata"].get("generation", 0):
                    yield Finding(
                        "policies",
                        State.WARN,
                        f'the operator has not looked at "{name}" as it is now',
                        "see the log of the controller, if that lasts",
                    )
                elif condition.get("status") != "True":
                    yield Finding(
                        "policies",
                        State.FAIL,
                        f'"{name}" is not accepted: {condition.get("message")}',
                        f"kubectl edit readinesspolicy {name}",
                    )
                else:
                    accepted.append(name)
        if accepted:
            noun = plural(len(accepted), "policy", "policies", count=True)
            yield Finding("policies", State.OK, f"{noun} accepted: {', '.join(sorted(accepted))}")
        if not total:
            yield Finding(
                "policies",
                State.WARN,
                "there is none, so nothing is judged",
                "kubectl apply -f policies/standard.yaml",
            )

    async def expiring(self) -> AsyncIterator[Finding]:
        """Look which exemptions and evidence end soon."""
        for kind in (kinds.EXEMPTIONS, kinds.EVIDENCE):
            if kind.kind in self.missing_kinds:
                continue
            area = "exemptions" if kind is kinds.EXEMPTIONS else "evidence"
            total = 0
            told = 0
            async for page in self.client.pages(kind):
                for manifest in page.items:
                    total += 1
                    finding = self._judge_expiry(area, manifest)
                    if finding is not None:
                        told += 1
                        yield finding
            if total and not told:
                noun = plural(total, "object", "objects", count=True)
                yield Finding(
                    area, State.OK, f"{noun}, none of which ends within {_SOON.days} days"
                )

    def _judge_expiry(self, area: str, manifest: Mapping[str, Any]) -> Finding | None:
        end = _moment((manifest.get("spec") or {}).get("expiresAt"))
        if end is None or end - self.now > _SOON:
            return None
        metadata = manifest["metadata"]
        name = f'"{metadata["name"]}" in namespace {metadata["namespace"]}'
        left = end - self.now
        said = f"ends in {_days(left)}" if left > timedelta() else f"ended {_days(-left)} ago"
        remedy = "mend what it covers, or renew it" if area == "exemptions" else "renew it"
        return Finding(area, State.WARN, f"{name} {said}", remedy)


def _schema_problem(kind: ResourceKind, definition: Mapping[str, Any]) -> tuple[State, str] | None:
    """Return what differs between a definition and this release."""
    spec = definition.get("spec") or {}
    version = next((v for v in spec.get("versions") or () if v.get("name") == VERSION), None)
    if version is None or not version.get("served"):
        return State.FAIL, f"does not serve {GROUP}/{VERSION}"
    if _condition(definition, "Established").get("status") != "True":
        return State.FAIL, "is not established: the API server does not serve it yet"
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    there = set(_fields(schema, {}))
    ours: set[str] = set()
    for name, model in zip(("spec", "status"), _MODELS[kind.kind], strict=True):
        described = model.model_json_schema(by_alias=True)
        ours |= {f"{name}.{path}" for path in _fields(described, described.get("$defs") or {})}
    there = {path for path in there if path.partition(".")[0] in ("spec", "status")}
    there -= {"spec", "status"}
    if lacking := sorted(ours - there):
        return State.FAIL, f"is older than this release: it lacks {_some(lacking)}"
    if more := sorted(there - ours):
        return State.WARN, f"is newer than this release: it has {_some(more)}"
    return None


def _some(paths: list[str]) -> str:
    """Return the first of some field paths, leaving out what lies within one named."""
    tops = [p for p in paths if not any(p.startswith((f"{o}.", f"{o}[")) for o in paths)]
    more = f" and {len(tops) - 3} more" if len(tops) > 3 else ""
    return ", ".join(tops[:3]) + more


def _fields(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of all fields that a JSON schema describes."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for several in ("anyOf", "allOf"):
        for one in schema.get(several) or ():
            yield from _fields(one, definitions)
    for name, described in (schema.get("properties") or {}).items():
        yield name
        for path in _fields(described, definitions):
            yield f"{name}.{path}" if not path.startswith("[") else f"{name}{path}"
    items = schema.get("items")
    if isinstance(items, dict):
        for path in _fields(items, definitions):
            yield f"[].{path}" if not path.startswith("[") else f"[]{path}"


def _condition(manifest: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    for condition in (manifest.get("status") or {}).get("conditions") or ():
        if condition.get("type") == type_:
            found: Mapping[str, Any] = condition
            return found
    return {}


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _days(time: timedelta) -> str:
    if time < timedelta(days=1):
        return "less than a day"
    return plural(round(time / timedelta(days=1)), "day", "days", count=True)


def _gauges(text: str) -> dict[str, float]:
    """Return the value of each metric, summed over its labels."""
    values: dict[str, float] = defaultdict(float)
    try:
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                values[sample.name] += sample.value
    except ValueError:
        return {}
    return values


async def _fetch(session: aiohttp.ClientSession, url: URL) -> tuple[int, str]:
    """Return status and text of an answer; status 0 when there is none."""
    try:
        async with session.get(url) as response:
            return response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return 0, str(error) or type(error).__name__
