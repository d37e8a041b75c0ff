from __future__ import annotations

import pytest
from typer.testing import CliRunner

import posedeploy
from posedeploy.cli import app

COMMANDS = (
    "export",
    "bench",
    "parity",
    "bisect",
    "report",
    "predict",
    "evaluate",
    "inspect",
    "families",
    "fetch",
    "doctor",
)


def _run(*arguments: str, columns: int = 80) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": str(columns), "NO_COLOR": "1"}).invoke(app, arguments)
    return result.exit_code, result.output


def test_the_help_lists_every_command() -> None:
    status, shown = _run("--help")
    assert status == 0
    assert all(f"│ {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str, columns: int) -> None:
    status, shown = _run(command, "--help", columns=columns)
    assert status == 0
    assert f"Example: posedeploy {command}" in shown
    assert max(map(len, shown.splitlines())) <= columns


def test_the_version_is_printed() -> None:
    assert _run("--version") == (0, f"posedeploy {posedeploy.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["exprot"], "No such command"), (["bench", "--run", "x"], "No such option")],
)
def test_a_usage_error_is_reported(arguments: list[str], said: str) -> None:
    status, shown = _run(*arguments)
    assert status == 2
    assert said in shown
