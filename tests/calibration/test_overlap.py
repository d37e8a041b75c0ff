"""Parity does not accept images that calibrated the network."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.calibration.collect import collect
from posedeploy.errors import InputError
from posedeploy.synthetic import generate_scene
from posedeploy.types import Calibration
from tests.support.networks import tiny_model

SPEC = with_fixed_size(tiny_model().spec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images 0 to 3 as PNG, and 4 as a JPEG of image 0 of another size."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(4):
        cv2.imwrite(str(folder / f"{index}.png"), generate_scene(9, index, (320, 240)).image)
    copy = cv2.resize(generate_scene(9, 0, (320, 240)).image, (240, 180), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "4.jpg"), copy)
    return folder


def calibration_of(*paths: Path) -> Calibration:
    return collect(SPEC, [str(path) for path in paths], 10).record


def test_calibration_images_are_refused_by_name(folder: Path) -> None:
    calibration = calibration_of(folder / "1.png", folder / "2.png")
    with pytest.raises(
        InputError,
        match=r"^`images=.*`: 2 of 5 images were used to calibrate this network, so .* \(1\.png, 2\.png\)",
    ):
        build_parity_inputs(SPEC, SPEC, (folder,), {}, calibration)


def test_near_duplicates_are_named_and_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    calibration = calibration_of(folder / "0.png")
    inputs = build_parity_inputs(SPEC, SPEC, (folder / "4.jpg",), {}, calibration)
    assert len(inputs.pairs.files) == 1
    assert "1 of 1 image nearly repeat calibration images" in caplog.text
    assert "4.jpg" in caplog.text


@pytest.mark.parametrize("calibrated", [True, False])
def test_other_images_pass(folder: Path, calibrated: bool, caplog: pytest.LogCaptureFixture) -> None:
    calibration = calibration_of(folder / "3.png") if calibrated else None
    caplog.clear()
    build_parity_inputs(SPEC, SPEC, (folder / "1.png",), {}, calibration)
    assert "calibration images" not in caplog.text
