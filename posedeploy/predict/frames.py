"""Frames and their sources: the base class of everything that ``predict`` reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from posedeploy.closable import Closable
from posedeploy.limits import MAX_FRAME_PIXELS
from posedeploy.predict.segments import Segment
from posedeploy.predict.sound import Sound
from posedeploy.printable import printable
from posedeploy.types import Array

if TYPE_CHECKING:
    import av

Kind: TypeAlias = Literal["images", "video", "camera", "stream", "joints"]

DEFAULT_FPS = 25.0
"""Frame rate assumed where a camera or video reports none, or an impossible one."""

MAX_FPS = 1000.0


def explain_size_limit(name: str, width: int, height: int) -> str:
    """Return the message for a video whose frames are too large to be decoded."""
    return (
        f"{name}: the video has {width:,} x {height:,} px; expected at most {MAX_FRAME_PIXELS:,} px per "
        "frame; scale it down"
    )


@dataclass(frozen=True, eq=False)
class Frame:
    """One image, (H, W, 3) uint8 BGR. ``time_s`` is seconds from the start of a video; None for images.

    decoded: the frame of a video from which ``image`` was converted without turning it. The array is then
    used by nothing else, so that poses can be drawn into it.
    """

    name: str
    image: Array
    index: int
    time_s: float | None = None
    decoded: av.VideoFrame | None = None

    @property
    def label(self) -> str:
        """The frame's name for messages, with its number in a video."""
        return self.name if self.time_s is None else f"{self.name}, frame {self.index}"


class Source(Closable, ABC):
    """An iterable of frames that can be read once. Use it as a context manager, or call ``close``.

    total: the number of frames expected; None if unknown. inputs: the files read. skipped: names of the files
    of a folder that are not images. problems: messages on what could not be read; complete after the last
    frame, like remarks. remarks: messages on how files were read. time_base: the unit of time stamps in
    seconds. pixel_aspect: the width of a pixel divided by its height; known with the first frame. sound: the
    sound to copy to the written video; None if there is none.
    """

    kind: Kind
    fps: float = DEFAULT_FPS
    time_base: Fraction = Fraction(1, 90_000)
    pixel_aspect: Fraction = Fraction(1)
    sound: Sound | None = None

    def __init__(
        self, name: str, inputs: tuple[Path, ...], total: int | None, skipped: tuple[str, ...] = ()
    ) -> None:
        self.name = printable(name)
        self.inputs = inputs
        self.total = total
        self.skipped = skipped
        self.problems: list[str] = []
        self.remarks: list[str] = []

    @property
    def frame_names(self) -> tuple[str, ...]:
        """The frame name of each file, or the one name that all frames of a camera share."""
        return tuple(printable(path.name) for path in self.inputs) or (self.name,)

    @property
    def is_video(self) -> bool:
        """Whether the frames follow each other in time: a video, a camera or a stream."""
        return self.kind in ("video", "camera", "stream")

    @property
    def file_name(self) -> str:
        """The file name from which the names of written files are derived."""
        return self.name

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames in order.

        Raises:
            InputError: the only image, or the first frame, cannot be read.
        """

    def split(self, min_frames: int) -> Sequence[Segment]:
        """Return the segments that can be read separately, each of at least ``min_frames`` except the last
        one; a single segment if the format must be read from its start."""
        return [Segment()]

    def read(self, segment: Segment) -> Iterator[Frame]:
        """Iterate over the frames of a segment, with the same images as in ``__iter__``. It can be repeated.

        ``time_s`` is the time stamp in the file, which may count from an arbitrary time. In a damaged video,
        ``index`` may differ from that in ``__iter__``.
        """
        return iter(self)
