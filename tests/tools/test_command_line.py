"""The errors of tools that their users can fix."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from posedeploy.errors import MissingPackageError
from tests.support.data_folders import REAL, REFERENCE
from tools.command_line import run_tool


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("draw_poses", ("text.json", "-o", "a.png"), "error: text.json: not a poses.json; expected one that"),
        ("draw_poses", ("none.json", "-o", "a.png"), "error: none.json: no such file"),
        ("overlay", ("photo.png", "a=text.json", "-o", "a.png"), "error: text.json: not a poses.json"),
        ("contact_sheet", ("none", "-o", "a.png"), "error: none: No such file or directory"),
        ("bench_families", ("resnet",), "error: resnet: no network name begins with this; the networks"),
        ("bench_plain", ("resnet",), "error: resnet: no network name begins with this; the networks"),
        ("bench_crowd", ("gtrs", "resnet"), "error: resnet: no network name begins with this; the networks"),
        ("bench_detection", ("none.onnx",), "error: none.onnx: no such file"),
        (
            "reference_table",
            ("resnet", "--cases", "."),
            "error: resnet: no case name begins with one of these",
        ),
        (
            "reference_table",
            ("gtrs", "--cases", "none"),
            "error: none/gtrs-human36/case.json does not exist; set POSEDEPLOY_REFERENCE to a folder of",
        ),
    ],
)
def test_an_error_that_the_user_can_fix_is_one_line(
    tool: str, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.json").write_text("[]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [tool, *arguments])
    with pytest.raises(SystemExit) as end:
        run_tool(import_module(f"tools.{tool}").main)
    assert str(end.value.code).startswith(message)
    assert "\n" not in str(end.value.code)


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("overlay", ("photo.png", "text.json", "-o", "a.png"), "text.json: expected NAME=poses.json"),
        ("contact_sheet", (".", "-o", "a.png"), ".: contains no .png or .jpg files"),
        ("bench_overlay", ("many",), "argument rounds: invalid int value: 'many'"),
        ("bench_overlay", ("1",), "1 rounds: expected at least 2"),
        ("bench_costs", ("speed",), "speed: unknown measurement; expected help, run, export"),
        ("bench_video", ("a.xml",), "an artifact needs a photograph as the second argument"),
    ],
)
def test_wrong_arguments_are_a_usage_error(
    tool: str,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [tool, *arguments])
    with pytest.raises(SystemExit) as end:
        run_tool(import_module(f"tools.{tool}").main)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_package_is_one_line() -> None:
    def main() -> None:
        raise MissingPackageError("this needs the package openvino, which is not installed", "pip install it")

    with pytest.raises(SystemExit, match=r"^error: this needs the package openvino, which is not installed"):
        run_tool(main)


@pytest.mark.parametrize("folder", [REAL, REFERENCE])
def test_a_missing_folder_is_described_with_its_variable(
    folder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEDEPLOY_REAL", "/gone")
    monkeypatch.setenv("POSEDEPLOY_REFERENCE", "/gone")
    assert isinstance(folder, type(REAL))
    assert folder.describe_missing(folder.path) == (
        f"/gone does not exist; set {folder.variable} to a folder of {folder.content}"
    )
