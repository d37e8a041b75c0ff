"""Match the people in two results for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.assignment import assign
from posedeploy.types import Array, Poses

FAR = 0.3
"""Minimum distance of different people, in diagonals of the larger of their boxes."""


@dataclass(frozen=True)
class PeopleMatch:
    """A one-to-one matching of two sets of poses.

    pairs: (matched, 2) indices of a reference person and its candidate. missed, extra: the number of people
    of the reference, and of the candidate, without a counterpart.
    """

    pairs: Array
    missed: int
    extra: int


def match_people(reference: Poses, candidate: Poses) -> PeopleMatch:
    """Match people one to one so that the sum of their distances is minimal.

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
    size = np.maximum(_sizes(reference)[:, None], _sizes(candidate))
    pairs = _pairs_of_least_cost(distances, seen_a, seen_b, size)
    return PeopleMatch(pairs, missed=len(reference) - len(pairs), extra=len(candidate) - len(pairs))


def _pairs_of_least_cost(distances: Array, seen_a: Array, seen_b: Array, size: Array) -> Array:
    """Return (matched, 2) pairs.

    A keypoint found in only one of the two sets counts as far: people that share keypoints differ only in the
    others. A person without a counterpart costs as much as half a pair of different people, so that a pair is
    never split to match others that lie far apart.

    Args:
        size: (people, people) px, of each pair.
    """
    both = seen_a[:, None] & seen_b
    either = seen_a[:, None] | seen_b
    relative = distances / size[..., None]
    near = np.where(both, relative, 0).sum(axis=-1) < FAR * both.sum(axis=-1)
    apart = np.where(both, np.minimum(relative, FAR), FAR * either).sum(axis=-1)
    costs = np.where(near, apart / np.maximum(either.sum(axis=-1), 1), FAR)
    pairs = assign(costs)
    matched: Array = pairs[near[tuple(pairs.T)]]
    return matched


def _sizes(poses: Poses) -> Array:
    """Return (people,) the diagonals of the boxes in px, at least 1."""
    boxes = poses.boxes
    sizes: Array = np.maximum(np.hypot(boxes[:, 2], boxes[:, 3]), 1.0)
    return sizes
