"""Write sound to MP4: packets are copied if MP4 supports the codec, otherwise transcoded to AAC."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from posedeploy.predict.sound import Sound
from posedeploy.printable import counted

COPIED = {"aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"}
"""Codecs that MP4 and its players support."""
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class SoundWriter:
    """A writer of one sound track. remarks: messages for the user; complete after ``finish``.

    Sound that FFmpeg can neither copy nor decode is left out, with a remark.
    """

    def __init__(self, container: OutputContainer, sound: Sound) -> None:
        self._sound = sound
        self._container = container
        self._last_dts: int | None = None
        self._stream: Any = None
        self._transcoder: _ToAac | None = None
        self.remarks: list[str] = []
        codec = _codec_name(sound)
        if codec in COPIED and _is_accepted(sound):
            self._stream = container.add_stream_from_template(sound.stream, opaque=True)
        elif _can_decode(sound):
            reason = f"MP4 players do not play {codec}"
            if codec in COPIED:
                reason = f"MP4 does not support {codec} at {sound.stream.codec_context.sample_rate} Hz"
            self.remarks.append(f"the sound is written as AAC, because {reason}")
            self._transcoder = _ToAac(container, sound)
            self._stream = self._transcoder.stream
        else:
            self.remarks.append(
                f"the sound is left out, because FFmpeg cannot decode {codec or 'its unknown codec'}"
            )
            sound.is_wanted = False
            sound.packets.clear()

    def write(self, until_s: float) -> None:
        """Write the packets up to this time in seconds."""
        waiting = self._sound.packets
        while waiting and _seconds(*waiting[0]) <= until_s:
            packet, shift_s = waiting.popleft()
            self._mux(self._transcoder.packets(packet) if self._transcoder else [packet], shift_s)

    def finish(self) -> None:
        """Write the remaining packets of a source read to its end, and those buffered in the encoder."""
        if self._sound.is_complete:
            self.write(math.inf)
        if self._transcoder is not None:
            self._mux(self._transcoder.packets(None), 0.0)
            if self._transcoder.damaged:
                packets = counted(self._transcoder.damaged, "packet")
                self.remarks.append(
                    f"{packets} of the sound of the source cannot be decoded: left out; copy the source again"
                )

    def _mux(self, packets: Iterable[Any], shift_s: float) -> None:
        for packet in packets:
            if self._stream is None or packet.dts is None or packet.pts is None:
                continue
            if shift_s:
                ticks = round(shift_s / float(packet.time_base))
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            if self._last_dts is None or packet.dts > self._last_dts:  # the muxer rejects others
                self._last_dts = packet.dts
                packet.stream = self._stream
                self._container.mux(packet)


def _seconds(packet: Any, shift_s: float) -> float:
    return shift_s if packet.pts is None else float(packet.pts * packet.time_base) + shift_s


def _codec_name(sound: Sound) -> str:
    """Return the name of the codec; empty if FFmpeg does not know it."""
    context: AudioCodecContext | None = sound.stream.codec_context
    return "" if context is None else context.codec.canonical_name


def _is_accepted(sound: Sound) -> bool:
    """Return whether MP4 supports the sound with its parameters, such as its sample rate."""
    probe = av.open(io.BytesIO(), "w", format="mp4")
    try:
        probe.add_stream_from_template(sound.stream, opaque=True)
        probe.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with suppress(av.FFmpegError):  # some codecs need a packet before the file can be completed
            probe.close()
    return True


def _can_decode(sound: Sound) -> bool:
    context: AudioCodecContext | None = sound.stream.codec_context
    if context is None:
        return False
    if context.layout.nb_channels in (1, 2):
        context.layout = _layout_of(context)  # AVI names none
    try:
        context.open(strict=False)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _layout_of(source: AudioCodecContext) -> str:
    return "mono" if source.layout.nb_channels == 1 else "stereo"


class _ToAac:
    """A transcoder. damaged: the number of packets that cannot be decoded.

    It decodes with the codec context of the source, which has all parameters that a container stores, and can
    be used after the source is closed.
    """

    def __init__(self, container: OutputContainer, sound: Sound) -> None:
        self._decoder = sound.stream.codec_context
        rate = self._decoder.sample_rate
        self._rate = rate if rate in AAC_RATES else 48000
        self._layout = _layout_of(self._decoder)
        self.stream: Any = container.add_stream("aac", rate=self._rate)
        self.stream.codec_context.layout = self._layout
        self.damaged = 0
        self._resampler: AudioResampler | None = None
        self._input: tuple[object, ...] = ()

    def packets(self, packet: Any) -> list[Any]:
        """Return the AAC packets of one packet; None flushes the encoder."""
        encoded: list[Any] = []
        for frame in self._decode(packet):
            for resampled in self._resample(frame):
                encoded += self.stream.encode(resampled)
        if packet is None:
            for resampled in self._flush():
                encoded += self.stream.encode(resampled)
            encoded += self.stream.encode(None)
        return encoded

    def _decode(self, packet: Any) -> list[av.AudioFrame]:
        try:
            return self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += packet is not None
            return []

    def _resample(self, frame: av.AudioFrame) -> list[Any]:
        """Resample a frame. The format may change within a stream, as in broadcasts."""
        form = frame.format.name, frame.layout.name, frame.sample_rate
        before = [] if form == self._input else self._flush()
        if self._resampler is None:
            self._input = form
            self._resampler = AudioResampler("fltp", self._layout, self._rate, frame_size=1024)
        return [*before, *self._resampler.resample(frame)]

    def _flush(self) -> list[Any]:
        resampler, self._resampler = self._resampler, None
        return [] if resampler is None else resampler.resample(None)
