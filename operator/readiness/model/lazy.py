"""Attributes computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, as property is
    """As `functools.cached_property`, without the lock that this takes until Python 3.12.

    Reading one manifest computes 35 such attributes; the lock is half of the time (measured).
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> lazy[T]: ...

    @overload
    def __get__(self, owner: object, kind: type) -> T: ...

    def __get__(self, owner: object | None, kind: type) -> lazy[T] | T:
        """Compute the value and keep it beside the other attributes, where it is found next."""
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._compute(owner)
        return value
