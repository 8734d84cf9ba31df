"""Builds what the Dockerfile builds, without containers, and says what is in it.

    python -m tools.image             into dist/: readiness-operator.cdx.json, licences.md
    python -m tools.image DIRECTORY   and the root of the image into DIRECTORY, to look at

The Dockerfile itself is read and its commands are run, each stage in a directory of its own that
stands for the root. What the base image brings is not there: its Python is played by one of this
machine, of the same version where there is one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "Dockerfile"

# Everything the Dockerfile makes is below this directory; elsewhere it must not write.
_PREFIX = "/opt"
_PACKAGE = "readiness-operator"
_SAID_ONLY = frozenset({"ARG", "CMD", "LABEL"})
_PYTHON_VERSION = re.compile(r"^ARG PYTHON=(\d+\.\d+)-", re.MULTILINE)


class ImageError(Exception):
    """The image can't be built; the text says at which line of the Dockerfile."""


@dataclass
class Image:
    """One stage of a Dockerfile, as far as it has been built.

    Attributes:
        directory: what stands for its root directory.
        environment: its variables, with paths of this machine.
        user: whom it runs as, `uid:gid`.
        entrypoint: what it runs.
    """

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """Return a command or path of the image with the paths it has on this machine."""
        return re.sub(rf"(?<![\w.]){_PREFIX}(?=/|\b)", f"{self.directory}{_PREFIX}", text)


def instructions() -> list[dict[str, Any]]:
    """Return the instructions of the Dockerfile, comments left out."""
    with DOCKERFILE.open("rb") as file:
        steps: list[dict[str, Any]] = DockerfileParser(fileobj=file).structure
    return [step for step in steps if step["instruction"] != "COMMENT"]


def build(directory: Path) -> Image:
    """Build every stage below a directory that does not exist yet; return the last one.

    Raises:
        ImageError: when a command fails, or the Dockerfile says what this does not understand.
    """
    builder = _Builder(directory)
    for step in instructions():
        try:
            builder.follow(step["instruction"], step["value"])
        except (ImageError, OSError, ValueError) as error:
            raise ImageError(f"Dockerfile:{step['startline'] + 1}: {error}") from None
    return builder.image


class _Builder:
    """Follows a Dockerfile. The root is in the same place for every stage, as in a container."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tools = directory / "bin"
        self._tools.mkdir(parents=True)
        (self._tools / "python").symlink_to(_python())
        self._stages: dict[str, Path] = {}
        self._stage = ""
        self.image = Image(directory / "root")

    def follow(self, instruction: str, value: str) -> None:
        """Do what an instruction says."""
        image = self.image
        if instruction == "FROM":
            self._begin(value.rpartition(" AS ")[2])
        elif instruction == "ENV":
            for word in shlex.split(value.replace("${PATH}", image.environment["PATH"])):
                key, _, text = word.partition("=")
                image.environment[key] = image.here(text)
        elif instruction == "WORKDIR":
            image.workdir = image.here(value)
            Path(image.workdir).mkdir(parents=True)
        elif instruction == "COPY":
            self._copy(shlex.split(value))
        elif instruction == "RUN":
            self._run(value)
        elif instruction == "USER":
            image.user = value
        elif instruction == "ENTRYPOINT":
            image.entrypoint = json.loads(value)
        elif instruction not in _SAID_ONLY:
            raise ImageError(f"tools/image.py does not know {instruction}")

    def _begin(self, stage: str) -> None:
        root = self.image.directory
        if root.exists():
            self._stages[self._stage] = root.rename(self._directory / f"stage-{self._stage}")
        root.mkdir()
        self._stage = stage
        self.image = Image(root, {"PATH": f"{self._tools}:{os.defpath}"})

    def _copy(self, words: list[str]) -> None:
        source = ROOT
        if words[0].startswith("--from="):
            source = self._stages[words.pop(0).removeprefix("--from=")]
        *names, target = words
        place = Path(self.image.workdir, self.image.here(target))
        for name in names:
            path = source / name.lstrip("/")
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__") if source == ROOT else None
                shutil.copytree(path, place, symlinks=True, ignore=ignore)
            else:
                shutil.copy2(path, place / path.name if target.endswith("/") else place)

    def _run(self, command: str) -> None:
        result = subprocess.run(
            ["/bin/sh", "-ec", self.image.here(command)],
            cwd=self.image.workdir,
            # How to reach the registries is this machine's business, and it may have a cache.
            env={**_without_python(os.environ), **self.image.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            tail = "\n".join(result.stdout.splitlines()[-20:])
            raise ImageError(f"RUN ended with exit code {result.returncode}:\n{tail}")


def _python() -> str:
    """Return a Python of the version of the base image, else the one that runs this."""
    version = _PYTHON_VERSION.search(DOCKERFILE.read_text(encoding="utf-8"))
    if version is None:
        raise ImageError("Dockerfile: no line ARG PYTHON=<version>-...")
    for candidate in (f"python{version[1]}", sys.executable):
        try:
            # The true one: where Pythons are managed, the one found is but a script that asks.
            answer = subprocess.run(
                [candidate, "-c", "import sys; print(sys._base_executable)"],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return answer.stdout.strip()
    raise ImageError(f"no Python {version[1]} runs here")


def _without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that leads no Python to the modules of another."""
    return {
        key: value
        for key, value in environment.items()
        if not key.startswith("PYTHON") and key != "VIRTUAL_ENV"
    }


