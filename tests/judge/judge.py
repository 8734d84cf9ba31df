"""What the comparisons with Kubernetes share: drawn cases, many requests at a time, the counts.

The cases come from hypothesis strategies with a fixed seed, so that a run can be repeated, but are
drawn first and compared afterwards: an API server answers many questions at once far sooner than
one after the other.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy, sampled_from

from tests.polling import eventually
from tools.control_plane import ControlPlane, Reply

T = TypeVar("T")
R = TypeVar("R")

FULL = os.environ.get("READINESS_JUDGE") == "full"
SEED = int(os.environ.get("READINESS_JUDGE_SEED", "20261124"))

_THREADS = 8


def cases(default: int, full: int) -> int:
    """Return how many cases to compare: `READINESS_JUDGE=full` asks for the larger number."""
    return full if FULL else default


def weighted(*choices: tuple[int, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """Return a strategy that takes some of its choices more often: `one_of` heeds no repeats."""
    urn = [number for number, (weight, _) in enumerate(choices) for _ in range(weight)]
    return sampled_from(urn).flatmap(lambda number: choices[number][1])


def draw(strategy: SearchStrategy[T], count: int) -> list[T]:
    """Return so many different examples of a strategy, the same ones for the same seed."""
    examples: dict[str, T] = {}
    for number in itertools.count(SEED):

        @seed(number)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def collect(example: T) -> None:
            examples.setdefault(repr(example), example)

        before = len(examples)
        collect()
        if len(examples) >= count:
            break
        assert len(examples) > before, f"the strategy has {before} different examples, not {count}"
    return list(examples.values())[:count]


class Judge:
    """The API server, asked by several threads over connections that stay open."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._host = control_plane.url.removeprefix("https://")
        self._context = ssl.create_default_context(cafile=str(control_plane.ca_file))
        self._local = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Reply:
        """Send one request over this thread's connection; a body of text goes as it is."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self._host, timeout=60, context=self._context)
            self._local.connection = connection
            self._connections.append(connection)
        headers = {
            "Authorization": f"Bearer {self._control_plane.token}",
            "Content-Type": content_type,
            "User-Agent": "tests.judge",
        }
        data = body if isinstance(body, str | None) else json.dumps(body)
        connection.request(method, path, data.encode() if data else None, headers)
        response = connection.getresponse()
        return Reply(response.status, json.loads(response.read()))

    def create(self, path: str, document: Any, *, dry_run: bool = False) -> Reply:
        """POST a document, for show only if asked."""
        return self.request("POST", f"{path}?dryRun=All" if dry_run else path, document)

    def must(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a request that has to succeed and return the answer."""
        reply = self.request(method, path, body, **more)
        assert reply.status < http.HTTPStatus.BAD_REQUEST, f"{method} {path}: {reply}"
        return reply.body

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return all objects of a list, each with the kind that a list leaves out."""
        found = self.must("GET", path)
        of_each = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**of_each, **item} for item in found["items"]]

    def each(self, ask: Callable[[T], R], questions: Iterable[T]) -> list[R]:
        """Return the answer to each question, in their order; they are asked at the same time."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(ask, questions))

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._connections:
            connection.close()

    @contextmanager
    def namespaces(self, labels: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
        """Create namespaces with their labels; delete them afterwards and see their pods gone.

        Hundreds of pods that end in the background would slow down whatever test comes next.
        """
        self.each(lambda name: self._control_plane.create_namespace(name, labels[name]), labels)
        try:
            yield
        finally:
            self.each(self._control_plane.delete_namespace, labels)
            eventually(lambda: labels.keys().isdisjoint(self._with_pods()), within=120, every=0.2)

    def _with_pods(self) -> set[str]:
        return {pod["metadata"]["namespace"] for pod in self.items("/api/v1/pods")}


class Tally:
    """Counts what was compared, and tells it with the seed: `pytest -rP` and `-s` show it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.counts: dict[str, int] = {}
        self.disagreements: list[str] = []

    def count(self, what: str, number: int = 1) -> None:
        """Count something."""
        self.counts[what] = self.counts.get(what, 0) + number

    def compare(self, ours: object, theirs: object, case: object) -> None:
        """Count one comparison; remember the case when the two differ."""
        self.count("compared")
        if ours != theirs:
            shown = json.dumps(case)
            self.disagreements.append(f"ours {ours!r}, Kubernetes {theirs!r}: {shown}")

    def settle(self) -> None:
        """Print the counts; fail on any disagreement, the smallest cases first."""
        counts = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        print(f"\njudge: {self.title}: {counts}, seed {SEED}")  # noqa: T201 - for the report
        shortest = sorted(self.disagreements, key=len)[:5]
        found = "\n".join(shortest)
        assert not shortest, f"{len(self.disagreements)} disagreements, such as:\n{found}"
