"""The settings under which a search can be continued."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from posedeploy import __version__
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.api.tuning_settings import settings_of
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.machine_info import Machine, describe_machine
from posedeploy.errors import InputError
from posedeploy.tuning.configurations import SearchSpace
from posedeploy.tuning.state import CandidateRecord, PairsRecord, State, open_state

MODEL = SimpleNamespace(
    name="human.pth", sha256="0" * 64, mesh_sha256=None, network_sha256=None, stages=None, weights=None
)
IMAGE = np.zeros((4, 4, 3), np.uint8)


def settings(target: str = "onnx", *, machine: Machine | None = None, **options: Any) -> dict[str, str]:
    space = SearchSpace(files=[(target, "fp32")], runtimes={})
    options["images"] = tuple(map(Path, options.get("images", ())))
    tune_options = TuneOptions(budget=Budget(px=1.0), **options)
    return settings_of(cast(Any, MODEL), ModelArgs(), tune_options, space, machine or describe_machine())


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "día 1"
    folder.mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.bmp"), IMAGE + number)
    return folder


def replace_content(folder: Path) -> None:
    cv2.imwrite(str(folder / "0.bmp"), IMAGE + 9)


def exchange_names(folder: Path) -> None:
    (folder / "0.bmp").rename(folder / "2.bmp")
    (folder / "1.bmp").rename(folder / "0.bmp")
    (folder / "2.bmp").rename(folder / "1.bmp")


def rename(folder: Path) -> None:
    (folder / "0.bmp").rename(folder / "5.bmp")


@pytest.mark.parametrize("change", [replace_content, exchange_names, rename])
@pytest.mark.parametrize("option", ["images", "calibration"])
def test_changed_images_of_the_same_size_are_other_settings(option: str, change: Any, images: Path) -> None:
    value = (images,) if option == "images" else (str(images),)
    before = settings(**{option: value})
    assert f"{images} (2 images, SHA-256 " in before[option]
    change(images)
    assert settings(**{option: value})[option] != before[option]


def test_a_new_time_of_an_image_or_another_kind_of_file_changes_nothing(images: Path) -> None:
    before = settings(images=(images,))
    os.utime(images / "0.bmp", (1, 1))
    (images / "notes.txt").write_text("")
    assert settings(images=(images,)) == before


def test_another_spelling_of_the_same_settings_changes_nothing(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images.parent)
    for option in ("images", "calibration"):
        before = settings(**{option: (f"{images.name}/",)})
        assert settings(**{option: (f"./{images.name}",)}) == before
    calibrated = [settings(calibration=(f"{prefix}{images.name}/0.bmp",)) for prefix in ("", "./")]
    assert calibrated[0] == calibrated[1]
    spaces = [
        SearchSpace(files=[(target, "fp32") for target in targets], runtimes={})
        for targets in (("onnx", "openvino"), ("openvino", "onnx"))
    ]
    options = TuneOptions(budget=Budget(px=1.0))
    first, second = (
        settings_of(cast(Any, MODEL), ModelArgs(), options, space, describe_machine()) for space in spaces
    )
    assert first == second


def test_names_that_are_not_utf8_are_kept_in_the_state(images: Path) -> None:
    folder = images.rename(images.with_name(os.fsdecode(b"ph\xe9tos")))
    before = settings(images=(folder,), calibration=(str(folder),))
    assert "ph\\xe9tos (2 images, SHA-256 " in before["images"]
    pairs = PairsRecord(os.fsdecode(b"\xe9.jpg"), (0,) * 6, {"px": b"abcd"})
    state = State(settings=before, candidates={"onnx fp32": CandidateRecord(pairs={"0": pairs})})
    state.save(images.parent)
    kept = open_state(images.parent, settings(images=(folder,), calibration=(str(folder),)))
    assert kept.candidates["onnx fp32"].pairs["0"] == PairsRecord("\\xe9.jpg", pairs.counts, pairs.values)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        settings(images=(tmp_path / "nowhere",))


@pytest.mark.parametrize(
    ("target", "package"),
    [
        ("onnx", "onnxruntime"),
        ("openvino", "nncf"),
        ("tflite", "ai_edge_quantizer"),
        ("tensorrt", "tensorrt"),
        ("tensorrt", "tensorrt_rtx"),
    ],
)
def test_versions_that_determine_the_files_are_settings(target: str, package: str) -> None:
    assert f"{package} version" in settings(target)
    assert settings(target)["posedeploy version"] == __version__


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("machine", {"cpu": "Another CPU"}),
        ("machine", {"logical_cores": 999}),
        ("gpu", {"gpu": "Another GPU"}),
    ],
)
def test_a_search_of_another_machine_is_not_continued(
    name: str, change: dict[str, Any], tmp_path: Path
) -> None:
    here = settings()
    State(settings=settings(machine=replace(describe_machine(), **change))).save(tmp_path)
    with pytest.raises(InputError, match=rf"{name}: .*{next(iter(change.values()))}.* in the folder, "):
        open_state(tmp_path, here)


def test_another_load_of_the_same_machine_changes_nothing(tmp_path: Path) -> None:
    State(settings=settings()).save(tmp_path)
    other = replace(describe_machine(), load=99.0, governor="powersave", memory_bytes=1)
    assert open_state(tmp_path, settings(machine=other)).settings == settings()


def test_a_package_may_be_installed_later_but_not_changed(tmp_path: Path) -> None:
    State(settings={"nncf version": ""}).save(tmp_path)
    state = open_state(tmp_path, {"nncf version": "3.0"})
    assert state.settings == {"nncf version": "3.0"}
    state.save(tmp_path)
    with pytest.raises(InputError, match=r"nncf version: 3\.0 in the folder, 3\.1 in this "):
        open_state(tmp_path, {"nncf version": "3.1"})
