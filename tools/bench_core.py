"""What judging costs: each check, and all of `strict`, on one Deployment with its companions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from readiness.checks.base import Check
from readiness.checks.registry import all_checks
from readiness.cli.judging import sort_inputs
from readiness.evaluate.evaluator import evaluate
from readiness.evaluate.policy import combine, profile_policy
from readiness.gather.files import SourceDocument
from readiness.model.snapshot import Origin, Snapshot
from readiness.model.workload import Workload

SHOP = Path(__file__).resolve().parent.parent / "examples" / "bookshop"
_REPEATS = 300


def evaluation_rows() -> Iterator[tuple[str, str]]:
    """Yield label and figure: all of strict first, then the most expensive checks."""
    documents: list[dict[str, Any]] = []
    for path in sorted(SHOP.glob("*.yaml")):
        documents += [d for d in yaml.safe_load_all(path.read_text()) if d]
    catalog = next(
        d for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"] == "catalog"
    )
    now = datetime.now(UTC)
    sources = [SourceDocument(document, "bench", 1) for document in documents]
    snapshot = Snapshot(sort_inputs(sources, "bookshop").inventory, now, Origin.FILES)
    policy = combine([profile_policy("strict")], now)
    whole = _median(lambda: evaluate(Workload(catalog), snapshot, policy))
    yield f"all {len(policy.checks)} checks of strict, one Deployment", f"{whole * 1e6:.0f} µs"
    costs = sorted(
        (
            (_median(partial(_run_alone, check, catalog, snapshot)), check.id)
            for check in all_checks().values()
        ),
        reverse=True,
    )
    for cost, id in costs[:10]:
        yield f"  {id}", f"{cost * 1e6:.1f} µs"
    rest = sum(cost for cost, _ in costs[10:]) / max(1, len(costs) - 10)
    yield f"  the other {len(costs) - 10}, each on average", f"{rest * 1e6:.1f} µs"


def _run_alone(check: Check, document: dict[str, Any], snapshot: Snapshot) -> None:
    """Run one check as if no other had read the manifest before."""
    check.run(Workload(document), snapshot)


def _median(run: Callable[[], object]) -> float:
    """Return the median CPU seconds of one run."""
    times = []
    for _ in range(_REPEATS):
        started = time.process_time_ns()
        run()
        times.append(time.process_time_ns() - started)
    return statistics.median(times) / 1e9
