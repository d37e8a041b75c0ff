"""Comparison of the poses of two sides over the frames of a video: added jitter and identity switches."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.ambiguity import DecodedPair
from posedeploy.benchmarks.identity_history import IdentityHistory
from posedeploy.benchmarks.inputs import VideoFrame
from posedeploy.benchmarks.keypoints import count_joints, find_visible
from posedeploy.benchmarks.measure_summaries import Summary, summarize
from posedeploy.benchmarks.pose_errors import relative_to_root, root_joints
from posedeploy.benchmarks.video_errors import added_jitter
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses.person_matching import match_people
from posedeploy.poses.tracking import ID_AFTER_FRAMES, MAX_GAP_S, Tracker
from posedeploy.types import Array, Poses

SPAN = 3
"""The number of consecutive frames of a second difference."""
JITTER_MEASURES: Mapping[str, str] = {
    "px": "added jitter of a keypoint, in px of the image",
    "joint_mm": "added jitter of a 3D joint, relative to the root of each person",
}
"""The measures, each with the meaning of one value."""
_Points: TypeAlias = tuple[Array, Array, Array]
"""(points, dimensions) of the reference, the same of the candidate, and (points,) whether a point counts."""
_Person: TypeAlias = dict[str, _Points]
"""The points of one person by measure."""


@dataclass(frozen=True)
class IdentitySwitches:
    """The identity switches in one frame.

    candidate: people whose id changes on the candidate's side only. reference: on the reference's only.
    """

    frame: str
    candidate: int
    reference: int


@dataclass(frozen=True)
class VideoParity:
    """The comparison of consecutive frames of one video.

    video: its name. frames: their number. jitter: by measure, the distribution of the jitter that the
    candidate adds, with the frame in the middle of the three; without the measures that have no values.
    switches: of the frames that have any.
    """

    video: str
    frames: int
    jitter: Mapping[str, Summary] = field(default_factory=dict)
    switches: tuple[IdentitySwitches, ...] = ()

    @property
    def candidate_switches(self) -> int:
        """Identity switches of the candidate only."""
        return sum(each.candidate for each in self.switches)

    @property
    def reference_switches(self) -> int:
        """Identity switches of the reference only."""
        return sum(each.reference for each in self.switches)


class VideoComparison:
    """Compares the frames of one video as they are added; only the last three poses are in memory.

    The people of each side are tracked as in ``predict``. Jitter is measured on the positions before
    smoothing, of people that the reference tracks through three consecutive frames.
    """

    def __init__(self, video: str, names: Sequence[str]) -> None:
        """
        Args:
            names: the names of the keypoints.
        """
        self._video = video
        self._root = root_joints(names)
        self._trackers = [
            Tracker(sigmas_of(names), id_after_frames=ID_AFTER_FRAMES, max_gap_s=MAX_GAP_S) for _ in range(2)
        ]
        self._identities = IdentityHistory()
        self._last: deque[tuple[VideoFrame, dict[int, _Person]]] = deque(maxlen=SPAN)
        self._frames = 0
        self._labels: list[str] = []
        self._values: dict[str, list[Array]] = {measure: [] for measure in JITTER_MEASURES}
        self._switches: list[IdentitySwitches] = []

    def add(self, frame: VideoFrame, sides: DecodedPair) -> None:
        """Add the poses of the next frame."""
        reference, candidate = (
            tracker.update(poses, frame.time_s).ids
            for tracker, poses in zip(self._trackers, (sides.reference, sides.candidate), strict=True)
        )
        assert reference is not None and candidate is not None, "the tracker assigns ids"
        pairs = match_people(sides.reference, sides.candidate).pairs
        self._frames += 1
        self._count_switches(frame, sides, (reference, candidate), pairs)
        for provisional, final in self._trackers[0].assigned_ids.items():
            for _, people in self._last:
                if provisional in people:
                    people[final] = people.pop(provisional)
        if self._last and frame.number != self._last[-1][0].number + 1:
            self._last.clear()
        self._last.append((frame, self._collect_points(sides, reference, pairs)))
        self._measure_jitter()

    def result(self) -> VideoParity:
        """Return the comparison of the frames so far."""
        summaries = {measure: summarize(values, self._labels) for measure, values in self._values.items()}
        jitter = {measure: summary for measure, summary in summaries.items() if summary is not None}
        return VideoParity(self._video, self._frames, jitter, tuple(self._switches))

    def _count_switches(
        self, frame: VideoFrame, sides: DecodedPair, ids: tuple[Array, Array], pairs: Array
    ) -> None:
        tracked = (_with_ids(sides.reference, ids[0]), _with_ids(sides.candidate, ids[1]))
        candidate, reference = self._identities.add(*tracked, pairs)
        if candidate or reference:
            self._switches.append(IdentitySwitches(frame.label, candidate, reference))

    def _collect_points(self, sides: DecodedPair, ids: Array, pairs: Array) -> dict[int, _Person]:
        """Return the points of each matched person, by the id that the reference's tracker assigns."""
        reference, candidate = sides.reference, sides.candidate
        count = reference.keypoints.shape[1]
        ambiguous = sides.ambiguous
        if ambiguous is None:
            ambiguous = np.zeros((len(candidate), count + count_joints(reference)), np.bool_)
        people = {}
        for a, b in pairs.tolist():
            is_clear = ~ambiguous[b]
            is_found = find_visible(reference)[a] & find_visible(candidate)[b]
            ours, theirs = reference.keypoints[a, :, :2], candidate.keypoints[b, :, :2]
            person: _Person = {"px": (ours, theirs, is_found & is_clear[:count])}
            if reference.keypoints_3d is not None and candidate.keypoints_3d is not None:
                joints = reference.keypoints_3d[a], candidate.keypoints_3d[b]
                person["joint_mm"] = self._collect_joints(*joints, is_clear[count:])
            people[int(ids[a])] = person
        return people

    def _collect_joints(self, reference: Array, candidate: Array, is_clear: Array) -> _Points:
        ours, theirs = (relative_to_root(each[None, :, :3], self._root)[0] for each in (reference, candidate))
        is_compared = is_clear & ((reference[:, 3] >= 0) == (candidate[:, 3] >= 0))
        return ours, theirs, is_compared & is_compared[self._root].all()

    def _measure_jitter(self) -> None:
        """Measure the people of the last three frames that are in all of them."""
        if len(self._last) < SPAN:
            return
        frames = [people for _, people in self._last]
        values: dict[str, list[Array]] = {measure: [] for measure in JITTER_MEASURES}
        for number in sorted(frames[0].keys() & frames[1].keys() & frames[2].keys()):
            for measure in frames[0][number]:
                points = zip(*(people[number][measure] for people in frames), strict=True)
                ours, theirs, is_compared = map(np.stack, points)
                values[measure].append(added_jitter(ours, theirs)[0][is_compared.all(axis=0)])
        self._labels.append(self._last[1][0].label)
        for measure, arrays in values.items():
            self._values[measure].append(np.concatenate([np.zeros(0), *arrays]))


class VideoComparisons:
    """The comparisons of all videos among the inputs, by name."""

    def __init__(self, names: Sequence[str]) -> None:
        """
        Args:
            names: the names of the keypoints.
        """
        self._names = names
        self._videos: dict[str, VideoComparison] = {}

    def add(self, frame: VideoFrame, sides: DecodedPair) -> None:
        """Add the poses of the next frame of a video."""
        if frame.video not in self._videos:
            self._videos[frame.video] = VideoComparison(frame.video, self._names)
        self._videos[frame.video].add(frame, sides)

    def results(self) -> tuple[VideoParity, ...]:
        """Return the comparison of each video."""
        return tuple(each.result() for each in self._videos.values())


def _with_ids(poses: Poses, ids: Array) -> Poses:
    return Poses(poses.keypoints, poses.scores, ids=ids)
