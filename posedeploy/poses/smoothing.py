"""Smooth the poses of tracked people by one-euro filters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.poses.one_euro import FilterState, OneEuro, concatenate, select
from posedeploy.types import Array, Poses

KEYPOINT_FILTER = OneEuro(frequency=15, beta=0.05)
# Published for centimeters, with beta 0.01 per cm/s.
POSITION_FILTER = OneEuro(frequency=80, beta=0.001)
MIN_ELAPSED_S = 1e-6


@dataclass(frozen=True, eq=False)
class History:
    """The history of the people in a frame.

    rows: (people,) the row of each person's filters, -1 if there is none. continues: (people, keypoints)
    whether the keypoint's filter continues. elapsed_s: (people,) seconds since each person was last visible.
    keypoint_elapsed_s: (people, keypoints) seconds since each keypoint was. Both are None if times are
    unknown.
    """

    rows: Array
    continues: Array
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

    def smooth(self, poses: Poses, history: History) -> Poses:
        """Return the same people with smoothed positions; call ``keep`` afterwards."""
        self._now = {}
        if poses.keypoints_3d is None:
            return self._smooth_2d(poses, history)
        if poses.root_relative:
            return self._smooth_from_root(self._smooth_2d(poses, history), history)
        return self._smooth_3d(poses, history)

    def keep(self, rows: Array) -> None:
        """Set the rows to those of the people just smoothed, followed by these old rows."""
        kept = {}
        for filter_ in self._before.keys() | self._now.keys():
            old, new = self._before.get(filter_), self._now.get(filter_)
            old = None if old is None else old[rows]
            kept[filter_] = concatenate(new, old) if new and old else new or old
        self._before = {filter_: state for filter_, state in kept.items() if state is not None}
        self._now = {}

    def _smooth_2d(self, poses: Poses, history: History) -> Poses:
        positions = poses.keypoints[..., :2]
        is_visible = poses.keypoints[..., 2:] >= 0
        continues = (history.continues & is_visible[..., 0])[..., None]
        elapsed_s = None if history.keypoint_elapsed_s is None else history.keypoint_elapsed_s[..., None]
        smooth = self._filter(KEYPOINT_FILTER, positions, history.rows, continues, elapsed_s)
        if elapsed_s is not None:
            self._hold(KEYPOINT_FILTER, history.rows, is_visible)
        smooth = np.where(is_visible, smooth, positions)
        return replace(poses, keypoints=np.concatenate([smooth, poses.keypoints[..., 2:]], axis=2))

    def _smooth_3d(self, poses: Poses, history: History) -> Poses:
        assert poses.keypoints_3d is not None
        positions = poses.keypoints_3d[..., :3]
        centers = positions.mean(axis=1)
        elapsed_s = None if history.elapsed_s is None else history.elapsed_s[:, None]
        continues = (history.rows >= 0)[:, None]
        shift = self._filter(POSITION_FILTER, centers, history.rows, continues, elapsed_s) - centers
        joints = np.concatenate([positions + shift[:, None], poses.keypoints_3d[..., 3:]], axis=2)
        vertices = None if poses.vertices is None else poses.vertices + shift[:, None]
        return replace(poses, keypoints_3d=joints, vertices=vertices)

    def _smooth_from_root(self, poses: Poses, history: History) -> Poses:
        assert poses.keypoints_3d is not None
        joints = poses.keypoints_3d.shape[1]
        vertices = [] if poses.vertices is None else [poses.vertices]
        points = np.concatenate([poses.keypoints_3d[..., :3], *vertices], axis=1)
        elapsed_s = None if history.elapsed_s is None else history.elapsed_s[:, None, None]
        continues = (history.rows >= 0)[:, None, None]
        smooth = self._filter(POSITION_FILTER, points, history.rows, continues, elapsed_s)
        return replace(
            poses,
            keypoints_3d=np.concatenate([smooth[:, :joints], poses.keypoints_3d[..., 3:]], axis=2),
            vertices=None if poses.vertices is None else smooth[:, joints:],
        )

    def _filter(
        self, filter_: OneEuro, values: Array, rows: Array, continues: Array, elapsed_s: Array | None
    ) -> Array:
        """Return the filter's output; the filter restarts where it does not continue."""
        state = filter_.start(values)
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            if elapsed_s is not None:
                elapsed_s = np.maximum(elapsed_s, MIN_ELAPSED_S)
            state = select(continues, filter_.advance(before[rows], values, elapsed_s), state)
        self._now[filter_] = state
        return state.smooth

    def _hold(self, filter_: OneEuro, rows: Array, is_visible: Array) -> None:
        """Keep the previous state of missing keypoints."""
        before = self._before.get(filter_)
        if before is not None and len(before.raw):
            held = ~is_visible & (rows >= 0)[:, None, None]
            self._now[filter_] = select(held, before[rows], self._now[filter_])
