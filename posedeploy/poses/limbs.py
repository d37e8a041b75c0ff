"""The limbs of part affinity fields: the keypoints that they connect, and their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from posedeploy.errors import InputError
from posedeploy.own_keypoints import describe_missing_keypoints
from posedeploy.types import Array, Limb, ModelSpec

# People are grouped limb by limb, in this order.
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11),
    (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
"""Keypoint pairs, in COCO order with the neck as keypoint 1; both published networks share them."""

FIELDS = (6, 10, 7, 8, 11, 12, 0, 1, 2, 3, 4, 5, 14, 15, 17, 16, 18, 9, 13)
"""For each limb, the index i of its PAF channels 2i (x) and 2i + 1 (y)."""

GROUPS = ((0, 6), (6, 14), (14, 19))
"""Ranges of channel pairs whose limbs are near each other in an image: legs, arms, head."""

MAX_GROUP = 64
"""Channel pairs that OpenCV upsamples at once; it accepts at most 512 channels."""


@dataclass(frozen=True, eq=False)
class Limbs:
    """The limbs of a network for decoding.

    starts, ends: (limbs,) int64 keypoints. pairs: for each limb, the index i of its PAF channels 2i and
    2i + 1 after the channels are put in ``order`` (None: unchanged). groups: ranges of pairs that are
    upsampled together. group_ends: (groups, keypoints) whether the keypoint is an end of a group's limb.
    keypoints, channels: the numbers of heatmaps (without the background) and PAF channels. is_published:
    whether the limbs are in the published order, in which people grow from the neck.
    """

    starts: Array
    ends: Array
    pairs: tuple[int, ...]
    groups: tuple[tuple[int, int], ...]
    group_ends: Array
    keypoints: int
    channels: int
    order: Array | None = None
    is_published: bool = False

    def __len__(self) -> int:
        return len(self.pairs)


def _build(
    ends_of_limbs: Sequence[tuple[int, int]],
    pairs: tuple[int, ...],
    groups: tuple[tuple[int, int], ...],
    keypoints: int,
    channels: int,
    order: Array | None = None,
    is_published: bool = False,
) -> Limbs:
    group_ends = np.zeros((len(groups), keypoints), np.bool_)
    for limb, pair in zip(ends_of_limbs, pairs, strict=True):
        group_ends[sum(pair >= last for _, last in groups), list(limb)] = True
    starts, ends = np.array(ends_of_limbs).T
    return Limbs(starts, ends, pairs, groups, group_ends, keypoints, channels, order, is_published)


PUBLISHED = _build(LIMBS, FIELDS, GROUPS, keypoints=18, channels=38, is_published=True)


@lru_cache(maxsize=16)
def build_limbs(limbs: tuple[Limb, ...], keypoints: int, channels: int) -> Limbs:
    """Return the limbs of a network with its own keypoints.

    Args:
        channels: the number of channels of its part affinity fields; some may belong to no limb.
    """
    order = np.array([channel for limb in limbs for channel in limb.channels])
    count = len(limbs)
    groups = tuple((first, min(first + MAX_GROUP, count)) for first in range(0, count, MAX_GROUP))
    return _build(
        [(limb.start, limb.end) for limb in limbs],
        tuple(range(count)),
        groups,
        keypoints,
        channels,
        None if np.array_equal(order, np.arange(channels)) else order,
    )


def select_limbs(spec: ModelSpec, published: Mapping[str, int], keypoints_of: tuple[str, int, int]) -> Limbs:
    """Return the limbs of a network: the published ones, or those that its spec describes.

    Args:
        published: the number of channels of each output of the published network, by role.
        keypoints_of: ``KEYPOINTS_OF`` of the family.

    Raises:
        InputError: the network has other channels, and its spec describes no limbs.
    """
    if not spec.limbs:
        if missing := explain_missing_limbs(spec, published, keypoints_of):
            raise InputError(missing)
        return PUBLISHED
    heatmaps = spec.channels_of("heatmaps")
    keypoints = len(spec.heatmap_joints or spec.keypoint_names) if heatmaps is None else heatmaps - 1
    highest = 1 + max(channel for limb in spec.limbs for channel in limb.channels)
    return build_limbs(spec.limbs, keypoints, spec.channels_of("pafs") or highest)


def explain_missing_limbs(
    spec: ModelSpec, published: Mapping[str, int], keypoints_of: tuple[str, int, int]
) -> str | None:
    """Return what a contract must describe before decoding; None if nothing is missing."""
    others = [role for role, count in published.items() if spec.channels_of(role) not in (None, count)]
    if spec.limbs or not others:
        return None
    return describe_missing_keypoints(spec, keypoints_of)
