"""Whole numbers or percentages of replicas, with the rounding each controller uses.

Source: k8s.io/apimachinery/pkg/util/intstr (GetScaledValueFromIntOrPercent). A percentage is
written `[0-9]+%`; the disruption controller rounds up, a Deployment rounds maxUnavailable down and
maxSurge up.
"""

from __future__ import annotations

import re

from msgspec import Struct

from readiness.errors import FieldError

# More digits than any number of pods has; controllers fail at those that overflow.
_PERCENT = re.compile(r"[0-9]{1,9}%")


class IntOrPercent(Struct, frozen=True):
    """A number of replicas, absolute or in percent."""

    value: int
    percent: bool

    def rounded_up(self, replicas: int) -> int:
        """Return how many of `replicas` this is, rounding up."""
        return -(-self.value * replicas // 100) if self.percent else self.value

    def rounded_down(self, replicas: int) -> int:
        """Return how many of `replicas` this is, rounding down."""
        return self.value * replicas // 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


def parse_int_or_percent(value: int | str | None, path: str) -> IntOrPercent | None:
    """Read an IntOrString field that may be a percentage; None when absent.

    Raises:
        FieldError: when it is text other than a percentage, or negative.
    """
    if value is None:
        return None
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return IntOrPercent(int(value[:-1]), percent=True)
    if isinstance(value, int) and value >= 0:
        return IntOrPercent(value, percent=False)
    raise FieldError(path, "a whole number of 0 or more, or a percentage such as 25%", value)
