"""Two answers about the people of an image, told apart from what hangs on the last bits of a float.

Decoding cuts continuous maps into whole decisions: is this cell above its neighbours, is that limb better
than the other? Where two values are equal but for rounding, so is the decision chance, and no runtime can be
held to it: the published 3D decoding has such cells all along the border of the maps, where bilinear
upsampling repeats a value. So where two answers differ, both sides' outputs are rounded to one grid, whose
step is what passes for float32, and decoded again. If the answers are then the same, they differed in the
last bits alone, and how many keypoints did is counted. A step is no leniency: values that differ by more do
not become equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from posedeploy.poses.matching import match
from posedeploy.types import Array, Placed, Poses, Tensors

Decode = Callable[[Tensors, Placed], Poses]

STEP = 1e-4
"""The step of the grid, of each output's largest absolute value."""

DRAWS = 16
"""Grids that are tried, each shifted at random: close values may lie on two sides of a rounding."""


@dataclass(frozen=True)
class ImageParity:
    """The people of one image on both sides.

    people: pairs that stand for each other. missed, extra: people on the reference's, or the candidate's side
    only. distances_px: (n,) of keypoints found by both. one_sided: keypoints that one side alone found.
    distances_mm: (m,) of 3D joints, infinite for those of people missed; distances_vertices_mm: the same of
    the vertices of their meshes. last_bits: keypoints and joints that
    differed before both sides were rounded alike, and no more after.
    """

    people: int
    missed: int
    extra: int
    distances_px: Array = field(repr=False)
    one_sided: int
    distances_mm: Array = field(repr=False)
    last_bits: int = 0
    distances_vertices_mm: Array = field(default_factory=lambda: np.zeros(0), repr=False)

    def beyond(self, max_px: float, max_mm: float) -> int:
        """How many keypoints, joints and vertices lie further apart than this, or are on one side only."""
        in_3d = (self.distances_mm > max_mm).sum() + (self.distances_vertices_mm > max_mm).sum()
        return self.one_sided + int((self.distances_px > max_px).sum() + in_3d)


@dataclass(frozen=True)
class PoseParity:
    """The poses on every image, person matched with person.

    A keypoint that only one side found counts as infinitely far.
    """

    images: tuple[ImageParity, ...]

    @property
    def people(self) -> int:
        """Pairs of people that stand for each other."""
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
    def last_bits(self) -> int:
        """Keypoints and joints that differed in the last bits alone."""
        return sum(image.last_bits for image in self.images)

    @property
    def error_px(self) -> float:
        """The 99th percentile of the distance of a keypoint, in px; 0 where neither side found any."""
        one_sided = sum(image.one_sided for image in self.images)
        return _percentile([*(image.distances_px for image in self.images), np.full(one_sided, np.inf)])

    @property
    def error_mm(self) -> float | None:
        """The same for the 3D joints, in mm; None where there are none."""
        distances = [image.distances_mm for image in self.images]
        return _percentile(distances) if any(len(part) for part in distances) else None

    @property
    def error_vertices_mm(self) -> float | None:
        """The same for the vertices of meshes."""
        distances = [image.distances_vertices_mm for image in self.images]
        return _percentile(distances) if any(len(part) for part in distances) else None

    def failures(self, max_px: float, max_mm: float) -> list[str]:
        """What lies beyond the bounds, a sentence each. Of people, too, one in a hundred may differ."""
        found = []
        if 100 * (self.missed + self.extra) > self.people + self.missed + self.extra:
            found.append(f"{self.missed} people missed and {self.extra} extra, {self.people} matched")
        if not self.error_px <= max_px:
            found.append(
                f"keypoints lie {self.error_px:.3g} px off at the 99th percentile, wanted {max_px:g} "
                f"({self.people} people matched, {self.missed} missed, {self.extra} extra)"
            )
        for what, error in (("3D joints", self.error_mm), ("vertices", self.error_vertices_mm)):
            if error is not None and not error <= max_mm:
                found.append(f"{what} lie {error:.3g} mm off at the 99th percentile, wanted {max_mm:g}")
        return found


def _percentile(distances: Sequence[Array]) -> float:
    every = np.concatenate(distances)
    return float(np.percentile(every, 99, method="higher")) if len(every) else 0.0


def compare_image(
    decode: Decode, expected: Tensors, found: Tensors, placement: Placed, *, max_px: float, max_mm: float
) -> ImageParity:
    """Decode both sides' outputs of one image and compare the people; see above for the last bits."""
    plainly = _compared(decode(expected, placement), decode(found, placement))
    differ = plainly.beyond(max_px, max_mm)
    for seed in range(DRAWS if differ else 0):
        grids = {name: _Grid.over(array, seed) for name, array in expected.items()}
        sides = (
            {name: grids[name].rounded(array) for name, array in side.items()} for side in (expected, found)
        )
        rounded = _compared(*(decode(side, placement) for side in sides))
        if not rounded.beyond(max_px, max_mm):
            return replace(rounded, last_bits=differ)
    return plainly


@dataclass(frozen=True)
class _Grid:
    """Values ``shift + n * step`` for whole n."""

    step: float
    shift: float

    @classmethod
    def over(cls, array: Array, seed: int) -> _Grid:
        step = STEP * float(np.abs(array).max(where=np.isfinite(array), initial=0.0)) or STEP
        return cls(step, step * np.random.RandomState(seed).uniform())

    def rounded(self, array: Array) -> Array:
        cells = np.rint((array.astype(np.float64) - self.shift) / self.step)
        return (self.shift + self.step * cells).astype(array.dtype)


def _compared(reference: Poses, candidate: Poses) -> ImageParity:
    pairs = match(reference, candidate).pairs
    a, b = pairs.T
    alone_a = np.setdiff1d(np.arange(len(reference)), a)
    alone_b = np.setdiff1d(np.arange(len(candidate)), b)
    seen_a, seen_b = reference.keypoints[..., 2] >= 0, candidate.keypoints[..., 2] >= 0
    both = seen_a[a] & seen_b[b]
    distances = np.linalg.norm(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2], axis=-1)
    alone = int(seen_a[alone_a].sum() + seen_b[alone_b].sum())
    return ImageParity(
        people=len(pairs),
        missed=len(alone_a),
        extra=len(alone_b),
        distances_px=_infinite_for_nan(distances[both]),
        one_sided=int((seen_a[a] != seen_b[b]).sum()) + alone,
        distances_mm=_distances_mm(reference.keypoints_3d, candidate.keypoints_3d, pairs),
        distances_vertices_mm=_distances_mm(reference.vertices, candidate.vertices, pairs),
    )


def _distances_mm(reference: Array | None, candidate: Array | None, pairs: Array) -> Array:
    """(points,) of the reference's people, infinite for those whom the candidate lacks; empty without 3D."""
    if reference is None or candidate is None:
        return np.zeros(0)
    distances = np.full(reference.shape[:2], np.inf)
    a, b = pairs.T
    distances[a] = np.linalg.norm(reference[a, :, :3] - candidate[b, :, :3], axis=-1)
    return _infinite_for_nan(distances.reshape(-1))


def _infinite_for_nan(distances: Array) -> Array:
    return np.where(np.isnan(distances), np.inf, distances)
