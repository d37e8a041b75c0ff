"""The sound of a video, as packets passed from the reader to the writer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream


@dataclass(eq=False)
class Sound:
    """A queue of audio packets, each with the seconds added to its stamps.

    A packet stays in the queue only until the frames of the same time are written.

    stream: the audio stream, open as long as its source. early: the packets before the first frame, which
    determines the shift. is_complete: whether the last packet was read. is_wanted: whether a writer needs the
    sound; otherwise no packets are collected.
    """

    stream: AudioStream
    packets: deque[tuple[Packet[AudioStream], float]] = field(default_factory=deque)
    early: list[Packet[AudioStream]] = field(default_factory=list)
    is_complete: bool = False
    is_wanted: bool = False

    def add(self, packet: Packet[AudioStream], shift_s: float | None) -> None:
        """Add a packet; the shift is None until the first frame."""
        self.early.append(packet)
        if shift_s is not None:
            self.packets.extend((waiting, shift_s) for waiting in self.early)
            self.early.clear()
