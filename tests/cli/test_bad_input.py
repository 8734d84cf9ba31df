"""What bad input gets: a line that names file and line, the rest judged, exit code 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from readiness.gather import files
from tests.cli.support import run

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
    "  - {name: a, image: registry.example.com/a:1}\n"
)
RENDER = "render it first, as in `helm template CHART | readiness check -`"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text(POD.replace("name: a", "name: good"))


def stderr_of(*arguments: str, code: int = 2) -> str:
    """Return standard error of a run in which the good manifest was judged all the same."""
    result = run("check", *arguments, "good.yaml", "--policy", "pod-security-baseline")

    assert "pod/good (default)  good.yaml:1  ready" in result.stdout
    assert result.exit_code == code
    if code == 2:
        assert "in the input: not everything was judged\n" in result.stdout
    return result.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "just words\n",
            'bad.yaml:1: not a Kubernetes object: must be a map, not the text "just words"',
        ),
        (
            "a: [b\n",
            (
                "bad.yaml:1: not valid YAML: did not find expected ',' or ']' while parsing a flow "
                "sequence that begins on line 1"
            ),
        ),
        (
            POD + "---\napiVersion: v1\nkind: Pod\nspec:\n  containers: [\n",
            (
                "bad.yaml:11: not valid YAML: did not find expected node content while parsing a "
                "flow node"
            ),
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n",
            f"bad.yaml:4: a template, not a manifest: {RENDER}",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  name: b\n",
            'bad.yaml:5: the key "name" stands twice in one map',
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n",
            "bad.yaml:4: not valid YAML: indented with a tab, only spaces may indent",
        ),
        ("", "bad.yaml: holds no Kubernetes object"),
        (POD.encode("utf-16"), "bad.yaml:1: written in UTF-16: save it as UTF-8"),
        (
            "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: web}\n",
            (
                'bad.yaml:1: Deploymnet "web": kind must be Deployment in apps/v1, not the text '
                '"Deploymnet"'
            ),
        ),
        (
            "apiVersion: v1\nkind: pod\nmetadata: {name: web}\n",
            'bad.yaml:1: pod "web": kind must be Pod in v1, not the text "pod"',
        ),
        (
            "apiVersion: batch/v1\nkind: Timer\nmetadata: {name: web}\n",
            (
                'bad.yaml:1: Timer "web": kind must be one of CronJob, Job in batch/v1, not the '
                'text "Timer"'
            ),
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- 5\n",
            "bad.yaml:1: items[1]: not a Kubernetes object: must be a map, not the number 5",
        ),
    ],
)
def test_each_gets_a_line(text: str | bytes, line: str) -> None:
    Path("bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    assert stderr_of("bad.yaml").splitlines()[0] == line


def test_half_a_file_is_judged_up_to_where_it_breaks() -> None:
    Path("bad.yaml").write_text(POD + "---\nkind: [\n---\n" + POD.replace("name: a", "name: b"))
    result = run("check", "bad.yaml", "--policy", "pod-security-baseline")

    assert [line.split()[1] for line in result.stdout.splitlines()[:2]] == ["pod/a", "pod/b"]
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + POD.encode(),
        POD.replace("\n", "\r\n").encode(),
        POD.encode() + b"---\r\n...\r\n",
    ],
)
def test_marks_and_line_ends_of_windows_are_no_error(data: bytes) -> None:
    Path("odd.yaml").write_bytes(data)

    assert stderr_of("odd.yaml", code=0) == ""


def test_a_kind_of_nobody_we_know_is_no_error() -> None:
    Path("other.yaml").write_text("apiVersion: example.com/v1\nkind: Deploymnet\n")

    assert stderr_of("other.yaml", code=0) == ""


def test_a_file_of_200_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read to its end; sparse, so that it takes no room."""
    with Path("huge.yaml").open("wb") as stream:
        stream.truncate(200 * 1024**2)
    monkeypatch.setattr(files, "_LARGEST_FILE", 1024**2)

    assert stderr_of("huge.yaml") == "huge.yaml: larger than 1 MiB: split it\n"


def test_links_in_a_circle_are_followed_once() -> None:
    Path("d/sub").mkdir(parents=True)
    Path("d/a.yaml").write_text(POD)
    Path("d/sub/up").symlink_to("..")
    Path("d/self.yaml").symlink_to("self.yaml")

    assert stderr_of("d") == "d/self.yaml: too many levels of symbolic links\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_without_permission() -> None:
    Path("d").mkdir(mode=0)

    assert stderr_of("d") == "d: permission denied\n"


def test_what_is_not_there() -> None:
    assert stderr_of("nowhere/") == "nowhere/: no such file or directory\n"
