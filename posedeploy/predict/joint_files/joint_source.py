"""A file of 2D joints as a source of blank frames; the people are kept separately."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.coco_tables import MAX_TIME_S
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.joint_files.joint_content import JointsFrame, gather
from posedeploy.predict.joint_files.joint_formats import read_joints
from posedeploy.predict.joint_files.pixels import scale_to_pixels
from posedeploy.predict.segments import Segment, split_evenly
from posedeploy.printable import printable
from posedeploy.types import Array

BACKGROUND = (247, 250, 252)
MIN_SIDE = 256
"""Minimum width and height of a blank frame, in px."""
MARGIN = 1.1
SEQUENCE_FPS = 30.0
"""Frame rate of a sequence without times."""
MAX_NAME = 100
MAX_GAP = 10
"""Maximum mean distance of frame numbers; numbers further apart are image ids."""


@dataclass(frozen=True)
class JointsOptions:
    """Options for reading joints.

    joint_set: the name of their joint set (``poses.file_joint_sets``); None uses the set that the file names,
    or the network's. is_sequence: the frames follow each other in time, at ``fps`` if the file has no times.
    key: the name of the array, for a file of several. image_size: (height, width) by which x and y from 0 to
    1 are scaled.
    """

    joint_set: str | None = None
    is_sequence: bool = False
    fps: float | None = None
    key: str | None = None
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise InputError(f"`fps={self.fps:g}`: expected frames per second, above 0 and at most 1000")


class JointsFile(Source):
    """A file of joints as a source.

    content: the people of each frame, in the file's order of joints. options: how they were read. numbers:
    the number of each frame, from the file or counted from 0.
    """

    kind: Kind = "joints"

    def __init__(self, path: Path, options: JointsOptions | None = None) -> None:
        """
        Raises:
            InputError: the file cannot be read, or has no joints.
        """
        self.options = options or JointsOptions()
        raw = read_joints(path, self.options.key, sequence=self.options.is_sequence)
        source = printable(path.name)
        self.content = scale_to_pixels(gather(raw, source), source, self.options.image_size)
        numbers = _numbers_of(self.content.frames)
        self.numbers = list(range(len(self.content.frames))) if numbers is None else numbers
        self._is_sequence = self.options.is_sequence or self.content.is_sequence
        inputs = tuple(sorted(path.iterdir())) if path.is_dir() else (path,)
        super().__init__(path.name, inputs, len(self.content.frames))
        is_numbered = path.is_dir() or any(frame.number is not None for frame in self.content.frames)
        if self.options.is_sequence and not self.content.is_sequence and is_numbered and numbers is None:
            self.remarks.append(
                f"{self.name}: its frames have no numbers that increase in steps of about 1 to {MAX_GAP}, so "
                "they are numbered from 0 in file order"
            )
        self.fps = self.options.fps or _fps_of(self.content.frames) or SEQUENCE_FPS
        self._start_s = 0.0 if self.options.fps is not None else self._choose_start()
        if self.options.fps is not None and not self._is_sequence:
            raise InputError(
                f"`fps={self.options.fps:g}`: {self.name} is not read as a sequence; add `sequence`"
            )

    @property
    def is_video(self) -> bool:
        """Whether the frames follow each other in time."""
        return self._is_sequence

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over blank frames of the images' size; if unknown, a tenth larger than the joints need."""
        return self.read(Segment(0, len(self.content.frames)))

    def split(self, min_frames: int) -> Sequence[Segment]:
        return split_evenly(len(self.content.frames), min_frames)

    def read(self, segment: Segment) -> Iterator[Frame]:
        common_size = self._size_of(self.content.frames)
        frames = self.content.frames[segment.first :][: segment.frames]
        for index, frame in enumerate(frames, segment.first):
            width, height = common_size if self.is_video else self._size_of([frame])
            image = blank_image((width, height))
            yield Frame(self._name_of(frame), image, self.numbers[index], self._time_of(frame, index))

    def _choose_start(self) -> float:
        """Return the time that is subtracted from all: the first one if the clock started long before.

        Raises:
            InputError: the times are too far apart.
        """
        times = [frame.time_s for frame in self.content.frames if frame.time_s is not None]
        if not times or 0 <= min(times) <= max(times) <= MAX_TIME_S:
            return 0.0
        start_s, span_s = min(times), max(times) - min(times)
        if not span_s <= MAX_TIME_S:
            raise InputError(
                f"{self.name}: its times span {span_s:g} s; expected at most {MAX_TIME_S:g} s; convert them "
                "to seconds, or set a frame rate with `fps`"
            )
        self.remarks.append(f"{self.name}: its times start at {start_s:.3f} s and are counted from there")
        return start_s

    def _time_of(self, frame: JointsFrame, index: int) -> float | None:
        if not self.is_video:
            return None
        if frame.time_s is not None and self.options.fps is None:
            return frame.time_s - self._start_s
        return (self.numbers[index] - self.numbers[0]) / self.fps

    def _name_of(self, frame: JointsFrame) -> str:
        """Return the last part of the frame's name, from which file names are derived."""
        last = printable(frame.name.replace("\\", "/").rpartition("/")[2])[-MAX_NAME:]
        return self.name if self.is_video or last in ("", ".", "..") else last

    def _size_of(self, frames: list[JointsFrame] | tuple[JointsFrame, ...]) -> tuple[int, int]:
        if self.options.image_size is not None:
            return self.options.image_size[1], self.options.image_size[0]
        sizes = [frame.size for frame in frames if frame.size is not None]
        if len(sizes) == len(frames) and max(map(max, sizes)) <= MAX_SIZE:
            return max(size[0] for size in sizes), max(size[1] for size in sizes)
        return size_around([person.joints for frame in frames for person in frame.people])


MAX_SIZE = 16384


def blank_image(size: tuple[int, int]) -> Array:
    """Return a blank uint8 BGR image of (width, height) px, on which people from a file are drawn."""
    return np.full((size[1], size[0], 3), BACKGROUND, np.uint8)


def size_around(people: Iterable[Array]) -> tuple[int, int]:
    """Return the (width, height) of an image that holds the (joints, 2 or 3) of all people."""
    points = [joints[:, :2].max(axis=0) for joints in people]
    reach = np.max([*points, (0.0, 0.0)], axis=0) * MARGIN
    width, height = np.maximum(np.ceil(reach), MIN_SIDE).astype(int).tolist()
    return width, height


def _numbers_of(frames: tuple[JointsFrame, ...]) -> list[int] | None:
    """Return the frames' numbers if they increase in small steps, as in a video."""
    numbers = [frame.number for frame in frames if frame.number is not None]
    is_increasing = len(numbers) == len(frames) and all(a < b for a, b in pairwise(numbers))
    if is_increasing and numbers and numbers[0] >= 0 and numbers[-1] - numbers[0] < MAX_GAP * len(numbers):
        return numbers
    return None


def _fps_of(frames: tuple[JointsFrame, ...]) -> float | None:
    """Return the frame rate implied by the times in the file."""
    times = [frame.time_s for frame in frames if frame.time_s is not None]
    if len(times) < 2 or not np.median(np.diff(times)) > 0:
        return None
    return float(np.clip(1 / np.median(np.diff(times)), 0.1, 1000))
