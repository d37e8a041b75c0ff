from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses import draw_3d
from posedeploy.poses.draw import FONT
from posedeploy.poses.draw_3d import GROUND, Viewpoint, choose_viewpoint, draw_poses_3d, join_side_by_side
from posedeploy.types import Poses
from tests.poses.helpers import FAMILIES, some_poses

CHAIN = ((0, 1), (1, 2))


def standing(people: int = 2) -> Poses:
    joints = np.random.default_rng(0).normal(0, 400, (people, 19, 4)) + np.array([0, 0, 3000, 0])
    joints[..., 3] = 0.9
    joints[:, 2, 3] = -1
    return Poses(np.full((people, 19, 3), -1.0), np.arange(people, 0.0, -1), joints)


@pytest.mark.parametrize("size", [(640, 480), (320, 720), (64, 48)])
@pytest.mark.parametrize("people", [0, 1, 3])
def test_a_scene_has_the_requested_size(size: Any, people: int) -> None:
    scene = draw_poses_3d(standing(people), FAMILIES["3d"].SKELETON, size)
    assert scene.shape == (size[1], size[0], 3)
    assert tuple(scene[0, 0]) == GROUND
    assert (scene != np.uint8(GROUND)).any(), "the floor is there without people too"


def test_the_view_holds_all_people_and_can_be_reused() -> None:
    poses = standing(3)
    view = choose_viewpoint(poses)
    joints = poses.keypoints_3d[..., :3]
    assert view.span_mm >= np.ptp(joints, axis=(0, 1)).max()
    assert view.center_mm[1] >= joints[..., 1].max(), "nobody sinks into the floor"
    skeleton = FAMILIES["3d"].SKELETON
    np.testing.assert_array_equal(
        draw_poses_3d(poses, skeleton, view=view),
        draw_poses_3d(poses, skeleton),
        "the view is the default one",
    )
    turned = Viewpoint(view.center_mm, view.span_mm, yaw_deg=-40)
    assert (draw_poses_3d(poses, skeleton, view=turned) != draw_poses_3d(poses, skeleton)).any()


def test_a_scene_needs_3d() -> None:
    with pytest.raises(InputError, match="no 3D positions; draw them over their image with draw_poses"):
        draw_poses_3d(some_poses([[(60.0, 40), (60, 100), (90, 130)]]), CHAIN)


def _picture(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_pictures_side_by_side_have_one_height() -> None:
    assert join_side_by_side(_picture(200, 300), _picture(400, 400)).shape == (200, 500, 3)
    assert join_side_by_side(_picture(200, 300), _picture(200, 50)).shape == (200, 350, 3)


def reaching(length_mm: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Poses:
    """Return a cross of three joints, as high as wide, with its feet at ``at``."""
    rows = np.array([(-0.5, -0.5, 0, 1), (0.5, -0.5, 0, 1), (0, -1, 0, 1), (0, 0, 0, 1)])
    joints = (rows * (length_mm, length_mm, length_mm, 1) + (*at, 0))[None].astype(np.float32)
    return Poses(np.full((1, 4, 3), -1.0), np.ones(1), joints)


@pytest.mark.parametrize(
    ("length_mm", "span_mm", "step_mm"),
    [
        (1600, 2000, 500),
        (1750, 2500, 500),
        (900, 2000, 500),
        (4500, 5500, 500),
        (6000, 7000, 1000),
        (180, 250, 50),
        (90, 120, 20),
        (20, 25, 5),
        (0, 4, 1),
    ],
)
def test_the_floor_follows_the_size_of_the_people(length_mm: float, span_mm: float, step_mm: float) -> None:
    view = choose_viewpoint(reaching(length_mm))
    assert (view.span_mm, view.step_mm) == (span_mm, step_mm)


@pytest.mark.parametrize("length_mm", [15.0, 130, 180, 520, 523, 600, 1700, 2100, 3500, 9000])
def test_a_view_holds_its_people_at_any_position(length_mm: float) -> None:
    for share in np.linspace(0, 1, 41).tolist():
        poses = reaching(length_mm, at=(1000 + share * length_mm, 800 + share * 77, 3000 - share * 999))
        view = choose_viewpoint(poses)
        assert view.holds(poses)
        steps = view.span_mm / view.step_mm
        assert steps == round(steps) and 4 <= steps <= 13
        joints = poses.keypoints_3d[0, :, :3]
        assert np.abs((joints - view.center_mm)[:, [0, 2]]).max() <= 0.48 * view.span_mm
        assert np.ptp(joints[:, 1]) > 0.25 * view.span_mm, "they fill it"


@pytest.mark.parametrize("moved", [(200, 0, 0), (0, 0, -1100), (0, 60, 0), (0, -300, 0)])
def test_a_view_does_not_hold_people_outside_its_box(moved: tuple[float, float, float]) -> None:
    assert choose_viewpoint(reaching(1700)).holds(reaching(1700))
    assert not choose_viewpoint(reaching(1700)).holds(reaching(1700, at=moved))


@pytest.mark.parametrize(
    "size",
    [(640, 480), (389, 364), (345, 345), (900, 400), (320, 240), (320, 720), (1920, 1080), (3840, 2160),
     (2000, 300), (150, 150), (64, 48), (20, 300), (3, 3), (1, 1)],
)  # fmt: skip
@pytest.mark.parametrize(
    "view",
    [
        choose_viewpoint(reaching(1700)),
        choose_viewpoint(reaching(180, at=(0, 0, 900))),
        choose_viewpoint(reaching(1700, at=(-54321, 0, 12345))),
        Viewpoint((0, 0, 0), 3000, yaw_deg=-40),
        Viewpoint((0, 0, 0), 2500, yaw_deg=160, pitch_deg=35),
    ],
)
def test_pictures_of_any_size_show_everything(
    size: tuple[int, int], view: Viewpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = draw_3d.put_text

    def put_text(image: Any, text: str, at: tuple[int, int], scale: float, color: Any) -> None:
        thickness = max(1, round(scale * 1.6))
        (width, height), below = cv2.getTextSize(text, FONT, scale, thickness)
        assert at[0] >= 0 and at[0] + width <= size[0], text
        assert at[1] - height >= 0 and at[1] + below <= size[1], text
        written.append(text)
        write(image, text, at, scale, color)

    monkeypatch.setattr(draw_3d, "put_text", put_text)
    half, (x, y, z) = view.span_mm / 2, view.center_mm
    # A stick in each corner of the floor, as high as a view allows.
    joints = [
        [(x + a, y, z + b, 1), (x + a, y - 1.9 * half, z + b, 1)]
        for a in (-half, half)
        for b in (-half, half)
    ]
    poses = Poses(np.full((4, 2, 3), -1.0), np.ones(4), np.array(joints))
    assert view.holds(poses)
    scene = draw_poses_3d(poses, ((0, 1),), size, view)
    if min(size) >= 150:
        assert {"x mm", "z mm"} <= set(written) and len(written) >= 6
    if min(size) >= 48:
        edge = np.concatenate([scene[0], scene[-1], scene[:, 0], scene[:, -1]])
        assert (edge == np.uint8(GROUND)).all()
