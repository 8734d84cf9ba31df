"""Fields by name: what stays the same when lines and indexes move."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.report.fingerprints import Identity, named_path

DOCUMENT: dict[str, Any] = {
    "metadata": {"annotations": {"example.com/a": "b"}},
    "spec": {
        "containers": [
            {"name": "app", "ports": [{"containerPort": 80}], "add": ["NET_ADMIN"]},
            {"name": 5},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("", ""),
        ("spec", "spec"),
        ("spec.containers[0].image", "spec.containers[app].image"),
        ("spec.containers[0].ports[0]", "spec.containers[app].ports[]"),
        ("spec.containers[0].add[0]", "spec.containers[app].add[NET_ADMIN]"),
        ("spec.containers[1].image", "spec.containers[].image"),
        ("spec.containers[7].image", "spec.containers[].image"),
        ("spec.missing[0].deeper", "spec.missing[].deeper"),
        ('metadata.annotations["example.com/a"]', 'metadata.annotations["example.com/a"]'),
        ("no field path: at all[", "no field path: at all["),
    ],
)
def test_names_in_the_place_of_indexes(path: str, named: str) -> None:
    assert named_path(DOCUMENT, path) == named


def test_a_fingerprint_is_of_all_three() -> None:
    one = Identity("apps/Deployment shop/web", "memory-limit-missing", "spec.x")
    others = [
        one._replace(workload="apps/Deployment shop/api"),
        one._replace(check="cpu-limit-missing"),
        one._replace(at="spec.y"),
    ]

    # Written down: baselines of code scanning services hold it.
    assert one.fingerprint == "a1f4b92d811d60574f639251d4a5e42f"
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 4
