"""Videos and cameras as OpenCV reads them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from posedeploy.errors import InputError
from posedeploy.predict.frames import DEFAULT_FPS, MAX_FPS, Frame, Kind, Source
from posedeploy.predict.images import SUFFIXES
from posedeploy.types import Array

# Read when OpenCV first meets a video: FFmpeg's remarks stay off the terminal, what matters is in our errors.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


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


def _tolerance(total: int) -> int:
    """Frames that may be missing without a word: many formats only estimate their number."""
    return max(2, total // 100)
