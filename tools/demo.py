"""`make demo`: the operator at work on a local control plane, in one command.

Starts everything, applies a policy and a small shop, shows what `kubectl describe` says of a
workload that fails and of one that is ready, and says what to try. On a terminal it then stays up
until Ctrl-C; elsewhere (or with --once) it stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.control_plane import ControlPlane, ControlPlaneError

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "bookshop"
FAILING = "deployment/storefront"
READY = "deployment/catalog"
OPERATOR = "system:serviceaccount:readiness-system:readiness-operator"

_PATIENCE_SECONDS = 60.0


def say(text: str = "") -> None:
    """Print at once: someone is watching."""
    print(text, flush=True)


def heading(text: str) -> None:
    """Print a heading that stands out of kubectl's output."""
    say()
    say(f"=== {text} ".ljust(78, "="))


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is true; raise ControlPlaneError when it takes too long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise ControlPlaneError(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
        time.sleep(0.2)


class Operator:
    """The operator in a process of its own, with the rights of examples/rbac.yaml."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self.log = log
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "readiness",
                    "run",
                    "--role",
                    "controller",
                    "--kubeconfig",
                    str(kubeconfig),
                    "--listen",
                    "127.0.0.1:0",
                ],
                stdout=stream,
                stderr=stream,
                # Ctrl-C goes to the whole group; this process decides in which order things stop.
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise ControlPlaneError when it has ended."""
        if self._process.poll() is not None:
            raise ControlPlaneError(f"the operator ended:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it and wait."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def judged(control_plane: ControlPlane) -> bool:
    """Return whether every workload of the shop carries a verdict and its pods are up."""
    output = control_plane.kubectl(
        "-n", NAMESPACE, "get", "deployments,statefulsets,daemonsets", "-o", "json"
    ).stdout
    items = json.loads(output)["items"]
    verdicts = [
        any(
            c["type"] == "readiness.dev/ProductionReady"
            for c in item.get("status", {}).get("conditions", [])
        )
        for item in items
    ]
    return bool(items) and all(verdicts)


def told(control_plane: ControlPlane, workload: str, reason: str) -> bool:
    """Return whether the operator has posted an event of that reason about a workload."""
    name = workload.partition("/")[2]
    selector = f"--field-selector=involvedObject.name={name},reason={reason}"
    return bool(control_plane.kubectl("-n", NAMESPACE, "get", "events", selector).stdout)


def show(control_plane: ControlPlane, operator: Operator, started: float) -> None:
    """Apply policy and shop, wait for the verdicts and print them."""
    control_plane.kubectl("apply", "-f", str(ROOT / "policies" / "standard.yaml"))
    control_plane.kubectl("apply", "-f", str(ROOT / "examples" / "bookshop"))

    def all_judged() -> bool:
        operator.check()
        return judged(control_plane)

    until(all_judged, "every workload of the shop to be judged")
    control_plane.kubectl(
        "-n",
        NAMESPACE,
        "wait",
        "--for=condition=readiness.dev/ProductionReady",
        READY,
        "--timeout=30s",
    )
    # Events come when a verdict has settled.
    until(lambda: told(control_plane, FAILING, "NotProductionReady"), "the event of a failure")
    until(lambda: told(control_plane, READY, "ProductionReady"), "the event of a success")
    heading(f"kubectl -n {NAMESPACE} describe {FAILING}   (not ready)")
    say(control_plane.kubectl("-n", NAMESPACE, "describe", FAILING).stdout.rstrip())
    heading(f"kubectl -n {NAMESPACE} describe {READY}   (ready)")
    say(control_plane.kubectl("-n", NAMESPACE, "describe", READY).stdout.rstrip())
    heading("kubectl get readinesspolicies")
    say(control_plane.kubectl("get", "readinesspolicies").stdout.rstrip())
    say()
    say(f"All of this took {time.monotonic() - started:.0f} s.")


def next_steps(control_plane: ControlPlane, operator: Operator) -> str:
    """Return what to try next."""
    kubectl = control_plane.binary("kubectl")
    return f"""
What to try next, in another terminal:

  export KUBECONFIG={control_plane.kubeconfig}
  alias kubectl={kubectl}

  # Why is a workload not ready? Reasons in the conditions, messages in the event:
  kubectl -n {NAMESPACE} get events --field-selector reason=NotProductionReady
  kubectl -n {NAMESPACE} get {FAILING} -o yaml | grep -A6 "type: readiness.dev/ProductionReady"

  # Take a ready workload's disruption budget away, and look again:
  kubectl -n {NAMESPACE} delete pdb catalog && kubectl -n {NAMESPACE} describe {READY} | tail -25

  # Wait for a verdict in a pipeline, or ask before anything is applied:
  kubectl -n {NAMESPACE} wait --for=condition=readiness.dev/ProductionReady {READY}
  {ROOT / ".venv/bin/readiness"} check {ROOT / "examples/bookshop"}

  # Change the policy, mistype a check, see what the API server and the policy's status say:
  kubectl edit readinesspolicy standard
  kubectl describe readinesspolicy standard

The operator's log: {operator.log}
"""


def stay(control_plane: ControlPlane, operator: Operator) -> None:
    """Stay up until Ctrl-C, or until something ends by itself."""
    try:
        while True:
            operator.check()
            control_plane.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def main() -> int:
    """Run the demo; return an exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after printing")
    once = parser.parse_args().once or not sys.stdin.isatty()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    try:
        say("Starting etcd, the API server, controllers, a scheduler and three nodes ...")
        with ControlPlane(audit=False) as control_plane, tempfile.TemporaryDirectory() as scratch:
            say(f"Kubernetes {control_plane.version()} runs. Starting the operator ...")
            control_plane.kubectl("apply", "-f", str(ROOT / "crds"))
            control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
            control_plane.kubectl("apply", "-f", str(ROOT / "examples" / "rbac.yaml"))
            operator = Operator(
                control_plane.kubeconfig_for(OPERATOR), Path(scratch) / "operator.log"
            )
            try:
                show(control_plane, operator, started)
                if not once:
                    say(next_steps(control_plane, operator))
                    say("Ctrl-C here stops everything and removes it.")
                    stay(control_plane, operator)
                    say("\nStopping ...")
                else:
                    say("Not on a terminal: stopping. `make demo` on one stays up to be tried.")
            finally:
                operator.stop()
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    except ControlPlaneError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
