"""`readiness check`: golden reports, exact lines on standard error, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from readiness.checks.registry import all_checks
from tests.cli.support import DATA, assert_golden, run

CART = (DATA / "shop" / "cart.yaml").read_text(encoding="utf-8")
POLICY = ("--policy", "policy.yaml", "-n", "shop")


@pytest.fixture(autouse=True)
def among_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA)
    monkeypatch.delenv("NO_COLOR", raising=False)


def deployment(name: str = "web", **pod: Any) -> dict[str, Any]:
    labels = {"app": name}
    spec = {"containers": [{"name": "app", "image": "registry.example.com/web:1"}], **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def policy(name: str = "house", **spec: Any) -> dict[str, Any]:
    checks = [{"id": "memory-limit-missing", "severity": "Must"}]
    return {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": name},
        "spec": {"checks": checks, **spec},
    }


def lines_of(*documents: dict[str, Any]) -> str:
    """Return documents as text, each on one line: document n is on line 2n - 1."""
    return "\n---\n".join(json.dumps(document) for document in documents)


@pytest.mark.parametrize(
    ("name", "columns", "arguments", "code"),
    [
        ("shop.txt", 80, ("shop", *POLICY), 1),
        ("shop-wide.txt", 200, ("shop", *POLICY), 1),
        ("shop-narrow.txt", 40, ("shop", *POLICY, "--no-fix"), 1),
        ("shop-verbose.txt", 80, ("shop", *POLICY, "--no-fix", "-v"), 1),
        ("shop-exempt.txt", 80, ("shop", "exemption.yaml", *POLICY, "--no-fix"), 1),
        ("ready.txt", 80, ("shop/web.yaml", *POLICY), 0),
        ("shop.json", 80, ("shop", "exemption.yaml", *POLICY, "--format", "json"), 1),
    ],
)
def test_golden(name: str, columns: int, arguments: tuple[str, ...], code: int) -> None:
    result = run("check", *arguments, columns=columns)

    assert_golden(name, result.stdout)
    assert (result.stderr, result.exit_code) == ("", code)


def test_no_line_is_longer_than_the_terminal() -> None:
    """But for field paths and image names, which would be of no use in pieces."""
    for line in run("check", "shop", *POLICY, columns=60).stdout.splitlines():
        assert len(line) <= 60 or " " not in line.strip(), line


def test_json_holds_every_result_once() -> None:
    report = json.loads(run("check", "shop", "--format", "json", "-n", "shop").stdout)

    cart, web = report["workloads"]
    assert {r["check"] for r in cart["results"]} == {
        check.id for check in all_checks().values() if check.severity is not None
    }
    assert set(cart) == {
        "apiVersion",
        "kind",
        "namespace",
        "name",
        "file",
        "line",
        "ready",
        "results",
    }
    assert set(cart["results"][0]) == {
        "check",
        "category",
        "severity",
        "result",
        "message",
        "path",
        "line",
        "exempt",
        "policy",
        "known",
    }
    results = cart["results"] + web["results"]
    assert report["summary"]["results"] == {
        word: sum(r["result"] == word for r in results)
        for word in ("pass", "fail", "warn", "skip", "error")
    }


def test_standard_input_with_the_namespace_of_the_option() -> None:
    result = run("check", "-", *POLICY, "--format", "json", stdin=CART)

    (cart,) = json.loads(result.stdout)["workloads"]
    assert (cart["file"], cart["line"], cart["namespace"]) == ("-", 2, "shop")


def test_the_profile_standard_is_the_default() -> None:
    report = json.loads(run("check", "shop", "--format", "json").stdout)

    assert report["summary"]["policies"] == ["standard"]


def test_policies_among_the_input_are_used() -> None:
    report = json.loads(run("check", "shop", "policy.yaml", "--format", "json").stdout)

    assert report["summary"]["policies"] == ["house-rules"]


def test_policies_of_the_option_win_over_those_among_the_input() -> None:
    result = run("check", "shop", "policy.yaml", "--policy", "baseline", "--format", "json")

    assert json.loads(result.stdout)["summary"]["policies"] == ["baseline"]


def test_several_policies_are_named_with_their_findings() -> None:
    stdin = lines_of(deployment(), policy("a"), policy("b", checks=[
        {"id": "priority-class-missing", "severity": "Nice"}
    ]))  # fmt: skip
    result = run("check", "-", "--no-fix", stdin=stdin)

    assert result.stdout == (
        "✗ deployment/web (shop)  -:1  not ready: 1 Must, 1 Nice\n"
        '  Must    container "app" must set resources.limits.memory\n'
        "          memory-limit-missing  -:1  policy a\n"
        "  Nice    must set spec.template.spec.priorityClassName\n"
        "          priority-class-missing  -:1  policy b\n"
        "\n"
        "1 workload: 1 not ready; 1 Must, 1 Nice findings\n"
        "policies a, b; 1 file read; checks: 0 passed\n"
    )


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("Must", "must", 1),
        ("Must", "should", 1),
        ("Must", "nice", 1),
        ("Must", "never", 0),
        ("Should", "must", 0),
        ("Should", "Should", 1),
        ("Should", "nice", 1),
        ("Nice", "should", 0),
        ("Nice", "nice", 1),
        ("Nice", "never", 0),
    ],
)
def test_fail_on(severity: str, fail_on: str, code: int) -> None:
    checks = [{"id": "memory-limit-missing", "severity": severity}]
    stdin = lines_of(deployment(), policy(checks=checks))

    assert run("check", "-", "--fail-on", fail_on, stdin=stdin).exit_code == code


def test_a_check_that_cannot_look_is_no_pass() -> None:
    pod: dict[str, Any] = {
        "containers": [{"name": "app", "image": "registry.example.com/web:1", "resources": 5}]
    }
    result = run("check", "-", "--no-fix", stdin=lines_of(deployment(**pod), policy()))

    assert result.stdout == (
        "? deployment/web (shop)  -:1  cannot tell: 1 check could not look\n"
        "  error   spec.template.spec.containers[0].resources must be a map, not the\n"
        "          number 5\n"
        "          memory-limit-missing (Must)  -:1\n"
        "\n"
        "1 workload: 1 cannot tell; no findings\n"
        "policy house; 1 file read; checks: 0 passed, 1 could not look\n"
    )
    assert result.exit_code == 3


def test_findings_win_over_what_could_not_be_looked_at() -> None:
    pod: dict[str, Any] = {
        "containers": [{"name": "app", "image": "registry.example.com/web:1", "resources": 5}]
    }
    stdin = lines_of(deployment(**pod), deployment("other"), policy())

    assert run("check", "-", stdin=stdin).exit_code == 1


def test_what_no_policy_is_about_is_not_ready() -> None:
    stdin = lines_of(deployment(), policy(match={"excludeNamespaces": ["shop"]}))
    text = run("check", "-", stdin=stdin)
    report = json.loads(run("check", "-", "--format", "json", stdin=stdin).stdout)

    assert text.stdout == (
        "- deployment/web (shop)  -:1  no policy applies\n"
        "\n"
        "1 workload: 1 without a policy; no findings\n"
        "policy house; 1 file read; checks: 0 passed\n"
    )
    assert text.exit_code == 0
    assert report["workloads"][0]["ready"] is False
    assert report["workloads"][0]["results"] == []


def test_bad_input_is_told_and_the_rest_is_judged() -> None:
    """Also when there are findings: a pipeline must not take part of the answer for all of it."""
    broken = deployment("broken")
    broken["spec"]["template"]["spec"]["containers"] = {}
    misspelt = {**deployment("old"), "apiVersion": "v1"}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": 5,
    }
    nameless = {"apiVersion": "v1", "kind": "Service", "metadata": {}}
    stdin = lines_of(broken, misspelt, budget, nameless, deployment(), {"kind": "Pod"})
    result = run("check", "-", "missing.yaml", "--policy", "baseline", stdin=stdin)

    assert result.stderr.splitlines() == [
        "-:11: not a Kubernetes object: apiVersion must be set",
        "missing.yaml: no such file or directory",
        '-:1: Deployment "broken": spec.template.spec.containers must be a list, not a map',
        '-:3: Deployment "old": apiVersion must be apps/v1 for a Deployment, not the text "v1"',
        '-:5: PodDisruptionBudget "web": spec must be a map, not the number 5',
        "-:7: Service: metadata.name must be set, not null",
    ]
    assert "6 errors in the input: not everything was judged\n" in result.stdout
    assert "deployment/web (shop)" in result.stdout
    assert result.exit_code == 2


def test_kinds_of_others_are_no_mistake() -> None:
    job = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "metadata": {"name": "j"}}
    result = run("check", "-", stdin=lines_of(deployment(), job, policy(checks=[
        {"id": "priority-class-missing", "severity": "Nice"}
    ])))  # fmt: skip

    assert (result.stderr, result.exit_code) == ("", 0)
    assert "1 object no check looks at" in result.stdout


def test_a_bad_policy_leaves_the_others_in_force() -> None:
    bad = policy("bad", checks=[{"id": "memory-limit-mising", "severity": "Must"}])
    result = run("check", "-", "--format", "json", stdin=lines_of(bad, deployment(), policy()))

    assert result.stderr == (
        '-:1: ReadinessPolicy "bad": spec.checks[0].id: there is no check "memory-limit-mising", '
        'did you mean "memory-limit-missing"?\n'
    )
    assert json.loads(result.stdout)["summary"]["policies"] == ["house"]
    assert result.exit_code == 2


def test_bad_policies_alone_are_not_replaced_by_a_profile() -> None:
    bad = policy("bad", extends="nothing")
    result = run("check", "-", stdin=lines_of(bad, deployment()))

    assert "no policy applies" in result.stdout
    assert result.exit_code == 2


def test_a_bad_exemption_is_told() -> None:
    exemption = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessExemption",
        "metadata": {"name": "e", "namespace": "shop"},
        "spec": {"workloads": [{"name": "web"}], "checks": ["nope"], "reason": "because we can"},
    }
    result = run("check", "-", stdin=lines_of(deployment(), policy(), exemption))

    assert result.stderr.startswith('-:5: ReadinessExemption "e": spec.expiresAt')
    assert result.exit_code == 2


def test_unknown_versions_of_our_kinds_are_told() -> None:
    newer = {**policy(), "apiVersion": "readiness.dev/v1"}
    result = run("check", "-", stdin=lines_of(deployment(), newer))

    assert result.stderr == (
        '-:3: ReadinessPolicy "house": apiVersion must be readiness.dev/v1alpha1, '
        'not the text "readiness.dev/v1"\n'
    )


def test_the_later_of_two_objects_with_one_name_counts() -> None:
    stdin = lines_of(deployment(), deployment(priorityClassName="x"), policy(), policy())
    result = run("check", "-", "--format", "json", stdin=stdin)

    assert result.stderr == (
        '-:3: warning: Deployment "web" is also at -:1; this one counts\n'
        '-:7: warning: ReadinessPolicy "house" is also at -:5; this one counts\n'
    )
    assert [w["line"] for w in json.loads(result.stdout)["workloads"]] == [3]
    assert result.exit_code == 1


def test_many_warnings_are_cut_short() -> None:
    stdin = lines_of(*[deployment()] * 30)
    result = run("check", "-", stdin=stdin)

    assert len(result.stderr.splitlines()) == 21
    assert result.stderr.endswith("... and 9 more warnings\n")


def test_jobs_with_generated_names_are_no_duplicates() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "migrate-"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b:1"}]}}},
    }
    result = run("check", "-", "--format", "json", stdin=lines_of(job, job))

    assert result.stderr == ""
    assert [w["name"] for w in json.loads(result.stdout)["workloads"]] == ["migrate-", "migrate-"]


def test_namespaces_that_are_not_among_the_input_count_as_selected() -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"env": "test"}},
    }
    unknown = run("check", "-", "--policy", "strict-namespaces.yaml", stdin=lines_of(deployment()))
    known = run(
        "check", "-", "--policy", "strict-namespaces.yaml", stdin=lines_of(deployment(), namespace)
    )

    assert unknown.stderr == (
        "note: production selects namespaces by their labels; Namespace shop is not among the "
        "input, so it is taken to match\n"
    )
    assert unknown.exit_code == 1
    assert known.stderr == ""
    assert "no policy applies" in known.stdout


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_pipeline_that_judged_nothing_must_notice(output: str, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("a: 1\n")
    result = run("check", str(tmp_path), "--format", output)

    assert result.stderr == f"no workload found in {tmp_path}\n"
    assert result.exit_code == 2
    if output == "json":
        assert json.loads(result.stdout)["workloads"] == []
    else:
        assert result.stdout == ""


NOTHING_NAMED = (
    "Error: name what to judge: files, directories, - for standard input, --helm CHART or "
    "--kustomize DIRECTORY"
)
UNKNOWN_PROFILE = (
    "Error: Invalid value for '--policy': \"standrad\" is neither a file nor a profile "
    "(baseline, standard, strict, pod-security-baseline, pod-security-restricted), did you "
    'mean "standard"?'
)
UNKNOWN_SEVERITY = (
    "Error: Invalid value for '--fail-on': 'often' is not one of 'must', 'should', 'nice', 'never'."
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), NOTHING_NAMED),
        (("shop", "--policy", "standrad"), UNKNOWN_PROFILE),
        (("shop", "--fail-on", "often"), UNKNOWN_SEVERITY),
        (
            ("shop", "--values", "v.yaml"),
            "Error: --values is for --helm CHART, which is missing",
        ),
        (("shop", "--set", "a=b"), "Error: --set is for --helm CHART, which is missing"),
        (("shop", "--release", "a"), "Error: --release is for --helm CHART, which is missing"),
        (
            ("shop", "--update-baseline"),
            "Error: --update-baseline needs --baseline FILE, which it writes",
        ),
        (
            ("shop", "--format", "yaml"),
            (
                "Error: Invalid value for '--format': \"yaml\" is none of text, json, sarif, "
                "junit, github, gitlab, markdown, policyreport"
            ),
        ),
        (
            ("shop", "--format", "sarif="),
            (
                "Error: Invalid value for '--format': \"sarif=\" lacks the name of a file after "
                'the "="'
            ),
        ),
        (
            ("shop", "--format", "text", "--format", "json"),
            (
                "Error: Invalid value for '--format': two reports would go to standard output: "
                "give files, as in --format sarif=report.sarif"
            ),
        ),
        (
            ("shop", "--format", "sarif=a", "--format", "json=a"),
            (
                "Error: Invalid value for '--format': two reports would go to a: give files, as in "
                "--format sarif=report.sarif"
            ),
        ),
        (
            ("shop", "--kustomize", "a", "--diff", "b"),
            "Error: --diff compares one --helm, one --kustomize or files alone",
        ),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run("check", *arguments)

    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == message
    assert result.exit_code == 2


def test_policy_paths_must_hold_policies() -> None:
    result = run(
        "check", "shop", "--policy", "exemption.yaml", "--policy", "policy.yaml", "--no-fix"
    )

    assert result.stderr == "exemption.yaml: holds no ReadinessPolicy\n"
    assert "policy house-rules;" in result.stdout
    assert result.exit_code == 2


def test_two_policies_with_one_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(policy("baseline")))
    result = run("check", "shop", "--policy", "baseline", "--policy", str(path))

    assert result.stderr == f'{path}:1: there is another policy with the name "baseline"\n'
    assert result.exit_code == 2


def test_escape_sequences_in_names_do_not_reach_the_terminal() -> None:
    stdin = lines_of(deployment("w\x1b[31m"), policy())
    result = run("check", "-", stdin=stdin)

    assert "\x1b" not in result.stdout
    assert r"deployment/w\x1b[31m" in result.stdout


@pytest.mark.parametrize("profile", ["baseline", "standard", "strict"])
def test_every_check_can_look_at_plain_manifests(profile: str) -> None:
    """No check crashes or gives up on manifests without a flaw in their form."""
    report = json.loads(run("check", "shop", "--policy", profile, "--format", "json").stdout)

    assert [
        (w["name"], r["check"], r["message"])
        for w in report["workloads"]
        for r in w["results"]
        if r["result"] == "error"
    ] == []
