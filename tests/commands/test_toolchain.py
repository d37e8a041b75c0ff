from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.environments.table import TOOLCHAINS, Toolchain
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.environments.chains import tiny
from tests.environments.conftest import chain, home, made

__all__ = ["chain", "home", "made"]


@pytest.fixture
def listed(chain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A toolchain that is there, in a table of its own."""
    monkeypatch.setattr("posedeploy.commands.toolchain.TOOLCHAINS", {"tiny": chain})
    monkeypatch.setitem(TOOLCHAINS, "tiny", chain)
    return chain


@pytest.mark.parametrize("command", ["add", "list", "remove"])
@pytest.mark.parametrize("columns", [80, 120])
def test_every_command_has_an_example(done: Invoke, command: str, columns: int) -> None:
    shown = done("toolchain", command, "--help", columns=columns).output
    assert f"Example: posedeploy toolchain {command}" in shown
    assert not lines_wider_than(columns, shown)


def test_what_is_not_there_is_listed_with_the_command_that_adds_it(done: Invoke, tmp_path: Path) -> None:
    result = done("toolchain", "list", "--json", "t.json")
    assert "onnx2tf missing add it with: posedeploy toolchain add onnx2tf" in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)
    document = json.loads(Path("t.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.environments", 1)
    (row,) = document["toolchains"]
    assert (row["name"], row["state"], row["size_bytes"]) == ("onnx2tf", "missing", 0)
    assert row["folder"] == str(tmp_path / "toolchains" / "onnx2tf")
    assert not (tmp_path / "toolchains").exists(), "to look makes nothing"


def test_what_is_there_is_listed_and_removed(
    done: Invoke, refused: Callable[..., str], listed: Toolchain
) -> None:
    shown = words(done("toolchain", "list", columns=200).stdout)
    assert "tiny whole pip " in shown
    assert " MB" in shown
    assert "is there already: pip " in done("toolchain", "add", "tiny").stdout
    assert done("toolchain", "remove", "tiny").stdout.endswith("tiny removed\n")
    assert "the toolchain tiny is not installed" in refused("toolchain", "remove", "tiny")


def test_a_broken_one_is_listed_with_what_broke_it(done: Invoke, listed: Toolchain) -> None:
    listed.requirements.write_text("# others\n")
    shown = words(done("toolchain", "list", columns=200).stdout)
    assert "tiny broken it was made from the requirements of another release;" in shown
    assert "posedeploy toolchain add tiny" in shown


def test_what_is_asked_wrongly_is_refused(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no toolchain is called 'tf'; the toolchains are onnx2tf" in refused("toolchain", "add", "tf")
    monkeypatch.setitem(TOOLCHAINS, "tiny", tiny(tmp_path))
    message = "--installer conda: wanted uv or pip"
    assert message in refused("toolchain", "add", "tiny", "--installer", "conda")
    assert "/no/python is gone or does not start" in refused(
        "toolchain", "add", "tiny", "--python", "no/python"
    )


def test_a_time_limit_is_for_a_route_through_a_toolchain(refused: Callable[..., str]) -> None:
    for arguments, message in [
        (("--time-limit", "60"), "--time-limit 60: it is for --converter onnx2tf; leave it out"),
        (
            ("--to", "tflite", "--time-limit", "60"),
            "--time-limit 60: it is for --converter onnx2tf; leave it out",
        ),
        (
            ("--to", "tflite", "--converter", "onnx2tf", "--time-limit", "0"),
            "--time-limit 0: wanted seconds, more than 0",
        ),
        (
            ("--converter", "onnx2tf"),
            "--converter onnx2tf: it is for --to tflite, which is not asked for; leave it out",
        ),
        (
            ("--to", "tflite", "--converter", "onnx2tf"),
            "error: the toolchain onnx2tf is not installed (looked in",
        ),
    ]:
        assert message in refused("export", *arguments)
    assert not Path("artifacts").exists()
