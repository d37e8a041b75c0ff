from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.person_matching import match_people
from posedeploy.types import Poses
from tests.poses.helpers import some_poses

SHAPE = np.array([(0.0, 0), (100, 0), (0, 200), (100, 200), (50, 100)])
NOBODY = Poses(np.zeros((0, 5, 3)), np.zeros(0))


def test_a_set_matches_itself() -> None:
    poses = some_poses([SHAPE, SHAPE + 300, SHAPE + np.array([20, 10])])
    found = match_people(poses, poses)
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 0), (1, 1), (2, 2)]
    assert (found.missed, found.extra) == (0, 0)


def test_people_match_in_any_order() -> None:
    found = match_people(
        some_poses([SHAPE, SHAPE + np.array([150, 0])]),
        some_poses([SHAPE + np.array([153, 4]), SHAPE + np.array([0, 2])]),
    )
    assert dict(found.pairs.tolist()) == {0: 1, 1: 0}


def test_unmatched_people_are_counted() -> None:
    left, right = SHAPE.copy(), SHAPE + 1
    left[0] = np.nan
    right[1:3] = np.nan
    found = match_people(
        some_poses([left, SHAPE + 900]),
        some_poses([SHAPE - np.array([600, 0]), right, SHAPE + np.array([0, 700])]),
    )
    assert found.pairs.tolist() == [[0, 1]]
    assert (found.missed, found.extra) == (1, 2)


def test_people_that_share_keypoints_are_distinguished() -> None:
    part = SHAPE.copy()
    part[2:] = np.nan
    found = match_people(some_poses([part, SHAPE]), some_poses([SHAPE, part]))
    assert dict(found.pairs.tolist()) == {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("reference", "candidate", "missed", "extra"),
    [(NOBODY, NOBODY, 0, 0), (NOBODY, some_poses([SHAPE]), 0, 1), (some_poses([SHAPE]), NOBODY, 1, 0)],
)
def test_empty_results_have_no_matches(reference: Poses, candidate: Poses, missed: int, extra: int) -> None:
    found = match_people(reference, candidate)
    assert (found.missed, found.extra) == (missed, extra)
    assert found.pairs.shape == (0, 2)


def test_poses_of_different_networks_are_rejected() -> None:
    with pytest.raises(InputError, match="poses with 5 and with 4 keypoints cannot be compared"):
        match_people(some_poses([SHAPE]), some_poses([SHAPE[:4]]))
