"""Limits of memory as the kubelet sets them: control groups, of either version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_VERSION_1 = Path("/sys/fs/cgroup/memory")
_VERSION_2 = Path("/sys/fs/cgroup")


@contextmanager
def memory_limit(pid: int, more: int) -> Iterator[None]:
    """Let a process have so many bytes more than it has; past that the kernel kills it.

    The test is skipped where control groups can't be made.
    """
    parent, limit = _VERSION_1, "memory.limit_in_bytes"
    if not parent.is_dir():
        parent, limit = _VERSION_2, "memory.max"
    group = parent / f"readiness-test-{pid}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group for memory can be made here: {error}")
    try:
        if not (group / limit).exists():
            pytest.skip(f"{parent} has no control of memory")
        # What a process has already stays on the account of the group it comes from.
        (group / limit).write_text(str(more))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            (parent / "cgroup.procs").write_text(left)
        group.rmdir()
