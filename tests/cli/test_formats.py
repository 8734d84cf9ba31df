"""Every form of the report: golden files, the schemas of others, what must be escaped."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
import yaml

from readiness.checks.registry import all_checks
from tests.cli.support import DATA, GOLDEN, assert_golden, run

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "report" / "data"
EVIL = "a|b`<img src=x>&*_[x](y) @all #1\n::error::%0A,\"'\x07\\"


@pytest.fixture(autouse=True)
def among_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA)


def schema(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def check_sarif(text: str) -> dict[str, Any]:
    """Return a SARIF log that the official schema accepts, and 3.27.23 of the specification."""
    log: dict[str, Any] = json.loads(text)
    assert all("suppressions" in result for result in log["runs"][0]["results"])
    jsonschema.Draft4Validator(
        schema(SCHEMAS / "sarif-2.1.0.schema.json"),
        format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
    ).validate(log)
    return log


def check_junit(text: str) -> ET.Element:
    """Return a document that Jenkins' schema accepts."""
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(text)
    return ET.fromstring(text)


def check_json(text: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(
        schema(ROOT / "docs" / "schemas" / "check-report.schema.json")
    ).validate(report)
    return report


GOLDEN_FORMATS = {
    "sarif": "shop.sarif",
    "junit": "shop.junit.xml",
    "github": "shop.github.txt",
    "gitlab": "shop.gitlab.json",
    "markdown": "shop.md",
    "policyreport": "shop.policyreport.yaml",
}
ARGUMENTS = ("check", "shop", "exemption.yaml", "--policy", "policy.yaml", "-n", "shop")


@pytest.mark.parametrize(("output", "name"), GOLDEN_FORMATS.items())
def test_golden(output: str, name: str) -> None:
    result = run(*ARGUMENTS, "--format", output)

    assert_golden(name, result.stdout)
    assert (result.stderr, result.exit_code) == ("", 1)


def test_all_at_once_into_files(tmp_path: Path) -> None:
    """With the text on standard output; each file is what standard output would show."""
    files = {output: tmp_path / name for output, name in GOLDEN_FORMATS.items()}
    options = [f"--format={output}={file}" for output, file in files.items()]
    result = run(*ARGUMENTS, "--no-fix", "--format", "text", *options)

    assert result.stdout == (GOLDEN / "shop-exempt.txt").read_text(encoding="utf-8")
    for output, file in files.items():
        assert file.read_text("utf-8") == (GOLDEN / GOLDEN_FORMATS[output]).read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GOLDEN_FORMATS.values())


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text("old " * 10_000)
    file.chmod(0o640)
    result = run(*ARGUMENTS, "--no-fix", "--format", f"text={file}", columns=200)

    assert result.stdout == ""
    # 80 columns: a file has no terminal.
    assert file.read_text("utf-8") == (GOLDEN / "shop-exempt.txt").read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "no" / "report.json"
    result = run("check", "shop/web.yaml", "--policy", "policy.yaml", "--format", f"json={file}")

    assert result.stderr == f"{file}: can't be written: no such file or directory\n"
    assert result.exit_code == 2


def test_a_device_is_written_to() -> None:
    result = run(*ARGUMENTS, "--format", "json=/dev/null")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 1)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_reports_are_accepted_by_their_schemas(profile: str) -> None:
    arguments = ("check", "shop", str(ROOT / "examples"), "--policy", profile, "--format")

    log = check_sarif(run(*arguments, "sarif").stdout)
    suites = check_junit(run(*arguments, "junit").stdout)
    report = check_json(run(*arguments, "json").stdout)

    counted = [
        r
        for w in report["workloads"]
        for r in w["results"]
        if r["result"] in ("fail", "warn") or r["exempt"]
    ]
    assert len(log["runs"][0]["results"]) == len(counted) > 20
    assert suites.get("tests") == str(
        sum(len({r["check"] for r in w["results"]}) for w in report["workloads"])
    )


