"""The operator with a clock that can be set: `python -m tests.chaos.skewed_clock run ...`.

The machine's own clock belongs to everybody on it. Here the controller's is skewed by as many
seconds as the file says that READINESS_TEST_SKEW names.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from readiness.cli.main import main
from readiness.controller import reconciler

_SKEW = Path(os.environ["READINESS_TEST_SKEW"])


class SkewedDatetime(datetime):
    """Tells the time as a wrong clock does."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return the time on the skewed clock."""
        return super().now(tz) + timedelta(seconds=float(_SKEW.read_text()))


if __name__ == "__main__":
    vars(reconciler)["datetime"] = SkewedDatetime
    sys.exit(main())
