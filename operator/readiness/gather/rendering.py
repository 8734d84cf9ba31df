"""Renders Helm charts and kustomizations with the tools of their own.

What they say on standard error is passed on as it is. Nothing of them is done here again: no other
renderer would say just what `helm install` and `kubectl apply -k` send to the cluster.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from readiness.errors import InputError, ToolMissingError


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """What `helm template` is told, in its own words; empty leaves its default."""

    release: str = ""
    namespace: str = ""
    values: Sequence[str] = ()
    sets: Sequence[str] = ()


def render_chart(chart: str, options: ChartOptions, pass_on: Callable[[bytes], None]) -> bytes:
    """Return the manifests of a Helm chart: a directory, an archive or a reference.

    Args:
        chart: as `helm template` takes it.
        options: likewise.
        pass_on: is given what Helm wrote to standard error.

    Raises:
        ToolMissingError: when there is no helm.
        InputError: when Helm refuses.
    """
    helm = shutil.which("helm")
    if helm is None:
        raise ToolMissingError(
            "--helm needs the command helm, which is not in PATH: install Helm 3 or newer, or "
            "render elsewhere and read that, as in `helm template CHART | readiness check -`"
        )
    # Pods of `helm test` run when somebody asks for them; nobody runs them in production.
    arguments = [helm, "template", "--skip-tests"]
    arguments += [options.release] if options.release else []
    arguments.append(_no_option(chart))
    arguments += [f"--namespace={options.namespace}"] if options.namespace else []
    arguments += [f"--values={name}" for name in options.values]
    arguments += [f"--set={assignment}" for assignment in options.sets]
    return _run(arguments, f"helm template {chart}", pass_on)


def render_kustomization(directory: str, pass_on: Callable[[bytes], None]) -> bytes:
    """Return the manifests of a kustomization: `kustomize build`, or else `kubectl kustomize`.

    Args:
        directory: with a kustomization.yaml in it.
        pass_on: is given what the tool wrote to standard error.

    Raises:
        ToolMissingError: when there is neither.
        InputError: when the tool refuses.
    """
    for tool, word in (("kustomize", "build"), ("kubectl", "kustomize")):
        found = shutil.which(tool)
        if found is not None:
            arguments = [found, word, _no_option(directory)]
            return _run(arguments, f"kustomize build {directory}", pass_on)
    raise ToolMissingError(
        "--kustomize needs the command kustomize or kubectl, and neither is in PATH: install one, "
        "or render elsewhere and read that, as in `kubectl kustomize DIR | readiness check -`"
    )


def kustomization_file(directory: str) -> str:
    """Return the file of a kustomization, by the first of its names that is there."""
    names = ("kustomization.yaml", "kustomization.yml", "Kustomization")
    there = (name for name in names if (Path(directory) / name).is_file())
    return str(Path(directory) / next(there, names[0]))


def _no_option(path: str) -> str:
    """Return a path that the tool can't take for one of its options."""
    return str(Path.cwd() / path) if path.startswith("-") else path


def _run(arguments: list[str], name: str, pass_on: Callable[[bytes], None]) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a list, so no shell reads it
            arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except (OSError, ValueError) as error:  # not executable; a NUL in an argument
        raise InputError(f"{name}: can't be run: {error}") from None
    pass_on(done.stderr)
    if done.returncode:
        raise InputError(f"{name}: exit code {done.returncode}: nothing of it is judged")
    return done.stdout
