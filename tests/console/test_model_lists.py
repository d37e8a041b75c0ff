from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.console.model_lists import list_models
from posedeploy.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as an export leaves it, with a picture, a checkpoint and a folder of pictures."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "my día"
    (out / "poses").mkdir(parents=True)
    for name in ("b.onnx", "a.xml", "a.bin", "notes.txt", "poses/p.jpg"):
        (out / name).write_text("text")
    torch.save({"weight": torch.zeros(1)}, out / "net.pth")
    return Path("my día")


def test_a_folder_stands_for_its_model_files(folder: Path) -> None:
    assert list_models([folder]) == [folder / "a.xml", folder / "b.onnx"]


def test_a_device_selects_the_models_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_models([folder], "npu") == [folder / "a.xml"]
    assert "b.onnx: left out; onnxruntime runs on cpu, cuda, not npu" in capsys.readouterr().err


def test_a_runtime_selects_the_models_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_models([folder], "cpu", "onnxruntime") == [folder / "b.onnx"]
    assert "a.xml: left out; onnxruntime does not run .xml files" in capsys.readouterr().err
    assert list_models([folder], "cpu", "litert") == [folder / "a.xml", folder / "b.onnx"]


def test_files_that_are_no_models_are_left_out_with_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.xml.posedeploy.json").write_text("text")
    paths = [*sorted(folder.iterdir()), Path("sample")]
    models = [folder / name for name in ("a.xml", "b.onnx", "net.pth")]
    assert list_models(paths) == [*models, Path("sample")]
    warning = capsys.readouterr().err
    assert "left out, because they are not models: " in warning
    for name in ("a.bin", "a.xml.posedeploy.json", "notes.txt", "poses"):
        assert f"{folder / name}" in warning


def test_a_missing_file_is_kept_so_that_the_command_reports_it(folder: Path) -> None:
    assert list_models([folder / "b.onnx", folder / "c.onnx"])[1] == folder / "c.onnx"


def test_one_file_is_never_left_out(folder: Path) -> None:
    assert list_models([folder / "notes.txt"]) == [folder / "notes.txt"]


def test_no_model_among_several_files_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match=r"notes\.txt, .*a\.bin: not models; pass model files, ch"):
        list_models([folder / "notes.txt", folder / "a.bin"])
