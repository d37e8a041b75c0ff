"""Group keypoints into people."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from posedeploy.poses.affinity import CandidateLimbs
from posedeploy.poses.limbs import Limbs
from posedeploy.poses.peaks import Peaks
from posedeploy.types import Array

COMPLETING = (17, 18)
"""Published limbs that only add missing keypoints to a person; they never start one or change its score."""

MIN_KEYPOINTS = 3
MIN_MEAN_SCORE = 0.2

Connections = list[list[tuple[int, int, float]]]
"""The peaks and the score of each connection, per limb, best first."""


@dataclass(frozen=True)
class People:
    """Grouped people.

    members: (people, keypoints) int64 peak indices, -1 where missing. scores: (people,) published sums.
    """

    members: Array
    scores: Array


def choose_connections(pairs: CandidateLimbs, scores: Array, tie: Array, limbs: Limbs) -> Connections:
    """Return one-to-one connections per limb, greedily by score; the lowest ``tie`` breaks equal scores."""
    connections: Connections = [[] for _ in limbs.pairs]
    used: list[set[int]] = [set() for _ in limbs.pairs]
    order = np.lexsort((tie, -scores, pairs.limb))
    chosen = pairs[order]
    rows = zip(
        chosen.limb.tolist(), chosen.a.tolist(), chosen.b.tolist(), scores[order].tolist(), strict=True
    )
    for limb, a, b, score in rows:
        # Peak indices are unique over all kinds of keypoint, so one set serves both ends.
        if a not in used[limb] and b not in used[limb]:
            used[limb].update((a, b))
            connections[limb].append((a, b, score))
    return connections


def group(peaks: Peaks, connections: Connections, limbs: Limbs, *, starts_single_peaks: bool) -> People:
    """Grow people limb by limb, then keep those with enough keypoints and score.

    The published rules need limbs in the order in which people grow from the neck. A user's network may have
    limbs in any order, so its people also grow from a limb's second end, and a limb can merge two people.

    Args:
        starts_single_peaks: for a published limb with candidates at one end only, start a person with each
            unassigned candidate (the older grouping, of the 3D network).
    """
    crowd = _Crowd(peaks.scores.tolist(), limbs.keypoints)
    for limb, (start, end) in enumerate(zip(limbs.starts.tolist(), limbs.ends.tolist(), strict=True)):
        ends = [range(peaks.first[kind], peaks.first[kind + 1]) for kind in (start, end)]
        if not limbs.is_published:
            crowd.join(start, end, connections[limb])
        elif starts_single_peaks and not (ends[0] and ends[1]):
            crowd.start_alone(start, ends[0])
            crowd.start_alone(end, ends[1])
        elif limb in COMPLETING:
            crowd.complete(start, end, connections[limb])
        else:
            crowd.extend(start, end, connections[limb])
    return crowd.people()


@dataclass
class _Crowd:
    """People being grouped. holders: the people that contain a peak, which may be several."""

    peak_scores: list[float]
    keypoints: int
    members: list[list[int]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    holders: dict[int, list[int]] = field(default_factory=dict)

    def start_alone(self, kind: int, peaks: range) -> None:
        for peak in peaks:
            if not self.holders.get(peak):
                self._start(self.peak_scores[peak], (kind, peak))

    def extend(self, start: int, end: int, connections: list[tuple[int, int, float]]) -> None:
        for a, b, score in connections:
            holders = tuple(self.holders.get(a, ()))
            for person in holders:
                self._give(person, end, b)
                self.counts[person] += 1
                self.scores[person] += self.peak_scores[b] + score
            if not holders:
                self._start(self.peak_scores[a] + self.peak_scores[b] + score, (start, a), (end, b))

    def complete(self, start: int, end: int, connections: list[tuple[int, int, float]]) -> None:
        for a, b, _ in connections:
            with_a, with_b = tuple(self.holders.get(a, ())), tuple(self.holders.get(b, ()))
            for person in with_a:
                if self.members[person][end] == -1:
                    self._give(person, end, b)
            for person in with_b:
                if self.members[person][start] == -1:
                    self._give(person, start, a)

    def join(self, start: int, end: int, connections: list[tuple[int, int, float]]) -> None:
        """Grow people from either end of a limb, and merge two that it joins; each peak is in one person."""
        for a, b, score in connections:
            with_a, with_b = self.holders.get(a, []), self.holders.get(b, [])
            if with_a and with_b:
                self._merge(with_a[0], with_b[0], score)
            elif with_a or with_b:
                person = (with_a or with_b)[0]
                kind, peak = (end, b) if with_a else (start, a)
                if self.members[person][kind] == -1:
                    self._give(person, kind, peak)
                    self.counts[person] += 1
                    self.scores[person] += self.peak_scores[peak] + score
            else:
                self._start(self.peak_scores[a] + self.peak_scores[b] + score, (start, a), (end, b))

    def _merge(self, person: int, other: int, score: float) -> None:
        """Merge another person into one, unless both have a keypoint of the same kind."""
        if person == other:
            self.scores[person] += score
            return
        parts = [(kind, peak) for kind, peak in enumerate(self.members[other]) if peak != -1]
        if any(self.members[person][kind] != -1 for kind, _ in parts):
            return
        for kind, peak in parts:
            self.holders[peak].remove(other)
            self._give(person, kind, peak)
        self.counts[person] += self.counts[other]
        self.scores[person] += self.scores[other] + score
        self.members[other], self.counts[other] = [-1] * self.keypoints, 0

    def people(self) -> People:
        """Return the people with enough keypoints (all, if the network has fewer) and a sufficient score."""
        minimum = min(MIN_KEYPOINTS, self.keypoints)
        kept = [
            person
            for person, (count, score) in enumerate(zip(self.counts, self.scores, strict=True))
            if count >= minimum and score / count >= MIN_MEAN_SCORE
        ]
        members = np.array([self.members[person] for person in kept], np.int64).reshape(-1, self.keypoints)
        return People(members, np.array([self.scores[person] for person in kept], np.float64))

    def _start(self, score: float, *parts: tuple[int, int]) -> None:
        self.members.append([-1] * self.keypoints)
        self.counts.append(len(parts))
        self.scores.append(score)
        for kind, peak in parts:
            self._give(len(self.members) - 1, kind, peak)

    def _give(self, person: int, kind: int, peak: int) -> None:
        before = self.members[person][kind]
        if before == peak:
            return
        if before != -1:
            self.holders[before].remove(person)
        self.members[person][kind] = peak
        self.holders.setdefault(peak, []).append(person)
