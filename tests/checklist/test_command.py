"""`readiness checklist`: golden files of each form, counts, escaping, mistakes of the user."""

from __future__ import annotations

import html.parser
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from readiness.checklist.base import Stage
from readiness.checklist.catalogue import ITEMS
from readiness.checklist.standing import standing
from readiness.evaluate.evaluator import Report
from readiness.model.workload import ObjectRef
from readiness.report.checklist_words import Located
from readiness.report.render_checklist_html import standings_html
from readiness.report.render_checklist_markdown import standings_markdown
from readiness.report.render_checklist_text import catalogue_text, standings_text
from readiness.report.render_text import Look
from tests.cli.support import run
from tests.support import ROOT

DATA = Path(__file__).resolve().parent / "data"
GOLDEN = DATA / "golden"
EXEMPTION = str(DATA / "exemption.yaml")
BOOKSHOP = ("bookshop", EXEMPTION, "--policy", "standard")
LOG_AGENT = (*BOOKSHOP, "--workload", "bookshop/daemonset/log-agent")


@pytest.fixture(autouse=True)
def among_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")
    monkeypatch.delenv("NO_COLOR", raising=False)


def assert_golden(name: str, text: str) -> None:
    """Compare with a golden file; READINESS_UPDATE_GOLDEN=1 writes it anew."""
    path = GOLDEN / name
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    if path.read_text(encoding="utf-8") != text:
        pytest.fail(f"{name} differs; this is what came out:\n{text}")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("catalogue.txt", ()),
        ("bookshop.txt", BOOKSHOP),
        ("log-agent.txt", LOG_AGENT),
        ("log-agent.md", (*LOG_AGENT, "--format", "markdown")),
        ("log-agent.html", (*LOG_AGENT, "--format", "html")),
        ("log-agent.json", (*LOG_AGENT, "--format", "json", "--stage", "pre-launch")),
    ],
)
def test_golden(name: str, arguments: tuple[str, ...]) -> None:
    result = run("checklist", *arguments)

    assert (result.stderr, result.exit_code) == ("", 0)
    assert_golden(name, result.stdout)


def test_catalogue_as_json_holds_every_item_and_the_counts() -> None:
    document = json.loads(run("checklist", "--format", "json").stdout)

    assert [item["id"] for item in document["items"]] == list(ITEMS)
    assert document["summary"] == {
        "items": 235,
        "stage": "live",
        "byAnswer": {
            "checks": 30,
            "serviceLevels": 48,
            "checks+serviceLevels": 12,
            "checks+evidence": 26,
            "serviceLevels+evidence": 6,
            "checks+serviceLevels+evidence": 1,
            "evidence": 112,
        },
        "bySection": {
            "security": 42,
            "database": 25,
            "performance": 20,
            "observability": 28,
            "configuration": 12,
            "testing": 16,
            "deployment": 24,
            "documentation": 16,
            "operations": 16,
            "launch": 20,
            "risks": 16,
        },
        "byStage": {"pre-launch": 218, "launch": 6, "live": 11},
        "bySeverity": {"Must": 102, "Should": 110, "Nice": 23},
    }
    assert document["serviceLevels"][0] == {
        "name": "availability",
        "title": "Availability",
        "measures": "share of time or requests served",
        "objective": "over 99.9 %",
    }
    assert [i for i in document["items"] if i["id"] == "backup-tested"] == [
        {
            "id": "backup-tested",
            "title": "Backups were tested",
            "text": "Backups run, and one was restored.",
            "section": "launch",
            "group": "One week before",
            "severity": "Must",
            "stage": "pre-launch",
            "answeredBy": "checks+evidence",
            "checks": ["backup-schedule-missing", "backup-stale"],
            "serviceLevels": [],
            "evidence": ["recovery-rehearsed"],
            "items": ["backup-scheduled", "recovery-rehearsed"],
        }
    ]


def test_catalogue_of_a_stage_leaves_out_what_comes_later() -> None:
    document = json.loads(run("checklist", "--format", "json", "--stage", "launch").stdout)

    assert document["summary"]["byStage"] == {"pre-launch": 218, "launch": 6}
    assert "due on the day of launch" in run("checklist", "--stage", "launch").stdout
    assert "One week after" not in run("checklist", "--stage", "launch").stdout