def manifest(name: str = "web", image: str = "registry.example.com/web:1", pod: Any = None) -> str:
    labels = {"app": "web"}
    spec = {"containers": [{"name": "app", "image": image}]} | (pod or {})
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }
    )


def evil() -> str:
    """Return a manifest whose texts mean something in each of the forms."""
    return manifest(name=EVIL, image=EVIL)


def test_sarif_of_a_finding() -> None:
    log = check_sarif(
        run("check", "shop", "--policy", "policy.yaml", "-n", "shop", "--format", "sarif").stdout
    )

    (one_run,) = log["runs"]
    rules = one_run["tool"]["driver"]["rules"]
    result = one_run["results"][1]
    check = all_checks()["memory-limit-missing"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == check.id
    assert rules[result["ruleIndex"]]["helpUri"] == check.reference.url
    assert check.remediation in rules[result["ruleIndex"]]["help"]["markdown"]
    assert result["level"] == "error"
    assert result["locations"][0] == {
        "physicalLocation": {
            "artifactLocation": {"uri": "shop/cart.yaml"},
            "region": {"startLine": 15},
        },
        "logicalLocations": [
            {
                "name": "cart",
                "fullyQualifiedName": "shop/Deployment/cart/"
                "spec.template.spec.containers[0].resources.limits.memory",
                "kind": "resource",
            }
        ],
    }
    assert one_run["invocations"][0]["executionSuccessful"] is True


def test_sarif_fingerprints_outlive_other_changes() -> None:
    """Another line, another index and another image leave a finding the same."""

    def fingerprints(text: str) -> set[tuple[str, str]]:
        log = check_sarif(
            run("check", "-", "--policy", "policy.yaml", "--format", "sarif", stdin=text).stdout
        )
        return {
            (r["ruleId"], r["partialFingerprints"]["readinessFinding/v1"])
            for r in log["runs"][0]["results"]
        }

    one = {"name": "app", "image": "registry.example.com/web"}
    good = {
        "name": "first",
        "image": "registry.example.com/first:1",
        "resources": {"limits": {"memory": "1Mi"}},
    }
    latest = {**one, "image": "registry.example.com/web:latest"}
    before = fingerprints(manifest(pod={"containers": [one]}))
    after = fingerprints("\n\n\n" + manifest(pod={"containers": [good, latest]}))
    renamed = fingerprints(manifest(pod={"containers": [{**one, "name": "other"}]}))

    assert {rule for rule, _ in before} == {
        "memory-limit-missing",
        "mutable-image-tag",
        "disruption-budget-missing",
        "priority-class-missing",
    }
    assert len(before) == 4
    assert after == before
    assert {rule for rule, _ in before - renamed} == {"memory-limit-missing", "mutable-image-tag"}


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("a b.yaml", "a%20b.yaml"),
        ("50%.yaml", "50%25.yaml"),
        ("a:b.yaml", "a%3Ab.yaml"),
        ("ä#?.yaml", "%C3%A4%23%3F.yaml"),
        ("./x/y.yaml", "x/y.yaml"),
    ],
)
def test_sarif_names_files_by_uri(
    name: str, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    Path(name).write_text(manifest())
    log = check_sarif(run("check", name, "--format", "sarif").stdout)

    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": uri}


def test_sarif_of_absolute_names_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(manifest())
    for argument, uri in ((str(tmp_path), f"file://{tmp_path}/a.yaml"), ("-", "stdin")):
        log = check_sarif(run("check", argument, "--format", "sarif", stdin=manifest()).stdout)
        location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert location["artifactLocation"] == {"uri": uri}


def test_sarif_tells_what_could_not_be_looked_at() -> None:
    pod = {"containers": [{"name": "app", "image": "registry.example.com/web:1", "resources": 5}]}
    result = run(
        "check",
        "-",
        "--policy",
        "policy.yaml",
        "--format",
        "sarif",
        stdin=manifest(pod=pod) + "\n---\n[",
    )

    invocation = check_sarif(result.stdout)["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert [n["message"]["text"] for n in invocation["toolExecutionNotifications"]] == [
        (
            "deployment/web (shop): memory-limit-missing could not look: "
            "spec.template.spec.containers[0].resources must be a map, not the number 5"
        )
    ]


def test_sarif_and_gitlab_show_what_is_exempt_as_suppressed_or_not_at_all() -> None:
    sarif = check_sarif(run(*ARGUMENTS, "--format", "sarif").stdout)
    gitlab = json.loads(run(*ARGUMENTS, "--format", "gitlab").stdout)

    suppressed = [r for r in sarif["runs"][0]["results"] if r["suppressions"]]
    assert [r["ruleId"] for r in suppressed] == ["memory-limit-missing"]
    assert suppressed[0]["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": 'container "app" must set resources.limits.memory (exempt until '
            '2999-12-31T00:00:00Z by ReadinessExemption "old-cart": the heap grows until the '
            "rewrite is done)",
        }
    ]
    assert "partialFingerprints" not in suppressed[0]
    assert "memory-limit-missing" not in {entry["check_name"] for entry in gitlab}


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        ("must", {"memory-limit-missing", "disruption-budget-missing"}),
        ("should", {"memory-limit-missing", "disruption-budget-missing", "mutable-image-tag"}),
        ("never", set()),
    ],
)
def test_junit_fails_for_what_fails_the_command(fail_on: str, failing: set[str]) -> None:
    result = run(
        "check", "shop", "--policy", "policy.yaml", "--fail-on", fail_on, "--format", "junit"
    )
    root = check_junit(result.stdout)

    cases = {
        case.get("name"): case
        for case in root.iter("testcase")
        if case.get("classname") == "default.Deployment.cart"
    }
    assert {name for name, case in cases.items() if case.find("failure") is not None} == failing
    told = {name for name, case in cases.items() if case.find("system-out") is not None}
    assert told == set(cases) - failing
    assert root.get("failures") == str(len(failing))
    assert result.exit_code == (1 if failing else 0)


