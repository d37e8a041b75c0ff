"""The poses of people who are followed through a video, made steady by one-euro filters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.poses.one_euro import FilterState, OneEuro, together, where
from posedeploy.types import Array, Poses

KEYPOINT_FILTER = OneEuro(frequency=15, beta=0.05)
# Published for centimeters, with beta 0.01 per cm/s.
POSITION_FILTER = OneEuro(frequency=80, beta=0.001)
SHORTEST_S = 1e-6


@dataclass(frozen=True, eq=False)
class Before:
    """What is known of the people of a frame from before it.

    rows: (people,) where the filters of each are, -1 without. lasting: (people, keypoints) whether the
    keypoint's filter goes on. elapsed_s: (people,) since each was last seen, and keypoint_elapsed_s: (people,
    keypoints) since each keypoint was; None where time is not known.
    """

    rows: Array
    lasting: Array
    elapsed_s: Array | None = None
    keypoint_elapsed_s: Array | None = None


class Smoother:
    """Filters by row. In 2D every keypoint passes one. In 3D the person's mean position does, and all joints
    and vertices move with it. Where positions are relative to the person's own root, which stays where it is,
    every joint and vertex passes one, and every keypoint.
    """

    def __init__(self) -> None:
        self._before: dict[OneEuro, FilterState] = {}
        self._now: dict[OneEuro, FilterState] = {}

    def smooth(self, poses: Poses, before: Before) -> Poses:
        """The same people with smoothed positions; ``keep`` must follow."""
        self._now = {}
        if poses.keypoints_3d is None:
            return self._smooth_2d(poses, before)
        if poses.root_relative:
            return self._smooth_from_root(self._smooth_2d(poses, before), before)
        return self._smooth_3d(poses, before)

    def keep(self, rows: Array) -> None:
        """From now on the rows are those of the people just smoothed, and then these of the old ones."""
        kept = {}
        for filter_ in self._before.keys() | self._now.keys():
            old, new = self._before.get(filter_), self._now.get(filter_)
            old = None if old is None else old[rows]
            kept[filter_] = together(new, old) if new and old else new or old
        self._before = {filter_: state for filter_, state in kept.items() if state is not None}
        self._now = {}

    def _smooth_2d(self, poses: Poses, before: Before) -> Poses:
        positions = poses.keypoints[..., :2]
        found = poses.keypoints[..., 2:] >= 0
        lasting = (before.lasting & found[..., 0])[..., None]
        elapsed_s = None if before.keypoint_elapsed_s is None else before.keypoint_elapsed_s[..., None]
        smooth = self._filter(KEYPOINT_FILTER, positions, before.rows, lasting, elapsed_s)
        if elapsed_s is not None:
            self._hold(KEYPOINT_FILTER, before.rows, found)
        keypoints = np.concatenate([np.where(found, smooth, positions), poses.keypoints[..., 2:]], axis=2)
        return replace(poses, keypoints=keypoints)

    def _smooth_3d(self, poses: Poses, before: Before) -> Poses:
        assert poses.keypoints_3d is not None
        positions = poses.keypoints_3d[..., :3]
        centers = positions.mean(axis=1)
        elapsed_s = None if before.elapsed_s is None else before.elapsed_s[:, None]
        known = (before.rows >= 0)[:, None]
        moved = self._filter(POSITION_FILTER, centers, before.rows, known, elapsed_s) - centers
        joints = np.concatenate([positions + moved[:, None], poses.keypoints_3d[..., 3:]], axis=2)
        vertices = None if poses.vertices is None else poses.vertices + moved[:, None]
        return replace(poses, keypoints_3d=joints, vertices=vertices)

    def _smooth_from_root(self, poses: Poses, before: Before) -> Poses:
        assert poses.keypoints_3d is not None
        joints = poses.keypoints_3d.shape[1]
        points = [poses.keypoints_3d[..., :3], *([] if poses.vertices is None else [poses.vertices])]
        elapsed_s = None if before.elapsed_s is None else before.elapsed_s[:, None, None]
        known = (before.rows >= 0)[:, None, None]
        smooth = self._filter(POSITION_FILTER, np.concatenate(points, axis=1), before.rows, known, elapsed_s)
        return replace(
            poses,
            keypoints_3d=np.concatenate([smooth[:, :joints], poses.keypoints_3d[..., 3:]], axis=2),
            vertices=None if poses.vertices is None else smooth[:, joints:],
        )

    def _filter(
        self, filter_: OneEuro, values: Array, rows: Array, lasting: Array, elapsed_s: Array | None
    ) -> Array:
        """The filter's answers, started anew where it does not last."""
        state = filter_.start(values)
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            if elapsed_s is not None:
                elapsed_s = np.maximum(elapsed_s, SHORTEST_S)
            state = where(lasting, filter_.advance(before[rows], values, elapsed_s), state)
        self._now[filter_] = state
        return state.smooth

    def _hold(self, filter_: OneEuro, rows: Array, found: Array) -> None:
        """A keypoint that is missing keeps the state that it had."""
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            held = ~found & (rows >= 0)[:, None, None]
            self._now[filter_] = where(held, before[rows], self._now[filter_])
