"""Track people through a video and smooth their poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.smoothing import KEYPOINT_FILTER, History, Smoother
from posedeploy.types import Array, Poses

MIN_SIMILARITY = 0.5
MIN_SIMILAR_KEYPOINTS = 3

ID_AFTER_FRAMES, MAX_GAP_S = 3, 1.0
"""The values that ``predict`` uses; false detections seldom last three frames."""
REACH, REACH_PER_S = 2.0, 6.0
"""Maximum distance of a person who was missed, in multiples of that between two frames: initially, and its
increase per second."""


@dataclass(frozen=True, eq=False)
class _Known:
    """The known people, a row each: those of the last frame first, then those missed since.

    keypoints: the last ones, smoothed. seen_s, found_s: the last time of each person, and of each keypoint.
    ids: numbers below 0 are provisional. frames: the number of frames with each person.
    """

    keypoints: Array
    areas: Array
    seen_s: Array
    found_s: Array
    ids: Array
    frames: Array

    def __getitem__(self, rows: Array) -> _Known:
        return _Known(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def __add__(self, other: _Known) -> _Known:
        names = self.__dataclass_fields__
        return _Known(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


class Tracker:
    """Assigns ids to people that persist from frame to frame, and smooths their poses. Use one per video.

    As in the published demos, people are matched in order of confidence, each with the person of the last
    frame with the most similar keypoints, at least 3. Two keypoints are similar if exp(-d² / (2 area
    (2 sigma)²)) > 0.5. A keypoint's filter continues while the keypoint is found in every frame.

    The demos truncate positions to whole pixels first, and the 3D demo uses shifted sigmas. Here, positions
    keep their fractions, and each joint has its own sigma. The demos have no times: their filters assume 15
    frames per second (80 in 3D), and a person missed in one frame gets a new id.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        smooth: bool = True,
        *,
        id_after_frames: int = 1,
        max_gap_s: float = 0.0,
    ) -> None:
        """
        Args:
            id_after_frames: the number of consecutive frames after which a person gets an id; 1 as published.
            max_gap_s: the maximum time for which a person with an id, or a keypoint, may be missed; 0 as
                published. The allowed distance grows with the time.
        """
        self._variances = (2 * np.asarray(sigmas, np.float64)) ** 2
        self._smoother = Smoother() if smooth else None
        self._id_after_frames = id_after_frames
        self._max_gap_s = max_gap_s
        self._next_id = 0
        self._next_candidate = -1
        self._frames = 0
        self._last_rows = 0
        self._last_s = 0.0
        self._known: _Known | None = None
        self.assigned_ids: dict[int, int] = {}
        """The ids assigned in the last frame, by their provisional numbers."""

    def update(self, poses: Poses, time_s: float | None = None) -> Poses:
        """Return the same people, in the same order, with ids and smoothed positions.

        A person without an id has a provisional number below 0, the same one in each frame.

        Args:
            time_s: the time of the frame, increasing; None for the published constant rates.

        Raises:
            InputError: the numbers of keypoints and sigmas differ.
        """
        if poses.keypoints.shape[1:] != (len(self._variances), 3):
            raise InputError(
                f"keypoints of shape {poses.keypoints.shape}; this tracker expects (people, "
                f"{len(self._variances)}, 3)"
            )
        self._frames += 1
        now_s = self._frames / KEYPOINT_FILTER.frequency if time_s is None else time_s
        rows = self._match(poses, now_s)
        ids, frames = self._count(poses, rows)
        tracked = replace(poses, ids=ids)
        if self._smoother is not None and len(poses):
            tracked = self._smoother.smooth(tracked, self._history(rows, now_s, time_s is not None))
        self._remember(tracked, rows, frames, now_s)
        return tracked

    def finish(self) -> dict[int, int]:
        """Assign ids to the people in every frame of a video too short for ids; return them as
        ``assigned_ids``."""
        self.assigned_ids = {}
        if self._known is not None and self._frames < self._id_after_frames:
            for candidate, frames in zip(self._known.ids, self._known.frames, strict=True):
                if candidate < 0 and frames == self._frames:
                    self._name(int(candidate))
        return self.assigned_ids

    def _match(self, poses: Poses, now_s: float) -> Array:
        """Return (people,) the row of the same person, or -1."""
        rows = np.full(len(poses), -1)
        known = self._known
        if known is None or not len(known.ids) or not len(poses):
            return rows
        free = np.arange(len(known.ids)) < self._last_rows
        similarity = _similarity(poses, known, self._variances)
        counts = (similarity > MIN_SIMILARITY).sum(axis=-1)
        _assign(rows, free, poses, counts, counts)
        if self._max_gap_s > 0 and (rows < 0).any():
            reach = REACH + REACH_PER_S * (now_s - known.seen_s)
            similarity = _similarity(poses, known, self._variances * reach[:, None] ** 2)
            counts = (similarity > MIN_SIMILARITY).sum(axis=-1)
            free[self._last_rows :] = True
            free &= now_s - known.seen_s <= self._max_gap_s
            free[rows[rows >= 0]] = False
            _assign(rows, free, poses, counts, similarity.sum(axis=-1))
        return rows

    def _count(self, poses: Poses, rows: Array) -> tuple[Array, Array]:
        """Return (people,) ids, and the number of frames with each person."""
        ids, frames = np.zeros(len(poses), int), np.ones(len(poses), int)
        self.assigned_ids = {}
        for person in _most_confident_first(poses):
            if rows[person] >= 0 and self._known is not None:
                ids[person] = self._known.ids[rows[person]]
                frames[person] += self._known.frames[rows[person]]
            else:
                ids[person] = self._next_candidate
                self._next_candidate -= 1
            if ids[person] < 0 and frames[person] >= self._id_after_frames:
                ids[person] = self._name(int(ids[person]))
        return ids, frames

    def _name(self, candidate: int) -> int:
        self.assigned_ids[candidate] = self._next_id
        self._next_id += 1
        return self.assigned_ids[candidate]

    def _history(self, rows: Array, now_s: float, has_times: bool) -> History:
        known = self._known
        if known is None or not len(known.ids):
            people = len(rows)
            return History(np.full(people, -1), np.zeros((people, len(self._variances)), bool))
        missed_s = now_s - known.found_s[rows]
        continues = (known.found_s[rows] == self._last_s) | (missed_s <= self._max_gap_s)
        continues &= (rows >= 0)[:, None]
        if not has_times:
            return History(rows, continues)
        return History(rows, continues, now_s - known.seen_s[rows], missed_s)

    def _remember(self, poses: Poses, rows: Array, frames: Array, now_s: float) -> None:
        assert poses.ids is not None
        found_s = np.where(poses.keypoints[..., 2] >= 0, now_s, -np.inf)
        kept = np.zeros(0, int)
        if self._known is not None:
            known = self._known
            if len(known.ids):
                found_before_s = np.where((rows >= 0)[:, None], known.found_s[rows], -np.inf)
                found_s = np.maximum(found_s, found_before_s)
            is_missed = (known.ids >= 0) & (now_s - known.seen_s <= self._max_gap_s)
            is_missed[rows[rows >= 0]] = False
            kept = np.flatnonzero(is_missed)
        now = _Known(poses.keypoints, _areas(poses), np.full(len(poses), now_s), found_s, poses.ids, frames)
        self._known = now + self._known[kept] if self._known is not None else now
        self._last_rows, self._last_s = len(poses), now_s
        if self._smoother is not None:
            self._smoother.keep(kept)


