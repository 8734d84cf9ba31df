"""What `make soak` concludes from what it saw; the run itself takes an hour and a cluster."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from tools.bench import Size
from tools.soak import Load, Sample, growth, percentile, replicas_too_low, table

SIZE = Size(40, 20, 10)


def sample(minutes: float, memory: float, p99: float | None = 80) -> Sample:
    return Sample(
        seconds=minutes * 60,
        memory=memory,
        cpu=31,
        threads=5,
        files=40,
        queue=2,
        changes=50,
        late=0,
        p50=p99 and 40,
        p99=p99,
        lost=0,
        patches=1000,
        creates=10,
        others=1,
        events=9,
    )


def test_growth_is_the_slope_of_the_line_that_fits() -> None:
    assert growth([sample(m, 100) for m in range(10)]) == pytest.approx(0)
    assert growth([sample(m, 100 + m * 2) for m in range(10)]) == pytest.approx(120)
    # One that jumps once and stays is not one that grows for ever, but more than nothing.
    assert growth([sample(0, 100), sample(30, 110), sample(60, 110)]) == pytest.approx(10)
    assert growth([sample(0, 100)]) == 0


def test_percentiles_are_milliseconds() -> None:
    assert percentile([], 99) is None
    assert percentile([0.25], 50) == 250
    assert percentile([n / 1000 for n in range(101)], 50) == 50
    assert percentile([n / 1000 for n in range(101)], 99) == 99


def test_the_table_has_the_first_and_the_last_sample_and_not_too_many() -> None:
    lines = list(table([sample(minute, 200 + minute) for minute in range(121)]))

    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 10
    assert len(lines) == 2 + 13
    assert lines[2].startswith("| 0.0 min | 200 MiB | 31 % | 5, 40 | 2 | 50/s | 40 ms, 80 ms |")
    assert lines[2].endswith("| 1,011 | 9 |")
    assert lines[-1].startswith("| 120.0 min | 320 MiB |")
    assert "| - ms, - ms |" in list(table([sample(1, 200, None)]))[2]
    for count in (1, 2, 12, 13, 14, 100):
        rows = list(table([sample(minute, 200) for minute in range(count)]))[2:]
        assert len(rows) <= 14
        assert rows[-1].startswith(f"| {count - 1}.0 min |")


def test_a_condition_says_whether_replicas_are_too_low() -> None:
    def having(type_: str, reason: str) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": f"readiness.dev/{type_}", "reason": reason}]}}

    assert replicas_too_low(having("DisruptionTolerant", "ReplicasTooLow,Other")) is True
    assert replicas_too_low(having("DisruptionTolerant", "AllChecksPass")) is False
    assert replicas_too_low(having("ProductionReady", "ReplicasTooLow")) is None
    assert replicas_too_low({}) is None


class Server:
    """Takes patches and remembers them."""

    def __init__(self) -> None:
        self.patched: list[tuple[str, Any]] = []

    async def call(self, _: str, path: str, *, body: Any, **__: Any) -> None:
        self.patched.append((path, body))


async def made(seconds: float, rate: float) -> tuple[Load, Server]:
    """Return a load after it has run for so long."""
    server = Server()
    load = Load(server, SIZE, rate, policy_seconds=seconds / 2)  # type: ignore[arg-type] # it patches
    await load.prepare()
    server.patched.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await load.run()
    return load, server


def test_changes_are_of_every_kind_and_keep_to_the_rate() -> None:
    load, server = asyncio.run(made(1.0, rate=500))

    kinds = Counter(path.split("/")[-2] for path, _ in server.patched)
    assert set(kinds) == {
        "deployments",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "readinesspolicies",
    }
    # A busy machine makes it late, nothing makes it fast.
    assert 100 < load.sent <= 501
    assert load.failed == 0
    fields = {
        field
        for path, body in server.patched
        if "/deployments/" in path and isinstance(body, dict)
        for part in body.values()
        for field in part
    }
    assert fields == {"replicas", "labels"}
    assert any(isinstance(body, list) for _, body in server.patched)


def test_a_timed_change_is_over_when_its_condition_is_seen() -> None:
    load, server = asyncio.run(made(0.2, rate=200))
    waiting = load.unseen
    timed = [
        (path, body["spec"]["replicas"])
        for path, body in server.patched
        if isinstance(body, dict) and body.get("spec", {}).keys() == {"replicas"}
    ]
    path, replicas = timed[0]
    namespace, name = path.split("/")[5], path.split("/")[7]

    def seen(reason: str) -> None:
        load._seen(
            {
                "metadata": {"namespace": namespace, "name": name},
                "status": {
                    "conditions": [{"type": "readiness.dev/DisruptionTolerant", "reason": reason}]
                },
            }
        )

    assert replicas == 1
    seen("AllChecksPass")  # as it was before
    assert (load.unseen, load.times) == (waiting, [])
    seen("ReplicasTooLow")
    assert load.unseen == waiting - 1
    (time,) = load.times
    assert 0 < time < 60
    assert load.latest_times() == [time]
    assert load.latest_times() == []
