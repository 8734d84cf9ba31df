"""Reviews of policies, exemptions and evidence: what their schemas cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.admission.reviews import Answer
from readiness.kube import kinds
from tests.admission.conftest import ToldCluster
from tests.e2e.workloads import deployment

POLICY = ("readiness.dev", "v1alpha1", "ReadinessPolicy")
EXEMPTION = ("readiness.dev", "v1alpha1", "ReadinessExemption")
EVIDENCE = ("readiness.dev", "v1alpha1", "ReadinessEvidence")


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


def exemption(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "accepted", "namespace": "shop"},
        "spec": {
            "workloads": [{"name": "web"}],
            "checks": ["mutable-image-tag"],
            "reason": "the vendor ships nothing else",
            "expiresAt": "2026-12-24T00:00:00Z",
            **spec,
        },
    }


def refused(answer: Answer) -> str:
    """Return why; fails when it was not refused as invalid."""
    assert (answer.allowed, answer.code, answer.reason) == (False, 422, "Invalid")
    return answer.message


class TestPolicies:
    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            (
                {"checks": [{"id": "memory-limit-mising"}]},
                (
                    'spec.checks[0].id: there is no check "memory-limit-mising", '
                    'did you mean "memory-limit-missing"?'
                ),
            ),
            (
                {"exemptions": {"notExemptable": ["nope"]}},
                (
                    'spec.exemptions.notExemptable[0]: there is no check "nope"; '
                    "`readiness checks` lists them"
                ),
            ),
        ],
    )
    async def test_mistakes_are_named(
        self, cluster: ToldCluster, spec: dict[str, Any], problem: str
    ) -> None:
        message = refused(await cluster.ask(policy(**spec), kind=POLICY))
        assert message == f"ReadinessPolicy p can't be used as written: {problem}"

    @pytest.mark.parametrize(
        ("spec", "warnings"),
        [
            ({"extends": "standard"}, ()),
            ({}, ("spec: it asks for no check; set extends, checks, customChecks or evidence",)),
            (
                {
                    "enforcement": "Strict",
                    "checks": [{"id": "mutable-image-tag", "severity": "Should"}],
                },
                ("spec.enforcement: Strict refuses nothing here, no check has severity Must",),
            ),
            (
                {
                    "enforcement": "Strict",
                    "serviceLevels": [
                        {
                            "name": "availability",
                            "severity": "Must",
                            "objective": {"operator": "GreaterThan", "value": "0.99"},
                            "window": "1h",
                            "query": 'avg_over_time(up{pod=~"$pods"}[$window])',
                        }
                    ],
                },
                (
                    (
                        "spec.enforcement: Strict refuses nothing here, only service levels have "
                        "severity Must and none is measured at admission"
                    ),
                ),
            ),
            (
                {
                    "extends": "standard",
                    "strict": {"breakGlass": {"groups": ["system:authenticated", "sre-oncall"]}},
                },
                (
                    (
                        'spec.strict.breakGlass.groups: "system:authenticated" lets everybody past '
                        "who gives a reason"
                    ),
                ),
            ),
        ],
    )
    async def test_what_is_odd_is_told(
        self, cluster: ToldCluster, spec: dict[str, Any], warnings: tuple[str, ...]
    ) -> None:
        answer = await cluster.ask(policy(**spec), kind=POLICY)
        assert (answer.allowed, answer.warnings) == (True, warnings)

    async def test_an_old_mistake_can_be_labelled_and_deleted(self, cluster: ToldCluster) -> None:
        old = policy(checks=[{"id": "gone"}])
        labelled = {**old, "metadata": {"name": "p", "labels": {"team": "x"}}}
        going = {**old, "metadata": {"name": "p", "deletionTimestamp": "2026-11-24T09:00:00Z"}}

        assert (await cluster.ask(labelled, old, kind=POLICY)).allowed
        assert (await cluster.ask(going, policy(), kind=POLICY)).allowed
        assert (await cluster.ask(None, old, kind=POLICY, operation="DELETE")).allowed
        assert (await cluster.ask(policy(checks=[{"id": "x"}]), old, kind=POLICY)).code == 422


class TestExemptions:
    @pytest.fixture(autouse=True)
    def known(self, cluster: ToldCluster) -> None:
        cluster.put(kinds.WORKLOADS["Deployment"], deployment("shop"))

    async def test_a_good_one_passes_in_silence(self, cluster: ToldCluster) -> None:
        cluster.policy(extends="standard", exemptions={"maxDuration": "30d"})
        answer = await cluster.ask(exemption(), kind=EXEMPTION)
        assert (answer.allowed, answer.warnings) == (True, ())

    async def test_it_must_not_last_too_long(self, cluster: ToldCluster) -> None:
        cluster.policy("b", extends="standard", exemptions={"maxDuration": "29d"})
        cluster.policy("a", extends="standard", exemptions={"maxDuration": "30d"})

        message = refused(await cluster.ask(exemption(), kind=EXEMPTION))

        assert message == (
            "ReadinessExemption accepted can't be used as written: spec.expiresAt must be "
            '2026-12-23T09:00:00Z or earlier: policy "b" limits exemptions'
        )

    async def test_the_time_runs_from_its_creation(self, cluster: ToldCluster) -> None:
        cluster.policy(extends="standard", exemptions={"maxDuration": "30d"})
        old = exemption(reason="some other reason")
        new = exemption(expiresAt="2026-12-20T00:00:00Z")
        new["metadata"]["creationTimestamp"] = "2026-11-01T00:00:00Z"

        message = refused(await cluster.ask(new, old, kind=EXEMPTION))

        assert "spec.expiresAt must be 2026-12-01T00:00:00Z or earlier" in message

    async def test_checks_that_nobody_is_exempt_from(self, cluster: ToldCluster) -> None:
        cluster.policy(extends="standard", exemptions={"notExemptable": ["privileged-container"]})

        asked = exemption(checks=["mutable-image-tag", "privileged-container"])
        message = refused(await cluster.ask(asked, kind=EXEMPTION))

        assert message.endswith(
            'spec.checks must not hold "privileged-container": policy "production" lets nobody be '
            "exempt from it"
        )

    async def test_policies_about_other_workloads_have_no_say(self, cluster: ToldCluster) -> None:
        cluster.policy(
            extends="standard",
            exemptions={"maxDuration": "1d"},
            match={"workloadSelector": {"matchLabels": {"app": "other"}}},
        )
        assert (await cluster.ask(exemption(), kind=EXEMPTION)).allowed

    async def test_what_is_not_there_yet_is_told(self, cluster: ToldCluster) -> None:
        asked = exemption(
            checks=["team-label-missing"],
            workloads=[{"name": "web"}, {"kind": "DaemonSet", "name": "web"}, {"name": "gone"}],
        )

        answer = await cluster.ask(asked, kind=EXEMPTION)

        assert answer.allowed
        assert answer.warnings == (
            (
                'spec.checks: there is no check "team-label-missing"; `readiness checks` lists the '
                "built-in ones"
            ),
            'spec.workloads[1]: there is no DaemonSet "web" in namespace shop yet',
            'spec.workloads[2]: there is no workload "gone" in namespace shop yet',
        )

    async def test_one_that_is_over_already_is_told(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(exemption(expiresAt="2026-11-01T00:00:00Z"), kind=EXEMPTION)
        assert answer.warnings == (
            "spec.expiresAt: 2026-11-01T00:00:00Z is over, nothing is exempt",
        )

    async def test_mistakes_are_named(self, cluster: ToldCluster) -> None:
        message = refused(await cluster.ask(exemption(reason="short"), kind=EXEMPTION))
        assert message.startswith("ReadinessExemption accepted can't be used as written: ")
        assert "spec.reason" in message

    @pytest.mark.parametrize(
        ("other", "warnings"),
        [
            (
                {},
                (
                    (
                        'spec.checks: "other" accepts mutable-image-tag of deployment/web too, '
                        "until 2026-12-24T00:00:00Z; the later end counts"
                    ),
                ),
            ),
            ({"checks": ["memory-limit-missing"]}, ()),
            ({"workloads": [{"name": "api"}]}, ()),
            ({"expiresAt": "2026-11-24T09:00:00Z"}, ()),
            ({"containers": ["proxy"]}, ()),
        ],
    )
    async def test_what_another_accepts_too_is_told(
        self, cluster: ToldCluster, other: dict[str, Any], warnings: tuple[str, ...]
    ) -> None:
        cluster.policy(extends="standard")
        found = exemption(**other)
        found["metadata"] = {"name": "other", "namespace": "shop"}
        cluster.put(kinds.EXEMPTIONS, found)

        answer = await cluster.ask(exemption(containers=["app"]), kind=EXEMPTION)

        assert (answer.allowed, answer.warnings) == (True, warnings)

    async def test_it_does_not_overlap_with_itself(self, cluster: ToldCluster) -> None:
        cluster.policy(extends="standard")
        cluster.put(kinds.EXEMPTIONS, exemption())

        answer = await cluster.ask(exemption(containers=["app"]), exemption(), kind=EXEMPTION)

        assert (answer.allowed, answer.warnings) == (True, ())

    async def test_what_it_names_in_vain_is_told(self, cluster: ToldCluster) -> None:
        cluster.policy(extends="standard")

        answer = await cluster.ask(
            exemption(
                checks=["mutable-image-tag", "evidence-load-testing-performed"],
                containers=["app", "proxy"],
            ),
            kind=EXEMPTION,
        )

        assert (answer.allowed, answer.warnings) == (
            True,
            (
                'spec.checks: no policy asks for "evidence-load-testing-performed" here',
                'spec.containers: no workload it is about has a container "proxy"',
            ),
        )


def evidence(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "load-test", "namespace": "shop"},
        "spec": {
            "item": "load-testing-performed",
            "workloads": [{"name": "web"}],
            "statement": "Twice the peak for an hour.",
            "performedAt": "2026-11-23T09:00:00Z",
            "expiresAt": "2026-12-24T00:00:00Z",
            "attestedBy": "ann",
            **spec,
        },
    }


class TestEvidence:
    @pytest.fixture(autouse=True)
    def known(self, cluster: ToldCluster) -> None:
        cluster.put(kinds.WORKLOADS["Deployment"], deployment("shop"))

    async def test_who_writes_it_attests_it(self, cluster: ToldCluster) -> None:
        answer = await cluster.ask(evidence(), kind=EVIDENCE)
        assert (answer.allowed, answer.warnings) == (True, ())

        message = refused(await cluster.ask(evidence(), kind=EVIDENCE, user="bob"))
        assert message == (
            "ReadinessEvidence load-test can't be used as written: "
            'spec.attestedBy must be "bob", who writes it, not "ann"'
        )

    async def test_nobody_approves_while_writing(self, cluster: ToldCluster) -> None:
        absent = (
            "spec.approvedBy must be absent here: whoever approves it adds the field, and changes "
            "nothing else"
        )
        for old in (None, evidence(statement="Never mind what."), evidence(attestedBy="bob")):
            new = evidence(approvedBy="bob")
            assert absent in refused(await cluster.ask(new, old, kind=EVIDENCE))
        approved = evidence(approvedBy="bob")
        changed = evidence(approvedBy="bob", expiresAt="2027-12-24T00:00:00Z")
        assert absent in refused(await cluster.ask(changed, approved, kind=EVIDENCE))

    async def test_only_who_approves_adds_the_approval(self, cluster: ToldCluster) -> None:
        new = evidence(approvedBy="bob")

        assert (await cluster.ask(new, evidence(), kind=EVIDENCE, user="bob")).allowed
        message = refused(await cluster.ask(new, evidence(), kind=EVIDENCE, user="eve"))
        assert 'spec.approvedBy must be "eve", who approves it now, not "bob"' in message
        self_made = evidence(approvedBy="ann")
        message = refused(await cluster.ask(self_made, evidence(), kind=EVIDENCE))
        assert "spec.approvedBy must be somebody other than attestedBy" in message

    async def test_anybody_may_take_an_approval_away(self, cluster: ToldCluster) -> None:
        old = evidence(approvedBy="bob")

        assert (await cluster.ask(evidence(), old, kind=EVIDENCE, user="eve")).allowed

    async def test_a_change_is_attested_anew(self, cluster: ToldCluster) -> None:
        old = evidence(approvedBy="bob")
        new = evidence(attestedBy="eve", statement="Three times the peak.")

        assert (await cluster.ask(new, old, kind=EVIDENCE, user="eve")).allowed
        kept = evidence(statement="Three times the peak.")
        message = refused(await cluster.ask(kept, old, kind=EVIDENCE, user="eve"))
        assert 'spec.attestedBy must be "eve", who writes it, not "ann"' in message

    async def test_labels_may_be_changed_by_anybody(self, cluster: ToldCluster) -> None:
        labelled = evidence()
        labelled["metadata"]["labels"] = {"team": "x"}

        assert (await cluster.ask(labelled, evidence(), kind=EVIDENCE, user="eve")).allowed

    @pytest.mark.parametrize(
        ("performed_at", "allowed"),
        [("2026-11-24T09:05:00Z", True), ("2026-11-24T09:05:01Z", False)],
    )
    async def test_what_is_still_to_be_done_is_refused(
        self, cluster: ToldCluster, performed_at: str, *, allowed: bool
    ) -> None:
        answer = await cluster.ask(evidence(performedAt=performed_at), kind=EVIDENCE)

        assert answer.allowed is allowed
        if not allowed:
            problem = "spec.performedAt must not be in the future, it is 2026-11-24T09:00:00Z"
            assert refused(answer).endswith(problem)

    async def test_what_will_not_count_is_told(self, cluster: ToldCluster) -> None:
        item = "load-testing-performed"
        demand = {"item": item, "severity": "Must", "maxAge": "30d", "approvalRequired": True}
        cluster.policy(evidence=[demand])
        cluster.policy("other", evidence=[{"item": item, "severity": "Must"}])
        new = evidence(workloads=[{"kind": "Deployment", "name": "web"}, {"name": "wbe"}])

        answer = await cluster.ask(new, kind=EVIDENCE)
        over = evidence(performedAt="2026-10-01T00:00:00Z", expiresAt="2026-11-01T00:00:00Z")
        late = await cluster.ask(over, kind=EVIDENCE)

        assert (answer.allowed, answer.warnings) == (
            True,
            (
                'spec.workloads[1]: there is no workload "wbe" in namespace shop yet',
                'spec.approvedBy: policy "production" waits until somebody else adds it',
                (
                    'spec.expiresAt: for policy "production" it counts until '
                    "2026-12-23T09:00:00Z only"
                ),
            ),
        )
        assert late.warnings[0] == (
            "spec.expiresAt: 2026-11-01T00:00:00Z is over, the evidence counts for nothing"
        )

    async def test_a_strict_policy_refuses_no_new_workload_for_want_of_it(
        self, cluster: ToldCluster
    ) -> None:
        cluster.policy(evidence=[{"item": "load-testing-performed", "severity": "Must"}])

        lacking = await cluster.ask(deployment("shop", "api"))
        cluster.put(kinds.EVIDENCE, evidence(workloads=[{"name": "api"}]))
        given = await cluster.ask(deployment("shop", "api"))

        assert lacking.allowed
        assert "evidence-load-testing-performed" in lacking.warnings[0]
        assert (given.allowed, given.warnings) == (True, ())

    async def test_a_strict_policy_refuses_new_pods_that_still_lack_it(
        self, cluster: ToldCluster
    ) -> None:
        cluster.policy(evidence=[{"item": "load-testing-performed", "severity": "Must"}])
        old, new = (deployment("shop", image=f"shop/web:{tag}") for tag in (1, 2))
        for one in (old, new):
            one["metadata"]["creationTimestamp"] = "2026-11-24T08:00:00Z"

        lacking = await cluster.ask(new, old)
        cluster.put(kinds.EVIDENCE, evidence())
        given = await cluster.ask(new, old)

        assert (lacking.allowed, lacking.code) == (False, 403)
        answer = "a ReadinessEvidence must answer load-testing-performed: A load test was run"
        assert answer in lacking.message
        assert given.allowed
