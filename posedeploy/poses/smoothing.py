"""Smoothing of the poses of tracked people by one-euro filters."""

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
    """The history of the people in a frame.

    rows: (people,) the row of each person's filters, -1 if there is none. lasting: (people, keypoints)
    whether the keypoint's filter continues. elapsed_s: (people,) seconds since each person was last visible.
    keypoint_elapsed_s: (people, keypoints) the same of each keypoint. Both are None if times are unknown.
    """

    rows: Array
    lasting: Array
    elapsed_s: Array | None = None
    keypoint_elapsed_s: Array | None = None


class Smoother:
    """The filters of people, by row.

    In 2D, every keypoint is filtered. In 3D, the person's mean position is filtered, and all joints and
    vertices move with it. For positions relative to the person's root, every joint, vertex and keypoint is
    filtered.
    """

    def __init__(self) -> None:
        self._before: dict[OneEuro, FilterState] = {}
        self._now: dict[OneEuro, FilterState] = {}

    def smooth(self, poses: Poses, before: Before) -> Poses:
        """Return the same people with smoothed positions; call ``keep`` afterwards."""
        self._now = {}
        if poses.keypoints_3d is None:
            return self._smooth_2d(poses, before)
        if poses.root_relative:
            return self._smooth_from_root(self._smooth_2d(poses, before), before)
        return self._smooth_3d(poses, before)

    def keep(self, rows: Array) -> None:
        """Set the rows to those of the people just smoothed, followed by these old rows."""
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
        """Return the filter's output; the filter restarts where it does not continue."""
        state = filter_.start(values)
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            if elapsed_s is not None:
                elapsed_s = np.maximum(elapsed_s, SHORTEST_S)
            state = where(lasting, filter_.advance(before[rows], values, elapsed_s), state)
        self._now[filter_] = state
        return state.smooth

    def _hold(self, filter_: OneEuro, rows: Array, found: Array) -> None:
        """Keep the previous state of missing keypoints."""
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            held = ~found & (rows >= 0)[:, None, None]
            self._now[filter_] = where(held, before[rows], self._now[filter_])
