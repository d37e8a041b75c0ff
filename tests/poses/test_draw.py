from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posedeploy.poses.draw import PALETTE, color_of, draw_poses, draw_poses_into
from posedeploy.types import Poses
from tests.poses.helpers import some_poses

SKELETON = ((0, 1), (1, 2))
POSITIONS = [[(60.0, 40), (60, 100), (90, 130)]]


def picture(height: int = 200, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_drawing_does_not_modify_the_image() -> None:
    image = picture()
    drawn = draw_poses(image, some_poses(POSITIONS), SKELETON)
    assert (image == 128).all()
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    np.testing.assert_allclose(drawn[70, 60], PALETTE[0], atol=40)
    assert (drawn[150:, 200:] == 128).all(), "far from the person nothing changes"


def test_no_people_draw_nothing() -> None:
    image = picture()
    drawn = draw_poses(image, Poses(np.zeros((0, 3, 3)), np.zeros(0)), SKELETON)
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_limbs_of_missing_keypoints_are_not_drawn() -> None:
    missing = [[(60.0, 40), (np.nan, np.nan), (90, 130)]]
    drawn = draw_poses(picture(), some_poses(missing), SKELETON)
    assert (drawn[70, 50:100] == 128).all()
    assert (drawn[36:44, 56:64] != 128).any() and (drawn[:20, :20] == 128).all()


@pytest.mark.parametrize("at", [(-500.0, -500.0), (1e9, 20.0), (295.0, 2.0), (0.0, 0.0)])
@pytest.mark.parametrize("size", [(200, 300), (1, 1), (4, 3)])
def test_people_outside_the_image_can_be_drawn(at: Any, size: Any) -> None:
    poses = some_poses(np.array(POSITIONS) + np.array(at))
    assert draw_poses(picture(*size), poses, SKELETON).shape == (*size, 3)


def test_a_person_without_keypoints_is_not_drawn() -> None:
    nothing = some_poses(np.full((1, 3, 2), np.nan))
    np.testing.assert_array_equal(draw_poses(picture(), nothing, SKELETON), picture())


def test_colors_follow_the_id() -> None:
    plain = some_poses([*POSITIONS, *POSITIONS])
    known = some_poses([*POSITIONS, *POSITIONS], ids=np.array([3, 3 + len(PALETTE)]))
    assert [color_of(plain, i) for i in (0, 1)] == list(PALETTE[:2])
    assert [color_of(known, i) for i in (0, 1)] == [PALETTE[3]] * 2


@pytest.mark.parametrize("size", [(48, 64), (720, 1280), (2160, 3840), (4320, 7680)], ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_only_the_returned_parts_change(size: tuple[int, int], seed: int) -> None:
    height, width = size
    stream = np.random.RandomState(seed)
    centers = stream.uniform(-0.1, 1.1, (6, 1, 2)) * (width, height)
    offsets = stream.uniform(-0.5, 0.5, (6, 3, 2)) * stream.uniform(0.02, 0.6, (6, 1, 1)) * height
    image = picture(height, width)
    parts = draw_poses_into(image, some_poses(centers + offsets), SKELETON)
    assert (image != 128).any()
    for left, top, right, bottom in parts:
        image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 128
    assert np.count_nonzero(image != 128) == 0
