"""A part of the namespaces of a cluster, for a controller that is one of several.

Which namespace belongs to which part follows from its name and the number of parts alone, so
controllers need not agree on anything, and a namespace stays where it is across restarts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

from readiness.kube import kinds
from readiness.kube.client import ResourceKind

MOST_SHARDS = 64


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` parts of all namespaces, counted from 0; the default is all of them."""

    index: int = 0
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard written as `0/2`: the first of two.

        Raises:
            ValueError: says what is wrong and what would be right.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if match is None:
            raise ValueError(f'"{text}" is not INDEX/TOTAL, such as 0/2 for the first of two')
        index, total = int(match[1]), int(match[2])
        if not 1 <= total <= MOST_SHARDS:
            raise ValueError(f'"{text}": there can be 1 to {MOST_SHARDS} shards, not {total}')
        if index >= total:
            raise ValueError(
                f'"{text}": the {"only one" if total == 1 else f"last of {total}"} '
                f"is {total - 1}/{total}; they are counted from 0"
            )
        return cls(index, total)

    def __str__(self) -> str:
        return f"{self.index}/{self.total}"

    @property
    def whole(self) -> bool:
        """Whether it is all namespaces."""
        return self.total == 1

    def owns(self, namespace: str) -> bool:
        """Return whether a namespace belongs to it: by the CRC-32 of its name, modulo `total`.

        What belongs to no namespace belongs to the first shard.
        """
        if not namespace:
            return self.index == 0
        return crc32(namespace.encode()) % self.total == self.index

    def needs(self, kind: ResourceKind, namespace: str) -> bool:
        """Return whether an object of a namespace has to be known to judge what this one owns.

        Some kinds are about workloads of other namespaces, too. Exemptions of all namespaces go
        into compiled policies, which the first shard keeps.
        """
        if self.whole or not namespace or self.owns(namespace):
            return True
        if kind == kinds.EXEMPTIONS:
            return self.index == 0
        return kind.group not in kinds.KEEP_TO_THEIR_NAMESPACE

    def lease(self, name: str) -> str:
        """Return the name of its Lease, where `name` is that of a controller for everything."""
        return name if self.whole else f"{name}-shard-{self.index}"


EVERYTHING = Shard()
