"""Two answers about one image, keypoint by keypoint, and which keypoints PyTorch itself cannot tell.

Decoding cuts continuous maps into whole decisions: is this cell above its neighbours, is that limb better
than the other? Where a decision hangs on the last bits of a float, PyTorch's own answer changes when its
outputs move by a rounding, and no runtime can be held to it. The published 3D decoding has such cells all
along the border of the maps, where bilinear upsampling repeats a value. So where two answers differ, the
reference is decoded again with its outputs moved by ``ROUNDING`` of their largest value, a tenth of what
passes; keypoints that change then are set aside, and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from posedeploy.poses.matching import match
from posedeploy.types import Array, Placement, Poses, Tensors

Decode = Callable[[Tensors, Placement], Poses]

ROUNDING = 1e-5
"""How far the reference's outputs are moved, of each output's largest absolute value."""

DRAWS = 16
"""How often. A keypoint that changes in none of the draws is held to be told."""


@dataclass(frozen=True)
class ImageParity:
    """The people of one image on both sides.

    people: pairs that stand for each other. missed, extra: people on the reference's, or the candidate's side
    only.
    distances_px: (n,) of keypoints found by both. one_sided: keypoints that one side alone found.
    distances_mm: (m,) of 3D joints of matched people. set_aside, set_aside_3d: keypoints and joints that the
    reference cannot tell, in none of these.
    """

    people: int
    missed: int
    extra: int
    distances_px: Array = field(repr=False)
    one_sided: int
    distances_mm: Array = field(repr=False)
    set_aside: int
    set_aside_3d: int


@dataclass(frozen=True)
class _Apart:
    """Distances of a reference's people to another answer: (people, keypoints) px, (people, joints) mm.

    Infinite where one side lacks the keypoint or the person, NaN where both do. ``strangers``: keypoints of
    the other's people that stand for none of the reference's.
    """

    px: Array
    mm: Array
    people: int
    missed: int
    extra: int
    strangers: int


def compare_image(
    decode: Decode, expected: Tensors, found: Tensors, placement: Placement, *, max_px: float, max_mm: float
) -> ImageParity:
    """Decode both sides' outputs of one image and compare the people; see above for what is set aside."""
    reference = decode(expected, placement)
    apart = _apart(reference, decode(found, placement))
    unstable_px, unstable_mm = np.zeros(apart.px.shape, np.bool_), np.zeros(apart.mm.shape, np.bool_)
    strangers = apart.strangers
    if (apart.px > max_px).any() or (apart.mm > max_mm).any() or strangers:
        for seed in range(DRAWS):
            moved = _apart(reference, decode(_moved(expected, seed), placement))
            unstable_px |= moved.px > max_px
            unstable_mm |= moved.mm > max_mm
            strangers = min(strangers, max(0, apart.strangers - moved.strangers))
    told_px, told_mm = apart.px[~unstable_px], apart.mm[~unstable_mm]
    return ImageParity(
        people=apart.people,
        missed=apart.missed,
        extra=apart.extra,
        distances_px=told_px[np.isfinite(told_px)],
        one_sided=int(np.isinf(told_px).sum()) + strangers,
        distances_mm=told_mm[np.isfinite(told_mm)],
        set_aside=int((unstable_px & ~np.isnan(apart.px)).sum()) + apart.strangers - strangers,
        set_aside_3d=int(unstable_mm.sum()),
    )


def _apart(reference: Poses, other: Poses) -> _Apart:
    matched = match(reference, other)
    a, b = matched.pairs.T
    px = _distances(reference.keypoints[..., :2], other.keypoints[..., :2], a, b)
    here = reference.keypoints[..., 2] >= 0
    there = np.zeros_like(here)
    there[a] = other.keypoints[b, :, 2] >= 0
    px[here != there] = np.inf
    px[~here & ~there] = np.nan
    mm = np.zeros((0, 0))
    if reference.keypoints_3d is not None and other.keypoints_3d is not None:
        mm = _distances(reference.keypoints_3d[..., :3], other.keypoints_3d[..., :3], a, b)
    alone = np.setdiff1d(np.arange(len(other)), b)
    strangers = int((other.keypoints[alone, :, 2] >= 0).sum())
    return _Apart(px, mm, len(matched.pairs), matched.missed, matched.extra, strangers)


def _distances(reference: Array, other: Array, a: Array, b: Array) -> Array:
    """(people, points) distances of matched people; infinite for a person without a counterpart."""
    distances = np.full(reference.shape[:2], np.inf)
    distances[a] = np.linalg.norm(reference[a] - other[b], axis=-1)
    return distances


def _moved(outputs: Tensors, seed: int) -> Tensors:
    """The outputs with every value moved by up to ``ROUNDING`` of its output's largest, at random."""
    stream = np.random.RandomState(seed)
    moved = {}
    for name, array in outputs.items():
        reach = ROUNDING * np.abs(array).max(where=np.isfinite(array), initial=0.0)
        moved[name] = (array + stream.uniform(-reach, reach, array.shape)).astype(array.dtype)
    return moved
