from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.one_euro import OneEuro
from posedeploy.poses.tracking import Tracker
from posedeploy.types import Poses
from tests.poses.helpers import some_poses

SIGMAS = (0.05,) * 5
SHAPE = np.array([(0.0, 0), (100, 0), (0, 200), (100, 200), (50, 100)])


def people(*origins, scores=None, **more) -> Poses:
    return some_poses([SHAPE + origin for origin in origins], scores, **more)


class ScalarFilter:
    """The filter for one number, as the paper has it."""

    def __init__(self, frequency: float, beta: float) -> None:
        self.frequency, self.beta = frequency, beta
        self.raw = self.smooth = None
        self.speed = 0.0

    def share(self, cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) * self.frequency)

    def __call__(self, value: float) -> float:
        if self.raw is None:
            self.raw = self.smooth = value
            return value
        share = self.share(1.0)
        self.speed = share * (value - self.raw) * self.frequency + (1 - share) * self.speed
        share = self.share(1.0 + self.beta * abs(self.speed))
        self.raw, self.smooth = value, share * value + (1 - share) * self.smooth
        return self.smooth


def test_the_filter_over_arrays_is_the_scalar_one() -> None:
    values = np.random.default_rng(0).normal(0, 20, (12, 3)).cumsum(axis=0)
    scalars = [ScalarFilter(15, 0.05) for _ in range(3)]
    one_euro = OneEuro(frequency=15, beta=0.05)
    state = one_euro.start(values[0])
    for number, row in enumerate(values):
        state = one_euro.advance(state, row) if number else state
        np.testing.assert_allclose(
            state.smooth, [step(value) for step, value in zip(scalars, row, strict=True)]
        )


def test_ids_follow_people_that_move_and_change_places_in_the_list() -> None:
    tracker = Tracker(SIGMAS, smooth=False)
    assert tracker.update(people((0, 0), (500, 0))).ids.tolist() == [0, 1]
    assert tracker.update(people((503, 2), (4, 1), (900, 0))).ids.tolist() == [1, 0, 2]
    assert tracker.update(people((902, 0))).ids.tolist() == [2]
    assert tracker.update(people((0, 0))).ids.tolist() == [3], "only the frame before is remembered"


def test_new_ids_go_to_the_most_confident_first() -> None:
    assert Tracker(SIGMAS).update(people((0, 0), (500, 0), scores=[1.0, 2.0])).ids.tolist() == [1, 0]


def test_the_most_confident_takes_the_person_that_two_could_be() -> None:
    tracker = Tracker(SIGMAS)
    tracker.update(people((0, 0)))
    assert tracker.update(people((1, 0), (2, 0), scores=[1.0, 2.0])).ids.tolist() == [1, 0]


def test_two_similar_keypoints_are_too_few() -> None:
    tracker = Tracker(SIGMAS)
    first, second = SHAPE.copy(), SHAPE.copy()
    tracker.update(some_poses([first]))
    second[2:] = np.nan
    assert tracker.update(some_poses([second])).ids.tolist() == [1]
    second[2] = SHAPE[2]
    assert tracker.update(some_poses([second])).ids.tolist() == [2], "two in common with the frame before"


def test_keypoints_are_smoothed_each_by_its_own_filter() -> None:
    random = np.random.default_rng(1)
    frames = [SHAPE + random.normal(0, 2, SHAPE.shape) for _ in range(8)]
    frames[4][1] = np.nan
    tracker = Tracker(SIGMAS)
    filters = {}
    for number, frame in enumerate(frames):
        found = tracker.update(some_poses([frame])).keypoints[0]
        for keypoint, position in enumerate(frame):
            if np.isnan(position).any():
                assert (found[keypoint] == -1).all()
                continue
            for axis, value in enumerate(position):
                if number and np.isnan(frames[number - 1][keypoint]).any():
                    filters.pop((keypoint, axis))
                step = filters.setdefault((keypoint, axis), ScalarFilter(15, 0.05))
                assert found[keypoint, axis] == pytest.approx(step(value), rel=1e-12)
        np.testing.assert_array_equal(found[:, 2], some_poses([frame]).keypoints[0, :, 2])


