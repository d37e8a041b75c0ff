"""The ids of people: matching, gaps, and frame rates."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.tracking import MAX_GAP_S, Tracker
from posedeploy.types import Poses
from tests.poses.helpers import some_poses
from tests.poses.tracked_people import NOBODY, SHAPE, SIGMAS, default_tracker, people


def test_ids_follow_people_that_move_and_change_order() -> None:
    tracker = Tracker(SIGMAS, smooth=False)
    assert tracker.update(people((0, 0), (500, 0))).ids.tolist() == [0, 1]
    assert tracker.update(people((503, 2), (4, 1), (900, 0))).ids.tolist() == [1, 0, 2]
    assert tracker.update(people((902, 0))).ids.tolist() == [2]
    assert tracker.update(people((0, 0))).ids.tolist() == [3], "only the frame before is remembered"


def test_new_ids_are_assigned_by_confidence() -> None:
    assert Tracker(SIGMAS).update(people((0, 0), (500, 0), scores=[1.0, 2.0])).ids.tolist() == [1, 0]


def test_the_most_confident_match_wins() -> None:
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


def test_without_smoothing_only_ids_are_added() -> None:
    poses = people((0, 0), (400, 0))
    tracker = Tracker(SIGMAS, smooth=False)
    tracker.update(people((3, 3), (400, 0)))
    tracked = tracker.update(poses)
    assert tracked.keypoints is poses.keypoints
    assert poses.ids is None


def test_frames_without_people() -> None:
    tracker = Tracker(SIGMAS)
    nobody = Poses(np.zeros((0, 5, 3)), np.zeros(0))
    assert tracker.update(nobody).ids.tolist() == []
    assert tracker.update(people((0, 0))).ids.tolist() == [0]
    assert tracker.update(nobody).ids.tolist() == []
    assert tracker.update(people((0, 0))).ids.tolist() == [1]


def test_poses_of_another_network_are_rejected() -> None:
    with pytest.raises(InputError, match=r"keypoints of shape \(1, 5, 3\); this tracker expects"):
        Tracker(SIGMAS[:4]).update(people((0, 0)))


def test_ids_are_assigned_after_a_few_frames_and_for_earlier_ones() -> None:
    tracker, candidates, named = default_tracker(), [], {}
    for frame in range(4):
        candidates.append(tracker.update(people((frame, 0), (500, 0)), frame / 30).ids.tolist())
        named |= tracker.assigned_ids
    assert candidates[2:] == [[0, 1], [0, 1]]
    first, second = candidates[0]
    assert first < 0 > second and candidates[1] == candidates[0]
    assert named == {first: 0, second: 1}


def test_short_false_detections_get_no_id() -> None:
    tracker = default_tracker()
    for frame in range(20):
        alarm = [(900, 30 * frame)] if frame % 3 else []
        ids = tracker.update(people((0, 0), *alarm), frame / 30).ids.tolist()
        assert all(id_ < 0 for id_ in ids[1:])
    assert ids[0] == 0


def test_short_videos_assign_ids_at_their_end() -> None:
    tracker = default_tracker()
    (candidate,) = tracker.update(people((0, 0)), 0.0).ids.tolist()
    _, newcomer = tracker.update(people((1, 0), (500, 0)), 0.1).ids.tolist()
    assert tracker.finish() == {candidate: 0}
    assert newcomer not in tracker.assigned_ids


@pytest.mark.parametrize(
    ("gap_s", "moved", "same"),
    [
        (0.2, 0, True),
        (0.2, 45, True),
        (0.2, 100, False),  # too far for that time
        (0.9, 100, True),
        (MAX_GAP_S + 0.2, 0, False),
    ],
)
def test_the_allowed_gap_depends_on_time(gap_s: float, moved: float, same: bool) -> None:
    tracker = default_tracker()
    for frame in range(5):
        tracker.update(people((0, 0)), frame / 25)
    for frame in range(5):
        tracker.update(NOBODY, 0.16 + gap_s * frame / 5 + 0.001)
    ids = [tracker.update(people((moved, 0)), 0.16 + gap_s + frame / 25).ids[0] for frame in range(3)]
    assert ids[-1] == (0 if same else 1)
    assert (ids[0] == 0) == same


@pytest.mark.parametrize("fps", [3, 5, 30, 240])
def test_a_walking_person_keeps_the_id_at_any_frame_rate(fps: int) -> None:
    """The speed is 90 px per second: 30 px between two frames at 3 frames per second."""
    tracker, ids = default_tracker(), set()
    for frame in range(2 * fps + 4):
        time_s = frame / fps
        ids |= set(tracker.update(people((90 * time_s, 0), (400 - 90 * time_s, 900)), time_s).ids.tolist())
    assert {id_ for id_ in ids if id_ >= 0} == {0, 1}


def test_a_pause_does_not_count_as_a_frame() -> None:
    tracker = default_tracker()
    for time_s in (0, 0.03, 0.07, 0.1):
        tracker.update(people((0, 0)), time_s)
    assert tracker.update(people((100, 0)), 0.9).ids.tolist() == [0]
    assert tracker.update(people((200, 0)), 0.93).ids.tolist() != [0], "not in a thirtieth of a second"
