"""An opened video of PyAV: decoded frames, upright, and packets of sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition

from posedeploy.closable import Closable
from posedeploy.errors import InputError
from posedeploy.limits import MAX_FRAME_PIXELS
from posedeploy.predict.frames import DEFAULT_FPS, MAX_FPS, too_large
from posedeploy.types import Array

OnSound: TypeAlias = "Callable[[av.Packet[Any]], None]"
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
DECODER_OPTIONS = {"max_pixels": str(MAX_FRAME_PIXELS)}
"""FFmpeg's; a video may become larger after its first frame."""
NO_TIMESTAMPS, DISCONTINUOUS = 0x80, 0x200
"""FFmpeg's AVFMT_NOTIMESTAMPS and AVFMT_TS_DISCONT."""


class Demuxed(Closable):
    """One container, whose picture is decoded and whose sound is handed on as it is.

    packets: those of the picture, so far. damaged: frames that were left out or decoded with errors.
    """

    def __init__(self, container: InputContainer, name: str) -> None:
        """
        Raises:
            InputError: nothing in it moves, or its frames are too large.
        """
        self.container = container
        pictures = [
            stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
        ]
        if not pictures:
            kinds = sorted({stream.type for stream in container.streams})
            container.close()
            raise InputError(
                f"{name}: holds no video, only {' and '.join(kinds) or 'nothing'}; name a file with pictures"
            )
        best = container.streams.best("video")
        self.picture = best if best in pictures else pictures[0]
        if self.picture.codec_context is None:
            container.close()
            raise InputError(
                f"{name}: its video is damaged, or of a codec that FFmpeg does not know; copy it again, or "
                "convert it to H.264"
            )
        width, height = self.picture.width, self.picture.height
        if width * height > MAX_FRAME_PIXELS:
            container.close()
            raise InputError(too_large(name, width, height))
        self.picture.codec_context.options = DECODER_OPTIONS
        self.picture.thread_type = "AUTO"
        sound = container.streams.best("audio")
        self.sound = sound if isinstance(sound, AudioStream) else None
        self.packets = 0
        self.damaged = 0
        self._closed = False
        self._matrices: dict[int, Array | None] = {}

    def close(self) -> None:
        self._closed = True
        self.container.close()

    @property
    def has_stamps(self) -> bool:
        """Whether the format has time stamps at all."""
        return not self.container.format.flags & NO_TIMESTAMPS

    @property
    def counts_from_first(self) -> bool:
        """Whether the format's clock starts anywhere, as in a broadcast."""
        return bool(self.container.format.flags & DISCONTINUOUS)

    @property
    def time_base(self) -> Fraction:
        return self.picture.time_base or Fraction(1, 90_000)

    @property
    def fps(self) -> float:
        """Frames per second as the file has it, which may be wrong."""
        for rate in (self.picture.average_rate, self.picture.guessed_rate):
            if rate is not None and 0 < rate < MAX_FPS:
                return float(rate)
        return DEFAULT_FPS

    @property
    def expected_packets(self) -> int | None:
        """Packets of the picture by the file's own table, None where it has none."""
        return self.picture.frames or None

    def frames(self, on_sound: OnSound | None) -> Iterator[av.VideoFrame]:
        """Decode the frames in order.

        Raises:
            av.FFmpegError: no more can be read.
        """
        streams = [self.picture, self.sound] if on_sound and self.sound else [self.picture]
        any_decoded = False
        packets = self.container.demux(*streams)
        while not self._closed and (packet := next(packets, None)) is not None:
            if packet.stream.type == "audio":
                if on_sound is not None and packet.size:
                    on_sound(packet)
                continue
            self.packets += bool(packet.size)
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.damaged += any_decoded  # until the first key frame, errors are as they should be
                continue
            for frame in decoded:
                assert isinstance(frame, av.VideoFrame)
                any_decoded = True
                self.damaged += frame.is_corrupt
                yield frame

    def image_of(self, frame: av.VideoFrame) -> Array:
        """(H, W, 3) uint8 BGR, upright as the video's display matrix has it."""
        image: Array = frame.to_ndarray(format="bgr24")
        rotation = frame.rotation
        if (
            rotation not in self._matrices
        ):  # a frame whose side data were looked at lives until Python collects
            self._matrices[rotation] = _matrix_of(frame)
        known = self._matrices[rotation]
        return image if known is None else turned(image, known)


def _matrix_of(frame: av.VideoFrame) -> Array | None:
    """The display matrix of a frame, None where it has none."""
    try:
        side_data: Any = frame.side_data
        matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    except ValueError:  # PyAV lists none of them where it does not know the type of one, such as EXIF
        angle = math.radians(frame.rotation)
        cosine, sine = math.cos(angle), math.sin(angle)
        return np.array([cosine, -sine, 0, sine, cosine]) if frame.rotation else None
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)


def turned(image: Array, matrix: Array) -> Array:
    """The image as a display matrix turns and mirrors it, by the nearest quarter turn.

    Args:
        matrix: (9,) of ISO 14496-12, or its first 5 numbers, rows a b u, c d v, x y w: a point goes to
            (a x + c y, b x + d y).
    """
    a, b, _, c, d = matrix[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        mirror_x, mirror_y = a < 0, d < 0
    else:
        image, mirror_x, mirror_y = cv2.transpose(image), c < 0, b < 0
    if mirror_x or mirror_y:
        image = cv2.flip(image, -1 if mirror_x and mirror_y else int(mirror_x))
    return image
