"""Select people by the number of keypoints and the score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, ModelSpec, Poses

ROUNDING_ERROR = 0.0005
"""Scores in poses.json have three decimals; a person with exactly the score written there is kept."""


@dataclass(frozen=True)
class Threshold:
    """The criteria for keeping a person. None keeps everyone.

    min_keypoints: the minimum number of keypoints found. min_score: the minimum score, as in poses.json.
    """

    min_keypoints: int | None = None
    min_score: float | None = None

    def check(self, spec: ModelSpec) -> None:
        """Check that some people of this network can be kept.

        Raises:
            InputError: the threshold excludes everyone, or is not a number.
        """
        count = len(spec.keypoint_names)
        if self.min_keypoints is not None and not 1 <= self.min_keypoints <= count:
            raise InputError(
                f"`min_keypoints={self.min_keypoints}`: expected 1 to {count}, the keypoints of {spec.family}"
            )
        if self.min_score is not None and not np.isfinite(self.min_score):
            raise InputError(
                f"`min_score={self.min_score}`: expected a number, like the scores in poses.json"
            )

    def keep(self, poses: Poses) -> Poses:
        """Return the people to keep, in the same order."""
        rows = np.ones(len(poses), bool)
        if self.min_keypoints is not None:
            rows &= (poses.keypoints[..., 2] >= 0).sum(axis=1) >= self.min_keypoints
        if self.min_score is not None:
            rows &= poses.scores >= self.min_score - ROUNDING_ERROR
        return poses if rows.all() else select_people(poses, rows)


def select_people(poses: Poses, rows: Array) -> Poses:
    """Return the people of these rows: (people,) booleans or indices."""
    return replace(
        poses,
        keypoints=poses.keypoints[rows],
        scores=poses.scores[rows],
        keypoints_3d=None if poses.keypoints_3d is None else poses.keypoints_3d[rows],
        ids=None if poses.ids is None else poses.ids[rows],
        vertices=None if poses.vertices is None else poses.vertices[rows],
    )
