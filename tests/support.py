"""What several tests share: snapshots from manifests and fixtures as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from readiness.model.companions import companion_kind, parse_companion
from readiness.model.inventory import Inventory, WorkloadRecord
from readiness.model.snapshot import NEWEST_KNOWN_VERSION, Origin, Snapshot
from readiness.model.workload import Workload, workload_kind

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "checks"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads 1,700 fixtures in a second
_HEADER = re.compile(r"# (expect|params|version|origin|unavailable): (.*)")


def snapshot_of(
    documents: list[dict[str, Any]],
    *,
    now: datetime = NOW,
    origin: Origin = Origin.FILES,
    version: tuple[int, int] = NEWEST_KNOWN_VERSION,
    unavailable: dict[str, str] | None = None,
) -> Snapshot:
    """Return a snapshot that holds these manifests."""
    inventory = Inventory()
    for document in documents:
        if workload_kind(document):
            workload = Workload(document)
            inventory.put_workload(
                WorkloadRecord(
                    workload.ref,
                    workload.labels,
                    workload.template_labels,
                    workload.replicas,
                    document,
                )
            )
        elif companion_kind(document):
            # As the operator does by default: of a cluster's ConfigMaps it keeps only the keys.
            keep_values = origin is Origin.FILES
            inventory.put_companion(parse_companion(document, keep_values=keep_values))
    return Snapshot(inventory, now, origin, version, unavailable or {})


@dataclass(frozen=True)
class Fixture:
    """One file of tests/fixtures/checks: the first workload in it is the one judged."""

    path: Path
    check_id: str
    outcome: str
    expected: list[str]
    params: dict[str, Any] | None
    documents: list[dict[str, Any]]
    version: tuple[int, int]
    origin: Origin
    unavailable: dict[str, str]

    @property
    def workload(self) -> Workload:
        return Workload(next(d for d in self.documents if workload_kind(d)))

    @property
    def snapshot(self) -> Snapshot:
        return snapshot_of(
            self.documents,
            origin=self.origin,
            version=self.version,
            unavailable=self.unavailable,
        )

    def __str__(self) -> str:
        return f"{self.check_id}/{self.outcome}/{self.path.stem}"


def load_fixture(path: Path) -> Fixture:
    """Read a fixture; its header comments say what to expect."""
    text = path.read_text(encoding="utf-8")
    headers: dict[str, list[str]] = {}
    for line in text.splitlines():
        header = _HEADER.fullmatch(line)
        if header is None:
            break
        headers.setdefault(header[1], []).append(header[2])
    params = headers.get("params")
    version = headers.get("version", ["v{}.{}".format(*NEWEST_KNOWN_VERSION)])[0]
    major, minor = version.removeprefix("v").split(".")
    return Fixture(
        path=path,
        check_id=path.parent.parent.name,
        outcome=path.parent.name,
        expected=headers.get("expect", []),
        params=yaml.safe_load(params[0]) if params else None,
        documents=[d for d in yaml.load_all(text, _LOADER) if d is not None],
        version=(int(major), int(minor)),
        origin=Origin(headers.get("origin", ["files"])[0]),
        # `# unavailable: <kind>: <reason>`, one line per kind.
        unavailable=dict(line.split(": ", 1) for line in headers.get("unavailable", [])),
    )


@cache
def all_fixtures() -> list[Fixture]:
    """Return every fixture of every check; they are read once, so leave them as they are."""
    return [load_fixture(path) for path in sorted(FIXTURES.glob("*/*/*.yaml"))]
