"""Numbered image files as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.frames import DEFAULT_FPS, Frame, Kind, Source
from posedeploy.predict.images import read_picture
from posedeploy.predict.segments import Segment, split_evenly

_NUMBER = re.compile(r"%(0?)(\d*)d")


def is_pattern(name: str) -> bool:
    """Return whether a file name is a pattern of numbered files, such as ``%06d.png``."""
    return _NUMBER.search(Path(name).name) is not None


def find_numbered(pattern: Path) -> list[tuple[int, Path]]:
    """Return the files that match a pattern such as ``frames/%06d.png``, with their numbers, in order.

    Raises:
        InputError: no file matches, or the name has several numbers.
    """
    parts = _NUMBER.split(pattern.name)
    if len(parts) != 4:
        raise InputError(f"{pattern}: {len(parts) // 3} numbers in the name; expected one, such as %06d")
    before, _, width, after = parts
    name = re.compile(f"{re.escape(before)}(\\d{{{width or 1},}}){re.escape(after)}")
    try:
        files = [
            (int(match[1]), path) for path in pattern.parent.iterdir() if (match := name.fullmatch(path.name))
        ]
    except OSError as error:
        raise InputError(f"{pattern.parent}: cannot be read ({error.strerror})") from error
    if not files:
        raise InputError(f"{pattern}: matches no file; check the number of digits and the suffix")
    return sorted(files)


class ImageSequence(Source):
    """Numbered images as a video. An unreadable image is left out and reported in ``problems``."""

    kind: Kind = "video"

    def __init__(
        self,
        name: str,
        images: Sequence[tuple[int, Path]],
        fps: float | None,
        *,
        names: tuple[str, ...] | None = None,
    ) -> None:
        """
        Args:
            images: each with its frame number; missing numbers leave a gap in time.
            names: the names of the frames; None for those of the files.
        """
        super().__init__(name, tuple(path for _, path in images), len(images))
        self._numbers = [number for number, _ in images]
        self._names = names
        if fps is None:
            self.remarks.append(
                f"{self.name}: images have no times, so {DEFAULT_FPS:g} per second are assumed; set another "
                "rate with `fps`"
            )
        self.fps = fps or DEFAULT_FPS

    @property
    def file_name(self) -> str:
        """The name of the folder, as a pattern is not a valid file name."""
        first = self.inputs[0]
        return f"{first.resolve().parent.name or 'frames'}{first.suffix}"

    @property
    def frame_names(self) -> tuple[str, ...]:
        return super().frame_names if self._names is None else self._names

    def __iter__(self) -> Iterator[Frame]:
        return self.read(Segment(0, len(self.inputs)))

    def split(self, min_frames: int) -> Sequence[Segment]:
        return split_evenly(len(self.inputs), min_frames)

    def read(self, segment: Segment) -> Iterator[Frame]:
        images = list(zip(self._numbers, self.inputs, self.frame_names, strict=True))
        for number, path, name in images[segment.first :][: segment.frames]:
            index = number - self._numbers[0]
            try:
                picture = read_picture(path)
            except (InputError, MissingPackageError) as error:
                self.problems.append(str(error))
                continue
            if picture.remark is not None:
                self.remarks.append(f"{name}: {picture.remark}")
            yield Frame(name, picture.pixels, index, index / self.fps)
