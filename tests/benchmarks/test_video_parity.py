"""Added jitter and identity switches: properties that hold for any people, and known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posedeploy.benchmarks.ambiguity import DecodedPair
from posedeploy.benchmarks.identity_history import IdentityHistory
from posedeploy.benchmarks.inputs import VideoFrame
from posedeploy.benchmarks.video_errors import added_jitter, count_switches, count_switches_by_side
from posedeploy.benchmarks.video_parity import VideoComparison, VideoParity
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import Array, Poses
from tests.support.properties import KEYPOINTS, checked, moved, people, shuffled

NAMES = JOINT_SETS["coco-17"].joints
SEEDS = st.integers(0, 2**32 - 1)
ERROR_PX, ERROR_MM = 0.5, 7.0


def motion(seed: int, frames: int = 6) -> Array:
    """Return (frames, people, keypoints, 2) random positions."""
    return np.random.default_rng(seed).normal(0, 100, (frames, 3, KEYPOINTS, 2))


def far_apart(seed: int, count: int = 3) -> Poses:
    """Return people who stand beside each other, so that each is followed by the position."""
    crowd = people(np.random.default_rng(seed), count)
    return moved(crowd, np.arange(count).reshape(-1, 1, 1) * [2000.0, 0.0], np.zeros(3))


def compared(pairs: list[tuple[Poses, Poses]]) -> VideoParity:
    comparison = VideoComparison("walk.mp4", NAMES)
    for number, (reference, candidate) in enumerate(pairs):
        comparison.add(VideoFrame("walk.mp4", number, number / 25), DecodedPair(reference, candidate))
    return comparison.result()


@given(first=SEEDS, second=SEEDS)
@checked
def test_sides_can_be_swapped(first: int, second: int) -> None:
    a, b = motion(first), motion(second)
    np.testing.assert_allclose(added_jitter(a, b), added_jitter(b, a))


@given(first=SEEDS, second=SEEDS, x=st.floats(-500, 500), factor=st.floats(0.1, 10))
@checked
def test_moving_both_sides_changes_nothing_and_scaling_scales(
    first: int, second: int, x: float, factor: float
) -> None:
    a, b = motion(first), motion(second)
    np.testing.assert_allclose(added_jitter(a + x, b + x), added_jitter(a, b), atol=1e-9)
    np.testing.assert_allclose(added_jitter(factor * a, factor * b), factor * added_jitter(a, b), rtol=1e-9)


@given(seed=SEEDS, offset=st.floats(-50, 50), speed=st.floats(-5, 5))
@checked
def test_an_offset_that_grows_linearly_adds_no_jitter(seed: int, offset: float, speed: float) -> None:
    a = motion(seed)
    steps = np.arange(len(a)).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(added_jitter(a, a + offset + speed * steps), 0, atol=1e-9)


@given(seed=SEEDS, error=st.floats(0.01, 50))
@checked
def test_an_alternating_error_adds_four_times_its_size(seed: int, error: float) -> None:
    a = motion(seed)
    signs = (-1.0) ** np.arange(len(a)).reshape(-1, 1, 1, 1)
    jitter = added_jitter(a, a + signs * np.array([error, 0.0]))
    assert jitter.shape == (len(a) - 2, 3, KEYPOINTS)
    np.testing.assert_allclose(jitter, 4 * error, rtol=1e-9)


@pytest.mark.parametrize(
    ("after", "switches"),
    [
        ([1, 2, 3, 4], 0),
        ([2, 1, 3, 4], 1),
        ([2, 1, 4, 3], 2),
        ([2, 3, 1, 4], 2),
        ([9, 2, 3, 4], 1),
        ([2, 9, 3, 4], 2),
    ],
    ids=["none", "a swap", "two swaps", "three people in turn", "a new id", "a new id in a chain"],
)
def test_switches_are_the_fewest_that_explain_the_ids(after: list[int], switches: int) -> None:
    assert count_switches(np.array([1, 2, 3, 4]), np.array(after)) == switches


@given(seed=SEEDS, count=st.integers(0, 6))
@checked
def test_switches_do_not_depend_on_the_order_of_people_or_on_the_direction(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    before, after = random.permutation(count), random.permutation(count)
    order = random.permutation(count)
    assert count_switches(before, after) == count_switches(before[order], after[order])
    assert count_switches(before, after) == count_switches(after, before)


@given(seed=SEEDS)
@checked
def test_the_switches_of_both_sides_trade_places_with_the_sides(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = (random.permuted(np.array([[0, 0], [1, 1], [2, 2], [-1, 3]]), axis=0) for _ in range(2))
    forth = count_switches_by_side(before, after)
    assert count_switches_by_side(before[:, ::-1], after[:, ::-1]) == forth[::-1]


def follow(frames: list[tuple[Poses, Array, Array]]) -> list[tuple[int, int]]:
    """Return the switches in each frame: people, and their ids on both sides (NaN without one)."""
    history, counts = IdentityHistory(), list[tuple[int, int]]()
    for crowd, ours, theirs in frames:
        found = [np.flatnonzero(np.isfinite(ids)) for ids in (ours, theirs)]
        sides = [
            Poses(crowd.keypoints[chosen], crowd.scores[chosen], ids=ids[chosen].astype(int))
            for chosen, ids in zip(found, (ours, theirs), strict=True)
        ]
        both = np.intersect1d(*found)
        pairs = np.stack([np.searchsorted(each, both) for each in found], axis=1)
        counts.append(history.add(*sides, pairs))
    return counts


@given(seed=SEEDS, frame=st.integers(1, 4))
@checked
def test_a_swap_of_two_people_is_one_switch_of_the_side_that_swaps(seed: int, frame: int) -> None:
    crowd, same, swapped = far_apart(seed), np.array([0.0, 1, 2]), np.array([1.0, 0, 2])
    later = [same if number < frame else swapped for number in range(5)]
    expected = [(int(number == frame), 0) for number in range(5)]
    assert follow([(crowd, same, ids) for ids in later]) == expected
    assert follow([(crowd, ids, same) for ids in later]) == [pair[::-1] for pair in expected]
    assert follow([(crowd, ids, ids) for ids in later]) == [(0, 0)] * 5


def test_a_person_who_is_lost_and_gets_a_new_id_on_one_side_is_a_switch_there() -> None:
    crowd, ours, none = far_apart(1, 2), np.array([0.0, 1]), np.array([np.nan, np.nan])
    lost, new = np.array([0.0, np.nan]), np.array([0.0, 5])
    assert follow([(crowd, ours, ours), (crowd, ours, lost), (crowd, ours, new)])[-1] == (1, 0)
    # A person whom no side sees for a while is recognized by the id of the side that keeps it.
    assert follow([(crowd, ours, ours), (crowd, none, none), (crowd, new, ours)])[-1] == (0, 1)
    # An id that is not assigned yet is no switch.
    early = np.array([0.0, -3])
    assert follow([(crowd, ours, early), (crowd, ours, new)]) == [(0, 0), (0, 0)]


@given(seed=SEEDS)
@checked
def test_equal_sides_have_neither_jitter_nor_switches(seed: int) -> None:
    crowd = far_apart(seed)
    result = compared([(crowd, shuffled(crowd, seed + number)) for number in range(6)])
    assert (result.frames, result.candidate_switches, result.reference_switches) == (6, 0, 0)
    assert {measure: summary.worst.value for measure, summary in result.jitter.items()} == {
        "px": 0,
        "joint_mm": 0,
    }


def test_an_error_in_one_frame_is_found_in_px_and_mm_with_that_frame() -> None:
    """An error of 0.5 px in frame 4 makes a second difference of 1 px there, and 0.5 px beside it. A move of
    a whole person in 3D is no jitter, because 3D joints are relative to the root."""
    crowd = far_apart(3)
    left = np.zeros((3, KEYPOINTS, 3))
    left[:, 9] = [ERROR_MM, 0, 0]
    wrong = moved(crowd, np.array([ERROR_PX, 0.0]), left + np.array([100.0, 0, 0]))
    result = compared([(crowd, wrong if number == 4 else crowd) for number in range(8)])
    px, joints = result.jitter["px"], result.jitter["joint_mm"]
    assert (px.count, joints.count) == (6 * 3 * KEYPOINTS,) * 2
    assert px.worst.value == pytest.approx(2 * ERROR_PX)
    assert joints.worst.value == pytest.approx(2 * ERROR_MM)
    assert px.worst.image == joints.worst.image == "walk.mp4, frame 4"
    assert px.median.value == pytest.approx(ERROR_PX)


@pytest.mark.parametrize("case", ["missing", "ambiguous", "a gap"])
def test_points_that_one_of_three_frames_lacks_are_left_out(case: str) -> None:
    crowd = far_apart(4, 1)
    keypoints = crowd.keypoints.copy()
    keypoints[:, 5] = -1
    numbers = [0, 1, 2, 3]
    sides = [DecodedPair(crowd, crowd)] * 4
    if case == "missing":
        sides[2] = DecodedPair(crowd, replace(crowd, keypoints=keypoints))
    elif case == "ambiguous":
        points = np.zeros((1, 2 * KEYPOINTS), np.bool_)
        points[:, 5] = True
        sides[2] = DecodedPair(crowd, crowd, points, np.zeros_like(points))
    else:
        numbers = [0, 1, 2, 9]
    comparison = VideoComparison("walk.mp4", NAMES)
    for number, each in zip(numbers, sides, strict=True):
        comparison.add(VideoFrame("walk.mp4", number, number / 25), each)
    expected = KEYPOINTS if case == "a gap" else 2 * (KEYPOINTS - 1)
    assert comparison.result().jitter["px"].count == expected


def test_a_video_without_people_has_no_jitter() -> None:
    nobody = Poses(np.zeros((0, KEYPOINTS, 3)), np.zeros(0))
    result = compared([(nobody, nobody)] * 4)
    assert (result.frames, result.jitter, result.switches) == (4, {}, ())


def test_a_candidate_that_loses_a_person_for_long_has_one_switch_in_the_frame_of_the_new_id() -> None:
    """The tracker forgets a person after a second, and assigns an id after three frames."""
    crowd = far_apart(5, 2)
    one = Poses(crowd.keypoints[:1], crowd.scores[:1])
    both = Poses(crowd.keypoints, crowd.scores)
    result = compared([(both, one if 10 <= number < 40 else both) for number in range(50)])
    assert [(each.frame, each.candidate, each.reference) for each in result.switches] == [
        ("walk.mp4, frame 42", 1, 0)
    ]
