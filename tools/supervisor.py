"""Owns the processes of a control plane, so that they die with the one who asked for them.

It runs as a process of its own, `python supervisor.py DIRECTORY`, and obeys one line of JSON at a
time on standard input. When that pipe closes, or its parent is gone for another reason (kill -9 of
a test run, say), it kills every process it started and removes DIRECTORY. On Linux the processes
die even when the supervisor itself is killed. It is stdlib only and imports little: it must start
within milliseconds.

Why not start the processes from the parent itself: nothing runs in a parent that gets SIGKILL, and
Linux's death signal is tied to the starting *thread*, which in a parent with threads may end early.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT_CHECK = 1.0  # seconds; a child the parent forked may hold the pipe open after its death


def _die_with_me() -> Callable[[], None] | None:
    """Return what a child calls before exec to be killed when this process dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    me = os.getpid()

    def ask_for_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != me:  # it died before the call
            os._exit(1)

    return ask_for_death_signal


class Supervisor:
    """Starts, signals and ends processes by name."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._before_exec = _die_with_me()

    def spawn(self, name: str, argv: list[str], log: str) -> int:
        """Start a process in a session of its own, so that Ctrl-C in a terminal passes it by."""
        with open(log, "ab") as output:  # noqa: PTH123 - pathlib costs start-up time
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._before_exec,  # noqa: PLW1509 - this process has one thread
            )
        self._processes[name] = process
        return process.pid

    def poll(self) -> dict[str, int | None]:
        """Return the exit code of every process, None for those that run."""
        return {name: process.poll() for name, process in self._processes.items()}

    def signal(self, name: str, number: int) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self._processes[name].send_signal(number)

    def end(self, name: str, grace: float) -> int:
        """Terminate a process, kill it after the grace period, forget it; return its exit code."""
        process = self._processes.pop(name)
        if grace > 0:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # a paused process takes no SIGTERM
            try:
                return process.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        process.kill()
        return process.wait()

    def kill_all(self) -> None:
        """Kill every process and wait until it is gone."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()


def _serve(supervisor: Supervisor, parent: int) -> None:
    """Answer requests until the parent closes the pipe or dies."""
    methods: dict[str, Callable[..., Any]] = {
        "spawn": supervisor.spawn,
        "poll": supervisor.poll,
        "signal": supervisor.signal,
        "end": supervisor.end,
    }
    pending = b""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _PARENT_CHECK)
        if not readable:
            continue
        data = os.read(0, 65536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            try:
                answer = {"result": methods[request["method"]](*request["arguments"])}
            except (OSError, KeyError) as error:
                answer = {"error": str(error)}
            os.write(1, json.dumps(answer).encode() + b"\n")


def _remove(directory: str) -> None:
    """Remove a directory, however slowly the system lets go of it."""
    for _ in range(20):
        shutil.rmtree(directory, ignore_errors=True)
        if not os.path.exists(directory):  # noqa: PTH110 - as above
            return
        time.sleep(0.05)


def main() -> None:
    """Serve until the parent is gone, then leave nothing behind."""
    parent, directory = int(sys.argv[1]), sys.argv[2]
    # Handlers, since the processes would inherit SIG_IGN. Ctrl-C and hang-up are the parent's to
    # judge: it closes the pipe when it wants the end.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    supervisor = Supervisor()
    try:
        _serve(supervisor, parent)
    except BrokenPipeError:
        pass  # the parent died while waiting for an answer
    finally:
        supervisor.kill_all()
        _remove(directory)


if __name__ == "__main__":
    main()
