from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.draw import PALETTE, colour_of, draw_poses
from posedeploy.poses.draw_3d import GROUND, View, beside, draw_poses_3d, view_of
from posedeploy.types import Poses
from tests.poses.helpers import FAMILIES, some_poses

SKELETON = ((0, 1), (1, 2))
POSITIONS = [[(60.0, 40), (60, 100), (90, 130)]]


def picture(height: int = 200, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_draws_over_a_copy() -> None:
    image = picture()
    drawn = draw_poses(image, some_poses(POSITIONS), SKELETON)
    assert (image == 128).all()
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    np.testing.assert_allclose(drawn[70, 60], PALETTE[0], atol=40)
    assert (drawn[150:, 200:] == 128).all(), "far from the person nothing changes"


def test_nobody_changes_nothing() -> None:
    image = picture()
    drawn = draw_poses(image, Poses(np.zeros((0, 3, 3)), np.zeros(0)), SKELETON)
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_a_missing_keypoint_takes_its_limbs_along() -> None:
    missing = [[(60.0, 40), (np.nan, np.nan), (90, 130)]]
    drawn = draw_poses(picture(), some_poses(missing), SKELETON)
    assert (drawn[70, 50:100] == 128).all()
    assert (drawn[36:44, 56:64] != 128).any() and (drawn[:20, :20] == 128).all()


@pytest.mark.parametrize("at", [(-500.0, -500.0), (1e9, 20.0), (295.0, 2.0), (0.0, 0.0)])
@pytest.mark.parametrize("size", [(200, 300), (1, 1), (4, 3)])
def test_people_at_the_edge_and_beyond(at: Any, size: Any) -> None:
    poses = some_poses(np.array(POSITIONS) + np.array(at))
    assert draw_poses(picture(*size), poses, SKELETON).shape == (*size, 3)


def test_a_person_without_keypoints_is_not_drawn() -> None:
    nothing = some_poses(np.full((1, 3, 2), np.nan))
    np.testing.assert_array_equal(draw_poses(picture(), nothing, SKELETON), picture())


def test_colours_follow_the_id() -> None:
    plain = some_poses([*POSITIONS, *POSITIONS])
    known = some_poses([*POSITIONS, *POSITIONS], ids=np.array([3, 3 + len(PALETTE)]))
    assert [colour_of(plain, i) for i in (0, 1)] == list(PALETTE[:2])
    assert [colour_of(known, i) for i in (0, 1)] == [PALETTE[3]] * 2


def standing(people: int = 2) -> Poses:
    joints = np.random.default_rng(0).normal(0, 400, (people, 19, 4)) + np.array([0, 0, 3000, 0])
    joints[..., 3] = 0.9
    joints[:, 2, 3] = -1
    return Poses(np.full((people, 19, 3), -1.0), np.arange(people, 0.0, -1), joints)


@pytest.mark.parametrize("size", [(640, 480), (320, 720), (64, 48)])
@pytest.mark.parametrize("people", [0, 1, 3])
def test_a_scene_has_the_size_asked_for(size: Any, people: int) -> None:
    scene = draw_poses_3d(standing(people), FAMILIES["3d"].SKELETON, size)
    assert scene.shape == (size[1], size[0], 3)
    assert tuple(scene[0, 0]) == GROUND
    assert (scene != np.uint8(GROUND)).any(), "the floor is there without people too"


def test_the_view_holds_everyone_and_can_be_kept() -> None:
    poses = standing(3)
    view = view_of(poses)
    joints = poses.keypoints_3d[..., :3]
    assert view.span_mm >= np.ptp(joints, axis=(0, 1)).max()
    assert view.centre_mm[1] >= joints[..., 1].max(), "nobody sinks into the floor"
    skeleton = FAMILIES["3d"].SKELETON
    np.testing.assert_array_equal(
        draw_poses_3d(poses, skeleton, view=view),
        draw_poses_3d(poses, skeleton),
        "the view is the default one",
    )
    turned = View(view.centre_mm, view.span_mm, yaw_deg=-40)
    assert (draw_poses_3d(poses, skeleton, view=turned) != draw_poses_3d(poses, skeleton)).any()


def test_a_scene_needs_3d() -> None:
    with pytest.raises(InputError, match="no 3D positions; draw them with draw_poses"):
        draw_poses_3d(some_poses(POSITIONS), SKELETON)


def test_beside_brings_both_to_one_height() -> None:
    assert beside(picture(200, 300), picture(400, 400)).shape == (200, 500, 3)
    assert beside(picture(200, 300), picture(200, 50)).shape == (200, 350, 3)
