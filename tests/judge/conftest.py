"""The API server as the judge of what our checks say."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.judge.judge import Judge
from tools.control_plane import ControlPlane


@pytest.fixture
def judge(control_plane: ControlPlane) -> Iterator[Judge]:
    """Asks the API server of the session's control plane."""
    control_plane.check()
    asked = Judge(control_plane)
    yield asked
    asked.close()


@pytest.fixture
def namespace(judge: Judge) -> Iterator[str]:
    """A namespace of the test's own, whose pods are gone before the next test begins."""
    name = f"judge-{secrets.token_hex(4)}"
    with judge.namespaces({name: {}}):
        yield name
