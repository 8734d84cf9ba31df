"""Files, directories and standard input: what is read, what is passed over, what is refused."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from readiness.gather import files
from readiness.gather.files import Sources, read_sources
from readiness.gather.manifests import TEMPLATE_MESSAGE

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str | bytes) -> str:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(*paths: str, stdin: str = "") -> Sources:
    return read_sources(paths, BytesIO(stdin.encode()))


def names(sources: Sources) -> list[str]:
    return [f"{d.place} {d.document['metadata']['name']}" for d in sources.documents]


def errors(sources: Sources) -> list[str]:
    return [str(error) for error in sources.errors]


def test_directories_are_read_with_all_below_in_order() -> None:
    for path in ("d/b.yml", "d/a/z.yaml", "d/a.json", "d/c.YAML", "d/x.txt"):
        write(path, POD.format(path.replace("/", "-")))
    write("d/.git/hidden.yaml", POD.format("hidden"))
    write("d/node_modules/m.yaml", POD.format("module"))

    sources = read("d")

    assert names(sources) == ["d/a/z.yaml:1 d-a-z.yaml", "d/a.json:1 d-a.json", "d/b.yml:1 d-b.yml"]
    assert (sources.files, sources.ignored, errors(sources)) == (3, 0, [])


def test_the_current_directory_has_no_prefix() -> None:
    write("d/a.yaml", POD.format("a"))

    assert names(read(".")) == ["d/a.yaml:1 a"]


def test_a_hidden_directory_that_is_named_is_read() -> None:
    write(".deploy/a.yaml", POD.format("a"))

    assert names(read(".deploy")) == [".deploy/a.yaml:1 a"]


def test_what_is_named_twice_is_read_once() -> None:
    write("d/a.yaml", POD.format("a"))

    assert names(read("d/a.yaml", "d", "./d/a.yaml")) == ["d/a.yaml:1 a"]


def test_standard_input() -> None:
    sources = read("-", stdin="# rendered\n" + POD.format("a") + "---\n" + POD.format("b"))

    assert names(sources) == ["-:2 a", "-:7 b"]
    assert sources.files == 1


def test_several_documents_and_empty_ones_between() -> None:
    write("a.yaml", "---\n# nothing\n---\n" + POD.format("a") + "---\n---\n" + POD.format("b"))

    assert names(read("a.yaml")) == ["a.yaml:4 a", "a.yaml:10 b"]


def test_lists_are_taken_apart() -> None:
    write(
        "list.yaml",
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n"
        "- apiVersion: v1\n  kind: List\n  items:\n"
        "  - {apiVersion: v1, kind: Pod, metadata: {name: c}}\n",
    )

    assert names(read("list.yaml")) == ["list.yaml:4 a", "list.yaml:7 b", "list.yaml:8 c"]


def test_items_of_a_typed_list_need_no_kind() -> None:
    """`kubectl get --raw` answers with such lists."""
    write(
        "list.json",
        '{"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [\n'
        ' {"metadata": {"name": "a"}}\n]}',
    )

    (found,) = read("list.json").documents

    assert found.place == "list.json:2"
    assert (found.document["apiVersion"], found.document["kind"]) == ("apps/v1", "Deployment")


def test_a_kind_that_only_sounds_like_a_list() -> None:
    write("a.yaml", "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\n")

    assert names(read("a.yaml")) == ["a.yaml:1 a"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a\n", "a.yaml:1: not a Kubernetes object: must be a map, not a list"),
        ("text\n", 'a.yaml:1: not a Kubernetes object: must be a map, not the text "text"'),
        ("\na: 1\n", "a.yaml:2: not a Kubernetes object: apiVersion and kind must be set"),
        ("kind: Pod\n", "a.yaml:1: not a Kubernetes object: apiVersion must be set"),
        ("apiVersion: v1\nkind:\n", "a.yaml:1: not a Kubernetes object: kind must be set"),
        (
            "apiVersion: 1\nkind: Pod\n",
            "a.yaml:1: not a Kubernetes object: apiVersion must be text, not the number 1",
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n",
            "a.yaml:4: items[0]: not a Kubernetes object: apiVersion must be set",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: [null]\n",
            "a.yaml:1: items[0]: not a Kubernetes object: must be a map, not null",
        ),
        ("", "a.yaml: holds no Kubernetes object"),
        ("# nothing\n", "a.yaml: holds no Kubernetes object"),
        ("---\n", "a.yaml: holds no Kubernetes object"),
        (b"\xff\xfea\x00", "a.yaml:1: written in UTF-16: save it as UTF-8"),
        (b"\xfe\xff\x00a", "a.yaml:1: written in UTF-16: save it as UTF-8"),
        (b"a: 1\nb: \xe4\n", "a.yaml:2: not UTF-8: the byte 0xe4 can't stand here"),
        (POD.format('"{{ .Release.Name }}"'), f"a.yaml:1: {TEMPLATE_MESSAGE}"),
        (POD.format("{{ .Release.Name }}"), f"a.yaml:4: {TEMPLATE_MESSAGE}"),
        (
            "apiVersion: v1\nkind: Pod\nkind: Pod\n",
            'a.yaml:3: the key "kind" stands twice in one map',
        ),
    ],
)
def test_what_is_named_must_hold_objects(text: str | bytes, error: str) -> None:
    sources = read(write("a.yaml", text))

    assert errors(sources) == [error]
    assert sources.documents == []


def test_errors_keep_nothing_else_from_being_read() -> None:
    write("a.yaml", POD.format("a") + "---\nb: [\n---\n" + POD.format("c"))
    write("b.yaml", POD.format("d"))

    sources = read("a.yaml", "missing.yaml", "b.yaml")

    assert names(sources) == ["a.yaml:1 a", "a.yaml:8 c", "b.yaml:1 d"]
    assert errors(sources) == [
        "a.yaml:7: not valid YAML: did not find expected node content while parsing a flow node",
        "missing.yaml: no such file or directory",
    ]


def test_directories_may_hold_what_is_not_kubernetes() -> None:
    """Values of charts, workflows and lock files lie beside manifests; even broken ones."""
    write("d/values.yaml", "image: {tag: 1}\n")
    write("d/broken.yaml", "a: [\n")
    write("d/empty.yaml", "")
    write("d/tsconfig.json", '{ // comment\n "a": 1 }')
    write("d/Chart.yaml", "apiVersion: v2\nname: web\n")
    write("d/a.yaml", POD.format("a") + "---\nplain: 1\n")

    sources = read("d")

    assert names(sources) == ["d/a.yaml:1 a"]
    assert errors(sources) == []
    assert (sources.files, sources.ignored) == (6, 6)


def test_broken_manifests_in_directories_are_errors() -> None:
    write("d/a.yaml", "apiVersion: v1\nkind: [\n")
    write("d/b.yaml", b"apiVersion: v1\nkind: \xff\n")
    write("d/c.yaml", POD.format("x").encode("utf-16"))

    assert errors(read("d")) == [
        "d/a.yaml:2: not valid YAML: did not find expected node content while parsing a flow node",
        "d/b.yaml:2: not UTF-8: the byte 0xff can't stand here",
        "d/c.yaml:1: written in UTF-16: save it as UTF-8",
    ]


def test_links_that_lead_in_circles() -> None:
    write("d/sub/a.yaml", POD.format("a"))
    Path("d/sub/up").symlink_to("..")
    Path("d/self.yaml").symlink_to("self.yaml")
    Path("d/gone.yaml").symlink_to("nowhere.yaml")
    Path("d/again.yaml").symlink_to("sub/a.yaml")

    sources = read("d")

    assert names(sources) == ["d/again.yaml:1 a"]
    assert errors(sources) == [
        "d/gone.yaml: no such file or directory",
        "d/self.yaml: too many levels of symbolic links",
    ]


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in, since root may read everything."""
    write("d/a.yaml", POD.format("a"))
    write("e/b.yaml", POD.format("b"))
    real_open, real_iterdir = Path.open, Path.iterdir

    def guarded_open(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "b.yaml":
            raise PermissionError(13, "Permission denied")
        return real_open(self, *args, **kwargs)  # type: ignore[call-overload]

    def guarded_iterdir(self: Path) -> object:
        if self.name == "d":
            raise PermissionError(13, "Permission denied")
        return real_iterdir(self)

    monkeypatch.setattr(Path, "open", guarded_open)
    monkeypatch.setattr(Path, "iterdir", guarded_iterdir)

    sources = read("d", "e")

    assert errors(sources) == ["d: permission denied", "e/b.yaml: permission denied"]


def test_a_pipe_can_be_named() -> None:
    """As in `readiness check <(helm template chart)`."""
    reading, writing = os.pipe()
    os.write(writing, POD.format("a").encode())
    os.close(writing)

    sources = read(f"/dev/fd/{reading}")
    os.close(reading)

    assert names(sources) == [f"/dev/fd/{reading}:1 a"]


def test_a_pipe_in_a_directory_is_passed_over() -> None:
    write("d/a.yaml", POD.format("a"))
    os.mkfifo("d/b.yaml")

    assert names(read("d")) == ["d/a.yaml:1 a"]


def test_large_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LARGEST_FILE", 1024**2)
    write("a.yaml", "# " + "x" * 1024**2)

    assert errors(read("a.yaml")) == ["a.yaml: larger than 1 MiB: split it"]


def test_names_that_are_no_text() -> None:
    assert errors(read("a\0b")) == ["a\0b: no such file or directory"]
    assert errors(read("\udcff.yaml")) == [
        "\N{REPLACEMENT CHARACTER}.yaml: no such file or directory"
    ]


def test_lists_in_lists_are_bounded() -> None:
    text = "{apiVersion: v1, kind: List, items: [" * 20 + "]}" * 20

    assert errors(read(write("a.yaml", text))) == ["a.yaml:1: more than 10 Lists in one another"]
