"""Comparison of the 3D joints of matched people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.pose_errors import aligned_distances, distance_norms, relative_to_root
from posedeploy.types import Array, Poses

MEASURES = ("joint_mm", "mpjpe_mm", "pa_mpjpe_mm", "depth_mm")
"""The measures of 3D joints, with the meanings in ``pose_comparison``."""


@dataclass(frozen=True)
class ComparedJoints:
    """The 3D joints of matched people.

    values: by measure, an array of one number for each joint or person. sources: by measure, (pairs, joints)
    or (pairs,) whether each has a value. uncompared: joints of which only one of the models found the joint
    itself or the root of its person. ambiguous: joints that are ambiguous, or whose root is.
    """

    values: Mapping[str, Array]
    sources: Mapping[str, Array]
    uncompared: int = 0
    ambiguous: int = 0


def compare_joints(
    reference: Poses, candidate: Poses, pairs: Array, root: Sequence[int], is_clear: Array
) -> ComparedJoints:
    """Return the measures of 3D joints.

    A joint that only one of the models finds in the image is read at another position of the maps, so it
    counts as unmatched and not as a distance. A person whose root is ambiguous is left out.

    Args:
        is_clear: (pairs, joints) whether the joint is not ambiguous.
    """
    if reference.keypoints_3d is None or candidate.keypoints_3d is None or not len(pairs):
        return ComparedJoints(
            dict.fromkeys(MEASURES, np.zeros(0)), dict.fromkeys(MEASURES, np.zeros(0, np.bool_))
        )
    a, b = reference.keypoints_3d[pairs[:, 0]], candidate.keypoints_3d[pairs[:, 1]]
    is_compared = is_clear & ((a[..., 3] >= 0) == (b[..., 3] >= 0))
    is_compared &= is_compared[:, root].all(axis=1, keepdims=True)
    a, b = a[..., :3], b[..., :3]
    distances = distance_norms(relative_to_root(a, root) - relative_to_root(b, root))
    apart = np.abs((a - b)[:, root, 2].mean(axis=1))
    is_chosen: Array = is_compared.any(axis=1)
    chosen = np.flatnonzero(is_chosen)
    aligned = [aligned_distances(a[each][is_compared[each]], b[each][is_compared[each]]) for each in chosen]
    values = {
        "joint_mm": distances[is_compared],
        "mpjpe_mm": np.array([distances[each][is_compared[each]].mean() for each in chosen]),
        "pa_mpjpe_mm": np.array([each.mean() for each in aligned]),
        "depth_mm": np.zeros(0) if reference.root_relative else apart[chosen],
    }
    clear = int(is_clear[is_clear[:, root].all(axis=1)].sum())
    sources = dict.fromkeys(MEASURES, is_chosen) | {"joint_mm": is_compared}
    return ComparedJoints(values, sources, clear - int(is_compared.sum()), is_clear.size - clear)
