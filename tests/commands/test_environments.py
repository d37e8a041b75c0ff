from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.environments.environment_specs import ENVIRONMENTS, EnvironmentSpec
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.environments.conftest import base_environment, home, installed
from tests.environments.tiny_environment import tiny

__all__ = ["base_environment", "home", "installed"]


@pytest.fixture
def listed(installed: EnvironmentSpec, monkeypatch: pytest.MonkeyPatch) -> EnvironmentSpec:
    """An installed environment in a separate table."""
    monkeypatch.setattr("posedeploy.commands.environments.ENVIRONMENTS", {"tiny": installed})
    monkeypatch.setitem(ENVIRONMENTS, "tiny", installed)
    return installed


@pytest.mark.parametrize("command", ["add", "list", "remove"])
@pytest.mark.parametrize("columns", [80, 120])
def test_every_command_has_an_example(done: Invoke, command: str, columns: int) -> None:
    shown = done("env", command, "--help", columns=columns).output
    assert f"Example: posedeploy env {command}" in shown
    assert not lines_wider_than(columns, shown)


def test_a_missing_environment_is_listed_with_its_add_command(done: Invoke, tmp_path: Path) -> None:
    result = done("env", "list", "--json", "t.json")
    assert "onnx2tf missing add it with: posedeploy env add onnx2tf" in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)
    document = json.loads(Path("t.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.environments", 1)
    (row,) = document["environments"]
    assert (row["name"], row["state"], row["size_bytes"]) == ("onnx2tf", "missing", 0)
    assert row["folder"] == str(tmp_path / "environments" / "onnx2tf")
    assert not (tmp_path / "environments").exists(), "list creates nothing"


def test_an_installed_environment_is_listed_and_removed(
    done: Invoke, refused: Callable[..., str], listed: EnvironmentSpec
) -> None:
    shown = words(done("env", "list", columns=200).stdout)
    assert "tiny installed pip " in shown
    assert " MB" in shown
    assert "is already installed: pip " in done("env", "add", "tiny").stdout
    assert done("env", "remove", "tiny").stdout.endswith("tiny removed\n")
    assert "the isolated environment tiny is not installed" in refused("env", "remove", "tiny")


def test_a_broken_environment_is_listed_with_the_cause(done: Invoke, listed: EnvironmentSpec) -> None:
    listed.requirements.write_text("# others\n")
    shown = words(done("env", "list", columns=200).stdout)
    assert "tiny broken another release of posedeploy, with other requirements, " in shown
    assert "posedeploy env add tiny" in shown


def test_wrong_arguments_are_errors(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no isolated environment is called 'tf'; available: onnx2tf" in refused("env", "add", "tf")
    monkeypatch.setitem(ENVIRONMENTS, "tiny", tiny(tmp_path))
    message = "--installer conda: expected uv or pip"
    assert message in refused("env", "add", "tiny", "--installer", "conda")
    assert "/no/python does not start" in refused("env", "add", "tiny", "--python", "no/python")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--time-limit", "60"), "--time-limit 60: only for --converter onnx2tf; leave it out"),
        (
            ("--to", "tflite", "--time-limit", "60"),
            "--time-limit 60: only for --converter onnx2tf; leave it out",
        ),
        (
            ("--to", "tflite", "--converter", "onnx2tf", "--time-limit", "0"),
            "--time-limit 0: expected a number of seconds above 0",
        ),
        (
            ("--converter", "onnx2tf"),
            "--converter onnx2tf: only for tflite; leave it out, or add --to tflite",
        ),
        (
            ("--to", "tflite", "--converter", "onnx2tf"),
            "error: the isolated environment onnx2tf is not installed (looked in",
        ),
    ],
)
def test_a_time_limit_requires_a_converter_in_an_isolated_environment(
    arguments: tuple[object, ...], message: str, refused: Callable[..., str]
) -> None:
    assert message in refused("export", *arguments)
    assert not Path("artifacts").exists()