def test_workloads_as_json_add_up() -> None:
    document = json.loads(run("checklist", *BOOKSHOP, "--format", "json").stdout)

    assert document["summary"]["workloads"] == len(document["workloads"]) == 13
    for workload in document["workloads"]:
        states = [item["state"] for item in workload["items"]]
        assert workload["states"] == {s: states.count(s) for s in workload["states"]}
        assert sum(workload["states"].values()) == 235 == document["summary"]["items"]
    total = document["summary"]["states"]
    assert total == {
        state: sum(workload["states"][state] for workload in document["workloads"])
        for state in total
    }


def test_what_check_finds_is_missing_here() -> None:
    """Both commands judge by the same rules: each finding is told, and nothing else is."""
    judged = json.loads(run("check", *BOOKSHOP, "--format", "json").stdout)
    stands = json.loads(run("checklist", *BOOKSHOP, "--format", "json").stdout)

    for by_check, by_item in zip(judged["workloads"], stands["workloads"], strict=True):
        findings = {
            (r["check"], r["message"])
            for r in by_check["results"]
            if r["result"] in ("fail", "warn")
        }
        missing = {
            (answer["name"], answer["message"])
            for item in by_item["items"]
            for answer in item["answers"]
            if answer["kind"] == "check" and answer["state"] == "missing"
        }
        assert by_check["name"] == by_item["name"]
        assert findings == missing


def test_policies_among_the_input_count() -> None:
    policy = {
        "apiVersion": "readiness.dev/v1alpha1",
        "kind": "ReadinessPolicy",
        "metadata": {"name": "house"},
        "spec": {"checks": [{"id": "mutable-image-tag", "severity": "Must"}]},
    }
    result = run("checklist", "bookshop/ads.yaml", "-", stdin=json.dumps(policy))

    assert "policy house\n" in result.stdout
    assert "no policy asks for this check (cors-wildcard) [platform team]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("bookshop", "--workload", "bookshop/deploy/ads"),
            (
                "Invalid value for '--workload': there is no workload \"bookshop/deploy/ads\" "
                'among the input, did you mean "bookshop/deployment/ads"?'
            ),
        ),
        (
            ("bookshop", "--workload", "payments"),
            (
                "Invalid value for '--workload': \"payments\" is not NAMESPACE/KIND/NAME, did you "
                'mean "bookshop/deployment/payments"?'
            ),
        ),
        (
            ("bookshop", "--workload", "a/b/c"),
            "Invalid value for '--workload': there is no workload \"a/b/c\" among the input",
        ),
        (
            ("--workload", "bookshop/deployment/ads"),
            "--workload needs manifests to look at: name files, directories or -",
        ),
        (
            ("--policy", "strict"),
            "--policy needs manifests to look at: name files, directories or -",
        ),
        (
            ("--stage", "lunch"),
            "Invalid value for '--stage': 'lunch' is not one of 'pre-launch', 'launch', 'live'.",
        ),
        (
            ("bookshop", "--policy", "strickt"),
            (
                "Invalid value for '--policy': \"strickt\" is neither a file nor a profile "
                "(baseline, standard, strict, pod-security-baseline, pod-security-restricted), "
                'did you mean "strict"?'
            ),
        ),
    ],
)
def test_wrong_usage_is_explained(arguments: tuple[str, ...], message: str) -> None:
    result = run("checklist", *arguments)

    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {message}"
    assert result.exit_code == 2


def test_kind_may_be_written_as_in_the_manifest() -> None:
    result = run("checklist", "bookshop", "--workload", "bookshop/DaemonSet/log-agent")

    assert result.stdout.startswith("bookshop/daemonset/log-agent  bookshop/log-agent.yaml:")


def test_input_that_cannot_be_read_is_said_and_the_rest_shown() -> None:
    result = run("checklist", "bookshop/ads.yaml", "nowhere.yaml")

    assert result.stderr == "nowhere.yaml: no such file or directory\n"
    assert result.stdout.startswith("bookshop/deployment/ads  bookshop/ads.yaml:")
    assert result.exit_code == 2


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_input_without_workloads_shows_nothing(form: str) -> None:
    result = run("checklist", "exemption.yaml", "--format", form)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr == "no workload found in exemption.yaml\n"


def test_input_without_workloads_is_still_json() -> None:
    result = run("checklist", "exemption.yaml", "--format", "json")

    assert json.loads(result.stdout)["workloads"] == []
    assert result.exit_code == 2


@pytest.mark.parametrize("arguments", [(), BOOKSHOP, LOG_AGENT])
def test_text_fits_the_terminal(arguments: tuple[str, ...]) -> None:
    """But for words that would be of no use in pieces."""
    for line in run("checklist", *arguments, columns=80).stdout.splitlines():
        assert len(line) <= 80 or len(line.split()) == 1, line


