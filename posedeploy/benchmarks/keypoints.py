"""Distances between the keypoints of two results for one image, with people matched one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.benchmarks.pose_counts import PoseCounts
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.poses.person_matching import match_people
from posedeploy.printable import counted
from posedeploy.types import Array, Poses

MAX_LOST_SHARE = 0.01
"""The largest share of people that may be missed or extra."""


@dataclass(frozen=True)
class ImageParity:
    """The comparison of one image, without ambiguous keypoints.

    people: matched pairs. missed, extra: people of the reference only, or of the candidate only.
    distances_px: (n,) of keypoints that both models found. unmatched_keypoints: those that only one found.
    distances_mm: (m,) of 3D joints, infinite for missed people. distances_vertices_mm: of the vertices of
    meshes. ambiguous: keypoints and 3D joints that are not counted elsewhere (``ambiguity.py``).
    """

    people: int
    missed: int
    extra: int
    distances_px: Array = field(repr=False)
    unmatched_keypoints: int
    distances_mm: Array = field(repr=False)
    ambiguous: int = 0
    distances_vertices_mm: Array = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def keypoints(self) -> int:
        """Keypoints that both models found."""
        return len(self.distances_px)


@dataclass(frozen=True)
class PoseParity(PoseCounts):
    """The comparison of all images. A keypoint found by only one model counts as infinitely far."""

    images: tuple[ImageParity, ...]

    @property
    def error_px(self) -> float:
        """The 99th percentile of the distances of keypoints, in px; 0 if neither model found any."""
        distances = [
            *(image.distances_px for image in self.images),
            np.full(self.unmatched_keypoints, np.inf),
        ]
        return _percentile(distances, 99)

    @property
    def error_mm(self) -> float | None:
        """The 99th percentile of the distances of 3D joints, in mm; None if there are none."""
        distances = [image.distances_mm for image in self.images]
        return _percentile(distances, 99) if any(len(part) for part in distances) else None

    @property
    def median_px(self) -> float:
        """The median distance of the keypoints that both models found, in px; 0 if there are none."""
        return _percentile([image.distances_px for image in self.images], 50)

    @property
    def median_mm(self) -> float | None:
        """The median distance of 3D joints, in mm; None if there are none."""
        distances = [image.distances_mm for image in self.images]
        return _percentile(distances, 50) if any(len(part) for part in distances) else None

    @property
    def error_vertices_mm(self) -> float | None:
        """The 99th percentile of the distances of mesh vertices, in mm; None if there are none."""
        distances = [image.distances_vertices_mm for image in self.images]
        return _percentile(distances, 99) if any(len(part) for part in distances) else None

    @property
    def median_vertices_mm(self) -> float | None:
        """The median distance of mesh vertices, in mm; None if there are none."""
        distances = [image.distances_vertices_mm for image in self.images]
        return _percentile(distances, 50) if any(len(part) for part in distances) else None

    def differ(self, tolerance: Tolerance) -> bool:
        """Return whether any point differs, so that ambiguous ones matter."""
        return self.unmatched_keypoints > 0 or any(
            bool((distances > limit).any())
            for image in self.images
            for distances, limit in ((image.distances_px, tolerance.px), (image.distances_mm, tolerance.mm))
        )

    def failures(self, tolerance: Tolerance) -> list[str]:
        """Return a message for each exceeded tolerance."""
        messages, lost = [], self.missed + self.extra
        if lost > MAX_LOST_SHARE * (self.people + lost):
            missed = counted(self.missed, "person", "people")
            messages.append(f"{missed} missed and {self.extra} extra, {self.people} matched")
        if not self.error_px <= tolerance.px:
            messages.append(
                f"keypoints differ by {self.error_px:.3g} px at the 99th percentile, tolerance "
                f"{tolerance.px:g} px ({self.describe_people()})"
            )
        for what, error in (("3D joints", self.error_mm), ("vertices", self.error_vertices_mm)):
            if error is not None and not error <= tolerance.mm:
                messages.append(
                    f"{what} differ by {error:.3g} mm at the 99th percentile, tolerance {tolerance.mm:g} mm"
                )
        return messages


def _percentile(distances: Sequence[Array], percent: float) -> float:
    pooled = np.concatenate(distances)
    return float(np.percentile(pooled, percent, method="higher")) if len(pooled) else 0.0


def find_visible(poses: Poses) -> Array:
    """Return (people, keypoints) whether each keypoint is present."""
    is_present: Array = poses.keypoints[..., 2] >= 0
    return is_present


def count_joints(poses: Poses) -> int:
    """Return the number of 3D joints per person; 0 without 3D."""
    return 0 if poses.keypoints_3d is None else poses.keypoints_3d.shape[1]


def compare_poses(
    reference: Poses,
    candidate: Poses,
    ambiguous: Array | None = None,
    ambiguous_missed: Array | None = None,
) -> ImageParity:
    """Compare the people of one image.

    Args:
        ambiguous: (candidate's people, keypoints and 3D joints) the points to ignore.
        ambiguous_missed: (reference's people, keypoints and 3D joints) the points to ignore of missed people.
    """
    pairs = match_people(reference, candidate).pairs
    a, b = pairs.T
    count = reference.keypoints.shape[1]
    if ambiguous is None or ambiguous_missed is None:
        points = count + count_joints(reference)
        ambiguous = np.zeros((len(candidate), points), np.bool_)
        ambiguous_missed = np.zeros((len(reference), points), np.bool_)
    seen_a, seen_b = find_visible(reference), find_visible(candidate)
    clear = ~ambiguous[b, :count]
    distances = np.linalg.norm(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2], axis=-1)
    alone_a, alone_b = _find_unmatched(len(reference), a), _find_unmatched(len(candidate), b)
    missed = seen_a[alone_a] & ~ambiguous_missed[alone_a, :count]
    extra = seen_b[alone_b] & ~ambiguous[alone_b, :count]
    in_3d = ambiguous[:, count:], ambiguous_missed[:, count:]
    return ImageParity(
        people=len(pairs),
        missed=int(missed.any(axis=1).sum()),
        extra=int(extra.any(axis=1).sum()),
        distances_px=_nan_to_infinity(distances[seen_a[a] & seen_b[b] & clear]),
        unmatched_keypoints=int(((seen_a[a] != seen_b[b]) & clear).sum() + missed.sum() + extra.sum()),
        distances_mm=_distances_mm(reference.keypoints_3d, candidate.keypoints_3d, pairs, *in_3d),
        ambiguous=int(ambiguous.sum() + ambiguous_missed.sum()),
        distances_vertices_mm=_distances_mm(reference.vertices, candidate.vertices, pairs),
    )


def _find_unmatched(count: int, chosen: Array) -> Array:
    return np.setdiff1d(np.arange(count), chosen)


def _distances_mm(
    reference: Array | None,
    candidate: Array | None,
    pairs: Array,
    ambiguous: Array | None = None,
    ambiguous_missed: Array | None = None,
) -> Array:
    """Return (points,) of the reference's people, infinite for missed people; empty without 3D."""
    if reference is None or candidate is None:
        return np.zeros(0)
    distances = np.full(reference.shape[:2], np.inf)
    a, b = pairs.T
    distances[a] = np.linalg.norm(reference[a, :, :3] - candidate[b, :, :3], axis=-1)
    kept = np.ones(distances.shape, np.bool_)
    if ambiguous is not None and ambiguous_missed is not None:
        kept = ~ambiguous_missed
        kept[a] = ~ambiguous[b]
    return _nan_to_infinity(distances[kept])


def _nan_to_infinity(distances: Array) -> Array:
    return np.where(np.isnan(distances), np.inf, distances)
