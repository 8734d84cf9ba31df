"""What `readiness check` reads: patterns, charts, kustomizations, and where it says things are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import run
from tests.cli.test_main import read_terminal
from tools.control_plane import ControlPlaneError, find_binaries

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector:
    matchLabels: {{app: web}}
  template:
    metadata:
      labels: {{app: web}}
    spec:
      containers:
      - name: app
        image: registry.example.com/web:1
"""
POLICY = {
    "apiVersion": "readiness.dev/v1alpha1",
    "kind": "ReadinessPolicy",
    "metadata": {"name": "house"},
    "spec": {
        "checks": [
            {"id": "memory-limit-missing", "severity": "Must"},
            {"id": "image-pull-policy-never", "severity": "Must"},
        ]
    },
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("policy.yaml", json.dumps(POLICY))
    return tmp_path


def write(path: str, text: str) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def check(*arguments: str, stdin: str = "") -> Any:
    return run("check", "--policy", "policy.yaml", "--no-fix", *arguments, stdin=stdin)


def places(*arguments: str, stdin: str = "") -> list[tuple[str, int, str, int]]:
    """Return file and line of each workload, with its name and the last line that is named."""
    report = json.loads(check("--format", "json", *arguments, stdin=stdin).stdout)
    return [
        (w["file"], w["line"], w["name"], max(r["line"] for r in w["results"]))
        for w in report["workloads"]
    ]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("d/*.yaml", ["d/a.yaml", "d/b.yaml"]),
        ("d/*", ["d/a.yaml", "d/b.yaml"]),
        ("d/**/*.yaml", ["d/a.yaml", "d/b.yaml", "d/sub/c.yaml"]),
        ("d/[b-z].yaml", ["d/b.yaml"]),
        ("d/odd[1].yaml", ["d/odd[1].yaml"]),
    ],
)
def test_patterns_that_no_shell_expanded(pattern: str, files: list[str]) -> None:
    for name in ("a.yaml", "b.yaml", "sub/c.yaml", ".hidden.yaml"):
        write(f"d/{name}", DEPLOYMENT.format(name=name.replace("/", "-")))
    write("d/notes.txt", "no manifest")
    if "odd" in pattern:
        write("d/odd[1].yaml", DEPLOYMENT.format(name="odd"))

    assert [file for file, _, _, _ in places(pattern)] == files


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    write("a.yaml", DEPLOYMENT.format(name="a"))
    result = check("a.yaml", "d/*.yaml")

    assert result.stderr == "d/*.yaml: matches no file that ends with .yaml, .yml or .json\n"
    assert "deployment/a" in result.stdout
    assert result.exit_code == 2


def test_what_others_wrote_is_left_out() -> None:
    for directory in ("vendor", "node_modules", ".git", "mine"):
        write(f"d/{directory}/a.yaml", DEPLOYMENT.format(name=directory.strip(".")))

    assert [name for _, _, name, _ in places("d")] == ["mine"]


def test_standard_input_is_read_once_and_its_lines_are_known() -> None:
    text = "# A comment.\n---\n" + DEPLOYMENT.format(name="a")

    assert places("-", stdin=text) == [("-", 3, "a", 15)]


