"""Write sound to MP4: packets are copied if MP4 supports the codec, otherwise transcoded to AAC."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from posedeploy.predict.sound import Sound

COPIED = {"aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"}
"""Codecs that MP4 and its players support."""
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class SoundWriter:
    """A writer of one sound track. note: a remark for the user; None if the sound is copied."""

    def __init__(self, container: OutputContainer, sound: Sound) -> None:
        self._container = container
        self._sound = sound
        self._last_dts: int | None = None
        self.note: str | None = None
        codec = sound.stream.codec_context
        self._transcoder: _ToAac | None = None
        if codec.codec.canonical_name in COPIED:
            self._stream: Any = container.add_stream_from_template(sound.stream, opaque=True)
        else:
            self.note = (
                f"the sound is written as AAC, because MP4 players do not play {codec.codec.canonical_name}"
            )
            self._transcoder = _ToAac(container, sound)
            self._stream = self._transcoder.stream

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

    def _mux(self, packets: Iterable[Any], shift_s: float) -> None:
        for packet in packets:
            if packet.dts is None or packet.pts is None:
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


class _ToAac:
    """A transcoder with its own decoder, as the source may be closed before the last packet is written."""

    def __init__(self, container: OutputContainer, sound: Sound) -> None:
        source = sound.stream.codec_context
        rate = source.sample_rate if source.sample_rate in AAC_RATES else 48000
        layout = "mono" if source.layout.nb_channels == 1 else "stereo"
        self.stream: Any = container.add_stream("aac", rate=rate)
        self.stream.codec_context.layout = layout
        decoder = av.CodecContext.create(source.name, "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.extradata = source.extradata
        decoder.sample_rate = source.sample_rate
        decoder.layout = source.layout if source.layout.nb_channels > 2 else layout  # AVI names none
        if source.format is not None:
            decoder.format = source.format
        self._decoder = decoder
        self._resampler = AudioResampler("fltp", layout, rate, frame_size=1024)

    def packets(self, packet: Any) -> list[Any]:
        """Return the AAC packets of one packet; None flushes the encoder."""
        frames = [] if packet is None else self._decoder.decode(packet)
        encoded: list[Any] = []
        for frame in frames:
            for resampled in self._resampler.resample(frame):
                encoded += self.stream.encode(resampled)
        if packet is None:
            for resampled in self._resampler.resample(None):
                encoded += self.stream.encode(resampled)
            encoded += self.stream.encode(None)
        return encoded
