"""A real Prometheus for the tests of this folder, with a day of made-up requests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.measure.history import History
from tests.polling import eventually
from tools.prometheus import Prometheus, PrometheusError


@pytest.fixture(scope="session")
def history() -> History:
    made = History(int(time.time()), days=1)
    made.counter("requests_total", {"namespace": "shop", "code": "200"}, 99_000)
    made.counter("requests_total", {"namespace": "shop", "code": "500"}, 1_000)
    return made


@pytest.fixture(scope="session")
def prometheus_url(history: History) -> Iterator[str]:
    try:
        prometheus = Prometheus(history.text())
    except PrometheusError as error:
        pytest.skip(f"no Prometheus here: {error}")
    with prometheus:
        eventually(prometheus.ready, within=30)
        yield prometheus.url
