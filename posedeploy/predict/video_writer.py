"""Write H.264 videos in MP4 with PyAV, with the times and the sound of the source."""

from __future__ import annotations

import errno
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer

from posedeploy.errors import OutputError
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.picture_size import describe_scaled_frames, fit_picture, is_padding
from posedeploy.predict.pictures import Picture
from posedeploy.predict.sound_writer import SoundWriter
from posedeploy.predict.yuv import BT709, copy_with_parts, matrix_of

ENCODERS = {"libx264": {"preset": "ultrafast", "qp": "24"}, "libopenh264": {}, "h264_videotoolbox": {}}
"""H.264 encoders of PyAV's wheels, the best first. Slower presets would write smaller files, but use as much
CPU time as a small network. A constant quantizer needs about a fifth less CPU time than a constant rate
factor, because x264 does not estimate the cost of each frame first; docs/video.md compares size and
quality."""
PRIMARIES = TRANSFER = 1
"""BT.709, in FFmpeg's numbers."""
MAX_TIMESCALE = 1_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 255
"""Largest denominator of a pixel's aspect ratio, as MPEG-4 stores it in a byte."""


class VideoWriter:
    """A writer of one video. remarks: messages on it; complete after ``finish``."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        # The rate that a reader reports while it reads depends on how far it has come.
        self._rate = Fraction(source.fps).limit_denominator(1001)
        if source.sound is not None:
            source.sound.is_wanted = True
        base = source.time_base
        self._time_base = base if base.denominator <= MAX_TIMESCALE else Fraction(1, 90_000)
        self._container: OutputContainer | None = None
        self._sound: SoundWriter | None = None
        self._stream: Any = None
        self._size = (0, 0)
        self._matrix = BT709
        self._scaled = 0
        self._written = 0
        self._last: int | None = None
        self.remarks: list[str] = []

    def write(self, frame: Frame, picture: Picture) -> str:
        if self._container is None:
            self._open(frame, picture)
        assert self._container is not None and frame.time_s is not None
        stamp = round(frame.time_s / float(self._time_base))
        self._last = stamp if self._last is None else max(stamp, self._last + 1)
        self._scaled += not is_padding(picture.pixels, self._size)
        image = self._to_yuv(frame, picture)
        image.pts, image.time_base = self._last, self._time_base
        self._mux(image)
        if self._sound is not None:
            self._sound.write(frame.time_s)
        self._written += 1
        return self._path.name

    def finish(self) -> None:
        if self._container is None:
            return
        if self._sound is not None:
            self._sound.finish()
            self.remarks += [f"{self._path.name}: {remark}" for remark in self._sound.remarks]
        self._mux(None)
        container, self._container = self._container, None
        container.close()
        self._check()
        self.remarks += describe_scaled_frames(self._path.name, self._scaled)

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            with suppress(OSError):  # an unfinished file is deleted anyway
                container.close()

    def _check(self) -> None:
        """Read the file back, as the muxer does not report every failed write."""
        try:
            with av.open(str(self._path)) as container:
                readable = container.streams.video[0].frames
        except av.FFmpegError:
            readable = 0
        if readable != self._written:
            raise OSError(
                errno.ENOSPC,
                f"only {readable} of {self._written} frames can be read back; is the disk full?",
                str(self._path),
            )

    def _mux(self, image: av.VideoFrame | None) -> None:
        assert self._container is not None
        for packet in self._stream.encode(image):
            self._container.mux(packet)

    def _to_yuv(self, frame: Frame, picture: Picture) -> av.VideoFrame:
        """Return the picture in YUV: the decoded frame with the drawn parts, if possible."""
        decoded, parts = frame.decoded, picture.parts
        is_unscaled = picture.pixels.shape[1::-1] == self._size
        if decoded is not None and parts is not None and is_unscaled and matrix_of(decoded) == self._matrix:
            return copy_with_parts(decoded, picture.pixels, parts, self._matrix)
        pixels = np.ascontiguousarray(fit_picture(picture.pixels, self._size))
        image = av.VideoFrame.from_numpy_buffer(pixels, format="bgr24")
        return image.reformat(
            format="yuv420p", dst_colorspace=self._matrix.name, dst_color_range="MPEG", threads=1
        )

    def _open(self, frame: Frame, picture: Picture) -> None:
        height, width = picture.pixels.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        if max(self._size) > MAX_SIDE:
            raise OutputError(
                f"{self._path.name}: the pictures have {width}x{height} px; expected at most {MAX_SIDE} px "
                "per side for H.264; scale the input down, or write no video with `no_draw`"
            )
        self._container = av.open(
            str(self._path), "w", format="mp4", container_options={"movflags": "+faststart"}
        )
        encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
        if encoder is None:
            raise OutputError(
                f"{self._path.name}: the installed PyAV has no H.264 encoder; install the wheel from PyPI, "
                "or write no video with `no_draw`"
            )
        stream: Any = self._container.add_stream(encoder, rate=self._rate, options=dict(ENCODERS[encoder]))
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = self._time_base
        context = stream.codec_context
        context.sample_aspect_ratio = self._source.pixel_aspect.limit_denominator(MAX_ASPECT)
        if frame.decoded is not None and picture.parts is not None:
            self._matrix = matrix_of(frame.decoded) or BT709
        context.colorspace = self._matrix.code
        context.color_primaries, context.color_trc = PRIMARIES, TRANSFER
        context.color_range = 1  # limited (TV) range
        self._stream = stream
        if self._source.sound is not None:
            self._sound = SoundWriter(self._container, self._source.sound)
