"""Which of the people that a network finds are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, ModelSpec, Poses

ROUNDED = 0.0005
"""Scores in poses.json have three decimals; one that is named from there must be reached."""


@dataclass(frozen=True)
class Threshold:
    """min_keypoints: found ones that a person must have. min_score: the least score of a person, as in
    poses.json. None keeps everyone that the decoding gives."""

    min_keypoints: int | None = None
    min_score: float | None = None

    def check(self, spec: ModelSpec) -> None:
        """
        Raises:
            InputError: no person that this network finds could be kept.
        """
        most = len(spec.keypoint_names)
        if self.min_keypoints is not None and not 1 <= self.min_keypoints <= most:
            raise InputError(
                f"`min_keypoints={self.min_keypoints}`: a person of {spec.family} has 1 to {most} keypoints"
            )
        if self.min_score is not None and not np.isfinite(self.min_score):
            raise InputError(f"`min_score={self.min_score}`: wanted a number, as scores in poses.json are")

    def keep(self, poses: Poses) -> Poses:
        """The people who are kept, in the same order."""
        rows = np.ones(len(poses), bool)
        if self.min_keypoints is not None:
            rows &= (poses.keypoints[..., 2] >= 0).sum(axis=1) >= self.min_keypoints
        if self.min_score is not None:
            rows &= poses.scores >= self.min_score - ROUNDED
        return poses if rows.all() else people(poses, rows)


def people(poses: Poses, rows: Array) -> Poses:
    """Some of the people: those of these rows."""
    return replace(
        poses,
        keypoints=poses.keypoints[rows],
        scores=poses.scores[rows],
        keypoints_3d=None if poses.keypoints_3d is None else poses.keypoints_3d[rows],
        ids=None if poses.ids is None else poses.ids[rows],
        vertices=None if poses.vertices is None else poses.vertices[rows],
    )
