"""The operator as its users run it: a process of its own, started and stopped by tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.polling import eventually

# Those that were ever started: a failing test's report shows what they said (tests/conftest.py).
started: weakref.WeakSet[OperatorProcess] = weakref.WeakSet()


class OperatorProcess:
    """`readiness run` against a kubeconfig; without one it has to find the cluster it runs in.

    Attributes:
        role: controller, or what a subclass says.
        log: everything it wrote to stderr so far.
    """

    role = "controller"

    def __init__(
        self,
        kubeconfig: Path | None,
        *options: str,
        pod_name: str = "",
        command: Sequence[str] = (sys.executable, "-m", "readiness"),
    ) -> None:
        self._command = command
        self._options = (
            options if kubeconfig is None else ("--kubeconfig", str(kubeconfig), *options)
        )
        self._environment = {"POD_NAME": pod_name} if pod_name else {}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._port = 0
        self._lines: list[str] = []

    @property
    def log(self) -> str:
        return "".join(self._lines)

    def start(self, *, synced: bool = True) -> Self:
        """Start it and wait until it has seen everything (or, if not `synced`, until it serves)."""
        self._lines = []
        started.add(self)
        self._process = subprocess.Popen(
            [
                *self._command,
                "run",
                "--role",
                self.role,
                "--listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        eventually(self._serves, within=20)
        if synced:
            eventually(lambda: self.get("/readyz")[0] == 200, within=30)
        return self

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                self._lines.append(line)

    def _serves(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the operator ended with {self._process.returncode}: {self.log}")
        match = re.search(r'"port": (\d+)', self.log)
        if match:
            self._port = int(match[1])
        return self._port > 0

    def stop(self, *, with_signal: int = signal.SIGTERM) -> int:
        """Stop it; return its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(with_signal)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended, as something else told it to; return its exit code."""
        assert self._process is not None
        code = self._process.wait(timeout=20)
        assert self._reader is not None
        self._reader.join(timeout=5)
        self._process = None
        self._port = 0
        return code

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of its HTTP server."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}{path}", timeout=5
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def settled(self) -> bool:
        """Return whether it has done and told everything it knows of."""
        lines = self.get("/metrics")[1].splitlines()
        return {
            "readiness_queue_unfinished 0.0",
            'readiness_events{outcome="waiting"} 0.0',
        } <= set(lines)

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of one sample of a metric; 0 when there is none."""
        inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        sample = name + (f"{{{inside}}}" if inside else "")
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(sample + " "):
                return float(line.rpartition(" ")[2])
        return 0.0