def test_what_helm_rendered_elsewhere_tells_its_template() -> None:
    text = "---\n# Source: web/templates/app.yaml\n" + DEPLOYMENT.format(name="a")
    plain = check("-", stdin=text)
    github = check("-", "--format", "github", stdin=text)
    sarif = json.loads(check("-", "--format", "sarif", stdin=text).stdout)

    assert plain.stdout.splitlines()[:3] == [
        "✗ deployment/a (default)  -:3 (web/templates/app.yaml)  not ready: 1 Must",
        '  Must    container "app" must set resources.limits.memory',
        "          memory-limit-missing  -:15",
    ]
    assert github.stdout == (
        "::error file=web/templates/app.yaml,title=Must%3A memory-limit-missing::"
        'deployment/a (default): container "app" must set resources.limits.memory\n'
    )
    location = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location == {"artifactLocation": {"uri": "web/templates/app.yaml"}}


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real helm and kubectl first in PATH."""
    if os.environ.get("READINESS_SKIP_CLUSTER") == "1":
        pytest.skip("READINESS_SKIP_CLUSTER=1")
    try:
        found = find_binaries(["helm", "kubectl"])
    except ControlPlaneError as error:
        pytest.fail(f"{error}\n(READINESS_SKIP_CLUSTER=1 skips these tests.)", pytrace=False)
    directory = Path("bin")
    directory.mkdir()
    for name, path in found.items():
        (directory / name).symlink_to(path)
    monkeypatch.setenv("PATH", f"{directory.absolute()}:/usr/bin:/bin")


def chart(directory: str = "chart", image: str = "{{ .Values.image }}") -> None:
    template = DEPLOYMENT.format(name="{{ .Release.Name }}-web").replace(
        "registry.example.com/web:1", image
    )
    write(f"{directory}/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
    write(f"{directory}/values.yaml", "image: registry.example.com/web:1\nenabled: true\n")
    write(
        f"{directory}/templates/app.yaml",
        "{{/* The application. */}}\n{{- if .Values.enabled }}\n" + template + "{{- end }}\n",
    )


@pytest.mark.usefixtures("tools")
def test_a_chart_is_rendered_and_judged() -> None:
    """Findings are at lines of the template, which is what a person can change."""
    chart()
    result = check("--helm", "chart/", "--release", "shop", "-n", "prod")

    assert result.stdout == (
        "✗ deployment/shop-web (prod)  chart/templates/app.yaml:4  not ready: 1 Must\n"
        '  Must    container "app" must set resources.limits.memory\n'
        "          memory-limit-missing  chart/templates/app.yaml:14\n"
        "\n"
        "1 workload: 1 not ready; 1 Must finding\n"
        "policy house; 1 file read; checks: 1 passed\n"
    )
    assert (result.stderr, result.exit_code) == ("", 1)


@pytest.mark.usefixtures("tools")
def test_values_reach_the_chart() -> None:
    chart()
    write("off.yaml", "enabled: false\n")
    nothing = "helm template chart: holds no Kubernetes object\nno workload found in chart\n"

    for options in (("-f", "off.yaml"), ("--set", "enabled=false")):
        result = check("--helm", "chart", *options)
        assert (result.stderr, result.exit_code) == (nothing, 2)
    both = check("--helm", "chart", "-f", "off.yaml", "--set", "enabled=true")
    assert "deployment/release-name-web (default)" in both.stdout


@pytest.mark.usefixtures("tools")
def test_pods_of_helm_test_are_not_judged() -> None:
    chart()
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\n"
        "spec:\n  containers: [{name: test, image: busybox}]\n"
    )
    write("chart/templates/tests/test.yaml", pod)

    assert [name for _, _, name, _ in places("--helm", "chart")] == ["release-name-web"]


@pytest.mark.usefixtures("tools")
def test_what_helm_says_is_passed_on() -> None:
    chart(image='{{ required "image must be set" .Values.picture }}')
    write("b.yaml", DEPLOYMENT.format(name="b"))
    result = check("b.yaml", "--helm", "chart")

    assert "image must be set" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "helm template chart: exit code 1: nothing of it is judged"
    )
    assert "deployment/b" in result.stdout
    assert result.exit_code == 2


@pytest.mark.usefixtures("tools")
def test_a_chart_is_compared_with_another() -> None:
    chart()
    chart("base")
    assert check("--helm", "chart", "--diff", "base").exit_code == 0

    write("base/templates/app.yaml", "")
    result = check("--helm", "chart", "--diff", "base")
    assert result.stderr == "helm template base: holds no Kubernetes object\n"
    assert result.exit_code == 2


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("argument", ["-x", "--post-renderer=evil"])
def test_a_name_is_never_taken_for_an_option_of_the_tool(argument: str) -> None:
    result = check(f"--helm={argument}")

    assert "unknown" not in result.stderr
    assert result.stderr.splitlines()[-2] == (
        f"helm template {argument}: exit code 1: nothing of it is judged"
    )


def kustomization(directory: str = "overlay") -> None:
    write("base/web.yaml", DEPLOYMENT.format(name="web"))
    write("base/kustomization.yaml", "resources: [web.yaml]\n")
    write(f"{directory}/kustomization.yaml", "namePrefix: prod-\nresources: [../base]\n")


@pytest.mark.usefixtures("tools")
def test_a_kustomization_is_built_and_judged() -> None:
    kustomization()
    result = check("--kustomize", "overlay")

    assert result.stdout.splitlines()[:4] == [
        "✗ deployment/prod-web (default)  kustomize build overlay:1  not ready: 1 Must",
        '  Must    container "app" must set resources.limits.memory',
        "          memory-limit-missing  kustomize build overlay:15",
        "",
    ]
    assert (result.stderr, result.exit_code) == ("", 1)


@pytest.mark.usefixtures("tools")
def test_annotations_of_a_kustomization_point_at_its_file() -> None:
    """The lines of what was built are those of no file."""
    kustomization()
    github = check("--kustomize", "overlay/", "--format", "github").stdout
    gitlab = json.loads(check("--kustomize", "overlay/", "--format", "gitlab").stdout)

    assert github.startswith("::error file=overlay/kustomization.yaml,title=")
    assert gitlab[0]["location"] == {"path": "overlay/kustomization.yaml", "lines": {"begin": 1}}


@pytest.mark.usefixtures("tools")
def test_a_kustomization_that_is_none() -> None:
    Path("empty").mkdir()
    result = check("--kustomize", "empty")

    assert result.stderr.splitlines()[-2:] == [
        "kustomize build empty: exit code 1: nothing of it is judged",
        "no workload found in empty",
    ]
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--helm", "chart"),
            (
                "Error: --helm needs the command helm, which is not in PATH: install Helm 3 or "
                "newer, or render elsewhere and read that, as in `helm template CHART | readiness "
                "check -`\n"
            ),
        ),
        (
            ("--kustomize", "overlay"),
            (
                "Error: --kustomize needs the command kustomize or kubectl, and neither is in "
                "PATH: install one, or render elsewhere and read that, as in `kubectl kustomize "
                "DIR | readiness check -`\n"
            ),
        ),
    ],
)
def test_without_the_tool_the_way_out_is_told(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = check(*arguments)

    assert (result.stdout, result.stderr, result.exit_code) == ("", message, 3)


def many(number: int) -> str:
    return "---\n".join(DEPLOYMENT.format(name=f"w{n}") for n in range(number))


def absolute(file: str) -> list[str]:
    """Return arguments that mean the same from everywhere."""
    return [str(Path(file).absolute()), "--no-fix", "--policy", str(Path("policy.yaml").absolute())]


def test_long_work_shows_on_a_terminal_how_far_it_is() -> None:
    write("many.yaml", many(600))
    output = read_terminal("check", *absolute("many.yaml"), TERM="xterm")

    assert "Judging 600 workloads" in output
    assert "600/600" in output


def test_short_work_shows_nothing() -> None:
    write("few.yaml", many(20))
    output = read_terminal("check", *absolute("few.yaml"), TERM="xterm")

    assert "Judging" not in output


def test_no_progress_outside_a_terminal() -> None:
    write("many.yaml", many(600))

    assert check("many.yaml").stderr == ""
