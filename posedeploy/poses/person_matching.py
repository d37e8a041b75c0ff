"""Matching of the people in two results for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Poses

FAR = 0.3
"""Minimum distance of different people, in diagonals of the reference person's box."""


@dataclass(frozen=True)
class Match:
    """A one-to-one matching of two sets of poses.

    pairs: (matched, 2) indices of a reference person and its candidate. missed, extra: the number of people
    of the reference, and of the candidate, without a counterpart.
    """

    pairs: Array
    missed: int
    extra: int


def match(reference: Poses, candidate: Poses) -> Match:
    """Match people greedily, the closest pair first.

    Raises:
        InputError: the poses have different numbers of keypoints.
    """
    if reference.keypoints.shape[1] != candidate.keypoints.shape[1]:
        raise InputError(
            f"poses with {reference.keypoints.shape[1]} and with {candidate.keypoints.shape[1]} keypoints "
            "cannot be compared; use results of the same network"
        )
    distances = np.linalg.norm(
        reference.keypoints[:, None, :, :2] - candidate.keypoints[None, ..., :2], axis=-1
    )
    seen_a, seen_b = reference.keypoints[..., 2] >= 0, candidate.keypoints[..., 2] >= 0
    pairs = _closest_first(distances, seen_a, seen_b, reference.boxes)
    return Match(pairs, missed=len(reference) - len(pairs), extra=len(candidate) - len(pairs))


def _closest_first(distances: Array, seen_a: Array, seen_b: Array, boxes: Array) -> Array:
    """Return (matched, 2) pairs.

    A keypoint that one side lacks counts as far: people that share keypoints differ only in the others.
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
