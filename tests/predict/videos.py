"""Videos for tests, written with PyAV: any codec, any time stamps, with or without sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from posedeploy.types import Array

SIZE = (128, 96)
MARK = (16, 16)
"""A white corner at the top left, to see how a picture was turned."""


def picture(number: int = 0) -> Array:
    """Return (96, 128, 3) smooth noise with a white corner, moved by one pixel per frame."""
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    moved: Array = np.roll(cv2.GaussianBlur(noise, (0, 0), 3), number, axis=1)
    moved[: MARK[1], : MARK[0]] = 255
    return moved


def make_video(
    path: Path,
    codec: str = "libx264",
    *,
    stamps: Sequence[int] = range(20),
    time_base: Fraction = Fraction(1, 25),
    pix_fmt: str = "yuv420p",
    sound: str | None = None,
    sound_s: float | None = None,
    sound_rate: int = 48000,
    rotation: int | None = None,
    pixel_aspect: Fraction | None = None,
    format_: str | None = None,
    size: tuple[int, int] = SIZE,
    encoder: dict[str, str] | None = None,
    **container: str,
) -> Path:
    """A video of a frame for each stamp. ``sound``: the codec of a tone, as long or ``sound_s`` seconds."""
    with av.open(str(path), "w", format=format_, container_options=container) as output:
        stream: Any = output.add_stream(codec, rate=25, options=encoder or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = time_base
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        track: Any = None
        if sound is not None:
            track = output.add_stream(sound, rate=sound_rate)
            track.codec_context.layout = "stereo"
            track.codec_context.bit_rate = 128_000
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(cv2.resize(picture(number), size), format="bgr24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = stamp, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if track is not None:
            write_tone(output, track, sound_s or float((stamps[-1] + 1) * time_base))
    return path


def write_tone(output: Any, track: Any, seconds: float) -> None:
    samples = track.codec_context.frame_size or 1024
    rate = track.codec_context.sample_rate
    resampler = av.AudioResampler(track.codec_context.format, "stereo", rate)
    for start in range(0, int(seconds * rate), samples):
        wave = (8000 * np.sin(np.arange(start, start + samples) / 20)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.repeat(2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for resampled in resampler.resample(frame):
            output.mux(track.encode(resampled))
    output.mux(track.encode(None))


def stamps_of(path: Path, kind: str = "video") -> list[Fraction]:
    """Return the sorted times, in seconds, of all packets of a video's picture or sound."""
    with av.open(str(path)) as container:
        packets = container.demux(**{kind: 0})
        return sorted(packet.pts * packet.time_base for packet in packets if packet.pts is not None)


def cut(path: Path, keep: float) -> Path:
    """Truncate the file to this share of its bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path
