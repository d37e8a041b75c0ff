from __future__ import annotations

import numpy as np
import pytest

from posedeploy.poses.affinity import CandidateLimbs
from posedeploy.poses.grouping import _Crowd, choose_connections, group
from posedeploy.poses.limbs import LIMBS, PUBLISHED
from posedeploy.poses.peaks import Peaks


def peaks_of(counts: dict[int, int]) -> Peaks:
    """Return this number of peaks of score 0.5 of each kind."""
    first = np.cumsum([0] + [counts.get(kind, 0) for kind in range(18)])
    zeros = np.zeros(first[-1], np.int64)
    return Peaks(zeros, zeros, np.full(first[-1], 0.5), first)


def links(**by_limb: list[tuple[int, int, float]]) -> list[list[tuple[int, int, float]]]:
    return [by_limb.get(f"limb{limb}", []) for limb in range(len(LIMBS))]


def test_the_best_pair_wins_and_peaks_are_used_once() -> None:
    pairs = CandidateLimbs(np.zeros(4, int), np.array([0, 1, 0, 1]), np.array([2, 2, 3, 3]))
    connections = choose_connections(pairs, np.array([0.5, 0.9, 0.8, 0.7]), tie=np.arange(4), limbs=PUBLISHED)
    assert connections[0] == [(1, 2, 0.9), (0, 3, 0.8)]


def test_ties_are_broken_by_the_tie_argument() -> None:
    pairs = CandidateLimbs(np.zeros(2, int), np.array([0, 1]), np.array([2, 2]))
    assert choose_connections(pairs, np.array([0.5, 0.5]), tie=np.arange(2), limbs=PUBLISHED)[0] == [
        (0, 2, 0.5)
    ]
    assert choose_connections(pairs, np.array([0.5, 0.5]), tie=-np.arange(2), limbs=PUBLISHED)[0] == [
        (1, 2, 0.5)
    ]


def test_people_grow_limb_by_limb() -> None:
    # neck 0, right shoulder 1, right elbow 2: peaks in the order of their kinds.
    peaks = peaks_of({1: 1, 2: 1, 3: 1})
    people = group(
        peaks, links(limb0=[(0, 1, 0.9)], limb2=[(1, 2, 0.8)]), PUBLISHED, starts_single_peaks=False
    )
    assert people.members[0, :4].tolist() == [-1, 0, 1, 2]
    np.testing.assert_allclose(people.scores, [0.5 + 0.5 + 0.9 + 0.5 + 0.8])


def test_two_keypoints_are_not_a_person() -> None:
    people = group(peaks_of({1: 1, 2: 1}), links(limb0=[(0, 1, 0.9)]), PUBLISHED, starts_single_peaks=False)
    assert people.members.shape == (0, 18)


def test_completing_limbs_do_not_change_the_score() -> None:
    peaks = peaks_of({1: 1, 2: 2, 3: 2, 16: 2})
    grown = {"limb0": [(0, 1, 0.9)], "limb2": [(1, 3, 0.8)]}
    before = group(peaks, links(**grown), PUBLISHED, starts_single_peaks=False)
    people = group(
        peaks, links(**grown, limb17=[(1, 5, 0.7), (2, 6, 0.7)]), PUBLISHED, starts_single_peaks=False
    )
    assert people.members[0, 16] == 5
    assert len(people.members) == 1
    np.testing.assert_array_equal(people.scores, before.scores)


@pytest.mark.parametrize("starts_single_peaks", [False, True])
def test_a_leg_without_a_neck_is_a_person(starts_single_peaks: bool) -> None:
    # In the older grouping the hip starts alone, and the score comes to the same.
    leg = links(limb7=[(0, 1, 0.9)], limb8=[(1, 2, 0.8)])
    people = group(peaks_of({8: 1, 9: 1, 10: 1}), leg, PUBLISHED, starts_single_peaks=starts_single_peaks)
    assert people.members[0, 8:11].tolist() == [0, 1, 2]
    np.testing.assert_allclose(people.scores, [3 * 0.5 + 0.9 + 0.8])


@pytest.mark.parametrize(("starts_single_peaks", "count"), [(False, 1), (True, 2)])
def test_a_peak_without_a_person_starts_one_only_in_the_older_grouping(
    starts_single_peaks: bool, count: int
) -> None:
    crowd = _Crowd([0.5] * 3, 18)
    crowd.extend(1, 2, [(0, 1, 0.9)])
    if starts_single_peaks:
        crowd.start_alone(3, range(1, 3))
    assert len(crowd.members) == count, "peak 1 is in a person already"


def test_a_replaced_keypoint_no_longer_belongs_to_the_person() -> None:
    # Two people reach one knee; the second hip takes its own ankle over it.
    peaks = peaks_of({1: 1, 8: 1, 9: 2, 10: 2})
    people = group(
        peaks,
        links(limb6=[(0, 1, 0.9)], limb7=[(1, 2, 0.9)], limb8=[(2, 4, 0.9), (3, 5, 0.9)]),
        PUBLISHED,
        starts_single_peaks=False,
    )
    assert people.members[0, [1, 8, 9, 10]].tolist() == [0, 1, 2, 4]
    assert len(people.members) == 1
