"""The smoothing of tracked people, in 2D and 3D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.poses.one_euro import OneEuro
from posedeploy.poses.tracking import Tracker
from posedeploy.types import Poses
from tests.poses.helpers import some_poses
from tests.poses.tracked_people import SHAPE, SIGMAS, ScalarFilter, default_tracker, people


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


def test_each_keypoint_has_its_own_filter() -> None:
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


def test_in_3d_the_whole_person_is_moved_and_2d_is_unchanged() -> None:
    random = np.random.default_rng(2)
    body = random.normal(0, 300, (5, 3))
    centers = np.array([0.0, 0, 3000]) + random.normal(0, 30, (6, 3)).cumsum(axis=0)
    filters = [ScalarFilter(80, 0.001) for _ in range(3)]
    tracker = Tracker(SIGMAS)
    for center in centers:
        joints = np.concatenate([body - body.mean(axis=0) + center, np.ones((5, 1))], axis=1)[None]
        poses = people((0, 0), keypoints_3d=joints)
        tracked = tracker.update(poses)
        np.testing.assert_array_equal(tracked.keypoints, poses.keypoints)
        smooth = [step(value) for step, value in zip(filters, center, strict=True)]
        np.testing.assert_allclose(tracked.keypoints_3d[0, :, :3].mean(axis=0), smooth)
        np.testing.assert_allclose(np.diff(tracked.keypoints_3d, axis=1), np.diff(joints, axis=1), atol=1e-9)


def test_root_relative_joints_are_smoothed_and_the_root_stays() -> None:
    random = np.random.default_rng(3)
    frames = [np.vstack([np.zeros((1, 3)), random.normal(0, 300, (4, 3))]) for _ in range(5)]
    filters = [[ScalarFilter(80, 0.001) for _ in range(3)] for _ in range(7)]
    tracker = Tracker(SIGMAS)
    for joints in frames:
        vertices = joints[1:3] * 1.1
        poses = people((0, 0), keypoints_3d=np.pad(joints, ((0, 0), (0, 1)), constant_values=0.5)[None])
        tracked = tracker.update(replace(poses, vertices=vertices[None], root_relative=True))
        smooth = [
            [step(value) for step, value in zip(own, point, strict=True)]
            for own, point in zip(filters, [*joints, *vertices], strict=True)
        ]
        np.testing.assert_allclose(tracked.keypoints_3d[0, :, :3], smooth[:5])
        np.testing.assert_allclose(tracked.vertices[0], smooth[5:])
        assert (tracked.keypoints_3d[0, :, 3] == 0.5).all()
        assert (tracked.keypoints_3d[0, 0, :3] == 0).all()


@pytest.mark.parametrize("vertices", [False, True])
def test_root_relative_people_may_vanish_and_return(vertices: bool) -> None:
    joints = np.concatenate([np.random.RandomState(0).randn(1, 5, 3) * 300, np.ones((1, 5, 1))], axis=2)
    there = replace(
        people((0, 0)),
        keypoints_3d=joints,
        vertices=joints[..., :3] / 1000 if vertices else None,
        root_relative=True,
    )
    nobody = Poses(np.zeros((0, 5, 3)), np.zeros(0), np.zeros((0, 5, 4)))
    tracker = Tracker(SIGMAS)
    assert [len(tracker.update(poses)) for poses in (there, there, nobody, there)] == [1, 1, 0, 1]
    again = tracker.update(there)
    assert again.ids is not None and again.ids.tolist() == [1]
    assert again.keypoints_3d is not None
    np.testing.assert_allclose(again.keypoints_3d, joints)


def test_the_filters_use_the_elapsed_time() -> None:
    random = np.random.default_rng(4)
    times = np.cumsum(random.choice([0.02, 0.04, 0.4], 12))
    tracker, filters = Tracker(SIGMAS), [[ScalarFilter(15, 0.05) for _ in "xy"] for _ in SHAPE]
    for number, time_s in enumerate(times):
        frame = SHAPE + random.normal(0, 2, SHAPE.shape)
        elapsed_s = time_s - times[number - 1] if number else None
        expected = [
            [step(value, elapsed_s) for step, value in zip(own, point, strict=True)]
            for own, point in zip(filters, frame, strict=True)
        ]
        found = tracker.update(some_poses([frame]), float(time_s))
        np.testing.assert_allclose(found.keypoints[0, :, :2], expected)


def test_at_the_published_rate_times_change_nothing() -> None:
    random = np.random.default_rng(5)
    timed, untimed = Tracker(SIGMAS), Tracker(SIGMAS)
    for number in range(8):
        poses = people(tuple(random.normal(0, 3, 2)), tuple(random.normal(500, 3, 2)))
        np.testing.assert_allclose(
            timed.update(poses, number / 15).keypoints, untimed.update(poses).keypoints, rtol=1e-9
        )


def test_a_briefly_missing_keypoint_keeps_its_filter() -> None:
    random = np.random.default_rng(6)
    tracker, steps = default_tracker(), [ScalarFilter(15, 0.05) for _ in "xy"]
    seen_s = None
    for number in range(12):
        frame = SHAPE + random.normal(0, 2, SHAPE.shape)
        if number in (4, 5):
            frame[1] = np.nan
        found = tracker.update(some_poses([frame]), number / 30).keypoints[0, 1]
        if number in (4, 5):
            assert (found == -1).all()
            continue
        elapsed_s = None if seen_s is None else number / 30 - seen_s
        seen_s = number / 30
        expected = [step(value, elapsed_s) for step, value in zip(steps, frame[1], strict=True)]
        np.testing.assert_allclose(found[:2], expected)


@pytest.mark.parametrize("root_relative", [False, True])
def test_in_3d_a_returning_person_keeps_the_filter(root_relative: bool) -> None:
    joints = np.concatenate([np.random.default_rng(7).normal(0, 300, (1, 5, 3)), np.ones((1, 5, 1))], axis=2)
    tracker = default_tracker()
    for number in range(4):
        moved = joints + np.array([10 * number, 0, 0, 0])
        tracker.update(replace(people((0, 0)), keypoints_3d=moved, root_relative=root_relative), number / 30)
    tracker.update(Poses(np.zeros((0, 5, 3)), np.zeros(0), np.zeros((0, 5, 4))), 0.15)
    away = joints + np.array([200, 0, 0, 0])
    back = tracker.update(replace(people((0, 0)), keypoints_3d=away, root_relative=root_relative), 0.2)
    assert back.ids.tolist() == [0]
    shift = (back.keypoints_3d - joints)[0, :, 0]
    assert (shift > 40).all() and (shift < 199).all(), "between where they were and where they are"
