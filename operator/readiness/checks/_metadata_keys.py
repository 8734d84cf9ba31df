"""Labels and annotations by which a workload says something about itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from readiness.checks.base import Finding
from readiness.model.fields import join
from readiness.model.workload import Workload


def annotations_of(workload: Workload) -> tuple[Mapping[str, str], ...]:
    """Return the annotations of the workload and of its pods."""
    return (workload.annotations, workload.template_annotations)


def labels_and_annotations_of(workload: Workload) -> tuple[Mapping[str, str], ...]:
    """Return the labels and the annotations of the workload and of its pods."""
    return (workload.labels, workload.template_labels, *annotations_of(workload))


def values_of(places: Iterable[Mapping[str, str]], keys: Iterable[str]) -> Iterator[str]:
    """Yield what the places say under any of the keys; blanks say nothing."""
    for place in places:
        for key in keys:
            value = place.get(key)
            if value and not value.isspace():
                yield value


def must_set(keys: tuple[str, ...], what: str) -> Finding:
    """Return a finding that none of the keys is set: `metadata.annotations must set owner`.

    Args:
        keys: the keys, the one to recommend first.
        what: what to set: `a label or annotation`.
    """
    names = f'"{keys[0]}"' if len(keys) == 1 else f"one of {', '.join(map(quote, keys))}"
    return Finding(f"metadata must set {what} {names}", join("metadata.annotations", keys[0]))


def quote(name: str) -> str:
    """Return a name in quotes."""
    return f'"{name}"'
