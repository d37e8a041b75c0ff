"""Calibration sets: which images are taken, what is left out, and what is reported of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.api.budget_inputs import build_held_out_inputs
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.calibration.collect import collect
from posedeploy.calibration.spilled_tensors import SpilledTensors
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.synthetic import generate_scene
from posedeploy.types import Array, CalibrationSet, JointsContract, ModelSpec, TensorSpec
from posedeploy.types.networks import Fit
from tests.predict.videos import make_video
from tests.support.networks import tiny_model, two_input_model

SPEC = with_fixed_size(tiny_model().spec)


def write(folder: Path, count: int, *, same: bool = False) -> Path:
    """Write images of synthetic people, all different or copies of one."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        image = generate_scene(9, 0 if same else index, (80, 64)).image
        assert cv2.imwrite(str(folder / f"{index:02}.png"), image)
    return folder


def collected(sources: Sequence[object], count: int = 40, spec: ModelSpec = SPEC) -> CalibrationSet:
    return collect(spec, [str(source) for source in sources], count)


def test_images_go_through_the_preprocessing_of_the_network(tmp_path: Path) -> None:
    found = collected([write(tmp_path / "größe one", 3)])
    assert len(found.inputs) == found.record.count == len(found.record.pixels) == 3
    image = cv2.imread(str(tmp_path / "größe one" / "01.png"))
    np.testing.assert_array_equal(found.inputs[1]["data"], prepare(np.asarray(image), SPEC)[0]["data"])


def test_single_files_are_evenly_spaced_too(tmp_path: Path) -> None:
    files = sorted(write(tmp_path / "a", 4).iterdir())
    everything = collected(files).record.pixels
    assert collected(files, 2).record.pixels == everything[::2]
    assert collected([tmp_path / "a", files[0]], 1).record.pixels == everything[:1]


def test_images_are_evenly_spaced_over_all_sources(tmp_path: Path) -> None:
    everything = collected([write(tmp_path / "a", 8), write(tmp_path / "b", 4)]).record.pixels
    found = collected([tmp_path / "a", tmp_path / "b"], 6).record.pixels
    assert found == everything[::2]


def test_frames_of_a_video_are_evenly_spaced(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mkv")
    everything = collected([tmp_path / "a.mkv"]).record.pixels
    assert len(everything) == 20
    assert collected([tmp_path / "a.mkv"], 5).record.pixels == everything[::4]


def test_what_cannot_be_used_is_named_and_the_rest_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path / "a", 2)
    (folder / "damaged.png").write_bytes((folder / "00.png").read_bytes()[:200])
    cv2.imwrite(str(folder / "thin.png"), np.zeros((2, 4000, 3), np.uint8))
    (folder / "notes.txt").write_text("not an image")
    with caplog.at_level(logging.INFO):
        found = collected([folder, tmp_path / "missing", folder / "notes.txt"])
    assert found.record.count == 2
    for part in (
        "left out of the calibration set: ",
        "damaged.png",
        "thin.png: an image of 4000x2 px is too long and thin",
        "missing: no such file or folder",
        "notes.txt",
    ):
        assert part in caplog.text


@pytest.mark.parametrize(
    "image",
    [
        np.full((64, 80), 90, np.uint8),
        np.full((64, 80, 4), 90, np.uint8),
        np.full((64, 80, 3), 9000, np.uint16),
        np.full((9, 7, 3), 90, np.uint8),
        np.full((900, 1700, 3), 90, np.uint8),
    ],
    ids=("gray", "alpha", "16 bits", "tiny", "large"),
)
def test_images_of_another_kind_or_size_are_used(image: Array, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert collected([tmp_path / "a.png"]).inputs[0]["data"].shape == (1, 3, 32, 40)


def test_few_images_and_copies_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = collected([write(tmp_path / "a", 1)]).record
    assert "the calibration set has only 1 image; values outside the ranges of" in caplog.text
    assert "will be clipped; pass at least 30 as `calibration`; `calibration_images` limits" in caplog.text
    caplog.clear()
    record = collected([write(tmp_path / "b", 32, same=True)]).record
    assert (record.count, record.near_duplicates) == (32, 31)
    assert "31 of the 32 calibration images are near-duplicates of others" in caplog.text
    assert "has only" not in caplog.text


def test_images_without_people_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write(tmp_path / "a", 4)
    record = collect(SPEC, [str(folder)], 4, lambda image: 0).record
    assert (record.checked, record.with_people) == (4, 0)
    assert "PyTorch finds people in 0 of the 4 calibration images that were checked" in caplog.text
    caplog.clear()
    assert collect(SPEC, [str(folder)], 4, lambda image: 2).record.with_people == 4
    assert "PyTorch finds" not in caplog.text


def test_the_checked_images_are_spread_over_the_images_that_exist(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "a", 20))
    assert collect(SPEC, [folder], 128, lambda image: 1).record.checked == 20
    assert collect(SPEC, [], 64, lambda image: 1).record.checked == 32


def test_an_image_in_which_people_cannot_be_counted_is_used(tmp_path: Path) -> None:
    def fails_at_the_published_size(image: Array) -> int:
        if image.shape[0] < 20:
            raise InputError("an image of 80x16 px is too long and thin")
        return 1

    folder = write(tmp_path / "a", 2)
    cv2.imwrite(str(folder / "small.png"), np.full((16, 80, 3), 90, np.uint8))
    record = collect(SPEC, [str(folder)], 4, fails_at_the_published_size).record
    assert (record.count, record.checked, record.with_people) == (3, 2, 2)
    (folder / "00.png").unlink()
    (folder / "01.png").unlink()
    record = collect(SPEC, [str(folder)], 4, fails_at_the_published_size).record
    assert (record.count, record.checked, record.with_people) == (1, 0, None)


