"""What a person reads in the terminal: all of it, and that it fits whatever a manifest holds."""

from __future__ import annotations

from typing import Any

from readiness.admission.reviews import Answer
from tests.admission.conftest import ToldCluster
from tests.e2e.workloads import deployment

# What kubectl writes before a refusal.
PREFIX = (
    'Error from server (Forbidden): error when creating "manifests/shop.yaml": admission webhook '
    '"workloads.readiness.dev" denied the request: '
)


def must(*ids: str) -> list[dict[str, Any]]:
    return [{"id": id, "severity": "Must"} for id in ids]


def lines_of_a_terminal(answer: Answer) -> int:
    return sum(-(-len(line) // 80) for line in (PREFIX + answer.message).splitlines())


def with_containers(*containers: dict[str, Any], **pod: Any) -> dict[str, Any]:
    manifest = deployment("shop")
    manifest["spec"]["template"]["spec"] = {**pod, "containers": list(containers)}
    return manifest


async def test_a_refusal_names_each_container_and_all_checks(cluster: ToldCluster) -> None:
    cluster.policy(
        checks=must("mutable-image-tag", "privileged-container", "host-namespaces"),
        strict={"breakGlass": {"groups": ["sre", "night"]}},
    )
    bad = with_containers(
        {"name": "app", "image": "app:latest"},
        {"name": "proxy", "image": "proxy", "securityContext": {"privileged": True}},
        {"name": "late", "image": "app:latest"},
        hostNetwork=True,
    )

    answer = await cluster.ask(bad)

    assert answer.message.splitlines() == [
        'Deployment web fails 3 Must checks of policy "production":',
        "- pod must not set hostNetwork: true (host-namespaces)",
        "  at spec.template.spec.hostNetwork",
        (
            "  fix: Remove hostNetwork, hostPID and hostIPC from the pod spec; to be reached from "
            "outside use a Service, to share processes within the pod shareProcessNamespace: true."
        ),
        (
            '- container "proxy" must not set securityContext.privileged: true '
            "(privileged-container)"
        ),
        "  at spec.template.spec.containers[1].securityContext.privileged",
        (
            "  fix: Remove securityContext.privileged from the container, and add the one "
            "capability it really needs, if any, to securityContext.capabilities.add."
        ),
        "- and mutable-image-tag (app, proxy, late)",
        (
            "More: readiness explain host-namespaces. To accept a finding for a while: a "
            "ReadinessExemption in namespace shop."
        ),
        (
            "In an emergency members of night or sre may set the annotation "
            'readiness.dev/break-glass: "<reason>".'
        ),
    ]


async def test_containers_that_must_do_the_same_share_a_line(cluster: ToldCluster) -> None:
    cluster.policy(checks=must("mutable-image-tag"))
    bad = with_containers(
        {"name": "app", "image": "app:latest"},
        {"name": "other", "image": "other:latest"},
        *({"name": f"copy-{number}", "image": "app:latest"} for number in range(5)),
    )

    answer = await cluster.ask(bad)

    assert answer.message.splitlines()[1:6] == [
        (
            '- container "app" must set image to a fixed tag or a digest, not "app:latest" '
            "(mutable-image-tag)"
        ),
        "  at spec.template.spec.containers[0].image",
        "  also: copy-0, copy-1, copy-2 and 2 more",
        (
            '- container "other" must set image to a fixed tag or a digest, not "other:latest" '
            "(mutable-image-tag)"
        ),
        "  at spec.template.spec.containers[1].image",
    ]


async def test_it_fits_into_a_terminal_whatever_fails(cluster: ToldCluster) -> None:
    cluster.policy(extends="strict", strict={"breakGlass": {"groups": ["sre-oncall"]}})
    bad = with_containers(
        *({"name": f"c{number}", "image": f"app{number}"} for number in range(20)),
        hostNetwork=True,
        volumes=[{"name": f"v{n}", "hostPath": {"path": f"/{n}"}} for n in range(50)],
    )

    answer = await cluster.ask(bad)

    assert not answer.allowed
    assert lines_of_a_terminal(answer) <= 24
    others = next(line for line in answer.message.splitlines() if line.startswith("- and "))
    assert others.startswith("- and host-path-volume; privilege-escalation-allowed")


async def test_it_fits_with_names_and_values_of_any_length(cluster: ToldCluster) -> None:
    cluster.policy(
        checks=must("mutable-image-tag", "dangerous-capabilities"),
        strict={"breakGlass": {"groups": [f"group-{number}" for number in range(64)]}},
    )
    added = [f"CAPABILITY_{number}" for number in range(3000)]
    bad = with_containers(
        {
            "name": "app",
            "image": "registry.example.com/" + "a/" * 5000 + "app",
            "securityContext": {"capabilities": {"add": added}},
        }
    )

    answer = await cluster.ask(bad)

    assert not answer.allowed
    assert lines_of_a_terminal(answer) <= 24
    assert "…" in answer.message
    assert answer.message.endswith(
        "In an emergency members of group-0 or group-1 or group-10 or group-11 or group-12 or "
        '59 other groups may set the annotation readiness.dev/break-glass: "<reason>".'
    )


async def test_many_other_checks_are_counted(cluster: ToldCluster) -> None:
    cluster.policy(
        customChecks=[
            {
                "id": f"label-{number}-missing",
                "severity": "Must",
                "expression": "false",
                "message": f"metadata.labels.label-{number} must be set",
            }
            for number in range(10, 40)
        ]
    )

    answer = await cluster.ask(deployment("shop"))

    assert answer.message.startswith('Deployment web fails 30 Must checks of policy "production":')
    others = next(line for line in answer.message.splitlines() if line.startswith("- and "))
    assert others.endswith("; label-30-missing; 9 more")
    assert lines_of_a_terminal(answer) <= 24
