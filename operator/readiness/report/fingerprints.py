"""What makes two findings the same one, from run to run.

Line numbers move with every edit, indexes with every new list item, and messages with the value
they quote, such as the tag of an image. So a finding is known by its workload, its check and its
field, where items of lists go by their name.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from readiness.model.fields import Fields, join
from readiness.remediate.patch import keys_of
from readiness.report.summary import Judged


class Identity(NamedTuple):
    """One finding, the same while it is not fixed.

    Attributes:
        workload: such as `apps/Deployment shop/cart`.
        check: id of the check.
        at: the field, such as `spec.template.spec.containers[app].image`; a second finding of the
            check at the same field ends with `#2`.
    """

    workload: str
    check: str
    at: str

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits."""
        import hashlib  # noqa: PLC0415 - it takes 5 ms, and few reports have fingerprints

        return hashlib.sha256("\n".join(self).encode()).hexdigest()[:32]


def identities(judged: Judged) -> dict[int, Identity]:
    """Return who the findings of a workload are, by their number among the results.

    Only of those that count: what is exempt or waits is no finding yet.
    """
    ref = judged.report.ref
    kind = f"{ref.group}/{ref.kind}" if ref.group else ref.kind
    workload = f"{kind} {ref.namespace}/{ref.name}"
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for number, result in enumerate(judged.report.results):
        if not result.counts:
            continue
        at = named_path(judged.document, result.path)
        seen[result.check.id, at] += 1
        times = seen[result.check.id, at]
        found[number] = Identity(workload, result.check.id, at if times == 1 else f"{at}#{times}")
    return found


def named_path(document: Fields, path: str) -> str:
    """Return a field path that has names in place of indexes: `containers[app].image`.

    An item that is text goes by itself, and one that has no name by nothing: `ports[]`.
    """
    try:
        keys = keys_of(path)
    except ValueError:
        return path
    named = ""
    value: Any = document
    for key in keys:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and key < len(value) else None
            named += f"[{_name_of(value)}]"
        else:
            value = value.get(key) if isinstance(value, dict) else None
            named = join(named, key)
    return named


def _name_of(item: Any) -> str:
    name = item.get("name") if isinstance(item, dict) else item
    return name if isinstance(name, str) else ""
