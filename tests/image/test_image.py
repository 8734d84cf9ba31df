"""The image as far as it can be had without containers: its Dockerfile, built and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from readiness import __version__
from tests.e2e.operator_process import OperatorProcess
from tests.support import ROOT
from tools import image, requirements
from tools.control_plane import ControlPlane

# What may be in the image: licences that ask for no more than to be named along with it. MPL-2.0
# also asks for the source of its own files, which are unchanged.
ALLOWED = {
    "Apache-2.0",
    "Apache-2.0 AND BSD-2-Clause",
    "Apache-2.0 AND MIT",
    "Apache-2.0 OR BSD-3-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "License :: OSI Approved :: Apache Software License",
    "License :: OSI Approved :: BSD License",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
    "MIT",
    "MIT OR Apache-2.0",
    "MIT-0",
    "MPL-2.0",
    "MPL-2.0 AND (Apache-2.0 OR MIT)",
    "PSF-2.0",
    "Python-2.0",
}


def pins(name: str) -> dict[str, str]:
    """Return the versions that a list of requirements pins on this machine."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text().splitlines():
        if "==" in line:
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate():
                (pin,) = requirement.specifier
                found[canonicalize_name(requirement.name)] = pin.version
    return found


def values(instruction: str) -> list[str]:
    return [i["value"] for i in image.instructions() if i["instruction"] == instruction]


# What the files say.


