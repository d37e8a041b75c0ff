from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from posedeploy.poses.draw_3d import Viewpoint, draw_poses_3d
from posedeploy.predict import pictures
from posedeploy.predict.pictures import Painter
from posedeploy.types import Array, Poses
from tests.predict.conftest import spec_of

IMAGE = np.full((96, 128, 3), 128, np.uint8)
CROSS = np.array([(-850.0, -1400, 0), (850, -1400, 0), (0, -1700, 0), (0, 0, 0)])
"""A person of 1.7 m with arms as far apart."""


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[Viewpoint]:
    """The views from which scenes were drawn, in order."""
    seen: list[Viewpoint] = []

    def draw(poses: Poses, skeleton: Any, size: Any, view: Viewpoint) -> Array:
        seen.append(view)
        return draw_poses_3d(poses, skeleton, size, view)

    monkeypatch.setattr(pictures, "draw_poses_3d", draw)
    return seen


def at(place: Any) -> Poses:
    """Return the poses of one person at a place, in mm."""
    joints = np.ones((1, 19, 4), np.float32)
    joints[..., :3] = np.resize(CROSS, (19, 3)) + place
    return Poses(np.full((1, 19, 3), -1.0), np.ones(1), joints)


def nobody() -> Poses:
    return Poses(np.zeros((0, 19, 3)), np.zeros(0), np.zeros((0, 19, 4)))


def test_the_floor_follows_a_walking_person(views: list[Viewpoint]) -> None:
    painter = Painter(spec_of("lightweight-openpose-3d"), is_video=True)
    walk = np.linspace((-2500, 900, 5000), (3000, 1300, 10000), 150)
    for place in walk:
        painter(IMAGE, at(place))
        assert views[-1].holds(at(place))
    changes = sum(a != b for a, b in pairwise(views))
    assert 3 <= changes <= 30, "the floor stands still for some steps and follows then"


@pytest.mark.parametrize("seed", range(8))
def test_the_floor_does_not_flicker_under_a_standing_person(views: list[Viewpoint], seed: int) -> None:
    chance = np.random.default_rng(seed)
    place = chance.uniform(-3000, 3000, 3)
    painter = Painter(spec_of("lightweight-openpose-3d"), is_video=True)
    for sway in chance.uniform(-40, 40, (80, 3)):
        painter(IMAGE, at(place + sway))
    changes = sum(a != b for a, b in pairwise(views))
    assert changes <= 4, "it settles"
    assert len(set(views[30:])) == 1


def test_each_image_has_its_own_view_and_a_video_keeps_one(views: list[Viewpoint]) -> None:
    for is_video in (False, True):
        painter = Painter(spec_of("lightweight-openpose-3d"), is_video=is_video)
        for place in ((0, 0, 3000), (100, 0, 3260), (500, 0, 3500)):
            painter(IMAGE, at(place))
    assert len(set(views[:3])) == 3
    assert len(set(views[3:])) == 2, "the floor is as it was until someone leaves it"


def test_an_empty_frame_does_not_move_the_floor(views: list[Viewpoint]) -> None:
    painter = Painter(spec_of("lightweight-openpose-3d"), is_video=True)
    for poses in (nobody(), at((9000, 0, 0)), nobody()):
        painter(IMAGE, poses)
    assert views[0] is None and views[1] == views[2]
