"""The command itself: start-up, help, wrong usage, and how it ends."""

from __future__ import annotations

import errno
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from readiness import __version__
from readiness.cli import main as main_module
from readiness.cli.main import SUBCOMMANDS, LazyGroup, cli
from tests.cli.support import DATA, run

HEAVY = {"pydantic", "kopf", "kubernetes", "aiohttp", "jsonpatch", "structlog", "orjson"}
OPERATOR = Path(main_module.__file__).parents[2]


def command(*arguments: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """Return how to run the command line in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
    env |= {"PYTHONPATH": str(OPERATOR), "PYTHONUTF8": "1", **environment}
    return [sys.executable, "-m", "readiness", *arguments], env


@pytest.mark.parametrize(
    "arguments",
    [["check", "shop"], ["check", "shop", "--policy", "strict"], ["checks"], ["--help"]],
)
def test_light_work_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from readiness.cli.main import main\n"
        f"sys.argv = {['readiness', *arguments]!r}\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    _, env = command()
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=DATA, env=env, capture_output=True, text=True, check=True
    )

    imported = {name.partition(".")[0] for name in result.stderr.split()}
    assert "readiness" in imported
    assert imported & HEAVY == set()


def test_help_lists_the_subcommands_without_importing_them() -> None:
    result = run("--help")

    for name, (_, text) in SUBCOMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", result.stdout, re.MULTILINE)
    assert result.exit_code == 0


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_subcommands_exist_and_say_what_the_list_says(name: str) -> None:
    assert isinstance(cli, LazyGroup)
    subcommand = cli.get_command(click.Context(cli), name)

    assert subcommand is not None
    assert subcommand.get_short_help_str(80) == SUBCOMMANDS[name][1]
    help_text = run(name, "--help").stdout
    assert "Example" in help_text
    assert max(map(len, help_text.splitlines())) <= 84


def test_version() -> None:
    assert run("--version").stdout == f"readiness {__version__}\n"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("chekc", 'did you mean "check"?'),
        ("deploy", f"there are {', '.join(SUBCOMMANDS)}"),
    ],
)
def test_unknown_subcommand(asked: str, hint: str) -> None:
    result = run(asked)

    assert result.stderr.splitlines()[-1] == f'Error: There is no command "{asked}": {hint}'
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "shop/web.yaml", "--policy", "policy.yaml"], 0),
        (["check", "shop", "--policy", "policy.yaml"], 1),
        (["check", "missing.yaml"], 2),
        (["nonsense"], 2),
        (["--version"], 0),
    ],
)
def test_exit_codes_of_the_process(arguments: list[str], code: int) -> None:
    argv, env = command(*arguments)
    result = subprocess.run(argv, cwd=DATA, env=env, capture_output=True, check=False)

    assert result.returncode == code


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    argv, env = command("check", "shop")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            argv, cwd=DATA, env=env, stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)

    assert (result.returncode, result.stderr) == (141, b"")


def test_ctrl_c_ends_it_quietly() -> None:
    """It waits for standard input; the line on standard error says that it has begun to."""
    argv, env = command("check", "missing.yaml", "-")
    reading, writing = os.pipe()
    code = (
        "import os, readiness.gather.files as files\n"
        "read = files._read\n"
        f"def told(*a, **k): os.write({writing}, b'.'); return read(*a, **k)\n"
        "files._read = told\n"
        "from readiness.cli.main import main\n"
        "main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *argv[3:]],
        cwd=DATA,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[writing],
    ) as process:
        os.close(writing)
        assert os.read(reading, 1) == b"."
        os.close(reading)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout, stderr.strip()) == (130, b"", b"")


def test_a_bug_of_ours_is_not_taken_for_findings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(*args: object, **kwargs: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(cli, "main", crash)
    with pytest.raises(SystemExit) as ended:
        main_module.main()

    assert ended.value.code == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "readiness: this is a bug, please report it with the lines above"


def read_terminal(*arguments: str, **environment: str) -> str:
    """Return what the command writes to a terminal."""
    argv, env = command(*arguments, **environment)
    controller, terminal = pty.openpty()
    with subprocess.Popen(argv, cwd=DATA, env=env, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        output = b""
        while True:
            try:
                chunk = os.read(controller, 65536)
            except OSError as error:  # Linux' word for the end of a terminal
                if error.errno != errno.EIO:
                    raise
                break
            if not chunk:
                break
            output += chunk
        process.wait(timeout=60)
    os.close(controller)
    return output.decode()


def test_colour_on_a_terminal() -> None:
    output = read_terminal("check", "shop", "--policy", "policy.yaml", TERM="xterm")

    assert "\x1b[31m✗\x1b[0m \x1b[1mdeployment/cart\x1b[0m (default)" in output
    assert "\x1b[31mMust  \x1b[0m" in output


@pytest.mark.parametrize("environment", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(environment: dict[str, str]) -> None:
    assert "\x1b[" not in read_terminal("check", "shop", "--policy", "policy.yaml", **environment)


def test_ascii_where_the_terminal_knows_no_more() -> None:
    argv, env = command(
        "check", "shop", "--policy", "policy.yaml", PYTHONUTF8="0", PYTHONIOENCODING="ascii"
    )
    result = subprocess.run(argv, cwd=DATA, env=env, capture_output=True, text=True, check=False)

    assert result.stdout.startswith("x deployment/cart (default)")
    assert "\n+ deployment/web (default)" in result.stdout
    assert result.stdout.isascii()
