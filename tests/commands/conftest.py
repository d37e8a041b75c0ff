"""The command line in this process and a temporary folder, and a small user network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from typer.testing import CliRunner, Result

from posedeploy.benchmarks.inputs import generate_noise_images
from posedeploy.cli import app
from posedeploy.environments import locations
from posedeploy.types import Array
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdNetwork, spec_of
from tests.support.shared_folders import shared_folder
from tests.support.synthetic_maps import crowd

Invoke: TypeAlias = Callable[..., Result]

BUILDER = f"""
from tests.predict.conftest import CrowdNetwork, spec_of
from tests.support.synthetic_maps import crowd


def build():
    spec = spec_of("lightweight-openpose-2d", height={HEIGHT}, width={WIDTH})
    return CrowdNetwork(crowd({PEOPLE}, {HEIGHT // 8}, {WIDTH // 8}, seed=5)), spec
"""
"""The network of tests/predict with other people in it: those of the weights must take their place."""
OWN = "my own día 1"


@pytest.fixture
def photo() -> Array:
    """(256, 456, 3) noise in blocks."""
    return generate_noise_images(spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH), 1)[0]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in a temporary folder and without the user's isolated environments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(locations.VARIABLE, str(tmp_path / "environments"))


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Return a function that runs the command line and raises unexpected errors."""

    def run(*arguments: object, columns: int = 80) -> Result:
        environment = {"COLUMNS": str(columns), "TERM": "dumb", "NO_COLOR": "1"}
        result = CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def done(invoke: Invoke) -> Invoke:
    """The same for commands that must succeed."""

    def run(*arguments: object, columns: int = 80) -> Result:
        result = invoke(*arguments, columns=columns)
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture(scope="session")
def refused(invoke: Invoke) -> Callable[..., str]:
    """The same for commands that must be refused with exit status 1. Returns the one line of the error."""

    def run(*arguments: object) -> str:
        result = invoke(*arguments)
        lines = [line for line in result.stderr.splitlines() if line]
        assert result.exit_code == 1, result.output
        assert lines[-1].startswith("error: "), result.output
        assert sum(line.startswith("error: ") for line in lines) == 1
        assert "Traceback" not in result.output
        return lines[-1]

    return run


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name has spaces, with weights ``human.pth`` and the network ``crowd_net.py:build``."""

    def fill(folder: Path) -> None:
        (folder / "crowd_net.py").write_text(BUILDER)
        torch.save(CrowdNetwork(crowd(PEOPLE, HEIGHT // 8, WIDTH // 8)).state_dict(), folder / "human.pth")

    return shared_folder(tmp_path_factory, OWN, fill)


@pytest.fixture(scope="session")
def network(own: Path) -> tuple[str, str]:
    """The option that names the network."""
    return "--network", f"{own / 'crowd_net.py'}:build"


@pytest.fixture(scope="session")
def human(network: tuple[str, str], done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with every target in ``out``; do not change the files."""
    targets = ("--to", "torchscript", "--to", "onnx", "--to", "openvino")

    def export(folder: Path) -> None:
        done("export", folder / "human.pth", *targets, "-o", folder / "out", *network)

    return shared_folder(tmp_path_factory, OWN, export, "exported")


def fill(arguments: tuple[object, ...], **paths: Path | str) -> tuple[object, ...]:
    """Return the arguments with the names in braces replaced by their paths."""
    return tuple(
        argument.format_map(paths) if isinstance(argument, str) else argument for argument in arguments
    )


def lines_wider_than(width: int, text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > width]


def words(text: str) -> str:
    """Return the text with each run of whitespace replaced by one space."""
    return re.sub(r"\s+", " ", text)
