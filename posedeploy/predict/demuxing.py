"""Demuxing and decoding of a video with PyAV: upright frames, and packets of sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.stream import VideoStream

from posedeploy.closable import Closable
from posedeploy.errors import InputError
from posedeploy.limits import MAX_FRAME_PIXELS
from posedeploy.predict.frames import DEFAULT_FPS, MAX_FPS, Frame, explain_size_limit
from posedeploy.types import Array

OnSound: TypeAlias = "Callable[[av.Packet[Any]], None]"
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
DECODER_OPTIONS = {"max_pixels": str(MAX_FRAME_PIXELS)}
"""FFmpeg's limit also holds for frames that are larger than the first one."""
PNG_CODECS = ("png", "apng")
"""Codecs whose side data are not accessed: PyAV 18 frees the name of an ICC profile twice, which crashes."""
NO_TIMESTAMPS, DISCONTINUOUS = 0x80, 0x200
"""FFmpeg's AVFMT_NOTIMESTAMPS and AVFMT_TS_DISCONT."""


class DemuxedVideo(Closable):
    """An open container. Its video stream is decoded; its audio packets are passed on unchanged.

    packets: the number of video packets so far. damaged: the number of frames left out or decoded with
    errors.
    """

    def __init__(self, container: InputContainer, name: str) -> None:
        """
        Raises:
            InputError: the container has no video stream, or its frames are too large.
        """
        self.container = container
        pictures = [
            stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
        ]
        if not pictures:
            kinds = sorted({stream.type for stream in container.streams})
            container.close()
            raise InputError(
                f"{name}: no video stream, only {' and '.join(kinds) or 'an empty container'}; pass a video"
            )
        best = container.streams.best("video")
        self.picture = best if best in pictures else pictures[0]
        if self.picture.codec_context is None:
            container.close()
            raise InputError(
                f"{name}: the video stream is damaged, or FFmpeg does not know its codec; copy the file "
                "again, or convert it to H.264"
            )
        width, height = self.picture.width, self.picture.height
        if width * height > MAX_FRAME_PIXELS:
            container.close()
            raise InputError(explain_size_limit(name, width, height))
        self.picture.codec_context.options = DECODER_OPTIONS
        self.picture.thread_type = "AUTO"
        # FFmpeg's best stream has known parameters; without one, the writer reports the sound.
        sound = container.streams.best("audio") or next(iter(container.streams.audio), None)
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
        """Whether the format has time stamps."""
        return not self.container.format.flags & NO_TIMESTAMPS

    @property
    def counts_from_first(self) -> bool:
        """Whether the first time stamp is arbitrary, as in a broadcast."""
        return bool(self.container.format.flags & DISCONTINUOUS)

    @property
    def time_base(self) -> Fraction:
        return self.picture.time_base or Fraction(1, 90_000)

    @property
    def fps(self) -> float:
        """Frames per second according to the file, which may be wrong."""
        for rate in (self.picture.average_rate, self.picture.guessed_rate):
            if rate is not None and 0 < rate < MAX_FPS:
                return float(rate)
        return DEFAULT_FPS

    def pixel_aspect_of(self, frame: av.VideoFrame) -> Fraction:
        """Return the width of an upright frame's pixels divided by their height; 1 if the file has none."""
        aspect = self.picture.sample_aspect_ratio
        if not aspect or aspect < 0:
            return Fraction(1)
        return 1 / aspect if round(frame.rotation / 90) % 2 else aspect

    @property
    def expected_packets(self) -> int | None:
        """The number of video packets according to the file's index; None if it has no index."""
        return self.picture.frames or None

    def frames(self, on_sound: OnSound | None) -> Iterator[av.VideoFrame]:
        """Decode the frames in order.

        Raises:
            av.FFmpegError: reading failed.
        """
        streams = [self.picture, self.sound] if on_sound and self.sound else [self.picture]
        yield from self.decode(_pass_on_sound(self._demux(*streams), on_sound))

    def picture_packets(self) -> Iterator[av.Packet[Any]]:
        """Iterate over the packets of the pictures, without decoding them. The last one may be empty.

        Raises:
            av.FFmpegError: reading failed.
        """
        return self._demux(self.picture)

    def decode(self, packets: Iterable[av.Packet[Any]]) -> Iterator[av.VideoFrame]:
        """Decode packets of the pictures in order.

        Raises:
            av.FFmpegError: reading failed.
        """
        any_decoded = False
        for packet in packets:
            self.packets += bool(packet.size)
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.damaged += any_decoded  # errors before the first key frame are normal
                continue
            for frame in decoded:
                assert isinstance(frame, av.VideoFrame)
                any_decoded = True
                self.damaged += frame.is_corrupt
                yield frame

    def _demux(self, *streams: VideoStream | AudioStream) -> Iterator[av.Packet[Any]]:
        packets = self.container.demux(*streams)
        while not self._closed and (packet := next(packets, None)) is not None:
            yield packet

    def frame_of(self, decoded: av.VideoFrame, name: str, index: int, time_s: float) -> Frame:
        """Return a frame whose image is turned upright by the video's display matrix."""
        image: Array = decoded.to_ndarray(format="bgr24")
        rotation = decoded.rotation
        # Accessing side data keeps a frame alive until garbage collection, so do it once per rotation.
        if rotation not in self._matrices:
            is_png = self.picture.codec_context.name in PNG_CODECS
            self._matrices[rotation] = _rotation_of(decoded) if is_png else _matrix_of(decoded)
        matrix = self._matrices[rotation]
        if matrix is None:
            return Frame(name, image, index, time_s, decoded)
        return Frame(name, turn_image(image, matrix), index, time_s)


def _pass_on_sound(packets: Iterator[av.Packet[Any]], on_sound: OnSound | None) -> Iterator[av.Packet[Any]]:
    """Yield the packets of the pictures, and pass those of the sound on."""
    for packet in packets:
        if packet.stream.type != "audio":
            yield packet
        elif on_sound is not None and packet.size:
            on_sound(packet)


def _matrix_of(frame: av.VideoFrame) -> Array | None:
    """Return the display matrix of a frame; None if it has none."""
    try:
        side_data: Any = frame.side_data
        matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    except ValueError:  # PyAV fails on all side data if it does not know the type of one, such as EXIF
        return _rotation_of(frame)
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)


def _rotation_of(frame: av.VideoFrame) -> Array | None:
    """Return the display matrix of a frame that is turned but not mirrored; None if it is upright."""
    angle = math.radians(frame.rotation)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([cosine, -sine, 0, sine, cosine]) if frame.rotation else None


def turn_image(image: Array, matrix: Array) -> Array:
    """Turn and mirror an image by the quarter turn nearest to a display matrix.

    Args:
        matrix: (9,) of ISO 14496-12, or its first 5 numbers, in rows a b u, c d v, x y w. It maps a point to
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
