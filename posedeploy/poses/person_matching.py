"""Who in one answer about an image is who in another?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Poses

FAR = 0.3
"""A distance, relative to the reference person's box diagonal, from which on it is another person."""


@dataclass(frozen=True)
class Match:
    """Two sets of poses, matched one-to-one.

    pairs: (matched, 2) indices of a reference person and its candidate. missed, extra: people of the
    reference, or of the candidate, without a counterpart.
    """

    pairs: Array
    missed: int
    extra: int


def match(reference: Poses, candidate: Poses) -> Match:
    """Match people greedily, the closest pair first.

    Raises:
        InputError: the poses have different numbers of keypoints, so they are not of the same network.
    """
    if reference.keypoints.shape[1] != candidate.keypoints.shape[1]:
        raise InputError(
            f"poses of {reference.keypoints.shape[1]} and of {candidate.keypoints.shape[1]} keypoints "
            "cannot be compared; both must come from the same network"
        )
    distances = np.linalg.norm(
        reference.keypoints[:, None, :, :2] - candidate.keypoints[None, ..., :2], axis=-1
    )
    seen_a, seen_b = reference.keypoints[..., 2] >= 0, candidate.keypoints[..., 2] >= 0
    pairs = _closest_first(distances, seen_a, seen_b, reference.boxes)
    return Match(pairs, missed=len(reference) - len(pairs), extra=len(candidate) - len(pairs))


def _closest_first(distances: Array, seen_a: Array, seen_b: Array, boxes: Array) -> Array:
    """(matched, 2) pairs.

    A keypoint that one side lacks counts as far: people may share keypoints, and then only those that they
    do not share tell them apart.
    """
    both = seen_a[:, None] & seen_b
    either = seen_a[:, None] | seen_b
    size = np.maximum(np.hypot(boxes[:, 2], boxes[:, 3]), 1.0)[:, None]
    relative = distances / size[..., None]
    near = np.where(both, relative, 0).sum(axis=-1) < FAR * both.sum(axis=-1)
    apart = np.where(both, np.minimum(relative, FAR), FAR * either).sum(axis=-1)
    costs = apart / np.maximum(either.sum(axis=-1), 1)
    rows, columns = np.nonzero(near)
    order = np.argsort(costs[rows, columns], kind="stable")
    taken: list[tuple[int, int]] = []
    for a, b in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if all(a != other_a and b != other_b for other_a, other_b in taken):
            taken.append((a, b))
    return np.array(taken, np.int64).reshape(-1, 2)
