"""Who is who from one frame of a video to the next, and their poses made steady."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.one_euro import FilterState, OneEuro, where
from posedeploy.types import Array, Poses

MIN_SIMILARITY = 0.5
MIN_SIMILAR_KEYPOINTS = 3

KEYPOINT_FILTER = OneEuro(frequency=15, beta=0.05)
# Published for centimetres, with beta 0.01 per cm/s.
POSITION_FILTER = OneEuro(frequency=80, beta=0.001)


class Tracker:
    """Gives people ids that persist from frame to frame, and smooths their poses; one tracker for one video.

    As the published demos have it: the most confident person first takes the person of the frame before
    with which it has most similar keypoints, at least 3; two keypoints are similar when exp(-d² / (2 area
    (2 sigma)²)) > 0.5. In 2D every keypoint passes a one-euro filter, which lasts as long as the keypoint
    is found in every frame. In 3D the person's mean position does, and all joints and vertices move with it;
    where positions are from the person's own root on, which stays where it is, every joint and vertex does,
    and every keypoint.

    The demos cut positions down to whole pixels first, and the 3D one pairs joints with shifted sigmas; here
    positions keep their fractions, and each joint has its own sigma.
    """

    def __init__(self, sigmas: Sequence[float], smooth: bool = True) -> None:
        self._variances = (2 * np.asarray(sigmas, np.float64)) ** 2
        self._smooth = smooth
        self._next_id = 0
        self._previous: Poses | None = None
        self._filters: dict[OneEuro, FilterState] = {}

    def update(self, poses: Poses) -> Poses:
        """The same people, in the same order, with ids and smoothed positions.

        Raises:
            InputError: the poses have another number of keypoints than there are sigmas.
        """
        if poses.keypoints.shape[1:] != (len(self._variances), 3):
            raise InputError(
                f"this tracker follows people of {len(self._variances)} keypoints; it got an array of "
                f"{poses.keypoints.shape}, not (people, {len(self._variances)}, 3)"
            )
        matched = self._match(poses)
        tracked = replace(poses, ids=self._ids(poses, matched))
        if self._smooth and len(poses):
            tracked = self._smoothed(tracked, matched)
        self._previous = tracked
        return tracked

    def _match(self, poses: Poses) -> Array:
        """(people,) for each the index of the same person in the frame before, or -1."""
        matched = np.full(len(poses), -1)
        if self._previous is None or not len(self._previous):
            return matched
        similar = _similar_keypoints(poses, self._previous, self._variances)
        for person in _most_confident_first(poses):
            best = similar[person].argmax()
            if similar[person, best] >= MIN_SIMILAR_KEYPOINTS:
                matched[person] = best
                similar[:, best] = 0
        return matched

    def _ids(self, poses: Poses, matched: Array) -> Array:
        ids = np.full(len(poses), -1)
        for person in _most_confident_first(poses):
            if matched[person] >= 0 and self._previous is not None and self._previous.ids is not None:
                ids[person] = self._previous.ids[matched[person]]
            else:
                ids[person] = self._next_id
                self._next_id += 1
        return ids

    def _smoothed(self, poses: Poses, matched: Array) -> Poses:
        if poses.keypoints_3d is None:
            return self._smoothed_2d(poses, matched)
        if poses.from_root:
            return self._smoothed_from_root(self._smoothed_2d(poses, matched), matched)
        return self._smoothed_3d(poses, matched)

    def _smoothed_2d(self, poses: Poses, matched: Array) -> Poses:
        positions = poses.keypoints[..., :2]
        found = poses.keypoints[..., 2:] >= 0
        lasting = found & (matched >= 0)[:, None, None]
        if self._previous is not None and len(self._previous):
            lasting &= self._previous.keypoints[matched][..., 2:] >= 0
        smooth = self._filtered(KEYPOINT_FILTER, positions, matched, lasting)
        keypoints = np.concatenate([np.where(found, smooth, positions), poses.keypoints[..., 2:]], axis=2)
        return replace(poses, keypoints=keypoints)

    def _smoothed_3d(self, poses: Poses, matched: Array) -> Poses:
        assert poses.keypoints_3d is not None
        positions = poses.keypoints_3d[..., :3]
        centres = positions.mean(axis=1)
        moved = self._filtered(POSITION_FILTER, centres, matched, (matched >= 0)[:, None]) - centres
        joints = np.concatenate([positions + moved[:, None], poses.keypoints_3d[..., 3:]], axis=2)
        vertices = None if poses.vertices is None else poses.vertices + moved[:, None]
        return replace(poses, keypoints_3d=joints, vertices=vertices)

    def _smoothed_from_root(self, poses: Poses, matched: Array) -> Poses:
        assert poses.keypoints_3d is not None
        joints = poses.keypoints_3d.shape[1]
        points = [poses.keypoints_3d[..., :3], *([] if poses.vertices is None else [poses.vertices])]
        lasting = (matched >= 0)[:, None, None]
        smooth = self._filtered(POSITION_FILTER, np.concatenate(points, axis=1), matched, lasting)
        return replace(
            poses,
            keypoints_3d=np.concatenate([smooth[:, :joints], poses.keypoints_3d[..., 3:]], axis=2),
            vertices=None if poses.vertices is None else smooth[:, joints:],
        )

    def _filtered(self, filter_: OneEuro, values: Array, matched: Array, lasting: Array) -> Array:
        """The filter's answers; people keep their filters by ``matched``, where ``lasting`` says so."""
        state = filter_.start(values)
        before = self._filters.get(filter_)
        if before is not None and len(before.raw):
            state = where(lasting, filter_.advance(before[matched], values), state)
        self._filters[filter_] = state
        return state.smooth


def _most_confident_first(poses: Poses) -> list[int]:
    order: list[int] = np.argsort(-poses.scores, kind="stable").tolist()
    return order


def _similar_keypoints(poses: Poses, others: Poses, variances: Array) -> Array:
    """(people, others) how many keypoints, found in both, lie close for the size of the people."""
    area = np.maximum(_areas(poses)[:, None], _areas(others))
    a, b = poses.keypoints[:, None], others.keypoints[None]
    both = (a[..., 2] >= 0) & (b[..., 2] >= 0)
    squared = ((a[..., :2] - b[..., :2]) ** 2).sum(axis=-1)
    similar = np.exp(-squared / (2 * area[..., None] * variances)) > MIN_SIMILARITY
    counts: Array = (both & similar).sum(axis=-1)
    return counts


def _areas(poses: Poses) -> Array:
    """(people,) the boxes' areas, counting the pixels at both ends."""
    areas: Array = (poses.boxes[:, 2] + 1) * (poses.boxes[:, 3] + 1)
    return areas
