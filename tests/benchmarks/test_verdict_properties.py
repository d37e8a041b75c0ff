"""Properties of what decides verdicts: the comparison of all keypoints, ambiguous points, and budgets."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from posedeploy.benchmarks.ambiguity import decode_sides
from posedeploy.benchmarks.budget import Budget, parse_budget
from posedeploy.benchmarks.keypoints import ImageParity, compare_poses, find_visible
from posedeploy.benchmarks.pose_comparison import PoseComparison, pair_people
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import Placement, Poses, Tensors
from tests.support.properties import KEYPOINTS, checked, crowds, moved, noisy, shuffled

NAMES = JOINT_SETS["coco-17"].joints
briefly = settings(checked, max_examples=20)
SEEDS = st.integers(0, 2**32 - 1)
PLACEMENT = Placement(1.0, (0.0, 0.0), (1, 1), (1, 1))
CELLS = 12
LIMITS = {
    "px": st.floats(0.01, 20),
    "mm": st.floats(0.01, 200),
    "oks": st.floats(0, 1),
    "unmatched_percent": st.floats(0, 100),
}


def counts(parity: ImageParity) -> tuple[int, ...]:
    return (parity.people, parity.missed, parity.extra, parity.keypoints, parity.unmatched_keypoints)


@given(poses=crowds())
@briefly
def test_people_do_not_differ_from_themselves(poses: Poses) -> None:
    parity = compare_poses(poses, poses)
    assert counts(parity) == (len(poses), 0, 0, int(find_visible(poses).sum()), 0)
    for distances in (parity.distances_px, parity.distances_mm, parity.distances_vertices_mm):
        assert not distances.any()


@given(poses=crowds(), other=crowds(), seed=SEEDS, x=st.floats(-500, 500), y=st.floats(-500, 500))
@briefly
def test_order_and_position_do_not_matter_and_sides_can_be_swapped(
    poses: Poses, other: Poses, seed: int, x: float, y: float
) -> None:
    for candidate in (noisy(poses, seed), other):
        parity = compare_poses(poses, candidate)
        by = np.array([x, y])
        changed = [
            compare_poses(shuffled(poses, seed), shuffled(candidate, seed + 1)),
            compare_poses(moved(poses, by, np.zeros(3)), moved(candidate, by, np.zeros(3))),
        ]
        for each in changed:
            assert counts(each) == counts(parity)
            for field in ("distances_px", "distances_mm", "distances_vertices_mm"):
                ours, theirs = np.sort(getattr(parity, field)), np.sort(getattr(each, field))
                np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
        back = compare_poses(candidate, poses)
        swapped = (back.people, back.extra, back.missed, back.keypoints, back.unmatched_keypoints)
        assert swapped == counts(parity)
        np.testing.assert_allclose(np.sort(back.distances_px), np.sort(parity.distances_px))


@given(poses=crowds(), other=crowds(), seed=SEEDS, share=st.floats(0, 1))
@briefly
def test_an_ambiguous_keypoint_counts_once(poses: Poses, other: Poses, seed: int, share: float) -> None:
    candidate = Poses(*(np.concatenate(each) for each in ((poses.keypoints, other.keypoints),
                                                          (poses.scores, other.scores))))  # fmt: skip
    reference = Poses(poses.keypoints, poses.scores)
    random = np.random.default_rng(seed)
    ambiguous = find_visible(candidate) & (random.random((len(candidate), KEYPOINTS)) < share)
    plain = compare_poses(reference, candidate)
    parity = compare_poses(reference, candidate, ambiguous, np.zeros((len(reference), KEYPOINTS), np.bool_))
    total = plain.keypoints + plain.unmatched_keypoints
    assert parity.keypoints + parity.unmatched_keypoints + parity.ambiguous == total
    assert parity.ambiguous == ambiguous.sum()


def decode_peaks(outputs: Tensors, _: Placement) -> Poses:
    """Return a person whose keypoints are the first largest cells of maps (keypoints, cells)."""
    maps = outputs["maps"]
    points = np.stack([10.0 * maps.argmax(axis=1), 100.0 * np.arange(len(maps)), np.ones(len(maps))], axis=1)
    return Poses(points[None], np.ones(1))


@given(seed=SEEDS, bound=st.floats(1e-3, 0.2), size=st.floats(0, 3))
@briefly
def test_exactly_the_keypoints_that_noise_moves_are_ambiguous(seed: int, bound: float, size: float) -> None:
    """``size``: the largest change of the maps, relative to the bound."""
    random = np.random.default_rng(seed)
    expected = random.uniform(0, 1, (KEYPOINTS, CELLS))
    reach = bound * expected.max()
    actual = expected + reach * random.uniform(-size, size, expected.shape)
    sides = ({"maps": expected}, {"maps": actual})
    pair = decode_sides(decode_peaks, *sides, PLACEMENT, Tolerance(), {"maps": bound})
    parity = compare_poses(pair.reference, pair.candidate, pair.ambiguous, pair.ambiguous_missed)
    moves = (expected.argmax(axis=1) != actual.argmax(axis=1))[None]
    top = np.sort(expected, axis=1)
    is_clear = (top[:, -1] - top[:, -2] > 2 * reach)[None]
    ambiguous = np.zeros_like(moves) if pair.ambiguous is None else pair.ambiguous
    assert not (ambiguous & ~moves).any(), "equal keypoints are compared"
    assert not (ambiguous & is_clear).any(), "noise does not move a clear peak"
    assert parity.keypoints + parity.ambiguous == KEYPOINTS
    if size <= 1:
        assert (ambiguous == moves).all() and not parity.distances_px.any()
    without = decode_sides(decode_peaks, *sides, PLACEMENT, Tolerance(), {})
    assert without.ambiguous is None


def compared(poses: Poses, candidate: Poses) -> PoseComparison:
    return PoseComparison((pair_people("a.jpg", poses, candidate, NAMES),))


@given(poses=crowds(min_people=1), limits=st.fixed_dictionaries({}, optional=LIMITS))
@briefly
def test_equal_poses_are_within_every_budget(poses: Poses, limits: dict[str, float]) -> None:
    assume("oks" not in limits or limits["oks"] < 1 - 1e-9)  # the similarity is computed with rounding
    assert Budget(**limits).failures(compared(poses, poses)) == []


@given(poses=crowds(min_people=1), other=crowds(), seed=SEEDS, tight=st.fixed_dictionaries(LIMITS),
       factor=st.floats(1, 10))  # fmt: skip
@briefly
def test_poses_within_a_budget_are_within_a_looser_one(
    poses: Poses, other: Poses, seed: int, tight: dict[str, float], factor: float
) -> None:
    loose = {name: value * factor for name, value in tight.items()} | {"oks": tight["oks"] / factor}
    for candidate in (noisy(poses, seed), other):
        comparison = compared(poses, candidate)
        failures = Budget(**tight).failures(comparison)
        assert failures or not Budget(**loose).failures(comparison)
        again = compared(shuffled(poses, seed), shuffled(candidate, seed + 1))
        assert len(Budget(**tight).failures(again)) == len(failures)


@given(poses=crowds(min_people=1), limit=st.floats(0.01, 3), shift=st.floats(0.01, 3))
@briefly
def test_a_shift_passes_if_it_is_within_the_budget(poses: Poses, limit: float, shift: float) -> None:
    assume(abs(shift - limit) > 1e-6)
    shifted = moved(poses, np.array([shift, 0.0]), np.zeros(3))
    failures = Budget(px=limit).failures(compared(poses, shifted))
    assert bool(failures) == (shift > limit)


@given(limits=st.fixed_dictionaries({}, optional=LIMITS), seed=SEEDS)
@briefly
def test_a_budget_is_parsed_as_it_is_written_in_any_order(limits: dict[str, float], seed: int) -> None:
    assume(limits)
    texts = [f"{value!r}{'%' if name == 'unmatched_percent' else name}" for name, value in limits.items()]
    order = np.random.default_rng(seed).permutation(len(texts))
    assert parse_budget([texts[index] for index in order]) == Budget(**limits)
