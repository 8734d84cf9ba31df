"""What a person sees on a terminal, in colour, at 80 and at 200 columns.

The golden files were looked at as pictures of a dark and a light terminal. In them `\\e` stands for
the escape character; READINESS_UPDATE_GOLDEN=1 writes them anew: look again then.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.support import DATA, assert_golden, run
from tests.cli.test_fix import ONLY, WEB
from tests.cli.test_main import read_terminal

CHECK = ("check", "shop", "exemption.yaml", "--policy", "policy.yaml", "-n", "shop")
EXPLAIN = ("explain", "capabilities-not-dropped")


def seen(columns: int, *arguments: str, **environment: str) -> str:
    output = read_terminal(*arguments, TERM="xterm", COLUMNS=str(columns), **environment)
    return output.replace("\r\n", "\n")


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def assert_golden_colours(name: str, text: str) -> None:
    assert_golden(name, text.replace("\x1b", "\\e"))


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize(("name", "arguments"), [("check", CHECK), ("explain", EXPLAIN)])
def test_colours_and_columns(name: str, arguments: tuple[str, ...], columns: int) -> None:
    text = seen(columns, *arguments)

    assert_golden_colours(f"terminal-{name}-{columns}.txt", text)
    assert max(map(len, without_colour(text).splitlines())) <= columns
    assert seen(columns, *arguments, NO_COLOR="1") == without_colour(text)


@pytest.mark.parametrize("columns", [80, 200])
def test_fixes_apart_from_what_is_said_of_them(columns: int, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(WEB, encoding="utf-8")
    text = seen(columns, "fix", str(tmp_path / "web.yaml"), "--diff", *ONLY)

    assert_golden_colours(f"terminal-fix-{columns}.txt", text.replace(f"{tmp_path}/", ""))
    notes = without_colour(text).partition("\n\n")[2].splitlines()
    assert max(map(len, notes[1:])) <= columns


def test_the_catalogue_in_colour() -> None:
    lines = seen(80, "checks").splitlines()

    assert lines[0].startswith("\x1b[1mCHECK ")
    (host_port,) = [line for line in lines if line.startswith("  host-port ")]
    assert host_port.endswith(
        "intrinsic  \x1b[2m-         \x1b[0m\x1b[33mShould    \x1b[0m\x1b[31mMust      \x1b[0m"
    )
    assert max(len(without_colour(line).rstrip()) for line in lines) <= 80


def test_places_stand_below_one_another_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind what is said where the name of a file would leave no room for it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("a" * 60, "b" * 60)
    folder.mkdir(parents=True)
    for place in (Path("cart.yaml"), folder / "cart.yaml"):
        shutil.copy(DATA / "shop" / "cart.yaml", place)
        text = run("check", str(place), "--policy", "baseline", columns=200).stdout
        (line,) = [line for line in text.splitlines() if " memory-limit-missing " in line][:1]
        said = 'container "app" must set resources.limits.memory'
        if place.parent == folder:
            assert re.fullmatch(rf"  Must    memory-limit-missing +{said}", line)
            assert re.search(rf"^ +{place}:15$", text, re.MULTILINE)
        else:
            assert re.fullmatch(rf"  Must    memory-limit-missing +{place}:15  {said}", line)


def test_a_verdict_stays_with_the_name_and_the_place_goes_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(DATA)

    assert run(*CHECK, columns=80).stdout.splitlines()[:2] == [
        "✗ deployment/cart (shop)  not ready: 1 Must, 1 Should, 1 Nice, 1 exempt",
        "  shop/cart.yaml:2",
    ]
