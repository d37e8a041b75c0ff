"""Which keypoints do a network's part affinity fields join, and where in its channels?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from posedeploy.errors import InputError
from posedeploy.own_keypoints import missing_description
from posedeploy.types import Array, Limb, ModelSpec

# Order matters: the people grow limb by limb.
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11),
    (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
"""Keypoint pairs, in COCO order with the neck as keypoint 1; both published networks share them."""

FIELDS = (6, 10, 7, 8, 11, 12, 0, 1, 2, 3, 4, 5, 14, 15, 17, 16, 18, 9, 13)
"""For each limb the pair of PAF channels, (2i, 2i + 1), that holds x and y."""

GROUPS = ((0, 6), (6, 14), (14, 19))
"""Runs of channel pairs whose limbs lie together in an image: legs, arms, heads."""

LARGEST_GROUP = 64
"""Channel pairs that OpenCV enlarges at once; it takes at most 512 channels."""


@dataclass(frozen=True, eq=False)
class Limbs:
    """The limbs of a network, as decoding uses them.

    starts, ends: (limbs,) int64 keypoints. pairs: for each limb the pair of PAF channels, (2i, 2i + 1), once
    the channels are in ``order`` (None: as they are). groups: runs of pairs that are enlarged together;
    group_ends: (groups, keypoints), which keypoints are ends of a group's limbs. keypoints, channels: how
    many heatmaps (without the background) and PAF channels there are. is_published: the limbs are in the
    order in which people grow from the neck; of others nothing is known.
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


def _limbs(
    joined: Sequence[tuple[int, int]],
    pairs: tuple[int, ...],
    groups: tuple[tuple[int, int], ...],
    keypoints: int,
    channels: int,
    order: Array | None = None,
    is_published: bool = False,
) -> Limbs:
    group_ends = np.zeros((len(groups), keypoints), np.bool_)
    for limb, pair in zip(joined, pairs, strict=True):
        group_ends[sum(pair >= last for _, last in groups), list(limb)] = True
    starts, ends = np.array(joined).T
    return Limbs(starts, ends, pairs, groups, group_ends, keypoints, channels, order, is_published)


PUBLISHED = _limbs(LIMBS, FIELDS, GROUPS, keypoints=18, channels=38, is_published=True)


@lru_cache(maxsize=16)
def own_limbs(limbs: tuple[Limb, ...], keypoints: int, channels: int) -> Limbs:
    """The limbs of a network with keypoints of its own.

    Args:
        channels: of its part affinity fields; some may be of no limb.
    """
    order = np.array([channel for limb in limbs for channel in limb.channels])
    count = len(limbs)
    groups = tuple((first, min(first + LARGEST_GROUP, count)) for first in range(0, count, LARGEST_GROUP))
    return _limbs(
        [(limb.start, limb.end) for limb in limbs],
        tuple(range(count)),
        groups,
        keypoints,
        channels,
        None if np.array_equal(order, np.arange(channels)) else order,
    )


def limbs_of(spec: ModelSpec, published: Mapping[str, int], keypoints_of: tuple[str, int, int]) -> Limbs:
    """The limbs of a network: the published ones, or those that its spec describes.

    Args:
        published: how many channels each output of the published network has, by role.
        keypoints_of: ``KEYPOINTS_OF`` of the family.

    Raises:
        InputError: it has other channels, and its spec describes no limbs.
    """
    if not spec.limbs:
        if missing := undescribed_limbs(spec, published, keypoints_of):
            raise InputError(missing)
        return PUBLISHED
    heatmaps = spec.channels_of("heatmaps")
    keypoints = len(spec.heatmap_joints or spec.keypoint_names) if heatmaps is None else heatmaps - 1
    highest = 1 + max(channel for limb in spec.limbs for channel in limb.channels)
    return own_limbs(spec.limbs, keypoints, spec.channels_of("pafs") or highest)


def undescribed_limbs(
    spec: ModelSpec, published: Mapping[str, int], keypoints_of: tuple[str, int, int]
) -> str | None:
    """What must be described before people can be found with this network; None where nothing must."""
    others = [role for role, count in published.items() if spec.channels_of(role) not in (None, count)]
    if spec.limbs or not others:
        return None
    return missing_description(spec, keypoints_of)
