"""`readiness fix`: what it shows, what it writes, what it leaves, and how it ends."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.support import DATA, assert_golden, run

# One safe fix, one unsafe, one by hand; comments and quotes to keep.
WEB = """\
# The shop's front.
apiVersion: apps/v1
kind: Deployment
metadata:
  name:   web   # aligned
spec:
  replicas: 1
  revisionHistoryLimit: 0   # saves space
  template:
    spec:
      containers:
        - image: "registry.example.com/shop/web:2.1.0"   # quoted
          name: 'app'
          securityContext: {privileged: true, runAsUser: 1000}
          resources:
            limits: {memory: 128m}   # wrong
"""
CHECKS = ("rollback-impossible", "privileged-container", "suspicious-quantity")
ONLY = [word for id in CHECKS for word in ("--check", id)]
SAFE = WEB.replace("  revisionHistoryLimit: 0   # saves space\n", "")
UNSAFE = SAFE.replace("privileged: true, ", "")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "web.yaml"
    path.write_text(WEB, encoding="utf-8")
    return path


def test_a_diff_is_shown_and_nothing_written(web: Path) -> None:
    result = run("fix", "web.yaml", *ONLY)

    assert_golden("fix.diff", result.stdout)
    assert_golden("fix.txt", result.stderr)
    assert web.read_text(encoding="utf-8") == WEB
    assert result.exit_code == 1
    assert run("fix", "web.yaml", "--diff", *ONLY).stdout == result.stdout


@pytest.mark.parametrize(("options", "expected"), [([], SAFE), (["--unsafe"], UNSAFE)])
def test_files_are_changed_in_place_once(web: Path, options: list[str], expected: str) -> None:
    web.chmod(0o640)

    first = run("fix", "web.yaml", "--write", *options, *ONLY)
    second = run("fix", "web.yaml", "--write", *options, *ONLY)

    assert web.read_text(encoding="utf-8") == expected
    assert stat.S_IMODE(web.stat().st_mode) == 0o640
    assert [child.name for child in web.parent.iterdir()] == ["web.yaml"]
    assert (first.stdout, second.stdout) == ("", "")
    fixed = len(options) + 1
    assert f"\n{fixed} fixed in 1 file; " in first.stderr
    assert "\n0 fixed in 0 files; " in second.stderr


def test_unsafe_fixes_are_told_of_by_their_reason(web: Path) -> None:
    result = run("fix", "web.yaml", "--check", "privileged-container")

    assert result.stdout == ""
    assert result.stderr == (
        "web.yaml:2 deployment/web (default)\n"
        '  leave  container "app" must not set securityContext.privileged: true '
        "(privileged-container)\n"
        "         for --unsafe: it no longer reaches devices and kernel settings of its node\n"
        "0 to fix in 0 files; 1 left for --unsafe\n"
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--check", "rollback-impossible"], 0),
        (["--check", "privileged-container"], 1),
        (["--check", "privileged-container", "--unsafe"], 0),
        (["--check", "privileged-container", "--fail-on", "never"], 0),
        (["--check", "rollback-impossble"], 2),
        (["--policy", "none-such"], 2),
    ],
)
def test_the_exit_code_speaks_of_what_is_left(web: Path, options: list[str], code: int) -> None:
    assert run("fix", "web.yaml", *options).exit_code == code


def test_an_unknown_check_gets_a_hint(web: Path) -> None:
    result = run("fix", "web.yaml", "--check", "rollback-impossble")

    assert 'there is no check "rollback-impossble", did you mean "rollback-impossible"?' in (
        result.stderr.replace("\n", " ")
    )


def test_standard_input_comes_out_fixed() -> None:
    result = run("fix", "-", *ONLY, stdin=WEB)

    assert result.stdout == SAFE
    assert run("fix", "-", "--write", *ONLY, stdin=WEB).stdout == SAFE
    assert run("fix", "-", "--diff", *ONLY, stdin=WEB).stdout.startswith("--- -\n+++ -\n@@ ")


def test_standard_input_without_anything_to_fix_comes_out_as_it_was() -> None:
    text = "# only a Service\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n" + UNSAFE

    assert run("fix", "-", "--check", "rollback-impossible", stdin=text).stdout == text


def test_line_ends_and_byte_order_mark_stay(web: Path) -> None:
    web.write_bytes(b"\xef\xbb\xbf" + WEB.replace("\n", "\r\n").encode())

    run("fix", "web.yaml", "--write", *ONLY)

    assert web.read_bytes() == b"\xef\xbb\xbf" + SAFE.replace("\n", "\r\n").encode()


def test_a_link_goes_on_leading_to_the_file(web: Path) -> None:
    link = web.with_name("link.yaml")
    link.symlink_to("web.yaml")

    run("fix", "link.yaml", "--write", *ONLY)

    assert link.is_symlink()
    assert web.read_text(encoding="utf-8") == SAFE


def test_several_documents_and_items_of_lists_are_fixed_each_in_its_place(web: Path) -> None:
    item = WEB.replace("# The shop's front.\n", "").replace("web ", "item ").replace("\n", "\n  ")
    text = f"{WEB}---\napiVersion: v1\nkind: List\nitems:\n- {item.rstrip()}\n"
    web.write_text(text, encoding="utf-8")

    run("fix", "web.yaml", "--write", "--check", "rollback-impossible")

    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if "revisionHistoryLimit" not in line]
    assert len(kept) == len(lines) - 2
    assert web.read_text(encoding="utf-8") == "".join(kept)


def test_what_an_anchor_shares_is_left_with_the_reason(web: Path) -> None:
    shared = WEB.replace(
        "securityContext: {privileged: true, runAsUser: 1000}",
        "securityContext: &context {privileged: true, runAsUser: 1000}",
    )
    second = "        - {name: two, image: 'two:1', securityContext: *context}\n"
    web.write_text(shared + second, encoding="utf-8")

    result = run("fix", "web.yaml", "--unsafe", "--check", "privileged-container")

    assert result.stdout == ""
    reason = "by hand: an anchor or alias shares it with another place: change it by hand"
    assert result.stderr.count(reason) == 2


def test_a_broken_document_keeps_its_file_from_being_changed(web: Path) -> None:
    broken = f"{WEB}---\na: [1\n"
    web.write_text(broken, encoding="utf-8")

    result = run("fix", "web.yaml", "--write", *ONLY)

    assert web.read_text(encoding="utf-8") == broken
    assert "by hand: a part of the file is not valid YAML" in result.stderr
    assert result.exit_code == 2


def test_a_file_that_somebody_else_changes_meanwhile_is_left_alone(
    web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from readiness.cli import fix as module

    def changed_by_somebody(*arguments: object) -> None:
        web.write_text(f"{WEB}# new\n", encoding="utf-8")

    monkeypatch.setattr(module, "report_problems", changed_by_somebody)

    result = run("fix", "web.yaml", "--write", *ONLY)

    assert web.read_text(encoding="utf-8") == f"{WEB}# new\n"
    assert "web.yaml: not changed: somebody else changed it meanwhile\n" in result.stderr
    assert result.exit_code == 2


def test_a_failed_write_leaves_the_file_and_no_other(
    web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    result = run("fix", "web.yaml", "--write", *ONLY)

    assert web.read_text(encoding="utf-8") == WEB
    assert [child.name for child in web.parent.iterdir()] == ["web.yaml"]
    assert "web.yaml: not changed: no space left on device\n" in result.stderr
    assert result.exit_code == 2


def test_where_nothing_is_to_be_found_it_says_so(web: Path) -> None:
    web.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n", encoding="utf-8")

    result = run("fix", "web.yaml")

    assert (result.stdout, result.stderr) == ("", "no workload found in web.yaml\n")
    assert result.exit_code == 2


def test_a_last_line_without_a_break_is_shown_as_diff_does(web: Path) -> None:
    web.write_text(WEB.replace("  revisionHistoryLimit: 0   # saves space\n", "")[:-1], "utf-8")

    diff = run("fix", "web.yaml", "--unsafe", "--check", "privileged-container").stdout

    assert diff.endswith("memory: 128m}   # wrong\n\\ No newline at end of file\n")


def test_exempt_findings_are_left(web: Path) -> None:
    exemption = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "rollback", "namespace": "default"},
        "spec": {
            "workloads": [{"kind": "Deployment", "name": "web"}],
            "checks": ["rollback-impossible"],
            "reason": "asked for by the tests",
            "expiresAt": "2999-12-31T00:00:00Z",
        },
    }
    web.with_name("exemption.json").write_text(json.dumps(exemption), encoding="utf-8")

    assert run("fix", ".", "--check", "rollback-impossible").stdout == ""


def test_the_json_report_has_the_patches() -> None:
    report = json.loads(run("check", "-", "--format", "json", stdin=WEB).stdout)

    fixes = {r["check"]: r["fix"] for r in report["workloads"][0]["results"] if "fix" in r}
    assert fixes["rollback-impossible"] == {
        "safety": "safe",
        "explanation": "the default is to keep 10 old revisions, which run no pods",
        "patch": [{"op": "remove", "path": "/spec/revisionHistoryLimit"}],
    }
    assert fixes["suspicious-quantity"]["safety"] == "display-only"


def test_the_sample_shop_is_fixed_without_touching_what_is_not_wrong() -> None:
    result = run("fix", str(DATA / "shop"), "--unsafe", "--check", "recreate-strategy")

    assert result.stdout == ""
    assert result.exit_code == 0
