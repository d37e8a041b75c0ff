from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.camera import read_camera

QUARTER_TURN = "[[0, -1, 0], [1, 0, 0], [0, 0, 1]]"


@pytest.fixture
def extrinsics(tmp_path: Path) -> Path:
    return tmp_path / "extrinsics.json"


def test_without_anything_the_camera_is_as_published() -> None:
    camera = read_camera(None, None)
    assert (camera.fx, camera.rotation, camera.translation) == (None, None, None)


@pytest.mark.parametrize("translation", ["[[1], [2], [300]]", "[1, 2, 300]", "[[1, 2, 300]]"])
def test_the_published_file_is_in_cm_and_a_camera_in_mm(extrinsics: Path, translation: str) -> None:
    extrinsics.write_text(f'{{"R": {QUARTER_TURN}, "t": {translation}, "more": 1}}')
    camera = read_camera(700.5, extrinsics)
    assert camera.fx == 700.5
    assert camera.rotation is not None and camera.translation is not None
    assert np.array_equal(camera.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.array_equal(camera.translation, [10, 20, 3000])


@pytest.mark.parametrize("fx", [0.0, -1.0, float("nan"), float("inf")])
def test_a_focal_length_is_positive(fx: float) -> None:
    with pytest.raises(InputError, match=rf"--fx {fx:g}: a focal length in pixels is more than 0"):
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
        ('{"R": [[1, 0], [0, 1]], "t": [1, 2, 3]}', r"R is \(2, 2\) and t \(3,\); wanted 3x3 and 3 numbers"),
        (f'{{"R": {QUARTER_TURN}, "t": [1, 2]}}', r"R is \(3, 3\) and t \(2,\)"),
        ('{"R": [[2, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [1, 2, 3]}', "R is not a rotation"),
        ('{"R": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [1, 2, 3]}', "R is not a rotation"),
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
    ],
)
def test_a_file_that_holds_no_extrinsics(extrinsics: Path, content: str, message: str) -> None:
    extrinsics.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=message) as caught:
        read_camera(None, extrinsics)
    assert str(caught.value).startswith(str(extrinsics))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file; name a JSON file of extrinsics"):
        read_camera(None, tmp_path / "none.json")
    with pytest.raises(InputError, match=r"a folder, which posedeploy does not read"):
        read_camera(None, tmp_path)
