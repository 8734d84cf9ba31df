"""Attributes computed when they are first asked for."""

from __future__ import annotations

import pytest

from readiness.model.lazy import lazy


class Box:
    """Counts how often its attribute is computed."""

    def __init__(self) -> None:
        self.computed = 0

    @lazy
    def size(self) -> int:
        """How large it is."""
        self.computed += 1
        if self.computed == 1:
            raise ValueError("not yet")
        return 7


def test_is_computed_once_and_an_error_is_not_remembered() -> None:
    box = Box()
    assert box.computed == 0

    with pytest.raises(ValueError, match="not yet"):
        _ = box.size

    assert (box.size, box.size, box.computed) == (7, 7, 2)


def test_each_object_has_its_own() -> None:
    one, two = Box(), Box()
    one.computed = two.computed = 1
    assert (one.size, two.computed) == (7, 1)


def test_the_class_shows_what_it_is() -> None:
    assert isinstance(Box.size, lazy)
    assert Box.size.__doc__ == "How large it is."