@pytest.mark.parametrize("fit", ["box", "center", "pad"])
def test_whole_images_for_a_network_of_one_person_are_reported(
    fit: Fit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contract = SPEC.contract
    assert contract is not None
    spec, folder = replace(SPEC, contract=replace(contract, fit=fit)), write(tmp_path / "a", 1)
    warning = "this network takes images of one person, and whole images were used for calibration"
    collected([folder], spec=spec)
    assert (warning in caplog.text) == (fit != "pad")
    caplog.clear()
    collected([], 1, spec=spec)
    assert warning not in caplog.text


def test_without_images_synthetic_people_are_used(caplog: pytest.LogCaptureFixture) -> None:
    record = collected([], 30).record
    assert (record.source, record.count) == ("synthetic people", 30)
    assert "calibrated with synthetic people, because no `calibration` images were passed" in caplog.text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("empty", r"^`calibration=.*empty`: no image can be read: .*none of its 0 files is an image"),
        ("0", r"^`calibration=0`: a camera or a stream, which .*; pass images, folders of images or videos$"),
        ("rtsp://user:secret@a/1", r"^`calibration=rtsp://[^`]*@a/1`: a camera or a stream"),
        ("missing.png", r"^`calibration=.*missing\.png`: no image can be read: .*no such file or folder"),
        ("damaged.png", r"^`calibration=.*damaged\.png`: no image can be read: .*damaged\.png"),
        ("thin.png", r"^`calibration=.*thin\.png`: no image can be used: thin\.png: .*too long and thin"),
    ],
)
def test_a_set_without_a_usable_image_is_refused(source: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    cv2.imwrite(str(tmp_path / "thin.png"), np.zeros((2, 4000, 3), np.uint8))
    with pytest.raises(InputError, match=message):
        collected([tmp_path / source if source.isidentifier() or "." in source[-5:] else source])


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_one_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=rf"^`calibration_images={count}`: expected at least 1$"):
        collected([], count)


def test_a_network_without_an_image_contract_is_refused() -> None:
    with pytest.raises(InputError, match=r"^this network cannot be calibrated: it has no image contract"):
        collected([], spec=two_input_model().spec)


def test_a_network_on_an_image_and_more_is_refused() -> None:
    spec = replace(SPEC, inputs=(*SPEC.inputs, TensorSpec("scale", (1,))))
    with pytest.raises(
        InputError, match=r"^this network cannot be calibrated: it has 2 inputs \(data, scale\)"
    ):
        collected([], spec=spec)


def test_a_batch_is_filled_with_images(tmp_path: Path) -> None:
    spec = with_fixed_size(tiny_model().spec, batch=4)
    found = collected([write(tmp_path / "a", 6)], spec=spec)
    assert [tensors["data"].shape for tensors in found.inputs] == [(4, 3, 32, 40)] * 2
    last = found.inputs[1]["data"]
    np.testing.assert_array_equal(last[:2], last[2:])


def test_dynamic_axes_and_raw_images_are_supported(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", 2)
    assert collected([folder], spec=tiny_model().spec).inputs[0]["data"].shape == (1, 3, 32, 40)
    contract = tiny_model().spec.contract
    assert contract is not None
    raw = replace(
        SPEC,
        inputs=(TensorSpec("data", (1, 32, 40, 3), "uint8", "NHWC"),),
        contract=replace(contract, embedded=("color", "normalization")),
    )
    assert collected([folder], spec=raw).inputs[0]["data"].dtype == np.uint8


@pytest.mark.parametrize(
    ("joint_set", "joints", "source"),
    [("coco", 19, "synthetic people"), ("mano", 21, "random 2D joints")],
)
def test_a_network_on_joints_gets_joints(
    joint_set: str, joints: int, source: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    family = "pose2mesh"
    spec = ModelSpec(
        family, "", (TensorSpec("joints", (2, joints, 2)),), (), joints=JointsContract(joint_set)
    )
    found = collected([], 3, spec=spec)
    assert found.record.source == source
    assert ("calibrated with random 2D joints, because" in caplog.text) == source.startswith("random")
    assert "has only 6 people; values" in caplog.text
    assert "will be clipped; pass `calibration_images=30` or more" in caplog.text
    caplog.clear()
    held_out = build_held_out_inputs(spec, spec, ExportOptions(precision="int8"), found.record)
    assert held_out.source == source
    assert ("compared on random 2D joints, because" in caplog.text) == source.startswith("random")
    calibrating = {tensors["joints"].tobytes() for tensors in found.inputs}
    assert not calibrating & {pair[0].tensors["joints"].tobytes() for pair in held_out}
    assert [tensors["joints"].shape for tensors in found.inputs] == [(2, joints, 2)] * 3
    with pytest.raises(InputError, match=r"^`calibration=.*`: this network takes 2D joints, so images"):
        collected([tmp_path], spec=spec)


def test_spilled_tensors_come_back() -> None:
    spilled, arrays = SpilledTensors(), [np.arange(n, dtype=np.float32).reshape(1, n) for n in (3, 5)]
    for array in arrays:
        spilled.append({"a": array, "b": array.astype(np.uint8)})
    for _ in range(2):
        for found, array in zip(spilled, arrays, strict=True):
            np.testing.assert_array_equal(found["a"], array)
            assert found["b"].dtype == np.uint8
    assert len(spilled[0:2]) == 2
