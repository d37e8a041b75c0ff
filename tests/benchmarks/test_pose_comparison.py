"""The comparison of people: properties that hold for any people, and known distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posedeploy.benchmarks.measure_summaries import WorstPoint, summarize
from posedeploy.benchmarks.pose_comparison import MEASURES, ImagePairs, PoseComparison, pair_people
from posedeploy.benchmarks.pose_errors import aligned_distances, root_joints
from posedeploy.families import FAMILIES, joint_set
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import Array, Poses
from tests.poses.helpers import some_poses
from tests.support.properties import KEYPOINTS, checked, crowds, moved, noisy, people, shuffled

NAMES = JOINT_SETS["coco-17"].joints
SEEDS = st.integers(0, 2**32 - 1)
SQUARE = np.array([(0.0, 0), (100, 0), (0, 100), (100, 100)])
CORNERS = ("nose", "left_hip", "right_hip", "left_knee")


def compared(reference: Poses, candidate: Poses, **more: Array) -> ImagePairs:
    return pair_people("image", reference, candidate, NAMES[: reference.keypoints.shape[1]], **more)


def equal(first: ImagePairs, second: ImagePairs, *measures: str, rtol: float = 1e-9) -> None:
    """Return whether the counts are equal, and the values up to their order."""
    assert (first.people, first.keypoints, first.unmatched_keypoints) == (
        second.people,
        second.keypoints,
        second.unmatched_keypoints,
    )
    for measure in measures:
        a, b = np.sort(first.values[measure]), np.sort(second.values[measure])
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7)


@given(poses=crowds())
@checked
def test_people_do_not_differ_from_themselves(poses: Poses) -> None:
    same = compared(poses, poses)
    assert (same.people, same.missed, same.extra, same.unmatched_keypoints) == (len(poses), 0, 0, 0)
    for measure, values in same.values.items():
        np.testing.assert_allclose(values, 1.0 if measure == "oks" else 0.0, atol=1e-6)


@given(poses=crowds(), other=crowds(), seed=SEEDS)
@checked
def test_sides_can_be_swapped(poses: Poses, other: Poses, seed: int) -> None:
    symmetric = [measure for measure in MEASURES if measure != "pa_mpjpe_mm"]
    for candidate in (noisy(poses, seed), other):
        forth, back = compared(poses, candidate), compared(candidate, poses)
        assert (forth.missed, forth.extra) == (back.extra, back.missed)
        equal(forth, back, *symmetric)


@given(poses=crowds(), seed=SEEDS)
@checked
def test_the_order_of_people_does_not_matter(poses: Poses, seed: int) -> None:
    candidate = noisy(poses, seed)
    equal(
        compared(poses, candidate),
        compared(shuffled(poses, seed), shuffled(candidate, seed + 1)),
        *MEASURES,
    )


@given(poses=crowds(), seed=SEEDS, x=st.floats(-500, 500), y=st.floats(-500, 500))
@checked
def test_moving_both_sides_changes_nothing(poses: Poses, seed: int, x: float, y: float) -> None:
    def shifted(side: Poses) -> Poses:
        return moved(side, np.array([x, y]), np.array([x, y, -x]), y)

    candidate = noisy(poses, seed)
    equal(compared(poses, candidate), compared(shifted(poses), shifted(candidate)), *MEASURES)


@given(poses=crowds(), seed=SEEDS, factor=st.floats(0.2, 8))
@checked
def test_scaling_both_sides_scales_distances_only(poses: Poses, seed: int, factor: float) -> None:
    def scaled(side: Poses) -> Poses:
        keypoints, in_3d = side.keypoints.copy(), side.keypoints_3d.copy()
        keypoints[..., :2] *= np.where(keypoints[..., 2:] >= 0, factor, 1)
        in_3d[..., :3] *= factor
        return Poses(keypoints, side.scores, keypoints_3d=in_3d, vertices=side.vertices * factor)

    candidate = noisy(poses, seed)
    plain, larger = compared(poses, candidate), compared(scaled(poses), scaled(candidate))
    for measure in MEASURES:
        same = measure in ("oks", "relative")
        wanted = plain.values[measure] * (1 if same else factor)
        np.testing.assert_allclose(np.sort(larger.values[measure]), np.sort(wanted), rtol=1e-7, atol=1e-7)


@given(poses=crowds(min_people=1), x=st.floats(-3, 3), y=st.floats(-3, 3), z=st.floats(-900, 900))
@checked
def test_a_shift_of_one_side_is_measured(poses: Poses, x: float, y: float, z: float) -> None:
    values = compared(poses, moved(poses, np.array([x, y]), np.array([0, 0, z]), z)).values
    np.testing.assert_allclose(values["px"], np.hypot(x, y), atol=1e-9)
    np.testing.assert_allclose(values["joint_mm"], 0, atol=1e-9)
    np.testing.assert_allclose(values["depth_mm"], abs(z), atol=1e-9)
    np.testing.assert_allclose(values["vertex_mm"], abs(z) * np.sqrt(3), atol=1e-9)


@given(seed=SEEDS, angle=st.floats(-3, 3), scale=st.floats(0.2, 5), mirrored=st.booleans())
@checked
def test_alignment_undoes_similarities_but_no_reflections(
    seed: int, angle: float, scale: float, mirrored: bool
) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(0, 300, (KEYPOINTS, 3))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    other = scale * points * ([-1, 1, 1] if mirrored else 1) @ turn + random.normal(0, 1000, 3)
    distances = aligned_distances(points, other)
    if mirrored:
        assert distances.mean() > 10
    else:
        np.testing.assert_allclose(distances, 0, atol=1e-6)


@pytest.mark.parametrize("points", [np.zeros((5, 3)), np.eye(3)[:1], np.outer(np.arange(4.0), [1, 2, 3])])
def test_degenerate_points_are_aligned(points: Array) -> None:
    np.testing.assert_allclose(aligned_distances(points, points + 7), 0, atol=1e-9)


def test_values_that_are_not_finite_have_an_infinite_distance() -> None:
    poses = people(np.random.default_rng(1), 1)
    broken = noisy(poses, 2)
    broken.keypoints[0, 4, 0] = broken.keypoints_3d[0, 5, 1] = broken.vertices[0, 6, 2] = np.nan
    image = compared(poses, broken)
    assert image.people + image.missed == 1
    if image.people:
        assert np.isinf(image.values["joint_mm"]).sum() == 1
        assert np.isinf(image.values["pa_mpjpe_mm"]).all()


def test_2d_measures_equal_known_values() -> None:
    reference = some_poses([SQUARE, SQUARE + 500])
    points = np.stack([SQUARE + 500, SQUARE])
    points[1, 3] += (3, 4)
    points[0, 0] = np.nan
    image = pair_people("a.jpg", reference, some_poses(points), CORNERS)
    assert (image.people, image.missed, image.extra) == (2, 0, 0)
    assert (image.keypoints, image.unmatched_keypoints) == (7, 1)
    assert sorted(image.values["px"].tolist()) == [0, 0, 0, 0, 0, 0, 5]
    assert image.values["relative"].max() == pytest.approx(5 / (100 * np.sqrt(2)))
    knee = np.exp(-25 / (2 * 100**2 * (2 * 0.087) ** 2))
    assert sorted(image.values["oks"].tolist()) == pytest.approx([0.75, (3 + knee) / 4])


def test_3d_measures_equal_known_values() -> None:
    reference = people(np.random.default_rng(3), 1)
    by_mm = np.zeros((1, KEYPOINTS, 3))
    by_mm[0, 0] = (0, 30, 40)
    values = compared(reference, moved(reference, np.zeros(2), by_mm)).values
    assert values["joint_mm"].max() == pytest.approx(50)
    assert values["mpjpe_mm"].tolist() == pytest.approx([50 / KEYPOINTS])
    assert 0 < values["pa_mpjpe_mm"][0] < 50 / np.sqrt(KEYPOINTS)
    assert values["depth_mm"].tolist() == [0]


def test_depth_is_not_compared_if_the_network_has_none() -> None:
    poses = people(np.random.default_rng(3), 2)
    relative = Poses(poses.keypoints, poses.scores, keypoints_3d=poses.keypoints_3d, root_relative=True)
    values = compared(relative, relative).values
    assert len(values["depth_mm"]) == 0
    assert len(values["mpjpe_mm"]) == 2
    assert len(values["vertex_mm"]) == 0


@given(seed=SEEDS, count=st.integers(1, 4))
@checked
def test_unmatched_people_are_counted(seed: int, count: int) -> None:
    poses = people(np.random.default_rng(seed), count, missing=0.2)
    found = (poses.keypoints[..., 2] >= 0).sum()
    nobody = Poses(np.zeros((0, KEYPOINTS, 3)), np.zeros(0))
    for image, sides in (
        (compared(poses, nobody), (count, 0)),
        (compared(nobody, poses), (0, count)),
    ):
        assert (image.people, image.missed, image.extra) == (0, *sides)
        assert (image.keypoints, image.unmatched_keypoints) == (0, found)
        assert not len(image.values["px"])


@given(seed=SEEDS)
@checked
def test_ambiguous_points_are_not_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    poses = people(random, 3, missing=0.3)
    by_px = np.zeros((3, KEYPOINTS, 2))
    by_mm = np.zeros((3, KEYPOINTS, 3))
    by_px[1, 2], by_mm[1, 3] = 9, 99
    candidate = moved(poses, by_px, by_mm)
    assume(compared(poses, candidate).people == 3)
    ambiguous = np.zeros((3, 2 * KEYPOINTS), np.bool_)
    ambiguous[1, [2, KEYPOINTS + 3]] = True
    skipped = np.zeros((3, 2 * KEYPOINTS), np.bool_)
    image = compared(poses, candidate, ambiguous=ambiguous, ambiguous_missed=skipped)
    assert image.ambiguous == 2
    assert not image.values["px"].any()
    np.testing.assert_allclose(image.values["joint_mm"], 0, atol=1e-9)


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5), seed=SEEDS, lowest_is_worst=st.booleans())
@checked
def test_each_statistic_names_an_image_with_that_value(
    sizes: list[int], seed: int, lowest_is_worst: bool
) -> None:
    values = [np.random.default_rng([seed, size]).integers(0, 9, size) / 2 for size in sizes]
    names = [f"{number}.jpg" for number in range(len(sizes))]
    summary = summarize(values, names, lowest_is_worst=lowest_is_worst)
    pooled = np.concatenate(values)
    if not len(pooled):
        assert summary is None
        return
    assert summary is not None
    assert summary.count == len(pooled)
    assert summary.worst.value == (pooled.min() if lowest_is_worst else pooled.max())
    share = 5 if lowest_is_worst else 95
    method = "lower" if lowest_is_worst else "higher"
    assert summary.p95.value == np.percentile(pooled, share, method=method)
    assert summary.median.value == np.percentile(pooled, 50, method=method)
    for shown in (summary.median, summary.p95, summary.worst):
        assert shown.value in values[names.index(shown.image)]


def test_the_worst_image_is_reported() -> None:
    poses = people(np.random.default_rng(5), 2)
    shifts = {"a.jpg": 0.25, "b.jpg": 2.0, "c.jpg": 0.5}
    images = [
        pair_people(name, poses, moved(poses, np.array([by, 0]), np.array([0.0, 0, 0])), NAMES)
        for name, by in shifts.items()
    ]
    comparison = PoseComparison(tuple(images))
    px = comparison.summaries["px"]
    assert (px.worst.image, px.median.image) == ("b.jpg", "c.jpg")
    assert px.worst.value == pytest.approx(2)
    assert comparison.summaries["oks"].worst.image == "b.jpg"
    assert (comparison.people, comparison.keypoints, comparison.unmatched_share) == (6, 6 * KEYPOINTS, 0)
    assert list(comparison.summaries) == list(MEASURES)


@given(seed=SEEDS, person=st.integers(0, 2), point=st.integers(0, KEYPOINTS - 1), vertex=st.integers(0, 29))
@checked
def test_the_worst_person_and_point_are_named(seed: int, person: int, point: int, vertex: int) -> None:
    """The people of the candidate are in another order; the hips, the root, are not moved."""
    random = np.random.default_rng(seed)
    poses = people(random, 3, missing=0.3)
    by_px, by_mm, by_vertex = np.zeros((3, KEYPOINTS, 2)), np.zeros((3, KEYPOINTS, 3)), np.zeros((3, 30, 3))
    by_px[person, 0], by_mm[person, point], by_vertex[person, vertex] = 9, 99, 99
    candidate = shuffled(moved(poses, by_px, by_mm, by_vertex), seed)
    assume(compared(poses, candidate).people == 3 and point not in (11, 12))
    worst = PoseComparison((compared(poses, candidate),)).summaries
    assert (worst["px"].worst.person, worst["px"].worst.point) == (person + 1, "nose")
    assert worst["px"].worst.place == f"image, nose of person {person + 1}"
    assert worst["oks"].worst.place == worst["mpjpe_mm"].worst.place == f"image, person {person + 1}"
    assert worst["joint_mm"].worst.point == NAMES[point]
    assert worst["vertex_mm"].worst.place == f"image, vertex {vertex} of person {person + 1}"


def test_a_single_person_has_no_number() -> None:
    other = SQUARE + np.array([[0, 0], [0, 0], [0, 1], [0, 0]])
    image = pair_people("a.jpg", some_poses([SQUARE]), some_poses([other]), CORNERS)
    assert image.worst == {
        "px": WorstPoint(None, "right_hip"),
        "relative": WorstPoint(None, "right_hip"),
        "oks": WorstPoint(),
    }


def test_a_3d_joint_without_a_name_is_numbered() -> None:
    poses = people(np.random.default_rng(5), 1)
    joints = np.concatenate([poses.keypoints_3d, np.ones((1, 1, 4))], axis=1)
    poses = Poses(poses.keypoints, poses.scores, keypoints_3d=joints)
    other = Poses(poses.keypoints, poses.scores, keypoints_3d=joints.copy())
    other.keypoints_3d[0, KEYPOINTS, :3] += 99
    assert pair_people("a.jpg", poses, other, NAMES).worst["joint_mm"].point == f"joint {KEYPOINTS}"


def test_images_without_people_have_no_statistics() -> None:
    nobody = Poses(np.zeros((0, KEYPOINTS, 3)), np.zeros(0))
    comparison = PoseComparison((compared(nobody, nobody),))
    assert comparison.summaries == {}
    assert comparison.unmatched_share == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_root(family: str) -> None:
    names = joint_set(family).joints
    root = [names[joint] for joint in root_joints(names)]
    assert root[0].lower() in ("pelvis", "neck", "wrist"), root
