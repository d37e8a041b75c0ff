"""The help of every command at 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from posedeploy.cli import app


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its words after ``posedeploy``."""
    for name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, (*path, name))
    if not getattr(command, "commands", None):
        yield path, command


LEAVES = dict(leaves(typer.main.get_command(app)))


def help_of(path: tuple[str, ...]) -> str:
    result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_no_word_of_the_help_is_broken(path: tuple[str, ...]) -> None:
    shown = help_of(path)
    words = set(re.sub(r"[│╭╮╰╯─\[\]]", " ", shown).split())
    assert "…" not in shown
    assert re.findall(r"<[^>\s]*(?=\s)", shown) == [], "a type is broken into two lines"
    for param in LEAVES[path].params:
        expected = {*(param.opts if param.param_type_name == "option" else ())}
        expected |= {param.metavar} - {None} | set((getattr(param, "help", "") or "").split())
        assert expected - words == set(), param.name


def test_the_options_of_one_target_have_a_panel() -> None:
    shown = help_of(("export",))
    panels = [
        shown.index(f"─ {name} ─")
        for name in ("Options", "AOTInductor", "ONNX", "TensorRT", "TFLite", "Model")
    ]
    assert panels == sorted(panels)


def test_a_first_session_is_shown_without_arguments() -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, [])
    assert result.exit_code == 0
    commands = [line.split()[1] for line in result.output.splitlines() if line.startswith("  posedeploy ")]
    assert commands == ["export", "parity", "predict"]
    assert max(map(len, result.output.splitlines())) <= 80
