"""The commands of README.md and of every page: all are parsed, and those without a marker are run."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from posedeploy.cli import app
from tests.docs.pages import LANGUAGES, PAGES, ROOT, Command, blocks, commands
from tests.docs.workspace import write_workspace
from tests.support.brief_timing import time_briefly
from tests.support.shared_graphs import share_graphs

OTHER_PROGRAMS = frozenset(("apt-get", "git", "hf", "make", "pip", "pytest", "python"))


def is_run(command: Command) -> bool:
    return command.arguments[0] == "posedeploy" and command.parse_reason is None


ALL = [(page, command) for page in PAGES for command in commands(page)]
RUN_PAGES = [page for page in PAGES if any(map(is_run, commands(page)))]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_has_a_language(page: Path) -> None:
    assert [block.text for block in blocks(page) if block.language not in LANGUAGES] == []


def test_text_blocks_contain_no_commands() -> None:
    hidden = [
        line
        for page in PAGES
        for block in blocks(page)
        for line in block.text.splitlines()
        if block.language == "text" and line.startswith(("$ posedeploy ", "posedeploy "))
    ]
    assert hidden == []


@pytest.mark.parametrize(("page", "command"), ALL, ids=lambda value: str(value))
def test_a_command_is_valid(page: Path, command: Command) -> None:
    program, *arguments = command.arguments
    if program == "posedeploy":
        parse(arguments)
    else:
        assert program in OTHER_PROGRAMS, f"{page}: {command}"
        assert list(problems(program, arguments)) == []


def parse(arguments: Sequence[str]) -> None:
    """Parse the arguments without running the command; a usage error is raised."""
    command = typer.main.get_command(app)
    name, rest = "posedeploy", list(arguments)
    while (group := getattr(command, "commands", None)) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        command = group[name]
    if not getattr(command, "commands", None):
        command.make_context(name, rest)


def problems(program: str, arguments: Sequence[str]) -> Iterator[str]:
    """Yield what a command of another program names and the repository does not have."""
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = [argument for argument in arguments if "=" not in argument]
        yield from (target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE))
    if program == "python" and arguments[0] != "-m" and not (ROOT / arguments[0]).is_file():
        yield arguments[0]
    if program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        named = [
            extra for found in re.findall(r"\[([\w,-]+)]", " ".join(arguments)) for extra in found.split(",")
        ]
        yield from sorted(set(named) - set(project["optional-dependencies"]))


def test_extras_in_the_text_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    named = {extra for found in re.findall(r"posedeploy\[([\w,-]+)]", text) for extra in found.split(",")}
    assert named and named <= set(project["optional-dependencies"])


@pytest.fixture(scope="module", autouse=True)
def quick_commands() -> Iterator[None]:
    """Time each model a few times only, and export the ONNX graph of a checkpoint once for all pages."""
    with pytest.MonkeyPatch.context() as patch:
        time_briefly(patch)
        share_graphs(patch)
        yield


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    write_workspace(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=str)
def test_the_commands_of_a_page_succeed(
    page: Path, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    if page == Path("README.md"):
        folder.mkdir()  # its session begins with nothing
    else:
        shutil.copytree(workspace, folder)
    monkeypatch.chdir(folder)
    for command in filter(is_run, commands(page)):
        result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(app, command.arguments[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}"
        check_output(command, result.stdout)


def check_output(command: Command, printed: str) -> None:
    """Check that the lines of a page are in the output in this order; numbers may differ."""
    lines = iter(map(without_numbers, printed.splitlines()))
    for shown in (without_numbers(line) for line in command.output if line != "..."):
        assert shown in lines, f"{command}: no line (from here on) is {shown!r} in\n{printed}"


def without_numbers(line: str) -> str:
    """Return a line without its numbers, rules and repeated spaces, which depend on the machine."""
    line = re.sub(r"\b1 thread\b", "1 threads", line)
    return " ".join(re.sub(r"\d+(\.\d+)*(e[+-]\d+)?", "0", line.replace("─", "")).split())