def test_junit_has_one_verdict_for_a_check_with_several_findings() -> None:
    containers = [{"name": n, "image": "registry.example.com/web:1"} for n in ("a", "b")]
    result = run(
        "check", "-", "--policy", "policy.yaml", "--format", "junit",
        stdin=manifest(pod={"containers": containers}),
    )  # fmt: skip
    root = check_junit(result.stdout)

    (failure,) = root.findall(".//testcase[@name='memory-limit-missing']/failure")
    assert failure.get("message") == "2 findings"
    assert (failure.text or "").splitlines()[:2] == [
        '-:1: container "a" must set resources.limits.memory',
        '-:1: container "b" must set resources.limits.memory',
    ]


def test_junit_of_what_is_exempt_skipped_or_in_error() -> None:
    exempt = check_junit(run(*ARGUMENTS, "--format", "junit").stdout)
    job = json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j"},
            "spec": {
                "template": {"spec": {"containers": [{"name": "a", "image": "b", "resources": 5}]}}
            },
        }
    )
    other = check_junit(
        run("check", "-", "--policy", "policy.yaml", "--format", "junit", stdin=job).stdout
    )

    (skipped,) = exempt.findall(".//testcase[@name='memory-limit-missing']/skipped")
    assert "exempt until 2999-12-31" in (skipped.get("message") or "")
    (skipped,) = other.findall(".//testcase[@name='disruption-budget-missing']/skipped")
    assert skipped.get("message") == "does not apply to a Job"
    (error,) = other.findall(".//testcase[@name='memory-limit-missing']/error")
    assert (error.get("message") or "").endswith("resources must be a map, not the number 5")
    assert (other.get("errors"), other.get("failures")) == ("1", "0")


def test_what_xml_cannot_hold_does_not_break_the_document() -> None:
    root = check_junit(run("check", "-", "--format", "junit", stdin=evil()).stdout)

    (suite,) = root
    assert "\N{REPLACEMENT CHARACTER}" in (suite.get("name") or "")


