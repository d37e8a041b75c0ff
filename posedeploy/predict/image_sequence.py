"""Images that are the frames of one video, one file each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.frames import DEFAULT_FPS, Frame, Kind, Source
from posedeploy.predict.images import read_picture
from posedeploy.printable import printable

_NUMBER = re.compile(r"%(0?)(\d*)d")


def is_pattern(name: str) -> bool:
    """Whether a file name stands for numbered ones, as ``%06d.png`` does."""
    return _NUMBER.search(Path(name).name) is not None


def numbered(pattern: Path) -> list[tuple[int, Path]]:
    """The files that a pattern such as ``frames/%06d.png`` stands for, with their numbers, in order.

    Raises:
        InputError: there is none.
    """
    parts = _NUMBER.split(pattern.name)
    if len(parts) != 4:
        raise InputError(f"{pattern}: wanted one number in the name, such as %06d")
    before, _, width, after = parts
    name = re.compile(f"{re.escape(before)}(\\d{{{width or 1},}}){re.escape(after)}")
    try:
        found = [
            (int(match[1]), path) for path in pattern.parent.iterdir() if (match := name.fullmatch(path.name))
        ]
    except OSError as error:
        raise InputError(f"{pattern.parent}: cannot be read ({error.strerror})") from error
    if not found:
        raise InputError(f"{pattern}: no file has such a name; check the digits and the ending")
    return sorted(found)


class ImageSequence(Source):
    """Numbered images as a video. One that cannot be read is left out, and named in ``problems``."""

    kind: Kind = "video"

    def __init__(self, name: str, images: Sequence[tuple[int, Path]], fps: float | None) -> None:
        """
        Args:
            images: each with its number; a number that is missing is a pause.
        """
        super().__init__(name, tuple(path for _, path in images), len(images))
        self._numbers = [number for number, _ in images]
        if fps is None:
            self.remarks.append(
                f"{self.name}: images have no times, so {DEFAULT_FPS:g} per second are assumed; `fps` sets "
                "another rate"
            )
        self.fps = fps or DEFAULT_FPS

    @property
    def file_name(self) -> str:
        """Named after the folder: a pattern is no name for a file."""
        first = self.inputs[0]
        return f"{first.resolve().parent.name or 'frames'}{first.suffix}"

    def __iter__(self) -> Iterator[Frame]:
        for number, path in zip(self._numbers, self.inputs, strict=True):
            index = number - self._numbers[0]
            name = printable(path.name)
            try:
                picture = read_picture(path)
            except (InputError, MissingPackageError) as error:
                self.problems.append(str(error))
                continue
            if picture.remark is not None:
                self.remarks.append(f"{name}: {picture.remark}")
            yield Frame(name, picture.pixels, index, index / self.fps)
