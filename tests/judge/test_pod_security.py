"""Pod Security: our profiles come to the verdict of Pod Security admission, version by version."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from readiness.api.vocabulary import Result
from readiness.checks._pod_security import PodSecurityParams
from readiness.evaluate.evaluator import evaluate
from readiness.evaluate.policy import EffectivePolicy, combine, profile_policy
from readiness.model.workload import Workload
from tests.judge.judge import FULL, Judge, Tally, cases, draw
from tests.judge.pods import Pod, ephemeral_containers, pods
from tests.support import NOW, snapshot_of
from tools.control_plane import ControlPlane, Reply

_LEVELS = ("baseline", "restricted")
_OLDEST = 25
_LABEL = "pod-security.kubernetes.io"


@cache
def _policy(level: str, minor: int) -> EffectivePolicy:
    policy = profile_policy(f"pod-security-{level}")
    params = PodSecurityParams(f"v1.{minor}")
    settings = {
        id: replace(setting, params=params) if setting.check.params else setting
        for id, setting in policy.settings.items()
    }
    return combine([replace(policy, settings=settings)], NOW)


def _ours(pod: Pod, level: str, minor: int) -> bool:
    """Return whether we admit the pod."""
    return not _failing(pod, level, minor)


def _failing(pod: Pod, level: str, minor: int) -> set[str]:
    """Return the ids of the failing checks; one that can't tell must not go unnoticed."""
    report = evaluate(Workload(pod), snapshot_of([pod]), _policy(level, minor))
    errors = [result for result in report.results if result.result is Result.ERROR]
    assert not errors, (errors, pod)
    return {result.check.id for result in report.results if result.result is Result.FAIL}


def _admitted(reply: Reply) -> bool:
    """Return the verdict of Pod Security admission; validation comes after it."""
    if reply.status == HTTPStatus.FORBIDDEN:
        assert "violates PodSecurity" in reply.body["message"], reply.body
        return False
    assert reply.status in (HTTPStatus.OK, HTTPStatus.CREATED), reply.body
    return True


@pytest.fixture(scope="module")
def versions(control_plane: ControlPlane) -> range:
    """The minor versions of the standards: from v1.25 to the server's own."""
    return range(_OLDEST, int(control_plane.version().split(".")[1]) + 1)


class _Levels:
    """A namespace for each level and version, and one that admits everything."""

    def __init__(self, versions: range) -> None:
        prefix = f"judge-{secrets.token_hex(3)}"
        self.privileged = f"{prefix}-privileged"
        self.enforcing = {
            (level, minor): f"{prefix}-{level}-{minor}" for level in _LEVELS for minor in versions
        }

    @property
    def labels(self) -> dict[str, dict[str, str]]:
        """Labels of each namespace, by its name."""
        found: dict[str, dict[str, str]] = {self.privileged: {}}
        for (level, minor), name in self.enforcing.items():
            found[name] = {f"{_LABEL}/enforce": level, f"{_LABEL}/enforce-version": f"v1.{minor}"}
        return found

    def of(self, level: str, minor: int) -> str:
        return self.enforcing[level, minor]


@pytest.fixture
def levels(judge: Judge, versions: range) -> Iterator[_Levels]:
    found = _Levels(versions)
    with judge.namespaces(found.labels):
        yield found


@pytest.mark.timeout(1200)
def test_pods_get_the_verdict_of_pod_security_admission(
    judge: Judge, levels: _Levels, versions: range
) -> None:
    """At both levels, as written and with the API server's defaults filled in."""
    wanted = cases(400, 3200)
    # A few in a hundred are refused as invalid, whatever their security.
    drawn = draw(st.tuples(pods(), st.sampled_from(versions)), wanted * 11 // 10)
    tally = Tally("Pod Security")

    def ask(case: tuple[Pod, int]) -> tuple[Pod, dict[str, bool]] | None:
        pod, minor = case
        path = "/api/v1/namespaces/{}/pods"
        stored = judge.create(path.format(levels.privileged), pod, dry_run=True)
        if stored.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return None
        assert stored.status == HTTPStatus.CREATED, (stored.body, pod)
        return stored.body, {
            level: _admitted(judge.create(path.format(levels.of(level, minor)), pod, dry_run=True))
            for level in _LEVELS
        }

    judged = 0
    failing: set[str] = set()
    for (pod, minor), answer in zip(drawn, judge.each(ask, drawn), strict=True):
        if answer is None:
            tally.count("invalid pods")
            continue
        judged += 1
        stored, verdicts = answer
        failing |= _failing(pod, "restricted", minor)
        for level, theirs in verdicts.items():
            tally.count(f"admitted by {level}", int(theirs))
            for form, manifest in (("as written", pod), ("as stored", stored)):
                tally.compare(
                    _ours(manifest, level, minor),
                    theirs,
                    [level, minor, form, pod],
                )
    tally.count("pods", judged)
    tally.settle()
    assert judged >= wanted
    if FULL:  # fewer may miss one
        assert failing == set(profile_policy("pod-security-restricted").settings)


@pytest.mark.timeout(600)
def test_ephemeral_containers_get_the_verdict_of_pod_security_admission(
    judge: Judge, levels: _Levels, versions: range
) -> None:
    """They come into a pod that runs already, by a request of their own."""
    pod: Pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "app",
                    "image": "registry.example.com/web:1",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    path = "/api/v1/namespaces/{}/pods"
    judge.each(lambda name: judge.must("POST", path.format(name), pod), levels.labels)
    drawn = draw(st.tuples(ephemeral_containers(), st.sampled_from(versions)), cases(100, 600))
    tally = Tally("Pod Security of ephemeral containers")

    def ask(case: tuple[Pod, int]) -> tuple[Pod, dict[str, bool]] | None:
        container, minor = case
        patch = {"spec": {"ephemeralContainers": [container]}}

        def add(namespace: str) -> Reply:
            return judge.request(
                "PATCH",
                f"/api/v1/namespaces/{namespace}/pods/one/ephemeralcontainers?dryRun=All",
                patch,
                "application/strategic-merge-patch+json",
            )

        stored = add(levels.privileged)
        if stored.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return None
        assert stored.status == HTTPStatus.OK, (stored.body, container)
        return stored.body, {level: _admitted(add(levels.of(level, minor))) for level in _LEVELS}

    for (container, minor), answer in zip(drawn, judge.each(ask, drawn), strict=True):
        if answer is None:
            tally.count("invalid")
            continue
        stored, verdicts = answer
        written = {**pod, "spec": {**pod["spec"], "ephemeralContainers": [container]}}
        for level, theirs in verdicts.items():
            tally.count(f"admitted by {level}", int(theirs))
            for form, manifest in (("as written", written), ("as stored", stored)):
                tally.compare(
                    _ours(manifest, level, minor),
                    theirs,
                    [level, minor, form, container],
                )
    tally.settle()