def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    linter = Path(sys.executable).with_name("hadolint")

    result = subprocess.run(
        [linter, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout) == (0, "")


def test_the_base_image_can_be_pinned_and_is_the_same_for_all_stages() -> None:
    base = "python:${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}"

    assert values("FROM") == [f"{base} AS build", base]
    assert values("ARG") == [
        "PYTHON=3.13-slim-trixie",
        "PYTHON_DIGEST=",
        "VERSION=0.0.0",
        "REVISION=",
    ]


def test_the_final_stage_runs_nothing_as_root_and_needs_no_shell() -> None:
    steps = [(i["instruction"], i["value"]) for i in image.instructions()]
    last = max(index for index, (instruction, _) in enumerate(steps) if instruction == "FROM")
    names = [instruction for instruction, _ in steps[last:]]

    assert names == ["FROM", "ARG", "ARG", "LABEL", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"]
    final = dict(steps[last:])
    assert final["USER"] == "65532:65532"
    assert json.loads(final["ENTRYPOINT"]) == ["readiness"]
    assert json.loads(final["CMD"]) == ["--help"]
    assert re.findall(r"org\.opencontainers\.image\.(\w+)=", final["LABEL"]) == [
        "title",
        "description",
        "licenses",
        "version",
        "revision",
    ]


def test_the_build_context_holds_what_is_copied_and_nothing_else() -> None:
    copied = {
        name.removesuffix("/")
        for value in values("COPY")
        if not value.startswith("--from")
        for name in value.split()[:-1]
    }
    lines = [x for x in (ROOT / ".dockerignore").read_text().splitlines() if x[:1] not in {"#", ""}]

    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert [line for line in lines[1:] if not line.startswith("!")] == ["**/__pycache__"]


@pytest.mark.parametrize("path", requirements.requirements())
def test_the_lists_of_requirements_are_up_to_date_and_pinned_by_hash(path: Path) -> None:
    text = (ROOT / path).read_text()

    assert text == requirements.requirements()[path], "run `make generate`"
    for block in re.split(r"\n(?=\S)", text)[1:]:
        assert re.match(r"\S+==\S+ ", block)
        assert "--hash=sha256:" in block
    assert "://" not in text


@pytest.mark.parametrize(
    ("path", "root"),
    [("requirements.txt", "readiness-operator"), ("requirements-build.txt", "hatchling")],
)
def test_the_lists_of_requirements_are_what_the_packages_themselves_ask_for(
    path: str, root: str
) -> None:
    """Followed through the metadata of what is installed here, a way of its own."""
    needed: set[str] = set()
    more = [root]
    while more:
        name = canonicalize_name(more.pop())
        if name in needed:
            continue
        needed.add(name)
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                more.append(requirement.name)

    assert set(pins(path)) == needed - {"readiness-operator"}


def test_a_command_that_fails_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "ARG PYTHON=3.13-slim\nFROM python:${PYTHON}\n\nRUN echo why >&2; exit 7\n"
    )
    monkeypatch.setattr(image, "DOCKERFILE", dockerfile)

    with pytest.raises(image.ImageError) as caught:
        image.build(tmp_path / "image")

    assert str(caught.value) == "Dockerfile:4: RUN ended with exit code 7:\nwhy"


def test_an_instruction_that_is_not_understood_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG PYTHON=3.13-slim\nFROM python:${PYTHON}\nADD a b\n")
    monkeypatch.setattr(image, "DOCKERFILE", dockerfile)

    with pytest.raises(image.ImageError) as caught:
        image.build(tmp_path / "image")

    assert str(caught.value) == "Dockerfile:3: tools/image.py does not know ADD"


# What is built.


@pytest.fixture(scope="module")
def built() -> Iterator[image.Image]:
    """The image, in a directory that any user can reach."""
    directory = Path(tempfile.mkdtemp(prefix="readiness-image-"))
    directory.chmod(0o755)
    try:
        yield image.build(directory / "image")
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def materials(built: image.Image) -> dict[str, Any]:
    return image.bill_of_materials(built)


def command(built: image.Image) -> list[str]:
    """Return what runs the image's entry point: in its environment, as its user where we may.

    That user may read what we may, Python lies in a home directory perhaps, but write nothing.
    """
    variables = [f"{key}={value}" for key, value in built.environment.items()]
    program = shutil.which(built.entrypoint[0], path=built.environment["PATH"])
    assert program is not None
    as_user = []
    if os.geteuid() == 0 and shutil.which("setpriv"):
        uid, gid = built.user.split(":")
        caps = "-all,+dac_read_search"
        as_user = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        as_user += [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    return [*as_user, "env", "-i", *variables, program, *built.entrypoint[1:]]


def run(built: image.Image, *arguments: str) -> str:
    result = subprocess.run(
        [*command(built), *arguments], cwd="/", capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def files(built: image.Image) -> set[Path]:
    return {path for path in built.directory.rglob("*") if path.is_file()}


@pytest.mark.timeout(600)  # downloads some 60 MB where pip has no cache
@pytest.mark.xdist_group("image")
class TestBuilt:
    """What the image holds and does; built once for all of these."""

    def test_it_answers_as_its_own_user_and_writes_nothing(self, built: image.Image) -> None:
        before = files(built)

        assert run(built, "--version") == f"readiness {__version__}\n"
        assert (
            run(built, "checks", "--format", "json")
            == subprocess.run(
                [sys.executable, "-m", "readiness", "checks", "--format", "json"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )

        assert files(built) == before

    def test_every_module_of_ours_can_be_imported(self, built: image.Image) -> None:
        """Some are imported late; what they need is in the image all the same."""
        code = (
            "import importlib, pkgutil, readiness\n"
            "for m in pkgutil.walk_packages(readiness.__path__, 'readiness.'):\n"
            "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
            "print(readiness.__file__)"
        )
        python = built.directory / "opt/readiness/bin/python"

        where = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, check=True
        ).stdout

        assert where.startswith(f"{built.directory}/opt/readiness/lib/")

    def test_it_holds_no_installer_and_is_small(self, built: image.Image) -> None:
        packages = next(built.directory.glob("opt/readiness/lib/python*/site-packages"))

        assert {p.name for p in packages.iterdir()}.isdisjoint({"pip", "setuptools", "hatchling"})
        assert [p.name for p in built.directory.iterdir()] == ["opt"]
        assert [p.name for p in (built.directory / "opt").iterdir()] == ["readiness"]
        assert image.size(built.directory) < 140e6

    def test_every_module_has_its_bytecode(self, built: image.Image) -> None:
        """Where the root file system is read-only each start would compile what has none."""
        packages = next(built.directory.glob("opt/readiness/lib/python*/site-packages"))
        ours = {p.stem for p in (packages / "readiness").glob("*/*.py")}

        compiled = {
            p.name.split(".")[0] for p in (packages / "readiness").glob("*/__pycache__/*.pyc")
        }

        assert ours
        assert compiled == ours

    def test_the_operator_runs(self, built: image.Image, control_plane: ControlPlane) -> None:
        """With Kopf and the Kubernetes client that was cut down, and the rights of the example."""
        control_plane.kubectl("apply", "-f", str(ROOT / "crds"))
        control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        control_plane.kubectl("apply", "-f", str(ROOT / "examples" / "rbac.yaml"))
        kubeconfig = control_plane.kubeconfig_for(
            "system:serviceaccount:readiness-system:readiness-operator"
        )

        operator = OperatorProcess(
            kubeconfig,
            "--leader-elect",
            "--operator-namespace",
            "readiness-system",
            command=command(built),
        ).start()

        assert operator.get("/readyz") == (200, "ok\n")
        assert operator.stop() == 0
        assert "Traceback" not in operator.log

    def test_the_bill_of_materials_is_about_the_package_and_lists_every_requirement(
        self, materials: dict[str, Any]
    ) -> None:
        main = materials["metadata"]["component"]
        components = {canonicalize_name(c["name"]): c["version"] for c in materials["components"]}

        assert (materials["bomFormat"], materials["specVersion"]) == ("CycloneDX", "1.6")
        assert (main["name"], main["version"], main["type"]) == (
            "readiness-operator",
            __version__,
            "application",
        )
        assert components == pins("requirements.txt")

    def test_the_bill_of_materials_is_valid(self, materials: dict[str, Any]) -> None:
        validator = JsonStrictValidator(SchemaVersion.V1_6)

        assert validator.validate_str(json.dumps(materials)) is None

    def test_every_licence_is_known_and_allowed(self, materials: dict[str, Any]) -> None:
        unknown = {
            component["name"]: found
            for component in materials["components"]
            if not (found := image.licences(component)) or not set(found) <= ALLOWED
        }

        assert unknown == {}

    def test_the_list_of_licences_has_a_line_for_each_package(
        self, materials: dict[str, Any]
    ) -> None:
        lines = image.licence_list(materials).splitlines()

        assert lines[:4] == ["# Licences", "", "| package | version | licence |", "|--|--|--|"]
        assert len(lines) == 4 + len(pins("requirements.txt"))
        assert f"| kopf | {pins('requirements.txt')['kopf']} | MIT |" in lines
