"""The people of an image in two answers, matched one with one, and how far their points are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.poses.person_matching import match
from posedeploy.types import Array, Poses


@dataclass(frozen=True)
class ImageParity:
    """The people of one image on both sides, without what is ambiguous.

    people: matched pairs. missed, extra: people on the reference's, or the candidate's side only.
    distances_px: (n,) of keypoints found by both. one_sided: keypoints that only one side found.
    distances_mm: (m,) of 3D joints, infinite for those of people missed; distances_vertices_mm: the same of
    the vertices of their meshes. ambiguous: keypoints and 3D joints that are counted nowhere else
    (``ambiguity.py``).
    """

    people: int
    missed: int
    extra: int
    distances_px: Array = field(repr=False)
    one_sided: int
    distances_mm: Array = field(repr=False)
    ambiguous: int = 0
    distances_vertices_mm: Array = field(default_factory=lambda: np.zeros(0), repr=False)


@dataclass(frozen=True)
class PoseParity:
    """The poses on every image.

    A keypoint that only one side found counts as infinitely far.
    """

    images: tuple[ImageParity, ...]

    @property
    def people(self) -> int:
        """Matched pairs of people."""
        return sum(image.people for image in self.images)

    @property
    def missed(self) -> int:
        """People of the reference that the candidate does not have."""
        return sum(image.missed for image in self.images)

    @property
    def extra(self) -> int:
        """People of the candidate that the reference does not have."""
        return sum(image.extra for image in self.images)

    @property
    def keypoints(self) -> int:
        """Keypoints found by both."""
        return sum(len(image.distances_px) for image in self.images)

    @property
    def one_sided(self) -> int:
        """Keypoints that only one side found."""
        return sum(image.one_sided for image in self.images)

    @property
    def ambiguous(self) -> int:
        """Ambiguous keypoints and 3D joints."""
        return sum(image.ambiguous for image in self.images)

    @property
    def error_px(self) -> float:
        """The 99th percentile of the distance of a keypoint, in px; 0 where neither side found any."""
        distances = [*(image.distances_px for image in self.images), np.full(self.one_sided, np.inf)]
        return _percentile(distances, 99)

    @property
    def error_mm(self) -> float | None:
        """The same for the 3D joints, in mm; None where there are none."""
        distances = [image.distances_mm for image in self.images]
        return _percentile(distances, 99) if any(len(part) for part in distances) else None

    @property
    def median_px(self) -> float:
        """The median distance of the keypoints that both found, in px; 0 without any."""
        return _percentile([image.distances_px for image in self.images], 50)

    @property
    def median_mm(self) -> float | None:
        """The same for the 3D joints, in mm; None where there are none."""
        distances = [image.distances_mm for image in self.images]
        return _percentile(distances, 50) if any(len(part) for part in distances) else None

    @property
    def error_vertices_mm(self) -> float | None:
        """The same for the vertices of meshes."""
        distances = [image.distances_vertices_mm for image in self.images]
        return _percentile(distances, 99) if any(len(part) for part in distances) else None

    @property
    def median_vertices_mm(self) -> float | None:
        """The same for the vertices of meshes."""
        distances = [image.distances_vertices_mm for image in self.images]
        return _percentile(distances, 50) if any(len(part) for part in distances) else None

    def failures(self, tolerance: Tolerance) -> list[str]:
        """What lies beyond the tolerance, a sentence each. Of people, too, one in a hundred may differ."""
        found = []
        if 100 * (self.missed + self.extra) > self.people + self.missed + self.extra:
            found.append(f"{self.missed} people missed and {self.extra} extra, {self.people} matched")
        if not self.error_px <= tolerance.px:
            people = f"{self.people} people matched, {self.missed} missed, {self.extra} extra"
            found.append(
                f"keypoints lie {self.error_px:.3g} px off at the 99th percentile, tolerance "
                f"{tolerance.px:g} px ({people})"
            )
        for what, error in (("3D joints", self.error_mm), ("vertices", self.error_vertices_mm)):
            if error is not None and not error <= tolerance.mm:
                found.append(
                    f"{what} lie {error:.3g} mm off at the 99th percentile, tolerance {tolerance.mm:g} mm"
                )
        return found


def _percentile(distances: Sequence[Array], percent: float) -> float:
    every = np.concatenate(distances)
    return float(np.percentile(every, percent, method="higher")) if len(every) else 0.0


def seen(poses: Poses) -> Array:
    """(people, keypoints) whether each keypoint was found."""
    found: Array = poses.keypoints[..., 2] >= 0
    return found


def joints(poses: Poses) -> int:
    """How many 3D joints a person has; 0 without."""
    return 0 if poses.keypoints_3d is None else poses.keypoints_3d.shape[1]


def compare_poses(
    reference: Poses,
    candidate: Poses,
    excused: Array | None = None,
    excused_missed: Array | None = None,
) -> ImageParity:
    """The people of one image, compared.

    Args:
        excused: (candidate's people, keypoints and 3D joints) what is ambiguous and therefore left out.
        excused_missed: (reference's people, keypoints and 3D joints) the same of people who are missed.
    """
    pairs = match(reference, candidate).pairs
    a, b = pairs.T
    count = reference.keypoints.shape[1]
    if excused is None or excused_missed is None:
        points = count + joints(reference)
        excused = np.zeros((len(candidate), points), np.bool_)
        excused_missed = np.zeros((len(reference), points), np.bool_)
    seen_a, seen_b = seen(reference), seen(candidate)
    clear = ~excused[b, :count]
    distances = np.linalg.norm(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2], axis=-1)
    alone_a, alone_b = _others(len(reference), a), _others(len(candidate), b)
    missed = seen_a[alone_a] & ~excused_missed[alone_a, :count]
    extra = seen_b[alone_b] & ~excused[alone_b, :count]
    in_3d = excused[:, count:], excused_missed[:, count:]
    return ImageParity(
        people=len(pairs),
        missed=int(missed.any(axis=1).sum()),
        extra=int(extra.any(axis=1).sum()),
        distances_px=_infinite_for_nan(distances[seen_a[a] & seen_b[b] & clear]),
        one_sided=int(((seen_a[a] != seen_b[b]) & clear).sum() + missed.sum() + extra.sum()),
        distances_mm=_distances_mm(reference.keypoints_3d, candidate.keypoints_3d, pairs, *in_3d),
        ambiguous=int(excused.sum() + excused_missed.sum()),
        distances_vertices_mm=_distances_mm(reference.vertices, candidate.vertices, pairs),
    )


def _others(count: int, chosen: Array) -> Array:
    return np.setdiff1d(np.arange(count), chosen)


def _distances_mm(
    reference: Array | None,
    candidate: Array | None,
    pairs: Array,
    excused: Array | None = None,
    excused_missed: Array | None = None,
) -> Array:
    """(points,) of the reference's people, infinite for those whom the candidate lacks; empty without 3D."""
    if reference is None or candidate is None:
        return np.zeros(0)
    distances = np.full(reference.shape[:2], np.inf)
    a, b = pairs.T
    distances[a] = np.linalg.norm(reference[a, :, :3] - candidate[b, :, :3], axis=-1)
    kept = np.ones(distances.shape, np.bool_)
    if excused is not None and excused_missed is not None:
        kept = ~excused_missed
        kept[a] = ~excused[b]
    return _infinite_for_nan(distances[kept])


def _infinite_for_nan(distances: Array) -> Array:
    return np.where(np.isnan(distances), np.inf, distances)