def test_without_smoothing_only_ids_are_new() -> None:
    poses = people((0, 0), (400, 0))
    tracker = Tracker(SIGMAS, smooth=False)
    tracker.update(people((3, 3), (400, 0)))
    tracked = tracker.update(poses)
    assert tracked.keypoints is poses.keypoints
    assert poses.ids is None


def test_in_3d_the_whole_person_is_moved_and_2d_left_alone() -> None:
    random = np.random.default_rng(2)
    body = random.normal(0, 300, (5, 3))
    centres = np.array([0.0, 0, 3000]) + random.normal(0, 30, (6, 3)).cumsum(axis=0)
    filters = [ScalarFilter(80, 0.001) for _ in range(3)]
    tracker = Tracker(SIGMAS)
    for centre in centres:
        joints = np.concatenate([body - body.mean(axis=0) + centre, np.ones((5, 1))], axis=1)[None]
        poses = people((0, 0), keypoints_3d=joints)
        tracked = tracker.update(poses)
        np.testing.assert_array_equal(tracked.keypoints, poses.keypoints)
        smooth = [step(value) for step, value in zip(filters, centre, strict=True)]
        np.testing.assert_allclose(tracked.keypoints_3d[0, :, :3].mean(axis=0), smooth)
        np.testing.assert_allclose(np.diff(tracked.keypoints_3d, axis=1), np.diff(joints, axis=1), atol=1e-9)


def test_in_3d_from_the_root_on_every_joint_is_smoothed_and_the_root_stays() -> None:
    random = np.random.default_rng(3)
    frames = [np.vstack([np.zeros((1, 3)), random.normal(0, 300, (4, 3))]) for _ in range(5)]
    filters = [[ScalarFilter(80, 0.001) for _ in range(3)] for _ in range(7)]
    tracker = Tracker(SIGMAS)
    for joints in frames:
        vertices = joints[1:3] * 1.1
        poses = people((0, 0), keypoints_3d=np.pad(joints, ((0, 0), (0, 1)), constant_values=0.5)[None])
        tracked = tracker.update(replace(poses, vertices=vertices[None], from_root=True))
        smooth = [
            [step(value) for step, value in zip(own, point, strict=True)]
            for own, point in zip(filters, [*joints, *vertices], strict=True)
        ]
        np.testing.assert_allclose(tracked.keypoints_3d[0, :, :3], smooth[:5])
        np.testing.assert_allclose(tracked.vertices[0], smooth[5:])
        assert (tracked.keypoints_3d[0, :, 3] == 0.5).all()
        assert (tracked.keypoints_3d[0, 0, :3] == 0).all()


def test_frames_without_people() -> None:
    tracker = Tracker(SIGMAS)
    nobody = Poses(np.zeros((0, 5, 3)), np.zeros(0))
    assert tracker.update(nobody).ids.tolist() == []
    assert tracker.update(people((0, 0))).ids.tolist() == [0]
    assert tracker.update(nobody).ids.tolist() == []
    assert tracker.update(people((0, 0))).ids.tolist() == [1]


def test_poses_of_another_network_are_refused() -> None:
    with pytest.raises(InputError, match=r"people of 4 keypoints; it got an array of \(1, 5, 3\)"):
        Tracker(SIGMAS[:4]).update(people((0, 0)))


@pytest.mark.parametrize("vertices", [False, True])
def test_people_from_their_roots_who_vanish_and_come_back(vertices: bool) -> None:
    joints = np.concatenate([np.random.RandomState(0).randn(1, 5, 3) * 300, np.ones((1, 5, 1))], axis=2)
    there = replace(
        people((0, 0)),
        keypoints_3d=joints,
        vertices=joints[..., :3] / 1000 if vertices else None,
        from_root=True,
    )
    nobody = Poses(np.zeros((0, 5, 3)), np.zeros(0), np.zeros((0, 5, 4)))
    tracker = Tracker(SIGMAS)
    assert [len(tracker.update(poses)) for poses in (there, there, nobody, there)] == [1, 1, 0, 1]
    again = tracker.update(there)
    assert again.ids is not None and again.ids.tolist() == [1]
    assert again.keypoints_3d is not None
    np.testing.assert_allclose(again.keypoints_3d, joints)
