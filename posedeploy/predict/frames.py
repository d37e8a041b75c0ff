"""A frame, and what gives frames: every source that ``predict`` reads is one of these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from posedeploy.closable import Closable
from posedeploy.limits import MAX_FRAME_PIXELS
from posedeploy.predict.sound import Sound
from posedeploy.printable import printable
from posedeploy.types import Array

Kind: TypeAlias = Literal["images", "video", "camera", "stream", "joints"]

DEFAULT_FPS = 25.0
"""For a camera or video that does not tell, or tells what cannot be."""

MAX_FPS = 1000.0


def too_large(name: str, width: int, height: int) -> str:
    """Return the message for a video whose frames may not be decoded."""
    return (
        f"{name}: the video has {width:,} x {height:,} px, and a frame may have {MAX_FRAME_PIXELS:,} px in "
        "all; make it smaller"
    )


@dataclass(frozen=True, eq=False)
class Frame:
    """One image, (H, W, 3) uint8 BGR. ``time_s`` counts from the start of a video or camera, else None."""

    name: str
    image: Array
    index: int
    time_s: float | None = None


class Source(Closable, ABC):
    """Frames, once. Use it as a context manager, or call ``close``.

    total: how many frames to expect, None where no one knows. inputs: the files read. skipped: names of the
    files of a folder that are not images. problems: what went wrong without stopping it, one sentence each;
    complete when the frames are through. remarks: what the user should know and is no fault, likewise.
    time_base: seconds that every time stamp is a multiple of. sound: its sound for the video that is written,
    where it has any.
    """

    kind: Kind
    fps: float = DEFAULT_FPS
    time_base: Fraction = Fraction(1, 90_000)
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
        """The name of each file's frame, or that of all frames of a camera."""
        return tuple(printable(path.name) for path in self.inputs) or (self.name,)

    @property
    def moving(self) -> bool:
        """Whether its frames follow each other in time."""
        return self.kind in ("video", "camera", "stream")

    @property
    def file_name(self) -> str:
        """What the files that are written for it are named after."""
        return self.name

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            InputError: the only image, or the first frame, cannot be read.
        """
