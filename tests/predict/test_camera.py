from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.camera import camera_warnings, read_camera
from posedeploy.types import Camera

QUARTER_TURN = "[[0, -1, 0], [1, 0, 0], [0, 0, 1]]"


@pytest.fixture
def extrinsics(tmp_path: Path) -> Path:
    return tmp_path / "extrinsics.json"


def test_the_default_camera_is_the_published_one() -> None:
    camera = read_camera(None, None)
    assert (camera.fx, camera.rotation, camera.translation) == (None, None, None)


@pytest.mark.parametrize("translation", ["[[1], [2], [300]]", "[1, 2, 300]", "[[1, 2, 300]]"])
def test_extrinsics_in_cm_become_a_camera_in_mm(extrinsics: Path, translation: str) -> None:
    extrinsics.write_text(f'{{"R": {QUARTER_TURN}, "t": {translation}, "more": 1}}')
    camera = read_camera(700.5, extrinsics)
    assert camera.fx == 700.5
    assert camera.rotation is not None and camera.translation is not None
    assert np.array_equal(camera.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.array_equal(camera.translation, [10, 20, 3000])


@pytest.mark.parametrize("fx", [0.0, -1.0, float("nan"), float("inf")])
def test_a_focal_length_that_is_not_positive_is_refused(fx: float) -> None:
    with pytest.raises(InputError, match=rf"`fx={fx:g}`: expected a focal length in px, above 0"):
        read_camera(fx, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", 'not a JSON file of extrinsics, with "R", 3x3, and "t", 3 numbers in cm: line 1'),
        ("R = 1", "not a JSON file of extrinsics"),
        ("\xff", "not a JSON file of extrinsics"),
        (f'{{"R": {QUARTER_TURN}}}', "missing required field `t`"),
        ('{"R": "none", "t": [1, 2, 3]}', "not a JSON file of extrinsics"),
        ('{"R": [[1, 0, 0], [0, 1], [0, 0, 1]], "t": [1, 2, 3]}', "not a JSON file of extrinsics"),
        (f'{{"R": {QUARTER_TURN}, "t": [[1], [2, 3]]}}', "not a JSON file of extrinsics"),
        ('{"R": [[1, 0], [0, 1]], "t": [1, 2, 3]}', r"R is 2x2 and t 3; expected 3x3 and 3 numbers"),
        (f'{{"R": {QUARTER_TURN}, "t": [1, 2]}}', r"R is 3x3 and t 2; expected"),
        (
            '{"R": [[2, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [1, 2, 3]}',
            "R is not a rotation: its rows are not at right",
        ),
        ('{"R": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [1, 2, 3]}', "its determinant is -1, so it mirrors"),
        ('{"R": [[5, 0, 0], [0, 5, 0], [0, 0, 5]], "t": [1, 2, 3]}', "it is scaled by 5; divide it by that"),
        (
            '{"R": [[90, 0, 0], [0, 45, 0], [0, 0, 0]], "t": [1, 2, 3]}',
            "such as angles in degrees; write the",
        ),
        ('{"R": [90, 0, 45], "t": [1, 2, 3]}', r"R is 3 and .*a rotation vector or angles: .*cv2\.Rodrigues"),
        (
            '{"R": [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]], "t": [1, 2, 3]}',
            "R is 3x4 .*both R and t",
        ),
        ('{"R": [[1, 0, 0], [0, 1, 0], [0, 0, NaN]], "t": [1, 2, 3]}', "cm: NaN is not a finite number"),
    ],
    ids=[
        "empty",
        "other",
        "binary",
        "no t",
        "text",
        "ragged R",
        "ragged t",
        "2x2",
        "t of 2",
        "scaled",
        "mirror",
        "large",
        "degrees",
        "vector",
        "joined",
        "not finite",
    ],
)
def test_a_file_without_valid_extrinsics_is_refused(extrinsics: Path, content: str, message: str) -> None:
    extrinsics.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=message) as caught:
        read_camera(None, extrinsics)
    assert str(caught.value).startswith(str(extrinsics))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file; pass a JSON file of extrinsics"):
        read_camera(None, tmp_path / "none.json")
    with pytest.raises(InputError, match=r"a folder, which posedeploy does not read"):
        read_camera(None, tmp_path)


@pytest.mark.parametrize(
    ("fx", "width", "cause"),
    [
        (450.0, 1920, None),
        (1500.0, 1920, None),
        (38400.0, 1920, None),
        (
            50.0,
            1920,
            "if it is in mm, multiply it by 1920 px and divide it by the sensor's width in mm",
        ),
        (4.25, 4000, "if it is in mm"),
        (50.0, 456, "in mm: 633 for 36 mm"),
        (1.2, 1920, "if it is relative to the image's width, use 2304; a phone has about 1536"),
        (60_000.0, 1920, "if it is for a larger image or in micrometers, convert it to px of this image"),
    ],
)
def test_an_implausible_focal_length_is_reported(fx: float, width: int, cause: str | None) -> None:
    doubts = camera_warnings(Camera(fx), {width})
    assert len(doubts) == (cause is not None)
    if cause is not None:
        assert doubts[0].startswith(f"`fx={fx:g}`: an implausible field of view of ") and cause in doubts[0]


@pytest.mark.parametrize(
    ("t_cm", "cause"),
    [
        ([0, 0, 0], None),
        ([0, 0, 200], None),
        ([10, 150, 2500], None),
        (
            [0.1, 1.5, 3],
            "0.0336 m from the world origin; .* if yours is in m, multiply it by 100",
        ),
        ([100, 1500, 4000], "42.7 m from the world origin; .* if yours is in mm, divide it by 10"),
    ],
)
def test_an_implausible_translation_is_reported(
    t_cm: list[float], cause: str | None, extrinsics: Path
) -> None:
    extrinsics.write_text(f'{{"R": {QUARTER_TURN}, "t": {t_cm}}}')
    doubts = camera_warnings(read_camera(None, extrinsics), {640})
    assert len(doubts) == (cause is not None)
    if cause is not None:
        assert re.search(cause, doubts[0])
