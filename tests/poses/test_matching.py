from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.matching import match
from posedeploy.types import Poses
from tests.poses.helpers import some_poses

SHAPE = np.array([(0.0, 0), (100, 0), (0, 200), (100, 200), (50, 100)])
NOBODY = Poses(np.zeros((0, 5, 3)), np.zeros(0))


def test_a_set_matches_itself() -> None:
    poses = some_poses([SHAPE, SHAPE + 300, SHAPE + np.array([20, 10])])
    found = match(poses, poses)
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 0), (1, 1), (2, 2)]
    assert (found.distances_px == 0).all() and len(found.distances_px) == 15
    assert (found.missed, found.extra, found.missed_keypoints, found.extra_keypoints) == (0, 0, 0, 0)
    assert len(found.distances_mm) == 0


def test_distances_are_of_the_same_person_whatever_the_order() -> None:
    found = match(
        some_poses([SHAPE, SHAPE + np.array([150, 0])]),
        some_poses([SHAPE + np.array([153, 4]), SHAPE + np.array([0, 2])]),
    )
    assert dict(found.pairs.tolist()) == {0: 1, 1: 0}
    assert sorted(found.distances_px) == pytest.approx([2.0] * 5 + [5.0] * 5)


def test_what_only_one_side_has_is_counted() -> None:
    left, right = SHAPE.copy(), SHAPE + 1
    left[0] = np.nan
    right[1:3] = np.nan
    found = match(
        some_poses([left, SHAPE + 900]),
        some_poses([SHAPE - np.array([600, 0]), right, SHAPE + np.array([0, 700])]),
    )
    assert found.pairs.tolist() == [[0, 1]]
    assert len(found.distances_px) == 2
    assert (found.missed, found.extra) == (1, 2)
    assert (found.missed_keypoints, found.extra_keypoints) == (2 + 5, 1 + 10)


def test_people_that_share_keypoints_are_told_apart() -> None:
    part = SHAPE.copy()
    part[2:] = np.nan
    found = match(some_poses([part, SHAPE]), some_poses([SHAPE, part]))
    assert dict(found.pairs.tolist()) == {0: 1, 1: 0}
    assert (found.missed_keypoints, found.extra_keypoints) == (0, 0)


def test_joints_in_3d_are_compared_in_mm() -> None:
    joints = np.zeros((1, 5, 4))
    moved = joints + np.array([3, 0, 4, 0])
    found = match(some_poses([SHAPE], keypoints_3d=joints), some_poses([SHAPE], keypoints_3d=moved))
    assert found.distances_mm.tolist() == [5.0] * 5
    assert len(match(some_poses([SHAPE], keypoints_3d=joints), some_poses([SHAPE])).distances_mm) == 0


@pytest.mark.parametrize(
    ("reference", "candidate", "missed", "extra"),
    [(NOBODY, NOBODY, 0, 0), (NOBODY, some_poses([SHAPE]), 0, 1), (some_poses([SHAPE]), NOBODY, 1, 0)],
)
def test_nobody_on_a_side(reference: Poses, candidate: Poses, missed: int, extra: int) -> None:
    found = match(reference, candidate)
    assert (found.missed, found.extra) == (missed, extra)
    assert (found.missed_keypoints, found.extra_keypoints) == (5 * missed, 5 * extra)
    assert found.pairs.shape == (0, 2) and len(found.distances_px) == 0


def test_poses_of_two_networks_are_refused() -> None:
    with pytest.raises(InputError, match="poses of 5 and of 4 keypoints cannot be compared"):
        match(some_poses([SHAPE]), some_poses([SHAPE[:4]]))
