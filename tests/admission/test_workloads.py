"""Reviews of workloads, decided from what the webhook knows."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from readiness.admission.reviews import Answer
from readiness.checks import registry
from readiness.checks.base import Check
from readiness.errors import FieldError
from readiness.kube import kinds
from tests.admission.conftest import ToldCluster
from tests.e2e.workloads import budget, deployment
from tests.support import NOW

TAG = {"id": "mutable-image-tag", "severity": "Must"}
REASON = {"readiness.dev/break-glass": " INC-4711 "}
BUDGET = {"id": "disruption-budget-missing", "severity": "Must"}
BAD = deployment("shop", image="registry.example.com/web:latest")
GOOD = deployment("shop")


def changed(manifest: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], **metadata}}


def with_label(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a workload with another pod template."""
    newer = copy.deepcopy(manifest)
    newer["spec"]["template"]["metadata"]["labels"]["version"] = "2"
    return newer


def restarted(manifest: dict[str, Any], at: str) -> dict[str, Any]:
    newer = copy.deepcopy(manifest)
    metadata = newer["spec"]["template"]["metadata"]
    metadata["annotations"] = {"kubectl.kubernetes.io/restartedAt": at}
    return newer


def with_containers(count: int) -> dict[str, Any]:
    newer = copy.deepcopy(GOOD)
    (container,) = newer["spec"]["template"]["spec"]["containers"]
    containers = [{**container, "name": f"c{number}"} for number in range(count)]
    newer["spec"]["template"]["spec"]["containers"] = containers
    return newer


def with_arguments(count: int) -> dict[str, Any]:
    newer = copy.deepcopy(GOOD)
    (container,) = newer["spec"]["template"]["spec"]["containers"]
    container["args"] = ["x"] * count
    return newer


class TestNeverRefused:
    @pytest.fixture(autouse=True)
    def refusing(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG], strict={"existingViolations": "Deny"})

    async def test_it_is_refused_otherwise(self, cluster: ToldCluster) -> None:
        assert not (await cluster.ask(BAD)).allowed
        assert not (await cluster.ask(with_label(BAD), BAD)).allowed

    async def test_deletion(self, cluster: ToldCluster) -> None:
        assert (await cluster.ask(None, BAD, operation="DELETE")).allowed

    async def test_an_object_being_deleted(self, cluster: ToldCluster) -> None:
        going = changed(with_label(BAD), deletionTimestamp="2026-11-24T09:00:00Z")
        assert (await cluster.ask(going, BAD)).allowed

    @pytest.mark.parametrize("sub_resource", ["status", "scale"])
    async def test_subresources(self, cluster: ToldCluster, sub_resource: str) -> None:
        answer = await cluster.ask(with_label(BAD), BAD, sub_resource=sub_resource)
        assert answer.allowed

    async def test_an_update_that_leaves_the_spec_alone(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(changed(BAD, labels={"team": "shop"}), BAD)
        assert (answer.allowed, answer.warnings) == (True, ())

    @pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "readiness-system"])
    async def test_excluded_namespaces(self, cluster: ToldCluster, namespace: str) -> None:
        assert (await cluster.ask(deployment(namespace, image="web:latest"))).allowed

    async def test_a_review_without_an_object(self, cluster: ToldCluster) -> None:
        assert (await cluster.ask(None)).allowed

    async def test_a_kind_nobody_judges(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(BAD, kind=("batch", "v1", "Job"))
        assert answer.allowed
        assert answer.warnings == ("readiness does not judge Job.batch",)
        pod = await cluster.ask(BAD, kind=("", "v1", "Pod"))
        assert pod.warnings == ("readiness does not judge Pod",)


class TestTooBig:
    """Judging takes its time from everybody, and too late a verdict is none."""

    async def test_it_is_refused_before_it_is_judged(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG])
        cluster.policy("warning", checks=[TAG], enforcement="Warn")

        assert (await cluster.ask(with_containers(500))).allowed
        answer = await cluster.ask(with_containers(501))

        assert not answer.allowed
        assert (answer.code, answer.reason) == (403, "Forbidden")
        assert answer.message == (
            'Deployment web is too big to be judged by policy "production": spec holds 501 '
            "containers, more than 500.\n"
            "fix: Split it, or have spec.match of the policy leave it out."
        )

    async def test_long_lists_count_too(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG])
        assert (await cluster.ask(with_arguments(4900))).allowed
        answer = await cluster.ask(with_arguments(60_000))
        assert "spec holds lists with 60,003 elements, more than 5,000." in answer.message

    async def test_one_that_was_too_big_before_may_be_changed(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG])
        old = with_containers(501)
        answer = await cluster.ask(with_label(old), old)
        assert answer.allowed
        assert answer.warnings == ("not judged: spec holds 501 containers, more than 500",)

        cluster.policy("deny", checks=[TAG], strict={"existingViolations": "Deny"})
        answer = await cluster.ask(with_label(old), old)
        assert not answer.allowed
        assert 'by policy "deny":' in answer.message

    async def test_a_policy_that_only_warns_refuses_none(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG], enforcement="Warn")
        answer = await cluster.ask(with_containers(501))
        assert answer.allowed
        assert answer.warnings == ("not judged: spec holds 501 containers, more than 500",)

    async def test_where_no_policy_applies_it_is_nobodys_business(
        self, cluster: ToldCluster
    ) -> None:
        cluster.policy(checks=[TAG], match={"excludeNamespaces": ["shop"]})
        assert await cluster.ask(with_containers(501)) == Answer(allowed=True)


