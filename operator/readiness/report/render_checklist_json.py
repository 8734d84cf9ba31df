"""The checklist as JSON, for programs; its form is a contract."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from readiness.checklist.base import Item, Stage
from readiness.checklist.catalogue import (
    SECTIONS,
    answers_to,
    count_by_answer,
    count_by_section,
    items_until,
)
from readiness.checklist.service_levels import SERVICE_LEVELS
from readiness.checklist.standing import ItemStanding, State
from readiness.report.checklist_words import STATES, Located


def catalogue_json(stage: Stage) -> str:
    """Return the items that have to hold by a stage, the service levels and the counts.

    `checks`, `serviceLevels` and `evidence` of an item hold what answers it in the end; `items`
    says which other items that comes from.
    """
    items = items_until(stage)
    sections = {item.id: section for section in SECTIONS for item in section.items}
    groups = {i.id: g for section in SECTIONS for g in section.groups for i in g.items}
    document = {
        "items": [_item(item, sections[item.id].id, groups[item.id].title) for item in items],
        "serviceLevels": [
            {
                "name": level.name,
                "title": level.title,
                "measures": level.measures,
                "objective": level.objective,
            }
            for level in SERVICE_LEVELS
        ],
        "summary": {
            "items": len(items),
            "stage": stage.id,
            "byAnswer": count_by_answer(items),
            "bySection": count_by_section(items),
            "byStage": _counted(item.stage.id for item in items),
            "bySeverity": _counted(item.severity.value for item in items),
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _counted(words: Any) -> dict[str, int]:
    return dict(Counter(words))


def _item(item: Item, section: str, group: str) -> dict[str, Any]:
    answers = answers_to(item.id)
    return {
        "id": item.id,
        "title": item.title,
        "text": item.text,
        "section": section,
        "group": group,
        "severity": item.severity.value,
        "stage": item.stage.id,
        "answeredBy": answers.kind,
        "checks": list(answers.checks),
        "serviceLevels": list(answers.service_levels),
        "evidence": list(answers.evidence),
        "items": list(item.items),
    }


def standings_json(standings: Sequence[Located], stage: Stage) -> str:
    """Return where each workload stands, item by item, and the counts of all."""
    total = sum((located.standing.counts for located in standings), Counter[State]())
    document = {
        "workloads": [_workload(located) for located in standings],
        "summary": {
            "workloads": len(standings),
            "items": len(items_until(stage)),
            "stage": stage.id,
            "states": _states(total),
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _workload(located: Located) -> dict[str, Any]:
    standing = located.standing
    sections = {item.id: section.id for section in SECTIONS for item in section.items}
    return {
        "kind": standing.ref.kind,
        "namespace": standing.ref.namespace,
        "name": standing.ref.name,
        "file": located.file,
        "line": located.line,
        "policies": list(standing.policies),
        "states": _states(standing.counts),
        "items": [_standing(item, sections[id]) for id, item in standing.items.items()],
    }


def _states(counts: Counter[State]) -> dict[str, int]:
    return {state.value: counts[state] for state in STATES}


def _standing(standing: ItemStanding, section: str) -> dict[str, Any]:
    item = standing.item
    return {
        "id": item.id,
        "section": section,
        "severity": item.severity.value,
        "stage": item.stage.id,
        "state": standing.state.value,
        "answers": [
            {
                "kind": part.kind.value,
                "name": part.name,
                "state": part.state.value,
                "message": part.message,
                "severity": part.severity.value if part.severity else None,
                "provider": part.provider.value if part.provider else None,
            }
            for part in standing.parts
        ],
    }
