"""The calibration images that are held out for a budget."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from posedeploy.calibration.collect import collect
from posedeploy.calibration.held_out import MIN_IMAGES, is_held_out, read_held_out
from posedeploy.calibration.image_hashes import pixel_hash
from posedeploy.errors import InputError
from posedeploy.synthetic import generate_scene
from posedeploy.types import Model


def _write_images(folder: Path, count: int) -> Path:
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:02}.png"), generate_scene(9, index, (64, 64)).image)
    return folder


@pytest.mark.parametrize("number", [MIN_IMAGES, 17, 50, 128])
def test_a_quarter_is_held_out_in_whole_parts(number: int) -> None:
    positions = [position for position in range(number) if is_held_out(position, number)]
    starts = [position for position in positions if position - 1 not in positions]
    assert len(starts) == 2
    assert abs(len(positions) - number / 4) <= 1.5


def test_no_held_out_image_calibrates_the_network(tmp_path: Path, tiny: Model) -> None:
    sources = [str(_write_images(tmp_path, 20))]
    held_out = [pixel_hash(frame.image) for frame in read_held_out(sources, 128)]
    calibration = collect(tiny.spec, sources, 128, holds_out=True).record
    assert set(held_out).isdisjoint(calibration.pixels)
    assert len(held_out) + calibration.count == 20


def test_too_few_images_to_split_are_refused(tmp_path: Path, tiny: Model) -> None:
    sources = [str(_write_images(tmp_path, MIN_IMAGES - 1))]
    message = rf"^`calibration=.*`: {MIN_IMAGES - 1} images, too few to hold out a quarter of them for "
    with pytest.raises(InputError, match=message):
        collect(tiny.spec, sources, 128, holds_out=True)
    with pytest.raises(InputError, match=message):
        list(read_held_out(sources, 128))


@pytest.mark.parametrize("name", ["nowhere", "empty", "damaged.mp4"])
def test_sources_without_images_are_refused_with_the_reason(name: str, tmp_path: Path, tiny: Model) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.mp4").write_bytes(b"not a video")
    sources = [str(tmp_path / name)]
    with pytest.raises(InputError) as caught:
        collect(tiny.spec, sources, 128)
    for read in (
        lambda: collect(tiny.spec, sources, 128, holds_out=True),
        lambda: list(read_held_out(sources, 128)),
    ):
        with pytest.raises(InputError) as split:
            read()
        assert str(split.value) == str(caught.value)
    photos = tmp_path / "photos"
    photos.mkdir()
    with pytest.raises(InputError, match=rf"^`calibration=.*: 2 images, too few .* \(.*{name}.*\); pass at"):
        collect(tiny.spec, [str(_write_images(photos, 2)), *sources], 128, holds_out=True)