class TestNewNamespace:
    """Programs create a workload before the watch has told of its namespace."""

    PRODUCTION: ClassVar[dict[str, Any]] = {
        "metadata": {"name": "shop", "labels": {"env": "production"}}
    }

    @pytest.fixture(autouse=True)
    def selecting(self, cluster: ToldCluster) -> None:
        match = {"namespaceSelector": {"matchLabels": {"env": "production"}}}
        cluster.policy(checks=[TAG], match=match)

    async def test_its_labels_are_waited_for(self, cluster: ToldCluster) -> None:
        asked = asyncio.create_task(cluster.ask(BAD))
        await asyncio.sleep(0)
        assert not asked.done()
        cluster.put(kinds.COMPANIONS["", "Namespace"], self.PRODUCTION)

        assert not (await asked).allowed

    async def test_but_not_for_long(self, cluster: ToldCluster) -> None:
        async with asyncio.timeout(2):
            assert (await cluster.ask(BAD)).allowed

    async def test_nor_where_namespaces_cannot_be_seen(self, cluster: ToldCluster) -> None:
        cluster.judges.cache.set_unavailable(kinds.COMPANIONS["", "Namespace"], "forbidden")
        asked = asyncio.create_task(cluster.ask(BAD))
        await asyncio.sleep(0)
        assert asked.done()