def _assign(rows: Array, free: Array, poses: Poses, counts: Array, closeness: Array) -> None:
    """Assign each person without a row to the closest free row with enough similar keypoints.

    The most confident person comes first.
    """
    for person in _most_confident_first(poses):
        usable = free & (counts[person] >= MIN_SIMILAR_KEYPOINTS)
        if rows[person] < 0 and usable.any():
            rows[person] = np.where(usable, closeness[person], -1).argmax()
            free[rows[person]] = False


def _most_confident_first(poses: Poses) -> list[int]:
    order: list[int] = np.argsort(-poses.scores, kind="stable").tolist()
    return order


def _similarity(poses: Poses, known: _Known, variances: Array) -> Array:
    """Return the (people, known, keypoints) similarities from 0 to 1; 0 where a keypoint is missing."""
    area = np.maximum(_areas(poses)[:, None], known.areas)
    a, b = poses.keypoints[:, None], known.keypoints[None]
    both = (a[..., 2] >= 0) & (b[..., 2] >= 0)
    squared = ((a[..., :2] - b[..., :2]) ** 2).sum(axis=-1)
    similarity: Array = np.where(both, np.exp(-squared / (2 * area[..., None] * variances)), 0.0)
    return similarity


def _areas(poses: Poses) -> Array:
    """Return the (people,) areas of the boxes, counting the pixels at both ends."""
    areas: Array = (poses.boxes[:, 2] + 1) * (poses.boxes[:, 3] + 1)
    return areas
