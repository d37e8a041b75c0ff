"""2D joints as files have them: the people of each frame, with missing joints marked, in the file's own
order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

MAX_SCORE = 2
"""What a file's scores reach: a heatmap's value, about 1, or COCO's visibility, 2. Depths in mm go beyond."""

MAX_DIGITS = 15
"""Of a frame's number."""


@dataclass(frozen=True)
class Record:
    """One person. joints: (joints, 2 or 3) x, y and, where there is one, the score; NaN where a number is
    missing.

    label: where in the file the person is, for messages.
    """

    joints: Array
    label: str


@dataclass(frozen=True)
class FileFrame:
    """One image or moment. number: its place in time, where the file has it. size: (width, height) px of the
    image, where the file has it."""

    name: str
    people: Sequence[Record]
    number: int | None = None
    time_s: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class RawJoints:
    """What a reader found. names: what the file calls its joints. set_name: the joint set that its format
    has.

    is_sequence: whether the file itself has the times of its frames. remarks: what was left out of it, and
    why.
    """

    frames: Sequence[FileFrame]
    names: tuple[str, ...] | None = None
    set_name: str | None = None
    is_sequence: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """joints: (joints, 3) x, y, score; a missing joint is 0, 0, -1."""

    joints: Array
    label: str


@dataclass(frozen=True)
class JointsFrame:
    """The people of a frame, all of as many joints."""

    name: str
    people: tuple[Person, ...]
    number: int | None = None
    time_s: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class JointsContent:
    """All people of a file. joints: how many each has. remarks: who was left out, and why."""

    frames: tuple[JointsFrame, ...]
    joints: int
    names: tuple[str, ...] | None = None
    set_name: str | None = None
    is_sequence: bool = False
    remarks: tuple[str, ...] = field(default=())

    @property
    def people(self) -> Array:
        """(people of all frames, joints, 3)."""
        everyone = [person.joints for frame in self.frames for person in frame.people]
        return np.array(everyone, np.float64).reshape(-1, self.joints, 3)


def gather(raw: RawJoints, source: str) -> JointsContent:
    """Return the content with missing joints marked, without people of an odd number of joints.

    Args:
        source: the file, for the messages.

    Raises:
        InputError: nobody is in it, the joints are not x, y and a score, or the third numbers are no scores.
    """
    counts = Counter(len(record.joints) for frame in raw.frames for record in frame.people)
    if not counts:
        raise InputError(f"{source}: holds no people" + "".join(f"; {why}" for why in raw.remarks[:3]))
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
    """Return (joints, 3) of (joints, 2 or 3): where a number is NaN or infinite, the score is 0 or less, or
    the position is exactly 0, 0 or -1, -1, a joint is 0, 0, -1.

    A score between -1 and 0 is kept, for ``gather`` to refuse.
    """
    points = joints.astype(np.float64)
    if points.shape[1] == 2:
        points = np.pad(points, ((0, 0), (0, 1)), constant_values=1.0)
    x, y, score = points.T
    nowhere = (x == y) & ((x == 0) | (x == -1))
    missing = ~np.isfinite(points).all(axis=1) | (score == 0) | (score <= -1) | nowhere
    points[missing] = (0.0, 0.0, -1.0)
    return points


def in_order(frames: Iterable[FileFrame]) -> list[FileFrame]:
    """Return the frames by number or, where they have none, by the numbers in their names."""
    return sorted(frames, key=lambda frame: (frame.number is None, frame.number or 0, natural(frame.name)))


def frame_numbers(names: Sequence[str]) -> list[int | None]:
    """Return the number that each name has where the names differ, as ``clip_7_body25.json`` has 7; None for
    each where they differ in more than one number."""
    parts = [re.split(r"([0-9]+)", name) for name in names]
    same_text = len({tuple(part[::2]) for part in parts}) == 1
    places = range(1, len(parts[0]), 2) if same_text else ()
    differing = [place for place in places if len({part[place] for part in parts}) > 1]
    place = differing or [*places][-1:]
    if len(place) != 1 or any(len(part[place[0]]) > MAX_DIGITS for part in parts):
        return [None] * len(names)
    return [int(part[place[0]]) for part in parts]


def natural(name: str) -> list[tuple[int, str]]:
    """Return what to sort names by so that 10 comes after 9."""
    parts = re.split(r"([0-9]+)", name)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (-1, part)
        for index, part in enumerate(parts)
    ]


def _people(frame: FileFrame, joints: int, remarks: list[str], source: str) -> Iterable[Person]:
    for record in frame.people:
        if len(record.joints) == joints:
            yield Person(mark_missing(record.joints), record.label)
        else:
            remarks.append(
                f"{source}: {record.label} is left out: {len(record.joints)} joints, and {joints} in most "
                "people"
            )


def _check_scores(scores: Array, source: str) -> None:
    negative = scores[(scores < 0) & (scores != -1)]
    wrong = negative if len(negative) else scores[scores > MAX_SCORE]
    if len(wrong):
        raise InputError(
            f"{source}: {wrong[0]:g} in the third column, where scores are; wanted x px, y px and a score "
            f"of at most {MAX_SCORE}, or x and y alone. Leave out z where these are 3D joints"
        )
