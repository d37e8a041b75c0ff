"""Write videos with OpenCV, if PyAV is not installed."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2

from posedeploy.errors import OutputError
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.picture_size import describe_scaled_frames, fit_picture, is_padding
from posedeploy.predict.pictures import Picture
from posedeploy.types import Array


class OpenCvWriter:
    """A writer of one MPEG-4 video. OpenCV reports no full disk, so the finished file is read back."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._fps = source.fps
        self._scaled = 0
        self._uneven = 0
        self.remarks: list[str] = []
        self._written = 0
        self._shape: tuple[int, ...] = ()
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: Frame, picture: Picture) -> str:
        pixels = picture.pixels
        if self._writer is None:
            self._writer, self._shape = self._open(pixels), pixels.shape
        size = (self._shape[1], self._shape[0])
        self._scaled += not is_padding(pixels, size)
        self._check_times(frame)
        self._writer.write(fit_picture(pixels, size))
        self._written += 1
        return self._path.name

    def finish(self) -> None:
        self.close()
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        readable = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        if readable != self._written:
            raise OSError(
                errno.ENOSPC,
                f"only {max(0, readable)} of {self._written} frames can be read back; is the disk full?",
                str(self._path),
            )
        self.remarks += describe_scaled_frames(self._path.name, self._scaled)
        if self._uneven:
            self.remarks.append(
                f"{self._path.name}: written at a constant {self._fps:g} frames per second, although the "
                "source's rate varies; to keep its times, pip install 'posedeploy[video]'"
            )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def _check_times(self, frame: Frame) -> None:
        assert frame.time_s is not None
        self._uneven += abs(frame.time_s * self._fps - self._written) > 1.5

    def _open(self, picture: Array) -> cv2.VideoWriter:
        height, width = picture.shape[:2]
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(self._path), cv2.CAP_FFMPEG, code, self._fps, (width, height))
        if not writer.isOpened():
            raise OutputError(
                f"{self._path.name}: OpenCV cannot write an MPEG-4 video of {width}x{height} px at "
                f"{self._fps:g} frames per second; scale the input down, or write no video with `no_draw`"
            )
        return writer
