"""Reading with OpenCV: of cameras, and of videos if PyAV is not installed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from posedeploy.errors import InputError
from posedeploy.limits import MAX_FRAME_PIXELS
from posedeploy.predict.frames import DEFAULT_FPS, MAX_FPS, Frame, Kind, Source, explain_size_limit
from posedeploy.predict.images import SUFFIXES
from posedeploy.predict.truncation import missing_bytes
from posedeploy.printable import printable
from posedeploy.types import Array

# OpenCV reads this with the first video. FFmpeg's log messages repeat what our errors report.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

SIDES = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
WITHOUT_PYAV = (
    "PyAV is not installed, so OpenCV reads and writes the video: MPEG-4 at a constant rate, without sound; "
    "for H.264 with the times and the sound of the source, pip install 'posedeploy[video]'"
)


class _Captured(Source):
    """An OpenCV capture. It keeps the file or the device open until it is closed."""

    def __init__(
        self, capture: cv2.VideoCapture, name: str, inputs: tuple[Path, ...], total: int | None
    ) -> None:
        super().__init__(name, inputs, total)
        self._capture = capture
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < MAX_FPS else DEFAULT_FPS  # never NaN

    def close(self) -> None:
        self._capture.release()

    def _images(self) -> Iterator[Array]:
        while (read := self._capture.read())[0]:
            yield read[1]


class OpenCvReader(_Captured):
    """A video file. A truncated one is reported in ``problems``."""

    kind: Kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """
        Args:
            fps: replaces the rate of the file; raw MJPEG and H.264 have none.

        Raises:
            InputError: the file is not a video, or its name is not UTF-8.
        """
        shown = printable(str(path))
        if shown != str(path):
            raise InputError(
                f"{shown}: OpenCV cannot open a file name that is not UTF-8; rename the file, or pip install "
                "'posedeploy[video]'"
            )
        capture = cv2.VideoCapture(shown, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(
                f"{shown}: not an image or a video that OpenCV reads, or damaged; expected a video such as "
                f".mp4 or .webm, or an image: {', '.join(SUFFIXES)}"
            )
        width, height = (int(capture.get(side)) for side in SIDES)
        if width * height > MAX_FRAME_PIXELS:
            capture.release()
            raise InputError(explain_size_limit(shown, width, height))
        self._path = path
        frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        super().__init__(capture, path.name, (path,), frames if frames > 0 else None)
        self._rate_is_set = fps is not None
        self.fps = fps or self.fps
        self.remarks.append(WITHOUT_PYAV)

    def __iter__(self) -> Iterator[Frame]:
        done, last_s = 0, -1.0
        for image in self._images():
            at_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if self._rate_is_set:
                last_s = done / self.fps
            else:
                last_s = at_s if at_s > last_s else last_s + 1 / self.fps
            yield Frame(self.name, image, done, last_s)
            done += 1
        if not done:
            raise InputError(f"{self._path}: no frame can be decoded: the file is damaged or truncated")
        if missing_bytes(self._path):
            of = f" of {self.total}" if self.total and self.total > done else ""
            self.problems.append(
                f"{self._path}: decoding ended at frame {done}{of}: the file is damaged or truncated; the "
                f"results hold {done} frames"
            )


class CameraFeed(_Captured):
    """A camera, by its number. Only the user ends it."""

    kind: Kind = "camera"

    def __init__(self, number: int) -> None:
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            raise InputError(
                f"camera {number}: not found, or in use by another program; try another camera number"
            )
        super().__init__(capture, f"camera-{number}", (), None)

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        for index, image in enumerate(self._images()):
            yield Frame(self.name, image, index, time.monotonic() - began)
        self.problems.append(f"{self.name}: the camera stopped sending images")
