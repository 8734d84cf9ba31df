"""Events tell of verdicts that stand, once each."""

from __future__ import annotations

import asyncio

from readiness.controller.announcer import Announcer
from readiness.model.workload import ObjectRef

WEB = ObjectRef("apps", "Deployment", "shop", "web")


class Telling:
    """An announcer whose settling takes no time, and what it told."""

    def __init__(self) -> None:
        self.announcer = Announcer(0)
        self.told: list[str | None] = []

    def verdict(self, before: str | None, after: str | None) -> None:
        self.announcer.verdict(WEB, before, after, lambda: self.told.append(after))

    async def settle(self) -> list[str | None]:
        for _ in range(3):
            await asyncio.sleep(0)
        return self.told


async def test_a_new_verdict_is_told_once() -> None:
    telling = Telling()
    telling.verdict(None, "False")
    await telling.settle()
    telling.verdict("False", "False")

    assert await telling.settle() == ["False"]


async def test_one_waits_until_it_is_told() -> None:
    telling = Telling()
    telling.verdict(None, "False")
    before = telling.announcer.waiting
    await telling.settle()

    assert (before, telling.announcer.waiting) == (1, 0)


async def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    telling = Telling()
    telling.verdict("False", "False")

    assert await telling.settle() == []


async def test_a_verdict_that_does_not_stand_is_not_told() -> None:
    telling = Telling()
    telling.verdict(None, "False")
    telling.verdict("False", "True")

    assert await telling.settle() == ["True"]


async def test_there_and_back_is_no_news() -> None:
    telling = Telling()
    telling.verdict("True", "True")
    telling.verdict("True", "False")
    telling.verdict("False", "True")

    assert await telling.settle() == []


async def test_an_unknown_past_makes_the_first_verdict_no_news() -> None:
    telling = Telling()
    telling.verdict("", "False")
    await telling.settle()
    telling.verdict("False", "True")

    assert await telling.settle() == ["True"]


async def test_no_policy_any_more_is_not_told_but_remembered() -> None:
    telling = Telling()
    telling.verdict("False", None)
    await telling.settle()
    telling.verdict(None, "False")

    assert await telling.settle() == ["False"]


async def test_what_waits_is_told_at_the_end() -> None:
    announcer = Announcer(60)
    told: list[str] = []
    announcer.verdict(WEB, None, "True", lambda: told.append("True"))

    announcer.flush()

    assert told == ["True"]


async def test_a_workload_that_is_gone_is_not_spoken_of() -> None:
    telling = Telling()
    telling.verdict(None, "False")
    telling.announcer.forget(WEB)

    assert await telling.settle() == []


async def test_what_cannot_be_told_is_no_transition() -> None:
    telling = Telling()
    telling.verdict("False", "False")
    telling.verdict("False", "Unknown")
    telling.verdict("Unknown", "False")

    assert await telling.settle() == []


async def test_an_unknown_verdict_takes_back_what_was_not_told_yet() -> None:
    telling = Telling()
    telling.verdict(None, "False")
    telling.verdict("False", "Unknown")
    assert await telling.settle() == []
    telling.verdict("Unknown", "False")

    assert await telling.settle() == ["False"]
