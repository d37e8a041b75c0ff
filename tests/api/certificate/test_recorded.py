"""The arguments of a certificate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy import files
from posedeploy.api.certificate import code_version
from posedeploy.api.certificate.locate import FileSearch, check_file, check_images
from posedeploy.api.certificate.recorded import describe_arguments, describe_files
from posedeploy.api.compared_files import Comparison, record_inputs
from posedeploy.api.parity_report import ParityReport
from posedeploy.presets import preset_path, resolve_contract
from tests.predict.conftest import write_image


@pytest.mark.parametrize(
    ("argument", "value", "recorded"),
    [
        ("network", "./net.py:build", "../net.py:build"),
        ("network", "sub/../net.py:build", "../net.py:build"),
        ("network", "net.py:build", "../net.py:build"),
        ("contract", "./c.toml", "../c.toml"),
        ("contract", "rtmpose", "rtmpose"),
        ("contract", "yolo-pose", "yolo-pose"),
        ("checkpoint", "sample", "sample"),
        ("checkpoint", "sub", "../sub"),
    ],
)
def test_paths_are_recorded_relative_to_the_certificate(
    argument: str, value: str, recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sub", "out", "yolo-pose", "sample"):
        Path(name).mkdir()
    for name in ("net.py", "c.toml"):
        Path(name).write_text("")
    assert describe_arguments(Comparison({argument: value}, ()), Path("out")) == {argument: recorded}


def test_every_image_of_a_repeated_name_is_checked(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    paths = [write_image(tmp_path / name, np.full((8, 8, 3), 9, np.uint8)) for name in ("a.png", "b/a.png")]
    compared = record_inputs(paths, {})
    recorded = describe_files(ParityReport((), compared=compared), compared, tmp_path)
    assert [each.path for each in recorded] == ["a.png", "b/a.png"]
    search = FileSearch(tmp_path)
    assert check_images(recorded, ["a.png", "b/a.png"], search) == []
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(b"other")
        (problem,) = check_images(recorded, ["a.png", "b/a.png"], search)
        assert problem.startswith(f"{path}: changed: its SHA-256 is")
        path.write_bytes(content)
    same_names = [replace(each, name="a.png") for each in recorded]
    assert "several images of one name: a.png" in check_images(same_names, ["a.png"], search)[0]


def test_the_toml_files_of_a_network_and_of_a_preset_are_recorded(tmp_path: Path) -> None:
    for name in ("net.py", "net.toml"):
        (tmp_path / name).write_text(name)
    compared = record_inputs((), {"network": f"{tmp_path / 'net.py'}:build", "contract": "rtmpose"})
    report = ParityReport((), compared=compared)
    recorded = {each.role: each for each in describe_files(report, compared, tmp_path)}
    assert {role: each.path for role, each in recorded.items()} == {
        "network": "net.py", "network_contract": "net.toml", "contract": "rtmpose",
    }  # fmt: skip
    assert recorded["network_contract"].sha256 == files.sha256(tmp_path / "net.toml")
    search = FileSearch(tmp_path)
    assert [check_file(each, search)[1] for each in recorded.values()] == [[], [], []]
    (tmp_path / "net.toml").write_text("changed")
    (problem,) = check_file(recorded["network_contract"], search)[1]
    assert "net.toml: changed: its SHA-256 is" in problem
    (tmp_path / "net.toml").unlink()
    (problem,) = check_file(recorded["network_contract"], search)[1]
    missing = "the TOML file of your own network does not exist; copy the recorded file there"
    assert problem == f"{tmp_path / 'net.toml'}: {missing}"
    other = replace(recorded["contract"], sha256="0" * 64)
    (problem,) = check_file(other, search)[1]
    assert "rtmpose.toml: changed" in problem


def test_a_preset_is_recorded_although_a_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rtmpose").mkdir()
    (preset,) = record_inputs((), {"contract": "rtmpose"}).files
    assert preset.path == preset_path("rtmpose") == resolve_contract(Path("rtmpose"))


def test_the_presets_are_part_of_the_hash_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "a.toml").write_text("")
    monkeypatch.setattr(code_version.posedeploy, "__file__", str(tmp_path / "__init__.py"))
    before = code_version.describe_code.__wrapped__()
    (tmp_path / "a.toml").write_text("b = 1")
    assert code_version.describe_code.__wrapped__() != before
