"""The track ids of each person on both sides of a comparison, followed through the frames of a video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.benchmarks.video_errors import count_switches_by_side
from posedeploy.poses.person_matching import match_people
from posedeploy.types import Array, Poses

UNKNOWN = -1
"""The id of a person whom a side did not find, or did not track long enough to assign an id."""


class IdentityHistory:
    """Follows people from frame to frame, and counts the identity switches. Use one per video.

    People are matched between frames by position, which shows the side that switched when two people
    exchange their ids. A person who was missed is recognized by the id on one of the sides.
    """

    def __init__(self) -> None:
        self._people: Poses | None = None
        self._ids = np.zeros((0, 2), int)
        self._lost: list[tuple[int, int]] = []

    def add(self, reference: Poses, candidate: Poses, pairs: Array) -> tuple[int, int]:
        """Return the identity switches in the next frame: of the candidate only, and of the reference only.

        Args:
            reference, candidate: with track ids. pairs: (matched, 2) the indices of the same people.
        """
        people, after = _join(reference, candidate, pairs)
        before = self._find_ids(people, after)
        self._people = people
        self._ids = np.where(after >= 0, after, before)
        return count_switches_by_side(before, after)

    def _find_ids(self, people: Poses, after: Array) -> Array:
        """Return (people, 2) the last known ids of these people before this frame."""
        before = np.full((len(people), 2), UNKNOWN)
        if self._people is not None:
            old, new = match_people(self._people, people).pairs.T
            before[new] = self._ids[old]
            missed = np.delete(self._ids, old, axis=0)
            self._lost += [(int(a), int(b)) for a, b in missed if max(a, b) >= 0]
        for person in np.flatnonzero((before < 0).all(axis=1)):
            before[person] = self._take_lost(*after[person].tolist())
        return before

    def _take_lost(self, reference: int, candidate: int) -> tuple[int, int]:
        """Return the last ids of the person who was missed and has one of these ids."""
        for side, number in enumerate((reference, candidate)):
            match = next((ids for ids in self._lost if number >= 0 and ids[side] == number), None)
            if match is not None:
                self._lost.remove(match)
                return match
        return UNKNOWN, UNKNOWN


def _join(reference: Poses, candidate: Poses, pairs: Array) -> tuple[Poses, Array]:
    """Return the people that any side finds, and (people, 2) their ids on each side."""
    assert reference.ids is not None and candidate.ids is not None, "the people are tracked"
    extra = np.delete(np.arange(len(candidate)), pairs[:, 1])
    ids = np.full((len(reference) + len(extra), 2), UNKNOWN)
    ids[: len(reference), 0] = reference.ids
    ids[pairs[:, 0], 1] = candidate.ids[pairs[:, 1]]
    ids[len(reference) :, 1] = candidate.ids[extra]
    people = replace(
        reference,
        keypoints=np.concatenate([reference.keypoints, candidate.keypoints[extra]]),
        scores=np.concatenate([reference.scores, candidate.scores[extra]]),
        keypoints_3d=None,
        ids=None,
        vertices=None,
    )
    return people, np.maximum(ids, UNKNOWN)
