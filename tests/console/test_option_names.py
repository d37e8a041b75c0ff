"""Parameters in messages of the library exist as options, and the command line shows them as options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer

from posedeploy.cli import app
from posedeploy.console.option_names import learn_options, options_of, with_options

PACKAGE = Path(__file__).parents[2] / "posedeploy"
COMMAND_LINE = {"cli", "commands", "console", "inside"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
COMMAND_OF_APP = typer.main.get_command(app)
OPTIONS = set(options_of(COMMAND_OF_APP))
PARAMETER = re.compile(r"`([a-z][a-z0-9_]*)(?:=[^`]*)?`")
COMMAND = re.compile(r"posedeploy [a-z]+ |pip install|hf download|--version")


def _literals(path: Path) -> list[str]:
    """Return the text of a module's string literals without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in nodes if isinstance(node.value, str)]


LIBRARY = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not {part.removesuffix(".py").partition("_")[0] for part in path.relative_to(PACKAGE).parts}
    & COMMAND_LINE
)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_parameters_in_messages_are_options(path: Path) -> None:
    literals = [text for text in _literals(path) if " " in text and COMMAND.search(text) is None]
    assert [text for text in literals if OPTION.search(text) is not None] == []
    named = {name for text in literals for name in PARAMETER.findall(text)}
    assert {name for name in named if "--" + name.replace("_", "-") not in OPTIONS} == set()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`threads=0`: too few", "--threads 0: too few"),
        ("`mesh=a b.npy`: bad; leave `fps` out", "--mesh a b.npy: bad; leave --fps out"),
        ("pass `joints_key=x`", "pass --joints-key x"),
        ("see `posedeploy families`", "see `posedeploy families`"),
        ("unknown field `deviation`", "unknown field `deviation`"),
    ],
)
def test_parameters_become_options(message: str, shown: str) -> None:
    learn_options(COMMAND_OF_APP)
    assert with_options(message) == shown