def test_github_annotations_are_one_line_each_whatever_they_say() -> None:
    result = run("check", "-", "--policy", "policy.yaml", "--format", "github", stdin=evil())

    lines = result.stdout.splitlines()
    assert [re.match(r"::(\w+) title=[^:,]*::.*$", line)[1] for line in lines] == [  # type: ignore[index]
        "error",
        "error",
        "notice",
    ]
    assert r"\n::error::%250A" in lines[0]
    assert r"\x07" in lines[0]


def test_github_escapes_names_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b:c%.yaml").write_text(manifest())
    result = run("check", "a,b:c%.yaml", "--format", "github")

    assert result.stdout.startswith("::error file=a%2Cb%3Ac%25.yaml,line=1,title=Must%3A ")


def test_github_says_what_could_not_be_looked_at() -> None:
    pod = {"containers": [{"name": "app", "image": "registry.example.com/web:1", "resources": 5}]}
    result = run(
        "check", "-", "--policy", "policy.yaml", "--format", "github", stdin=manifest(pod=pod)
    )

    assert result.stdout.splitlines()[-1] == (
        "::warning title=could not look%3A memory-limit-missing::deployment/web (shop): "
        "spec.template.spec.containers[0].resources must be a map, not the number 5"
    )


def test_gitlab_entries_have_what_gitlab_asks_for() -> None:
    entries = json.loads(run("check", "shop", "--policy", "strict", "--format", "gitlab").stdout)

    assert len(entries) > 20
    assert all(
        set(e) == {"description", "check_name", "fingerprint", "severity", "location"}
        for e in entries
    )
    assert {e["severity"] for e in entries} <= {"info", "minor", "major", "critical", "blocker"}
    assert len({e["fingerprint"] for e in entries}) == len(entries)


def test_markdown_means_no_more_than_it_says() -> None:
    result = run("check", "-", "--policy", "policy.yaml", "--format", "markdown", stdin=evil())

    for row in result.stdout.splitlines():
        if row.startswith("| Must"):
            assert row.count("|") == 5
    assert "<img" not in result.stdout
    assert "@all" not in result.stdout
    assert "](y)" not in result.stdout


def test_markdown_fits_into_a_comment() -> None:
    documents = "\n---\n".join(manifest(name=f"workload-{n}") for n in range(300))
    result = run("check", "-", "--policy", "strict", "--format", "markdown", stdin=documents)

    assert 50_000 < len(result.stdout) <= 65_536
    assert "| … and 200 more | | | | | |" in result.stdout
    shown = result.stdout.count("<details>")
    assert f"… and the findings of {300 - shown} workloads more: too long for a comment." in (
        result.stdout
    )
    assert result.stdout.count("<details>") == result.stdout.count("</details>")


def test_policy_reports_have_the_words_of_their_kind() -> None:
    result = run(*ARGUMENTS, "--format", "policyreport")
    cart, web = yaml.safe_load_all(result.stdout)

    assert (cart["apiVersion"], cart["kind"]) == ("wgpolicyk8s.io/v1alpha2", "PolicyReport")
    assert cart["scope"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "cart",
        "namespace": "shop",
    }
    assert cart["summary"] == {"pass": 0, "fail": 1, "warn": 2, "error": 0, "skip": 1}
    assert {r["severity"] for r in cart["results"]} == {"high", "medium", "low"}
    assert {r["result"] for r in web["results"]} == {"pass"}
    assert set(cart["results"][0]) <= {
        "source", "policy", "rule", "category", "severity", "result", "scored", "message",
        "properties",
    }  # fmt: skip


@pytest.mark.parametrize("output", ["sarif", "junit", "json", "gitlab", "markdown"])
def test_reports_of_nothing_are_still_reports(output: str, tmp_path: Path) -> None:
    result = run("check", str(tmp_path), "--format", output)

    assert result.exit_code == 2
    match output:
        case "sarif":
            assert check_sarif(result.stdout)["runs"][0]["results"] == []
        case "junit":
            assert check_junit(result.stdout).get("tests") == "0"
        case "json":
            assert check_json(result.stdout)["workloads"] == []
        case "gitlab":
            assert json.loads(result.stdout) == []
        case _:
            assert "no workload found" in result.stdout
