"""The command line as users run it, a process for each call; what is imported is imported once."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED = [
    "readiness.cli.check",
    "readiness.cli.doctor",
    "readiness.cli.live",
    "readiness.cli.main",
    "readiness.cli.status",
    "readiness.controller.examination",
    "readiness.watch.following",
]


@dataclass(frozen=True)
class Output:
    """What a call left behind."""

    returncode: int | None
    stdout: str
    stderr: str


def readiness(kubeconfig: Path, *arguments: str) -> Output:
    """Run the command line against a cluster, 80 columns wide."""
    _CONTEXT.set_forkserver_preload(_PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        call = _CONTEXT.Process(
            target=_run, args=([*arguments, "--kubeconfig", str(kubeconfig)], folder)
        )
        call.start()
        call.join(timeout=120)
        if call.is_alive():
            call.kill()
            raise AssertionError(f"readiness {' '.join(arguments)} does not end")
        stdout, stderr = (Path(folder, name).read_text() for name in ("1", "2"))
        return Output(call.exitcode, stdout, stderr)


def _run(arguments: list[str], folder: str) -> None:
    from readiness.cli.main import main

    for descriptor in (1, 2):
        opened = os.open(Path(folder, str(descriptor)), os.O_CREAT | os.O_WRONLY)
        os.dup2(opened, descriptor)
    os.environ["COLUMNS"] = "80"
    sys.argv = ["readiness", *arguments]
    main()
