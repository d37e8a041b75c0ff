"""Comparison of the poses of two sides, person by person, with the image of the largest difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from posedeploy.benchmarks.keypoints import count_joints, find_visible
from posedeploy.benchmarks.pose_counts import PoseCounts
from posedeploy.benchmarks.pose_errors import (
    MIN_SIZE_PX,
    aligned_distances,
    box_areas,
    box_diagonals,
    relative_to_root,
    root_joints,
    similarity,
)
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses.person_matching import match_people
from posedeploy.types import Array, Poses

MEASURES: Mapping[str, str] = {
    "px": "distance of a keypoint that both models found, in px of the image",
    "relative": "the same over the diagonal of the person's box",
    "oks": "object keypoint similarity of a pair of people; the lowest is the worst",
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
    because only one of the models found the joint or the root of its person.
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


@dataclass(frozen=True)
class ShownValue:
    """A value, and the image that shows it."""

    value: float
    image: str


@dataclass(frozen=True)
class Summary:
    """The distribution of one measure over all images.

    count: the number of values. p95: the value that 95% do not exceed (of ``oks``: are not below).
    """

    count: int
    median: ShownValue
    p95: ShownValue
    worst: ShownValue


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
        )


def summarize(
    values: Sequence[Array], images: Sequence[str], *, lowest_is_worst: bool = False
) -> Summary | None:
    """Return the distribution of the values, each with its image; None without values.

    Median and percentile are values that occur, the higher one (``lowest_is_worst``: the lower one) where the
    rank lies between two, so that each belongs to an image.

    Args:
        values: an array of each image. images: their names.
    """
    pooled = np.concatenate([np.zeros(0), *values])
    if not len(pooled):
        return None
    image_of = np.repeat(np.arange(len(values)), [len(array) for array in values])
    order = np.argsort(-pooled if lowest_is_worst else pooled, kind="stable")

    def shown(share: float) -> ShownValue:
        at = order[int(np.ceil(share * (len(order) - 1)))]
        return ShownValue(float(pooled[at]), images[image_of[at]])

    return Summary(len(pooled), shown(0.5), shown(0.95), shown(1.0))


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
    distances = _norms(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2])
    size, area = _sizes(reference.keypoints[a], candidate.keypoints[b])
    oks = similarity(distances, both, (ours | theirs) & clear, area, np.array(sigmas_of(names)))
    in_mm, uncompared = _in_mm(reference, candidate, pairs, root_joints(names), ~skipped[b, count:])
    return ImagePairs(
        image,
        people=len(pairs),
        missed=int((missed > 0).sum()),
        extra=int((extra > 0).sum()),
        keypoints=int(both.sum()),
        unmatched_keypoints=int(((ours != theirs) & clear).sum() + missed.sum() + extra.sum()),
        ambiguous=int(skipped.sum() + skipped_missed.sum()),
        values={
            "px": distances[both],
            "relative": (distances / size[:, None])[both],
            "oks": oks,
            **in_mm,
            "vertex_mm": _vertex_distances(reference.vertices, candidate.vertices, pairs),
        },
        uncompared_joints=uncompared,
    )


def _points_of_others(points: Array, chosen: Array) -> Array:
    """Return the number of points of each person who is not chosen."""
    numbers: Array = np.delete(points, chosen, axis=0).sum(axis=1)
    return numbers


def _norms(differences: Array) -> Array:
    """Return lengths along the last axis, infinite where a side is not finite."""
    lengths = np.linalg.norm(differences, axis=-1)
    return np.where(np.isnan(lengths), np.inf, lengths)


def _sizes(*sides: Array) -> tuple[Array, Array]:
    """Return (people,) the size in px and the area in px² of pairs of (people, keypoints, 3)."""
    places = [(side[..., :2], side[..., 2] >= 0) for side in sides]
    sizes = np.min([box_diagonals(*each) for each in places], axis=0)
    return np.maximum(sizes, MIN_SIZE_PX), np.min([box_areas(*each) for each in places], axis=0)


def _in_mm(
    reference: Poses, candidate: Poses, pairs: Array, root: Sequence[int], is_clear: Array
) -> tuple[dict[str, Array], int]:
    """Return the measures of 3D joints, and the number of joints that cannot be compared.

    A joint that only one of the models finds in the image is read at another position of the maps, so it
    counts as unmatched and not as a distance. A person whose root is ambiguous is left out.

    Args:
        is_clear: (pairs, joints) whether the joint is not ambiguous.
    """
    measures = ("joint_mm", "mpjpe_mm", "pa_mpjpe_mm", "depth_mm")
    if reference.keypoints_3d is None or candidate.keypoints_3d is None or not len(pairs):
        return dict.fromkeys(measures, np.zeros(0)), 0
    a, b = reference.keypoints_3d[pairs[:, 0]], candidate.keypoints_3d[pairs[:, 1]]
    is_compared = is_clear & ((a[..., 3] >= 0) == (b[..., 3] >= 0))
    a, b = a[..., :3], b[..., :3]
    distances = _norms(relative_to_root(a, root) - relative_to_root(b, root))
    chosen = [person for person, row in enumerate(is_compared) if row.any() and row[root].all()]
    apart = np.abs((a - b)[:, root, 2].mean(axis=1))
    aligned = [aligned_distances(a[each][is_compared[each]], b[each][is_compared[each]]) for each in chosen]
    uncompared = is_clear[is_clear[:, root].all(axis=1)].sum() - is_compared[chosen].sum()
    values = {
        "joint_mm": distances[chosen][is_compared[chosen]],
        "mpjpe_mm": np.array([distances[each][is_compared[each]].mean() for each in chosen]),
        "pa_mpjpe_mm": np.array([each.mean() for each in aligned]),
        "depth_mm": np.zeros(0) if reference.root_relative else apart[chosen],
    }
    return values, int(uncompared)


def _vertex_distances(reference: Array | None, candidate: Array | None, pairs: Array) -> Array:
    if reference is None or candidate is None:
        return np.zeros(0)
    distances: Array = _norms(reference[pairs[:, 0]] - candidate[pairs[:, 1]]).ravel()
    return distances