def size(directory: Path) -> int:
    """Return how many bytes the files below a directory hold."""
    return sum(
        path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def bill_of_materials(image: Image) -> dict[str, Any]:
    """Return what the image has installed, in CycloneDX 1.6: the package and what it needs.

    Raises:
        ImageError: when the environment can't be read.
    """
    python = image.here("/opt/readiness/bin/python")
    # What it writes is changed below; a test validates what comes out.
    options = ("--no-validate", "--output-reproducible")
    result = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", *options, python],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ImageError(f"cyclonedx_py: {result.stderr.strip()}")
    found: dict[str, Any] = json.loads(result.stdout)
    (ours,) = (c for c in found["components"] if c["name"] == _PACKAGE)
    found["components"].remove(ours)
    found["metadata"]["component"] = {**ours, "type": "application"}
    return found


def licences(component: Mapping[str, Any]) -> list[str]:
    """Return the licences of a component: SPDX ids and expressions where its metadata has them."""
    found = []
    for choice in component.get("licenses", ()):
        licence = choice.get("license", {})
        text = choice.get("expression") or licence.get("id") or licence.get("name", "")
        if text not in found:
            found.append(text)
    return found


def licence_list(materials: Mapping[str, Any]) -> str:
    """Return a table of all packages and their licences, in Markdown."""
    rows = [
        f"| {component['name']} | {component['version']} | {', '.join(licences(component))} |"
        for component in materials["components"]
    ]
    head = ["# Licences", "", "| package | version | licence |", "|--|--|--|"]
    return "\n".join([*head, *rows]) + "\n"


def main(arguments: list[str]) -> int:
    """Build the image, write what is in it, and say how large it is."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print("usage: python -m tools.image [DIRECTORY]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        try:
            image = build(Path(arguments[0]) if arguments else Path(temporary) / "image")
            materials = bill_of_materials(image)
        except (ImageError, FileExistsError) as error:
            print(f"image: {error}", file=sys.stderr)
            return 1
        megabytes = size(image.directory) / 1e6
    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    for name, text in (
        ("readiness-operator.cdx.json", json.dumps(materials, indent=2) + "\n"),
        ("licences.md", licence_list(materials)),
    ):
        (dist / name).write_text(text, encoding="utf-8")
        print(f"wrote dist/{name}")
    print(f"{len(materials['components'])} packages; {megabytes:.0f} MB on top of the base image")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