HOSTILE = "<script>alert('&')</script>\x1b[31m|*_`[x](y)"


@pytest.fixture
def hostile() -> Located:
    """A workload whose names hold whatever means something to a browser, Markdown or terminal."""
    ref = ObjectRef("apps", "Deployment", HOSTILE, HOSTILE)
    return Located(standing(Report(ref, (HOSTILE,), ())), HOSTILE, 1)


class Page(html.parser.HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute))]


def test_html_shows_names_as_they_are(hostile: Located) -> None:
    page = Page(standings_html([hostile, hostile]))

    assert "script" not in {tag for tag, _ in page.tags}
    shown = HOSTILE.replace("\x1b", "\\x1b")
    assert page.text.count(f"{shown}/deployment/{shown}") == 4, "two links and two headings"


def test_markdown_shows_names_as_they_are(hostile: Located) -> None:
    text = standings_markdown([hostile])

    assert r"## \<script\>alert('\&')\</script\>\\x1b\[31m\|\*\_\`\[x\](y)/deployment/" in text
    assert re.findall(r"(?<!\\)[<|\[]", text) == []


def test_terminal_gets_no_escape_sequences_of_others(hostile: Located) -> None:
    assert "\x1b" not in standings_text([hostile], Look())
    assert "\x1b" not in standings_text([hostile, hostile], Look())


@pytest.mark.parametrize(
    "arguments",
    [("--format", "html"), (*BOOKSHOP, "--format", "html"), (*LOG_AGENT, "--format", "html")],
)
def test_page_needs_nothing_from_outside_and_links_lead_somewhere(
    arguments: tuple[str, ...],
) -> None:
    text = run("checklist", *arguments).stdout
    page = Page(text)
    ids = page.values("id")

    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert page.values("src") == []
    assert "url(" not in text
    assert "@import" not in text
    assert len(ids) == len(set(ids))
    for href in page.values("href"):
        assert href.removeprefix("#") in ids
    assert ("html", {"lang": "en"}) in page.tags


def test_page_shows_every_item_once_for_each_workload() -> None:
    def items(*arguments: str) -> list[str]:
        page = Page(run("checklist", *arguments, "--format", "html").stdout)
        return [c for c in page.values("class") if c.split()[0] == "item"]

    assert len(items()) == 235
    assert len(items(*LOG_AGENT)) == 235
    assert len(items(*BOOKSHOP)) == 13 * 235
    assert len(items(*LOG_AGENT, "--stage", "pre-launch")) == 218


def test_sections_are_open_on_a_page_of_one_workload_alone() -> None:
    def opened(*arguments: str) -> list[bool]:
        page = Page(run("checklist", *arguments, "--format", "html").stdout)
        return ["open" in attributes for tag, attributes in page.tags if tag == "details"]

    assert opened() == [True] * 11
    assert opened(*LOG_AGENT) == [True] * 11
    assert opened(*BOOKSHOP) == [False] * 11 * 13


def test_every_filter_of_the_page_shows_as_many_items_as_it_says() -> None:
    page = Page(run("checklist", *LOG_AGENT, "--format", "html").stdout)
    states = [c.split()[-1] for c in page.values("class") if c.split()[0] == "item"]
    labels = [re.fullmatch(r"([a-z ]+) (\d+)", text) for text in page.text]
    counts = {label[1].replace(" ", "-"): int(label[2]) for label in labels if label}

    assert counts == {state: states.count(state) for state in states}
    for state in counts:
        assert f"body:has(#show-{state}:checked) .item:not(.{state})" in "".join(page.text)
        assert f"show-{state}" in page.values("id")


def test_colour_changes_nothing_but_colour() -> None:
    located = Located(standing(Report(ObjectRef("apps", "Deployment", "a", "b"), ("p",), ())))
    renders: list[Callable[[Look], str]] = [
        partial(standings_text, [located]),
        partial(standings_text, [located, located]),
        partial(catalogue_text, Stage.LIVE),
    ]
    for render in renders:
        coloured = render(Look(color=True))
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render(Look())


def test_plain_marks_need_no_more_than_ascii() -> None:
    located = Located(standing(Report(ObjectRef("apps", "Deployment", "a", "b"), ("p",), ())))

    assert standings_text([located], Look(plain_marks=True)).isascii()
    assert catalogue_text(Stage.LIVE, Look(plain_marks=True)).isascii()


def test_help_lists_it() -> None:
    listed = re.sub(r"\s+", " ", run("--help").stdout)

    assert "checklist Show the readiness checklist, or where workloads stand on it." in listed
