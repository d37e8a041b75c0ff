"""What the user named becomes frames: an image, a folder of images, a video file or a camera."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2

from posedeploy import files
from posedeploy.closing import Closable
from posedeploy.errors import InputError
from posedeploy.predict.images import SUFFIXES, is_image, read_image
from posedeploy.types import Array

# Read when OpenCV first meets a video: FFmpeg's remarks stay off the terminal, what matters is in our errors.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

Kind: TypeAlias = Literal["images", "video", "camera", "joints"]

DEFAULT_FPS = 25.0
"""For a camera or video that does not tell, or tells what cannot be."""

MAX_FPS = 1000.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One image, (H, W, 3) uint8 BGR. ``time_s`` counts from the start of a video or camera, else None."""

    name: str
    image: Array
    index: int
    time_s: float | None = None


class Source(Closable, ABC):
    """Frames, once. Use it as a context manager, or call ``close``.

    total: how many frames to expect, None where no one knows. inputs: the files read. skipped: files of a
    folder that are no images. problems: what went wrong without stopping it, one sentence each; complete when
    the frames are through.
    """

    kind: Kind
    fps: float = DEFAULT_FPS

    def __init__(self, name: str, inputs: tuple[Path, ...], total: int | None, skipped: int = 0) -> None:
        self.name = files.printable(name)
        self.inputs = inputs
        self.total = total
        self.skipped = skipped
        self.problems: list[str] = []

    @property
    def moving(self) -> bool:
        """Whether its frames follow each other in time."""
        return self.kind in ("video", "camera")

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            InputError: the only image, or the first frame, cannot be read.
        """


class Images(Source):
    """Image files. Where there are several, one that cannot be read is left out and told in ``problems``."""

    kind: Kind = "images"

    def __init__(self, name: str, inputs: tuple[Path, ...], skipped: int = 0) -> None:
        super().__init__(name, inputs, len(inputs), skipped)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.inputs):
            try:
                if files.printable(path.name) != path.name:
                    raise InputError(f"{files.printable(str(path))}: its name is no Unicode; rename it")
                yield Frame(path.name, read_image(path), index)
            except InputError as error:
                if self.total == 1:
                    raise
                self.problems.append(str(error))


class _Captured(Source):
    """What OpenCV captures: it holds the file or the device until it is closed."""

    def __init__(
        self, capture: cv2.VideoCapture, name: str, inputs: tuple[Path, ...], total: int | None
    ) -> None:
        super().__init__(name, inputs, total)
        self._capture = capture
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= MAX_FPS else DEFAULT_FPS  # never NaN

    def close(self) -> None:
        self._capture.release()

    def _images(self) -> Iterator[Array]:
        while (read := self._capture.read())[0]:
            yield read[1]


class Video(_Captured):
    """A video file. One that ends early is told in ``problems``."""

    kind: Kind = "video"

    def __init__(self, path: Path) -> None:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(
                f"{path}: no image or video that OpenCV reads, or a damaged one; wanted a video such as "
                f".mp4 or .avi, or an image: {', '.join(SUFFIXES)}"
            )
        frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        super().__init__(capture, path.name, (path,), frames if frames > 0 else None)

    def __iter__(self) -> Iterator[Frame]:
        done = 0
        for image in self._images():
            yield Frame(self.name, image, done, done / self.fps)
            done += 1
        if not done:
            raise InputError(f"{self.inputs[0]}: no frame can be decoded; the video is damaged or cut off")
        if self.total is not None and done < self.total - _tolerance(self.total):
            self.problems.append(
                f"{self.inputs[0]}: ended at frame {done} of {self.total}; the file is damaged or cut off, "
                f"and the results hold {done} frames"
            )


class CameraFeed(_Captured):
    """A camera, by its number; it ends when the user ends it."""

    kind: Kind = "camera"

    def __init__(self, number: int) -> None:
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            raise InputError(f"camera {number}: not here, or held by another program; try another number")
        super().__init__(capture, f"camera-{number}", (), None)

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        for index, image in enumerate(self._images()):
            yield Frame(self.name, image, index, time.monotonic() - began)
        self.problems.append(f"{self.name}: it stopped giving images")


def open_source(argument: str) -> Source:
    """What a path or a camera number names, opened.

    Raises:
        InputError: there is nothing by this name, or it holds no images.
    """
    path = Path(argument)
    if path.exists():
        return open_images(path) if path.is_dir() or is_image(path) else _open_video(path)
    if argument.isdecimal():
        return CameraFeed(int(argument))
    raise InputError(
        f"{argument}: no such file or folder; name an image, a folder of images, a video file or a camera "
        "number such as 0"
    )


def open_images(path: Path) -> Images:
    """An image, or the images of a folder.

    Raises:
        InputError: there is nothing at this path, it is no image, or it holds none.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name an image or a folder of images")
    if not is_image(path):
        raise InputError(f"{path}: not an image; name an image or a folder of images")
    return Images(path.name, (path,))


def _open_folder(folder: Path) -> Images:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); name a folder that can") from error
    images = tuple(path for path in files if path.suffix.lower() in SUFFIXES)
    if not images:
        raise InputError(
            f"{folder}: none of its {len(files)} files is named like an image; wanted files that end in "
            f"{', '.join(SUFFIXES)}"
        )
    return Images(folder.name, images, skipped=len(files) - len(images))


def _open_video(path: Path) -> Video:
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); wanted an image or a video, so copy it again")
    return Video(path)


def _tolerance(total: int) -> int:
    """Frames that may be missing without a word: many formats only estimate their number."""
    return max(2, total // 100)
