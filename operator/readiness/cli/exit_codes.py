"""What `readiness` tells its caller; part of its contract."""

from __future__ import annotations

READY = 0  # looked at everything, nothing at or over --fail-on
FINDINGS = 1  # findings at or over --fail-on
BAD_INPUT = 2  # wrong usage, or input that could not be read; the rest was judged all the same
COULD_NOT_LOOK = 3  # a check that counts could not look, no cluster, a bug of ours
INTERRUPTED = 130  # Ctrl-C, as shells have it
PIPE_CLOSED = 141  # whoever read our output has gone, as shells have it
