"""Labels and annotations by which a workload says something about itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from readiness.checks.base import Finding
from readiness.model.fields import join
from readiness.model.workload import Workload


class Statement(NamedTuple):
    """One label or annotation that says something: its field path and its value."""

    path: str
    value: str


def statements(
    workload: Workload, keys: tuple[str, ...], *, labels: bool = True
) -> Iterator[Statement]:
    """Yield what the workload and its pods say under any of the keys; blanks say nothing.

    Args:
        workload: its own metadata are looked at first, then those of its pods.
        keys: the keys that count.
        labels: whether labels count as annotations do.
    """
    for path, place in _places(workload, labels=labels):
        for key in keys:
            value = place.get(key)
            if value and not value.isspace():
                yield Statement(join(path, key), value)


def _places(workload: Workload, *, labels: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
    template = workload.template_metadata_path
    yield "metadata.annotations", workload.annotations
    yield f"{template}.annotations", workload.template_annotations
    if labels:
        yield "metadata.labels", workload.labels
        yield f"{template}.labels", workload.template_labels


def must_set(keys: tuple[str, ...], *, labels: bool = True) -> Finding:
    """Return the finding that none of the keys says anything; the first one is to be preferred."""
    *others, last = (f'"{key}"' for key in keys)
    names = f"{', '.join(others)} or {last}" if others else last
    where = "metadata.annotations or metadata.labels" if labels else "metadata.annotations"
    return Finding(f"{where} must set {names}", join("metadata.annotations", keys[0]))
