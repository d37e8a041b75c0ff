"""Comparison of the poses of two sides, person by person, with the image of the largest difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from posedeploy.benchmarks.joint_comparison import compare_joints
from posedeploy.benchmarks.keypoints import count_joints, find_visible
from posedeploy.benchmarks.measure_summaries import Summary, WorstPoint, find_worst, summarize
from posedeploy.benchmarks.pose_counts import PoseCounts
from posedeploy.benchmarks.pose_errors import (
    MIN_SIZE_PX,
    box_areas,
    box_diagonals,
    distance_norms,
    root_joints,
    similarity,
)
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses.person_matching import match_people
from posedeploy.types import Array, Poses

MEASURES: Mapping[str, str] = {
    "px": "distance of a keypoint that both models found, in px of the image",
    "relative": "the same over the diagonal of the person's box",
    "oks": "object keypoint similarity of a pair of people with clear keypoints; the lowest is the worst",
    "joint_mm": "distance of a 3D joint, relative to the root of each person",
    "mpjpe_mm": "the mean of these over a person: root-relative MPJPE",
    "pa_mpjpe_mm": "the same after Procrustes alignment: PA-MPJPE",
    "depth_mm": "difference of a person's distance from the camera, where the network has one",
    "vertex_mm": "distance of a vertex of a mesh",
}
"""The measures, each with the meaning of one value."""
POINT_UNITS: Mapping[str, str] = {"px": "px", "joint_mm": "mm", "vertex_mm": "mm"}
"""The measures with a value for each keypoint, joint or vertex, with their units."""

LOWEST_IS_WORST = frozenset({"oks"})


@dataclass(frozen=True)
class ImagePairs:
    """The people of both models on one image, matched one to one, without ambiguous keypoints.

    image: its name. people: matched pairs. missed, extra: people of the reference only, or of the candidate
    only. keypoints: those that both models found. unmatched_keypoints: those that only one of them found,
    those of missed and extra people included. ambiguous: keypoints and 3D joints that are not counted
    elsewhere. values: by measure, an array of one number for each keypoint, joint, vertex or person; without
    the measures that do not apply. uncompared_joints: the 3D joints of matched people without a distance,
    because only one of the models found the joint or the root of its person. ambiguous_joints: those without
    one, because the joint or the root is ambiguous. worst: by measure, the point of the worst value, where
    there is one.
    """

    image: str
    people: int
    missed: int
    extra: int
    keypoints: int
    unmatched_keypoints: int
    ambiguous: int
    values: Mapping[str, Array] = field(repr=False)
    uncompared_joints: int = 0
    ambiguous_joints: int = 0
    worst: Mapping[str, WorstPoint] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class PoseComparison(PoseCounts):
    """The people of two sides on all images."""

    images: tuple[ImagePairs, ...]

    @property
    def unmatched_share(self) -> float:
        """The share of keypoints found by only one of the two models, 0 to 1; 0 without keypoints."""
        return self.unmatched_keypoints / max(self.keypoints + self.unmatched_keypoints, 1)

    @property
    def joints(self) -> int:
        """The number of 3D joints that were compared."""
        return sum(len(image.values.get("joint_mm", ())) for image in self.images)

    @property
    def uncompared_joints(self) -> int:
        """The number of 3D joints of matched people that only one of the models allows to compare."""
        return sum(image.uncompared_joints for image in self.images)

    @property
    def ambiguous_joints(self) -> int:
        """The number of 3D joints of matched people that are ambiguous, or whose root is."""
        return sum(image.ambiguous_joints for image in self.images)

    @property
    def uncompared_share(self) -> float:
        """The share of these among the 3D joints of matched people, 0 to 1; 0 without joints."""
        return self.uncompared_joints / max(self.joints + self.uncompared_joints, 1)

    @cached_property
    def summaries(self) -> Mapping[str, Summary]:
        """The distribution of each measure that has values, in the order of ``MEASURES``."""
        summaries = {measure: self._summary(measure) for measure in MEASURES}
        return {measure: summary for measure, summary in summaries.items() if summary is not None}

    def _summary(self, measure: str) -> Summary | None:
        return summarize(
            [image.values.get(measure, np.zeros(0)) for image in self.images],
            [image.image for image in self.images],
            lowest_is_worst=measure in LOWEST_IS_WORST,
            points=[image.worst.get(measure) for image in self.images],
        )


def pair_people(
    image: str,
    reference: Poses,
    candidate: Poses,
    names: Sequence[str],
    ambiguous: Array | None = None,
    ambiguous_missed: Array | None = None,
) -> ImagePairs:
    """Match the people of one image and measure each pair.

    The size of a pair, for ``relative`` and ``oks``, is that of the smaller of its two boxes.

    Args:
        image: the name of the image.
        names: the names of the keypoints; they give the sigmas of OKS and the root of 3D positions.
        ambiguous: (candidate's people, keypoints and 3D joints) the points to ignore.
        ambiguous_missed: (reference's people, keypoints and 3D joints) the points to ignore of missed people.

    Raises:
        InputError: the poses have different numbers of keypoints.
    """
    pairs = match_people(reference, candidate).pairs
    a, b = pairs.T
    count = reference.keypoints.shape[1]
    points = count + count_joints(reference)
    skipped = np.zeros((len(candidate), points), np.bool_) if ambiguous is None else ambiguous
    skipped_missed = np.zeros((len(reference), points), np.bool_)
    skipped_missed = skipped_missed if ambiguous_missed is None else ambiguous_missed
    missed = _points_of_others(find_visible(reference) & ~skipped_missed[:, :count], a)
    extra = _points_of_others(find_visible(candidate) & ~skipped[:, :count], b)
    ours, theirs = find_visible(reference)[a], find_visible(candidate)[b]
    clear = ~skipped[b, :count]
    both = ours & theirs & clear
    distances = distance_norms(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2])
    size, area = _sizes(reference.keypoints[a], candidate.keypoints[b])
    either = (ours | theirs) & clear
    oks = similarity(distances, both, either, area, np.array(sigmas_of(names)))
    has_oks = either.any(axis=1)
    joints = compare_joints(reference, candidate, pairs, root_joints(names), ~skipped[b, count:])
    vertices = _vertex_distances(reference.vertices, candidate.vertices, pairs)
    values = {
        "px": distances[both],
        "relative": (distances / size[:, None])[both],
        "oks": oks[has_oks],
        **joints.values,
        "vertex_mm": vertices.ravel(),
    }
    sources = {"px": both, "relative": both, "oks": has_oks}
    sources |= {"vertex_mm": np.ones(vertices.shape, np.bool_), **joints.sources}
    return ImagePairs(
        image,
        people=len(pairs),
        missed=int((missed > 0).sum()),
        extra=int((extra > 0).sum()),
        keypoints=int(both.sum()),
        unmatched_keypoints=int(((ours != theirs) & clear).sum() + missed.sum() + extra.sum()),
        ambiguous=int(skipped.sum() + skipped_missed.sum()),
        values=values,
        uncompared_joints=joints.uncompared,
        ambiguous_joints=joints.ambiguous,
        worst=_name_worst(values, sources, a if len(reference) > 1 else None, names),
    )


def _name_worst(
    values: Mapping[str, Array],
    sources: Mapping[str, Array],
    numbers: Array | None,
    names: Sequence[str],
) -> dict[str, WorstPoint]:
    """Return the point of the worst value of each measure that has values.

    Args:
        sources: by measure, which elements of an array of pairs, or of pairs and points, are its values.
        numbers: (pairs,) of the reference's people; None if it finds only one.
    """
    worst = {}
    for measure, array in values.items():
        is_lowest = measure in LOWEST_IS_WORST
        place = find_worst(array, sources[measure], lowest_is_worst=is_lowest)
        if place is not None:
            person = None if numbers is None else int(numbers[place[0]]) + 1
            worst[measure] = WorstPoint(person, _name_point(measure, place[1:], names))
    return worst


def _name_point(measure: str, place: tuple[int, ...], names: Sequence[str]) -> str:
    if not place:
        return ""
    if measure == "vertex_mm":
        return f"vertex {place[0]}"
    kind = "joint" if measure == "joint_mm" else "keypoint"
    return names[place[0]] if place[0] < len(names) else f"{kind} {place[0]}"


def _points_of_others(points: Array, chosen: Array) -> Array:
    """Return the number of points of each person who is not chosen."""
    numbers: Array = np.delete(points, chosen, axis=0).sum(axis=1)
    return numbers


def _sizes(*sides: Array) -> tuple[Array, Array]:
    """Return (people,) the size in px and the area in px² of pairs of (people, keypoints, 3)."""
    places = [(side[..., :2], side[..., 2] >= 0) for side in sides]
    sizes = np.min([box_diagonals(*each) for each in places], axis=0)
    return np.maximum(sizes, MIN_SIZE_PX), np.min([box_areas(*each) for each in places], axis=0)


def _vertex_distances(reference: Array | None, candidate: Array | None, pairs: Array) -> Array:
    """Return (pairs, vertices)."""
    if reference is None or candidate is None:
        return np.zeros((len(pairs), 0))
    return distance_norms(reference[pairs[:, 0]] - candidate[pairs[:, 1]])
