"""2D joints as files contain them: the people of each frame, with missing joints marked, in file order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

MAX_SCORE = 2
"""Maximum score: heatmap values reach about 1, COCO's visibility 2. Larger numbers are depths in mm."""

MAX_DIGITS = 15
"""Limit of the digits of a frame number."""


@dataclass(frozen=True)
class Record:
    """One person.

    joints: (joints, 2 or 3) x, y and an optional score; NaN where a number is missing. label: the position in
    the file, for messages.
    """

    joints: Array
    label: str


@dataclass(frozen=True)
class FileFrame:
    """One image or frame. number: the frame number. size: (width, height) of the image in px. Both are None
    if the file does not contain them."""

    name: str
    people: Sequence[Record]
    number: int | None = None
    time_s: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class RawJoints:
    """The joints of a file as read.

    names: the joint names in the file. set_name: the joint set that the format implies. is_sequence: whether
    the file contains the times of its frames. remarks: what was left out, and why.
    """

    frames: Sequence[FileFrame]
    names: tuple[str, ...] | None = None
    set_name: str | None = None
    is_sequence: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilePerson:
    """One person. joints: (joints, 3) x, y, score; a missing joint is 0, 0, -1. label: for messages."""

    joints: Array
    label: str


@dataclass(frozen=True)
class JointsFrame:
    """The people of a frame, all with the same number of joints."""

    name: str
    people: tuple[FilePerson, ...]
    number: int | None = None
    time_s: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class JointsContent:
    """All people of a file. joints: the number per person. remarks: the people left out, and why."""

    frames: tuple[JointsFrame, ...]
    joints: int
    names: tuple[str, ...] | None = None
    set_name: str | None = None
    is_sequence: bool = False
    remarks: tuple[str, ...] = field(default=())

    @property
    def people(self) -> Array:
        """The joints of the people of all frames, (people, joints, 3)."""
        everyone = [person.joints for frame in self.frames for person in frame.people]
        return np.array(everyone, np.float64).reshape(-1, self.joints, 3)


def gather(raw: RawJoints, source: str) -> JointsContent:
    """Mark missing joints, and leave out people with another number of joints than most.

    Args:
        source: the name of the file, for messages.

    Raises:
        InputError: the file has no people, or the third numbers are not scores.
    """
    counts = Counter(len(record.joints) for frame in raw.frames for record in frame.people)
    if not counts:
        raise InputError(f"{source}: no people in the file" + "".join(f"; {why}" for why in raw.remarks[:3]))
    joints = counts.most_common(1)[0][0]
    remarks = list(raw.remarks)
    frames = tuple(
        JointsFrame(
            frame.name,
            tuple(_people(frame, joints, remarks, source)),
            frame.number,
            frame.time_s,
            frame.size,
        )
        for frame in raw.frames
    )
    content = JointsContent(frames, joints, raw.names, raw.set_name, raw.is_sequence, tuple(remarks))
    _check_scores(content.people[..., 2], source)
    return content


def mark_missing(joints: Array) -> Array:
    """Return (joints, 3) of (joints, 2 or 3), with 0, 0, -1 for missing joints.

    A joint is missing if a number is NaN or infinite, the score is 0 or at most -1, or the position is
    exactly 0, 0 or -1, -1. A score between -1 and 0 is kept, and ``gather`` rejects it.
    """
    points = joints.astype(np.float64)
    if points.shape[1] == 2:
        points = np.pad(points, ((0, 0), (0, 1)), constant_values=1.0)
    x, y, score = points.T
    is_placeholder = (x == y) & ((x == 0) | (x == -1))
    missing = ~np.isfinite(points).all(axis=1) | (score == 0) | (score <= -1) | is_placeholder
    points[missing] = (0.0, 0.0, -1.0)
    return points


def sort_frames(frames: Iterable[FileFrame]) -> list[FileFrame]:
    """Return the frames sorted by number or, if they have none, by the numbers in their names."""
    return sorted(
        frames, key=lambda frame: (frame.number is None, frame.number or 0, natural_sort_key(frame.name))
    )


def frame_numbers(names: Sequence[str]) -> list[int | None]:
    """Return the number in which the names differ, such as 7 in ``clip_7_body25.json``.

    All numbers are None if the names differ in their text or in several numbers.
    """
    parts = [re.split(r"([0-9]+)", name) for name in names]
    has_same_text = len({tuple(part[::2]) for part in parts}) == 1
    indices = range(1, len(parts[0]), 2) if has_same_text else ()
    differing = [index for index in indices if len({part[index] for part in parts}) > 1]
    index = differing or [*indices][-1:]
    if len(index) != 1 or any(len(part[index[0]]) > MAX_DIGITS for part in parts):
        return [None] * len(names)
    return [int(part[index[0]]) for part in parts]


def natural_sort_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key for names with which 10 comes after 9."""
    parts = re.split(r"([0-9]+)", name)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (-1, part)
        for index, part in enumerate(parts)
    ]


def _people(frame: FileFrame, joints: int, remarks: list[str], source: str) -> Iterable[FilePerson]:
    for record in frame.people:
        if len(record.joints) == joints:
            yield FilePerson(mark_missing(record.joints), record.label)
        else:
            remarks.append(
                f"{source}: {record.label} is left out: {len(record.joints)} joints; expected {joints}, as "
                "for most people"
            )


def _check_scores(scores: Array, source: str) -> None:
    negative = scores[(scores < 0) & (scores != -1)]
    wrong = negative if len(negative) else scores[scores > MAX_SCORE]
    if len(wrong):
        raise InputError(
            f"{source}: the score in the third column is {wrong[0]:g}; expected x px, y px and a score of at "
            f"most {MAX_SCORE}, or only x and y. For 3D joints, leave z out"
        )