class TestOddObjects:
    async def test_fields_of_the_wrong_type_are_left_to_the_api_server(
        self, cluster: ToldCluster
    ) -> None:
        cluster.policy(checks=[TAG])
        answer = await cluster.ask(changed(BAD, labels={"app": 3}))
        assert answer.allowed
        assert answer.warnings == (
            "not judged: metadata.labels.app must be text, not the number 3",
        )

    async def test_a_name_still_to_be_made(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG])
        metadata = {"generateName": "web-", "labels": {"app": "web"}}
        answer = await cluster.ask({**BAD, "metadata": metadata}, namespace="shop")
        assert answer.message.startswith(
            'Deployment web- fails 1 Must check of policy "production"'
        )

    async def test_an_old_object_of_another_version(self, cluster: ToldCluster) -> None:
        """The API server converts both; should it ever not, the fields are the same."""
        cluster.policy(checks=[TAG])
        old = {**BAD, "apiVersion": "extensions/v1beta1"}
        assert (await cluster.ask(with_label(BAD), old)).allowed

    async def test_a_check_that_crashes_allows_and_is_logged_once(
        self, cluster: ToldCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = registry.all_checks()["mutable-image-tag"]

        def crash(*_: object) -> None:
            raise ZeroDivisionError("oh")

        monkeypatch.setattr(check, "_rule", crash)
        cluster.policy(checks=[TAG])

        with capture_logs() as logs:
            answers = [await cluster.ask(BAD) for _ in range(2)]

        assert [answer.allowed for answer in answers] == [True, True]
        assert [(log["event"], log["check"], log["object"]) for log in logs] == [
            ("check crashed", "mutable-image-tag", "deployment/web in shop")
        ]
        exposed = cluster.metrics.exposition().decode()
        assert 'readiness_check_errors_total{check="mutable-image-tag"} 2.0' in exposed

    async def test_a_check_that_cannot_tell_does_not_refuse(
        self, cluster: ToldCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check: Check = registry.all_checks()["mutable-image-tag"]

        def cannot_tell(*_: object) -> None:
            raise FieldError("spec.x", "text", 3)

        monkeypatch.setattr(check, "_rule", cannot_tell)
        cluster.policy(checks=[TAG])

        assert (await cluster.ask(BAD)).allowed


class TestPolicies:
    async def test_of_several_policies_each_that_refuses_is_named(
        self, cluster: ToldCluster
    ) -> None:
        cluster.policy("b", checks=[TAG])
        cluster.policy("a", checks=[TAG])
        cluster.policy("c", enforcement="Warn", checks=[TAG])

        answer = await cluster.ask(BAD)

        assert answer.message.startswith(
            'Deployment web fails 1 Must check of policies "a", "b":\n'
        )

    async def test_the_params_of_an_audit_policy_are_not_enforced(
        self, cluster: ToldCluster
    ) -> None:
        replicas = {"id": "replicas-too-low", "severity": "Must"}
        cluster.policy(
            "audit", enforcement="Audit", checks=[{**replicas, "params": {"minimum": 5}}]
        )
        cluster.policy("strict", checks=[{**replicas, "params": {"minimum": 2}}])

        answer = await cluster.ask(deployment("shop", replicas=3))

        assert (answer.allowed, answer.warnings) == (True, ())

    async def test_namespace_labels_decide(self, cluster: ToldCluster) -> None:
        cluster.policy(
            checks=[TAG], match={"namespaceSelector": {"matchLabels": {"env": "production"}}}
        )
        assert (await cluster.ask(BAD)).allowed

        labels = {"env": "production"}
        namespace = {"metadata": {"name": "shop", "labels": labels}}
        cluster.put(kinds.COMPANIONS["", "Namespace"], namespace)
        assert not (await cluster.ask(BAD)).allowed

    async def test_enforcement_begins_at_its_second(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG], enforceFrom="2026-11-24T12:00:00Z")
        cluster.now = NOW.replace(hour=11, minute=59, second=59)
        assert (await cluster.ask(BAD)).allowed

        cluster.now = NOW.replace(hour=12, minute=0, second=0)
        assert not (await cluster.ask(BAD)).allowed


class TestCompanions:
    CREATED = NOW - timedelta(minutes=5)

    @pytest.fixture(autouse=True)
    def asking(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[BUDGET])

    def stored(self) -> dict[str, Any]:
        return changed(GOOD, creationTimestamp=self.CREATED.strftime("%Y-%m-%dT%H:%M:%SZ"))

    async def test_at_creation_they_may_come(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(changed(GOOD, creationTimestamp="2026-11-24T09:00:00Z"))

        assert answer.allowed
        assert answer.warnings == (
            "companions may come until 2026-11-24T09:10:00Z for disruption-budget-missing",
        )

    async def test_a_budget_that_is_there_counts_for_a_new_workload(
        self, cluster: ToldCluster
    ) -> None:
        cluster.put(kinds.COMPANIONS["policy", "PodDisruptionBudget"], budget("shop"))

        assert (await cluster.ask(self.stored())).warnings == ()

    async def test_a_new_template_is_refused_once_their_time_is_up(
        self, cluster: ToldCluster
    ) -> None:
        old = self.stored()
        assert (await cluster.ask(with_label(old), old)).allowed

        cluster.now = NOW + timedelta(minutes=5)
        assert not (await cluster.ask(with_label(old), old)).allowed
        more = {**old, "spec": {**old["spec"], "replicas": 7}}
        assert (await cluster.ask(more, old)).allowed

    async def test_a_restart_makes_no_new_template(self, cluster: ToldCluster) -> None:
        """`kubectl rollout restart`, the first time and again; another annotation is news."""
        old = self.stored()
        cluster.now = NOW + timedelta(minutes=5)
        once = restarted(old, "2026-11-24T12:00:00Z")

        assert (await cluster.ask(once, old)).allowed
        assert (await cluster.ask(restarted(old, "2026-11-24T12:01:00Z"), once)).allowed
        assert not (await cluster.ask(with_label(once), old)).allowed
        other = copy.deepcopy(once)
        other["spec"]["template"]["metadata"]["annotations"]["checksum/config"] = "1"
        assert not (await cluster.ask(other, once)).allowed

    async def test_the_inventory_is_as_before_afterwards(self, cluster: ToldCluster) -> None:
        old = self.stored()
        cluster.put(kinds.WORKLOADS["Deployment"], old)
        before = dict(cluster.judges.cache.inventory.workloads)

        await cluster.ask(with_label(old), old)
        await cluster.ask(changed(GOOD, name="other"))

        assert cluster.judges.cache.inventory.workloads == before


class TestBreakGlass:
    @pytest.fixture(autouse=True)
    def refusing(self, cluster: ToldCluster) -> None:
        cluster.policy(checks=[TAG], strict={"breakGlass": {"groups": ["sre-oncall"]}})

    async def test_a_member_gets_through_and_leaves_a_trace(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(
            changed(BAD, uid="u1", annotations=REASON), groups=("sre-oncall",)
        )

        assert answer.allowed
        assert answer.warnings == (
            'let through by break-glass ("INC-4711") although it fails mutable-image-tag',
        )
        assert answer.audit_annotations == {
            "break-glass": "INC-4711",
            "break-glass-checks": "mutable-image-tag",
        }
        ((regarding, reason, message),) = cluster.events.posted
        assert (regarding.uid, regarding.ref.name, reason) == ("u1", "web", "BreakGlassUsed")
        assert message == (
            'ann got this past Strict by break-glass ("INC-4711") although it fails '
            "mutable-image-tag"
        )

    async def test_of_a_long_reason_the_beginning_is_kept(self, cluster: ToldCluster) -> None:
        """An annotation may hold 256 KiB, and it goes into events, logs and the audit log."""
        reason = "checkout is down\nINC-4711 " * 10_000
        annotated = changed(BAD, annotations={"readiness.dev/break-glass": reason})

        answer = await cluster.ask(annotated, groups=("sre-oncall",))

        kept = answer.audit_annotations["break-glass"]
        assert len(kept) == 300
        assert kept.startswith("checkout is down INC-4711 checkout is down")

    async def test_a_dry_run_leaves_none(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(
            changed(BAD, annotations=REASON), groups=("sre-oncall",), dry_run=True
        )

        assert answer.allowed
        assert cluster.events.posted == []
        assert "readiness_admission_break_glass_total 0.0" in cluster.metrics.exposition().decode()

    async def test_others_do_not(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(changed(BAD, annotations=REASON), groups=("developers",))

        assert not answer.allowed
        assert answer.message.endswith(
            "The annotation readiness.dev/break-glass helps only members of sre-oncall; you are "
            "not one."
        )

    async def test_a_reason_is_needed(self, cluster: ToldCluster) -> None:
        blank = changed(BAD, annotations={"readiness.dev/break-glass": "  "})

        answer = await cluster.ask(blank, groups=("sre-oncall",))

        assert not answer.allowed
        assert answer.message.endswith(
            "In an emergency members of sre-oncall may set the annotation "
            'readiness.dev/break-glass: "<reason>".'
        )

    async def test_a_rollback_takes_the_annotation_away(self, cluster: ToldCluster) -> None:
        """`kubectl rollout undo` restores the annotations of the old ReplicaSet."""
        answer = await cluster.ask(BAD, changed(GOOD, annotations=REASON), groups=("sre-oncall",))

        assert answer.allowed

    async def test_nothing_to_get_past_leaves_no_trace(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(changed(GOOD, annotations=REASON), groups=("sre-oncall",))

        assert (answer.allowed, answer.warnings) == (True, ())
        assert cluster.events.posted == []
