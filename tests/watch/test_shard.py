"""Which part of the namespaces a controller judges, and what of the others it has to know."""

from __future__ import annotations

import re
from typing import Any

import pytest

from readiness.kube import kinds
from readiness.kube.client import ResourceKind
from readiness.model.monitoring import PrometheusRule
from readiness.watch.cache import ClusterCache, Touched
from readiness.watch.shard import EVERYTHING, Shard

# By CRC-32 of the name: what may never change, or a namespace would move at an upgrade.
FIRST, SECOND = "shop", "default"


def kind(group: str, name: str) -> ResourceKind:
    return kinds.COMPANIONS[group, name]


def test_a_namespace_stays_where_it_is() -> None:
    """In every release and on every machine: crc32(b"default") is 0xe35e00df, which is odd."""
    owners = {"shop": 0, "payments": 0, "default": 1, "team-a": 1, "kube-system": 1, "team-b": 2}

    for name, owner in owners.items():
        assert [Shard(index, 3).owns(name) for index in range(3)].index(True) == owner
    assert Shard(1, 2).owns("default")


@pytest.mark.parametrize("total", [1, 2, 3, 7, 64])
def test_every_namespace_has_one_owner_and_the_parts_are_alike(total: int) -> None:
    names = [f"team-{number}" for number in range(2000)]
    sizes = [sum(Shard(index, total).owns(name) for name in names) for index in range(total)]

    assert sum(sizes) == len(names)
    assert max(sizes) < 1.5 * len(names) / total
    assert [Shard(index, total).owns("") for index in range(total)].count(True) == 1
    assert Shard(0, total).owns("")


@pytest.mark.parametrize(
    ("text", "shard"), [("0/1", EVERYTHING), ("0/2", Shard(0, 2)), ("63/64", Shard(63, 64))]
)
def test_shards_are_read(text: str, shard: Shard) -> None:
    assert Shard.parse(text) == shard
    assert str(shard) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2", '"2" is not INDEX/TOTAL, such as 0/2 for the first of two'),
        ("", '"" is not INDEX/TOTAL, such as 0/2 for the first of two'),
        ("-1/2", '"-1/2" is not INDEX/TOTAL, such as 0/2 for the first of two'),
        ("0/2 ", '"0/2 " is not INDEX/TOTAL, such as 0/2 for the first of two'),
        ("0/0", '"0/0": there can be 1 to 64 shards, not 0'),
        ("0/65", '"0/65": there can be 1 to 64 shards, not 65'),
        ("2/2", '"2/2": the last of 2 is 1/2; they are counted from 0'),
        ("1/1", '"1/1": the only one is 0/1; they are counted from 0'),
    ],
)
def test_what_is_no_shard_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Shard.parse(text)


def test_each_has_a_lease_of_its_own() -> None:
    assert EVERYTHING.lease("op") == "op"
    assert [Shard(index, 2).lease("op") for index in range(2)] == ["op-shard-0", "op-shard-1"]


def test_of_other_namespaces_only_what_is_about_more_than_its_own_is_needed() -> None:
    assert Shard(0, 2).owns(FIRST)
    assert Shard(1, 2).owns(SECOND)
    first, second = Shard(0, 2), Shard(1, 2)
    foreign_to_first = {k for k in kinds.WATCHED if first.needs(k, SECOND)}
    foreign_to_second = {k for k in kinds.WATCHED if second.needs(k, FIRST)}

    # Monitors, rules, routes and backup schedules choose namespaces themselves.
    assert {k.group for k in foreign_to_second} == {k.group for k in kinds.OPTIONAL} | {
        "storage.k8s.io"
    }
    # For compiled policies, which the first shard keeps.
    assert foreign_to_first - foreign_to_second == {kinds.EXEMPTIONS}
    for shard, own in ((first, FIRST), (second, SECOND)):
        assert all(shard.needs(k, own) for k in kinds.WATCHED)
        assert shard.needs(kinds.POLICIES, "")
        assert shard.needs(kind("", "Namespace"), "")
    assert all(EVERYTHING.needs(k, name) for k in kinds.WATCHED for name in (FIRST, SECOND))


def workload(namespace: str, version: int) -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "app", "image": "registry.example.com/web:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": namespace,
            "uid": f"uid-{namespace}",
            "resourceVersion": str(version),
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def test_a_cache_keeps_nothing_of_namespaces_that_are_not_its_own() -> None:
    touched: list[Touched] = []
    manifests: list[tuple[str, str]] = []
    cache = ClusterCache(
        touched.append, lambda kind, ns, name, _: manifests.append((kind.kind, ns)), Shard(1, 2)
    )
    deployments = kinds.WORKLOADS["Deployment"]
    config_maps = kind("", "ConfigMap")
    rules = kind("monitoring.coreos.com", "PrometheusRule")
    version = 0
    for namespace in (FIRST, SECOND):
        version += 10
        cache.put(deployments, workload(namespace, version))
        for of, name in ((config_maps, "settings"), (rules, "alerts"), (kinds.EVIDENCE, "load")):
            version += 1
            metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
            cache.put(of, {"metadata": metadata, "spec": {}})

    assert [(ref.namespace, ref.name) for ref in cache.workloads] == [(SECOND, "web")]
    assert {ref.namespace for refs in touched for ref in refs} == {SECOND}
    assert manifests == [("ReadinessEvidence", SECOND)]
    assert [cache.count(k) for k in (deployments, config_maps, rules)] == [1, 1, 2]
    assert {r.namespace for r in cache.inventory.companions(PrometheusRule)} == {FIRST, SECOND}
    # What it never knew may be deleted, and missing from a list, without a word.
    touched.clear()
    cache.delete(deployments, FIRST, "web", 99)
    cache.begin_sweep(deployments)
    cache.put(deployments, workload(FIRST, 98))
    assert cache.end_sweep(deployments, [(FIRST, "web"), (SECOND, "web")], 99) == 0
    assert touched == []
