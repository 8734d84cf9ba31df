"""A registry of the test's own, in place of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from readiness.checks.base import Check
from readiness.evaluate import compiling, policy, profiles

UseChecks = Callable[..., None]


@pytest.fixture
def use_checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseChecks]:
    """Return a function that makes the given checks all there are."""

    def use(*checks: Check) -> None:
        registry = {check.id: check for check in checks}
        for module in (compiling, policy, profiles):
            monkeypatch.setattr(module, "all_checks", lambda: registry)
        profiles.profile.cache_clear()

    yield use
    profiles.profile.cache_clear()
