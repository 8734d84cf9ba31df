"""What the image installs, out of what the tests ran with.

requirements-dev.txt pins everything, with hashes, and says under each package what needs it. From
there come the two shorter lists, so that the image holds no version that was not tested:

    requirements.txt          what the package needs to run
    requirements-build.txt    what builds its wheel
"""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_SOURCE = "requirements-dev.txt"
_PACKAGE = "readiness-operator (pyproject.toml)"  # what uv calls the package itself
_BUILDER = "hatchling"

_PIN = re.compile(r"([A-Za-z0-9_.-]+)==")
_HEADER = "# Written by `make generate` from requirements-dev.txt: {what}.\n"


def requirements() -> dict[Path, str]:
    """Return the shorter lists by path."""
    pins = _pins((_ROOT / _SOURCE).read_text(encoding="utf-8"))
    run = _needed(pins, {name for name in pins if _PACKAGE in _wanted_by(pins[name])})
    build = _needed(pins, {_BUILDER})
    return {
        Path("requirements.txt"): _render(pins, run, "what runs"),
        Path("requirements-build.txt"): _render(pins, build, "what builds the wheel"),
    }


def _pins(text: str) -> dict[str, list[str]]:
    """Return the lines of each package, in their order."""
    pins: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        pin = _PIN.match(line)
        if pin:
            name = pin[1]
        pins.setdefault(name, []).append(line)
    return pins


def _wanted_by(lines: list[str]) -> set[str]:
    """Return who needs a package, as its comment says: `# via kopf`, or a line for each."""
    comments = (line.strip().removeprefix("#").strip() for line in lines if "--hash" not in line)
    return {comment.removeprefix("via").strip() for comment in comments} - {""}


def _needed(pins: dict[str, list[str]], roots: set[str]) -> set[str]:
    """Return these packages and all that they need."""
    needed: set[str] = set()
    more = roots
    while more:
        needed |= more
        more = {name for name in pins if _wanted_by(pins[name]) & needed} - needed
    return needed


def _render(pins: dict[str, list[str]], names: set[str], what: str) -> str:
    """Return the pins of these packages, without the comments on who else needs them."""
    lines = [line for name in sorted(names) for line in pins[name] if "#" not in line]
    return _HEADER.format(what=what) + "\n".join(lines) + "\n"
